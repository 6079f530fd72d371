"""What is installed: version, licence, entry points, the wheel; and rules that the sources keep."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points, metadata

import numpy as np
import pytest

import cdi_ml_plugin
from support import ROOT

PACKAGE = ROOT / "cdi_ml_plugin"
README = (ROOT / "README.md").read_text(encoding="utf-8")
SOURCES = sorted(PACKAGE.rglob("*.py"))
ALGORITHMS = {"ER", "HIO", "RAAR", "SF", "DM", "SW", "ASW", "AUTO", "TWIN", "CNN", "REFINE"}
LONGEST = 350  # lines of a file


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel, built from a copy, so that nothing is left in the sources nor taken from old builds."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "setup.py", "cdi_ml_plugin.pth", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(PACKAGE, source / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", source, source], check=True
    )
    (path,) = source.glob("*.whl")
    return zipfile.ZipFile(path)


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
    assert found.keys() >= ALGORITHMS
    for name in ALGORITHMS:
        assert found[name].load().name == name
    (command,) = entry_points(group="console_scripts", name="cdi-ml")
    assert callable(command.load())


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = set(wheel.namelist())
    modules = {str(path.relative_to(ROOT)) for path in SOURCES}
    version = cdi_ml_plugin.__version__
    data = {
        "cdi_ml_plugin/py.typed",
        f"cdi_ml_plugin-{version}.data/purelib/cdi_ml_plugin.pth",
    }
    for kept in ("nn/shipped/*.safetensors", "view/pages/*.html"):
        data |= {str(p.relative_to(ROOT)) for p in PACKAGE.glob(kept)}
    assert {n for n in names if ".dist-info/" not in n} == modules | data
    info = {n.partition(".dist-info/")[2] for n in names if ".dist-info/" in n}
    assert info >= {"METADATA", "entry_points.txt", "licenses/LICENSE"}


def test_the_wheel_has_a_description(wheel):
    (path,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    assert README in wheel.read(path).decode()


def test_the_first_python_of_the_readme_runs():
    code = README.partition("```python\n")[2].partition("```")[0]
    z, y, x = np.meshgrid(*[np.arange(16) - 8] * 3, indexing="ij")
    crystal = (abs(z) < 3) & (abs(y) < 4) & (abs(x + y / 2) < 3)
    names = {"intensity": 1e4 * np.abs(np.fft.fftshift(np.fft.fftn(crystal, norm="ortho"))) ** 2}
    exec(code, names)
    assert names["r"].object.shape == (16, 16, 16)
    assert names["r"].metrics["chi2"] < 0.1


def test_the_readme_shows_a_picture_and_names_every_algorithm():
    picture = ROOT / "docs" / "images" / "summary.png"
    assert f"]({picture.relative_to(ROOT)})" in README
    assert picture.stat().st_size < 400_000
    assert not {name for name in ALGORITHMS if f"| `{name}` |" not in README}


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
