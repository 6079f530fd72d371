"""The example packages add an algorithm, a network and a reader from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from cdi_ml_plugin import diffraction
from cdi_ml_plugin.errors import WeightsError
from cdi_ml_plugin.nn import weights
from support import ROOT

SOURCE = ROOT / "examples" / "third_party_algorithm"
PHASE = """
import numpy as np
from cdi_ml_plugin import Measurement, diffraction, object_error, reconstruct

z, y, x = np.indices((16, 18, 20)) - np.array([8, 9, 10]).reshape(3, 1, 1, 1)
inside = (abs(z) < 4) & (abs(y) < 4) & (abs(x) < 5) & (z + x < 4)
crystal = 100 * inside * np.exp(0.3j * np.sin(x + y))
result = reconstruct(
    Measurement(diffraction(crystal)), "60*asr + 20*ER", parameters={"asr_relaxation": 0.9},
    support=inside, device="cpu",
)
assert result.sequence == "60*ASR(relaxation=0.9) + 20*ER", result.sequence
assert len(result.run.history["chi2"]) == 80
assert object_error(result.object, crystal) < 0.01, object_error(result.object, crystal)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess]:
    """Run a Python command where the example is installed."""
    if find_spec("setuptools") is None or find_spec("pip") is None:
        pytest.skip("building the example needs pip and setuptools")
    folder = tmp_path_factory.mktemp("third_party")
    source = copytree(SOURCE, folder / "source")  # setuptools builds in place
    environment = {**os.environ, "PYTHONPATH": str(folder / "installed")}

    def python(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )

    done = python(
        *("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"),
        *("--disable-pip-version-check", "--target", str(folder / "installed"), str(source)),
    )
    assert done.returncode == 0, done.stderr
    return python


def test_it_phases(run: Callable[..., subprocess.CompletedProcess]) -> None:
    done = run("-c", PHASE)
    assert done.returncode == 0, done.stderr


def test_it_is_listed(run: Callable[..., subprocess.CompletedProcess]) -> None:
    done = run("-c", "from cdi_ml_plugin.cli.app import main; main()", "algorithms")
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("ASR"))
    assert "Averaged successive reflections" in line
    assert "cdi-ml-asr 0.1.0" in line


def test_it_keeps_the_contract(run: Callable[..., subprocess.CompletedProcess]) -> None:
    tests = SOURCE / "tests"
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tests), str(tests))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


# A package with an ER, a support update and a start of its own, each a copy of the built-in one.
THEIRS = """
from dataclasses import dataclass
from typing import ClassVar

from cdi_ml_plugin import ASW, CNN
from cdi_ml_plugin.plugin import Moduli, Operator, State, check_operator, project_modulus


@dataclass(frozen=True)
class Their(Operator):
    settles: ClassVar = True

    def _step(self, state: State, data: Moduli) -> None:
        state.object.copy_(project_modulus(state.object, state, data) * state.allowed)


@dataclass(frozen=True)
class Tight(Operator):
    counts: ClassVar = False
    updates_support: ClassVar = True

    def _step(self, state: State, data: Moduli) -> None:
        ASW().bind({}).step(state, data)


@dataclass(frozen=True)
class Guess(Operator):
    counts: ClassVar = False
    makes_start: ClassVar = True

    def _step(self, state: State, data: Moduli) -> None:
        CNN().bind({}).step(state, data)
"""
SAME = """
import numpy as np
from cdi_ml_plugin import Measurement, diffraction, reconstruct
from cdi_ml_plugin.plugin import check_operator
from theirs import Guess, Their, Tight

z, y, x = np.indices((32, 34, 36)) - np.array([16, 17, 18]).reshape(3, 1, 1, 1)
inside = (abs(z) < 6) & (abs(y) < 7) & (abs(x) < 7) & (z + x < 6)
crystal = 30 * inside * np.exp(0.8j * np.sin(x / 2 + y / 3))
data = Measurement(np.random.default_rng(0).poisson(diffraction(crystal)))
for theirs, ours in (
    ("10*ER + 30*HIO + 40*THEIR", "10*ER + 30*HIO + 40*ER"),
    ("10*ER + 3*(10*HIO + TIGHT) + 40*ER", "10*ER + 3*(10*HIO + ASW) + 40*ER"),
    ("GUESS + 30*HIO + 20*ER", "CNN + 30*HIO + 20*ER"),
):
    one, other = (
        reconstruct(data, chain, parameters={"twin_trigger": [2]}, device="cpu")
        for chain in (theirs, ours)
    )
    assert np.array_equal(one.object, other.object), theirs
    assert np.array_equal(one.support, other.support), theirs
    assert one.run.notes == other.run.notes, theirs
for operator in (Their(), Tight(), Guess()):
    check_operator(operator)
"""


