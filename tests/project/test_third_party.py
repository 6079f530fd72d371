"""The example package adds an algorithm from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from shutil import copytree

import pytest

from support import ROOT

SOURCE = ROOT / "examples" / "third_party_algorithm"
PHASE = """
import numpy as np
from cdi_ml_plugin import Measurement, reconstruct
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.physics.alignment import object_error

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
