"""What the tests of the commands share: small data, and the command itself."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from cdi_ml_plugin.cli import app as cli
from cdi_ml_plugin.simulate.scan import write_virtual_scan
from cdi_ml_plugin.view.figures import summary
from cdi_ml_plugin.view.pages import report
from support.comparisons import measurement, plain_figures  # noqa: F401 - fixtures


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual scan, small, that no test changes."""
    folder = tmp_path_factory.mktemp("original")
    write_virtual_scan(folder, shape=(20, 24, 24), photons=1e6, size=100.0)
    return folder


@pytest.fixture
def scan(original: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return shutil.copytree(original, tmp_path / "scan")


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in (12, 16, 14)], indexing="ij")
    crystal = (abs(z) < 2) & (abs(y) < 4) & (abs(x + y / 2) < 3)
    pattern = np.abs(np.fft.fftshift(np.fft.fftn(crystal, norm="ortho"))) ** 2
    return np.random.default_rng(0).poisson(1e4 * pattern)


@pytest.fixture
def array(counts: np.ndarray, tmp_path: Path) -> Path:
    np.save(tmp_path / "counts.npy", counts)
    return tmp_path / "counts.npy"


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run the command in this process: exit code, standard output, standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cdi-ml", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def plain_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty summary and page, for tests that are not about them: they take longest of all."""
    monkeypatch.setattr(summary, "draw_summary", lambda result: Figure((1, 1)))
    monkeypatch.setattr(report, "page", lambda *_: "")