def test_an_er_a_support_update_and_a_start_of_a_third_party(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(THEIRS)
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    names = "\n".join(f"{name} = theirs:{name.title()}" for name in ("THEIR", "TIGHT", "GUESS"))
    (info / "entry_points.txt").write_text(f"[cdi_ml_plugin.algorithms]\n{names}\n")
    done = subprocess.run(
        [sys.executable, "-c", SAME], env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


# --- a network ----------------------------------------------------------------------------------
NETWORK = ROOT / "examples" / "third_party_network"
CHAINS = """
import numpy as np
from cdi_ml_plugin import Measurement, diffraction, reconstruct
from cdi_ml_plugin.nn import weights
from cdi_ml_plugin.plugin import check_network
from cdi_ml_tiny import Tiny

check_network(Tiny)
network, card = weights.load("run/weights.safetensors")
assert (card.preset, card.samples) == ("tiny", 4), card
assert len(network) == 3
z, y, x = np.indices((32, 34, 36)) - np.array([16, 17, 18]).reshape(3, 1, 1, 1)
inside = (abs(z) < 6) & (abs(y) < 7) & (abs(x) < 7) & (z + x < 6)
crystal = 30 * inside * np.exp(0.8j * np.sin(x / 2 + y / 3))
data = Measurement(np.random.default_rng(0).poisson(diffraction(crystal)))
given = "weights='run/weights.safetensors'"
last = {}
for chain in (
    f"CNN({given}) + 20*ER",
    "20*ER + 30*REFINE(network='tiny', channels=4, rate=0.01)",
    f"10*REFINE({given}, rate=0.01)",
):
    result = reconstruct(data, chain, device="cpu")
    assert np.isfinite(result.object).all() and result.support.any(), chain
    last[chain] = result
first, fitted, transfer = last.values()
assert "cnn_chi2" in first.metrics and "cnn_chi2" in transfer.metrics
history = fitted.run.history["chi2"]
assert history[-1] < 0.97 * history[20], history
history = transfer.run.history["chi2"]
assert history[-1] < history[0], history
"""


def installed(source: Path, folder: Path) -> Callable[..., str]:
    """Put an example where packages lie, with its entry points; returns what runs Python there."""
    settings = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    copytree(source, folder, dirs_exist_ok=True)
    name, version = settings["name"], settings["version"]
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    ((group, names),) = settings["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in names.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    paths = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], env={**os.environ, "PYTHONPATH": paths},
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return python


def test_a_network_is_trained_predicts_and_refines(tmp_path: Path) -> None:
    """The example, installed as a package lies in site-packages."""
    python = installed(NETWORK, tmp_path)
    command = ("-c", "from cdi_ml_plugin.cli.app import main; main()")
    short = ("--steps", "2", "--batch", "2", "--accelerator", "cpu", "-q")
    said = python(*command, "train", "run", "--network", "tiny", *short)
    assert "--recipe fast --network tiny --steps 2 --batch 2" in said
    said = python(*command, "weights")
    assert "networks without weights of their own: paper (cdi-ml-plugin " in said
    assert "tiny (cdi-ml-tiny 0.1.0)" in said
    python("-c", CHAINS)
    python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "tests", "tests")
    # where it is not installed its weights are refused, and the package is asked for
    with pytest.raises(WeightsError, match="made for network 'tiny', which is not installed"):
        weights.load(tmp_path / "run" / "weights.safetensors")


# --- a reader -----------------------------------------------------------------------------------
READER = ROOT / "examples" / "third_party_reader"
SAID = {
    "eta": 8.0, "step": 0.01, "energy": 9.0, "distance": 1.0, "pixel": 75e-6,
    "mu": 0.0, "chi": 90.0, "phi": 0.0, "nu": 0.0, "delta": 33.0,
}  # fmt: skip
READ = """
import numpy as np
from click.testing import CliRunner
from cdi_ml_plugin import load, read_result
from cdi_ml_plugin.cli.app import cli

said = CliRunner().invoke(cli, ["readers"]).output
assert "raw counts (.raw) with a .json file beside them  [cdi-ml-sidecar 0.1.0]" in said, said
said = CliRunner().invoke(cli, ["readers", "scan.raw"]).output
assert "scan.raw: sidecar reads it" in said, said
raw, result = load("scan.raw"), read_result("result")
assert raw.provenance["format"] == "raw with JSON"
geometry = result.measurement.geometry
assert abs(geometry.angles["eta"] - 8.16) < 1e-9, geometry  # at the peak, frame 16
assert abs(geometry.d_spacing - geometry.wavelength / 2 / np.sin(np.radians(33 / 2))) < 1e-6
assert result.measurement.provenance["acquisition"]["sources"]["eta"] == "scan.json: eta"
"""


def test_a_reader_gives_a_crystal_in_nm(tmp_path: Path) -> None:
    """The example, installed as a package lies in site-packages."""
    python = installed(READER, tmp_path)
    crystal = np.pad(np.ones((12, 14, 13)), ((10, 10), (10, 10), (12, 11)))
    counts = np.random.default_rng(0).poisson(900 * diffraction(crystal)).astype("<u4")
    counts.tofile(tmp_path / "scan.raw")
    command = ("-c", "from cdi_ml_plugin.cli.app import main; main()")
    (tmp_path / "scan.json").write_text(json.dumps({**SAID, "shape": counts.shape}))
    reconstruct = ("reconstruct", "scan.raw", "-a", "5*ER", "--out", "result", "--device", "cpu")
    assert "lattice spacing" in python(*command, *reconstruct)
    python("-c", READ)
    python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "tests", "tests")
