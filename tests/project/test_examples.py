"""The scripts of the examples run, with tiny settings."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from support import ROOT

pytestmark = pytest.mark.slow
FOLDER = ROOT / "examples" / "paper"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a script of the examples as the command line does."""

    def run(name: str, *arguments: Any) -> None:
        monkeypatch.syspath_prepend(str(FOLDER))
        monkeypatch.setattr("sys.argv", [name, *map(str, arguments)])
        runpy.run_path(str(FOLDER / name), run_name="__main__")

    return run


def test_transfer_and_untrained(script: Callable[..., None], tmp_path: Path) -> None:
    script(
        "transfer_and_untrained.py", "--out", tmp_path, "--epochs", 2, "--voxels", 32, "--size", 12
    )
    content = json.loads((tmp_path / "transfer_and_untrained.json").read_text(encoding="utf-8"))
    network, transfer, untrained, both, polished, bare = content["chains"]
    assert transfer["chain"].startswith("2*REFINE(weights='fast'")
    assert "weights='none'" in untrained["chain"]
    assert both["chain"].endswith("MLE")
    assert transfer["history"]["step"] == [1, 2]
    # the trained network starts far ahead, and conventional iterations are in another league
    assert bare["object_error"] < transfer["object_error"] < untrained["object_error"]
    # the support that keeps leaves room at the surface: nothing is left for REFINE to give
    assert max(polished["chi2"], bare["chi2"]) < 1e-9
    assert network["history"]["chi2"] == []
    weight = np.array(network["spectral_weight"]) / content["true_spectral_weight"]
    assert np.isfinite(weight).all()
    assert imread(tmp_path / "transfer_and_untrained.png").shape[0] > 1000


def test_baseline_and_untrained(
    script: Callable[..., None], tmp_path: Path, data_folder: Path
) -> None:
    words = ["--out", tmp_path, "--seeds", 2, "--epochs", 2, "--crop", 32, "--best", "--as-paper"]
    script("baseline_and_untrained.py", data_folder / "scan_54", *words)
    content = json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))
    conventional, untrained, own = content["chains"]
    assert conventional["own_parameters"]["shrink_wrap_trigger"] == [100, 10]
    assert conventional["sequence"].count("HIO(beta=0.9)") == 2
    assert "loss='paper'" in untrained["sequence"]
    assert own["sequence"].startswith("CNN")
    assert content["shells"]["unit"] == "1/nm"
    assert conventional["figures"]["chi2"]["median"] < untrained["figures"]["chi2"]["median"]


def test_a_series_of_growing_strain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.argv", ["strain_series.py", str(tmp_path)])
    path = ROOT / "examples" / "fine_tune" / "strain_series.py"
    runpy.run_path(str(path), run_name="__main__")
    scans = [np.load(file) for file in sorted(tmp_path.glob("scan*.npz"))]
    assert len(scans) == 6
    for scan in scans:
        assert scan["data"].shape == (64, 64, 64)
        assert scan["mask"].sum() == 2 * 64**2
        assert not scan["data"][scan["mask"]].any()
        assert 0.5e7 < scan["data"].sum() < 1.1e7
    # the more strain, the less of the power is in the peak
    peaks = [scan["data"].max() / scan["data"].sum() for scan in scans]
    assert peaks == sorted(peaks, reverse=True)
