"""What is installed: version, licence, entry points, the wheel; and rules that the sources keep."""

from __future__ import annotations

import ast
import zipfile
from importlib.metadata import entry_points, metadata
from pathlib import Path

import numpy as np
import pytest

import cdi_ml_plugin
from support import BUILT_IN, ROOT

PACKAGE = ROOT / "cdi_ml_plugin"
README = (ROOT / "README.md").read_text(encoding="utf-8")
SOURCES = sorted(PACKAGE.rglob("*.py"))
OTHERS = [p for name in ("tests", "examples", "docs") for p in (ROOT / name).rglob("*.py")]
LOSSES = {"chi2", "gaussian", "paper", "pearson", "poisson"}
LONGEST = 350  # lines of a file


@pytest.fixture
def archive(wheel: Path) -> zipfile.ZipFile:
    """The files of the wheel."""
    return zipfile.ZipFile(wheel)


def test_one_version():
    assert metadata("cdi-ml-plugin")["Version"] == cdi_ml_plugin.__version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {cdi_ml_plugin.__version__}" in changes


def test_licence():
    assert metadata("cdi-ml-plugin")["License-Expression"] == "BSD-3-Clause"
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("BSD 3-Clause License")
    assert "Neither the name of the copyright holder" in text


def test_entry_points():
    found = {e.name: e for e in entry_points(group="cdi_ml_plugin.algorithms")}
    assert found.keys() >= set(BUILT_IN)
    assert len(BUILT_IN) > 11
    for name in BUILT_IN:
        assert found[name].load().name == name
    assert {e.name for e in entry_points(group="cdi_ml_plugin.losses")} >= LOSSES
    assert {e.name for e in entry_points(group="cdi_ml_plugin.networks")} >= {"fast", "paper"}
    (command,) = entry_points(group="console_scripts", name="cdi-ml")
    assert callable(command.load())


def test_the_wheel_holds_the_package_and_nothing_else(archive):
    names = set(archive.namelist())
    modules = {str(path.relative_to(ROOT)) for path in SOURCES}
    version = cdi_ml_plugin.__version__
    data = {
        "cdi_ml_plugin/py.typed",
        "cdi_ml_plugin/__init__.pyi",
        f"cdi_ml_plugin-{version}.data/purelib/cdi_ml_plugin.pth",
    }
    for kept in ("nn/shipped/*.safetensors", "view/pages/*.html"):
        data |= {str(p.relative_to(ROOT)) for p in PACKAGE.glob(kept)}
    assert {n for n in names if ".dist-info/" not in n} == modules | data
    info = {n.partition(".dist-info/")[2] for n in names if ".dist-info/" in n}
    assert info >= {"METADATA", "entry_points.txt", "licenses/LICENSE"}


def test_the_wheel_has_a_description(archive):
    (path,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
    assert README in archive.read(path).decode()


def test_the_first_python_of_the_readme_runs():
    code = README.partition("```python\n")[2].partition("```")[0]
    z, y, x = np.meshgrid(*[np.arange(16) - 8] * 3, indexing="ij")
    crystal = (abs(z) < 3) & (abs(y) < 4) & (abs(x + y / 2) < 3)
    names = {"intensity": 1e4 * np.abs(np.fft.fftshift(np.fft.fftn(crystal, norm="ortho"))) ** 2}
    exec(code, names)
    assert names["r"].object.shape == (16, 16, 16)
    assert names["r"].metrics["chi2"] < 0.1


def test_the_readme_is_short_and_shows_a_picture():
    picture = ROOT / "docs" / "images" / "summary.png"
    assert f"]({picture.relative_to(ROOT)})" in README
    assert picture.stat().st_size < 400_000
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_sources(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    called = {
        node.func.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"eval", "exec", "print"}


def test_no_other_file_is_long():
    long = [p for p in OTHERS if len(p.read_text(encoding="utf-8").splitlines()) > LONGEST]
    assert OTHERS
    assert not long
