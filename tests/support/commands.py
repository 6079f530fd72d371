"""Commands on the command line, what they refuse and what they write."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import tifffile

from cdi_ml_plugin.data.quantities import MERITS
from cdi_ml_plugin.workflow.earlier import CRYSTAL_FILES, RESULT_FILES

CHAIN = "3*ER + 2*HIO"
FIGURES = {*MERITS, "llk", "amplitude_spread", "amplitude_mean_to_max"}
# what a result of ours says at the least, of a run that came to its end
PRECIOUS = '{"versions": {"cdi_ml_plugin": "0"}, "runs": [{"reason": "completed"}], "notes": []}'
COMMAND = [sys.executable, "-c", "from cdi_ml_plugin.cli.app import main; main()"]


def from_frames(scan: Path, out: Path) -> list[object]:
    return [
        *("reconstruct", scan / "frames", "--spec", scan / "virtual.spec", "--scan", 1),
        *("--dark", scan / "dark.tif", "--white", scan / "white.tif"),
        *("--crop", 16, 16, 16, "-a", CHAIN, "--out", out),
    ]


def precious(folder: Path) -> Path:
    """A folder with a result that must not be lost."""
    folder.mkdir()
    for name in RESULT_FILES:
        (folder / name).write_text(PRECIOUS)
    return folder


def assert_refused(answer: tuple[int, str, str], *words: str) -> None:
    code, _, err = answer
    assert code == 2
    assert err.startswith("cdi-ml: error: ")
    assert len(err.strip().splitlines()) == 1
    for word in words:
        assert word in err


def assert_kept(folder: Path) -> None:
    assert sorted(p.name for p in folder.iterdir()) == sorted(RESULT_FILES)
    assert {p.read_text() for p in folder.iterdir()} == {PRECIOUS}


def assert_written(folder: Path, runs: int = 1) -> dict:
    metrics = json.loads((folder / "metrics.json").read_text())
    names = RESULT_FILES + (CRYSTAL_FILES if metrics["crystal"] else ())
    assert sorted(p.name for p in folder.iterdir()) == sorted(names)
    assert metrics.keys() >= FIGURES
    assert len(metrics["runs"]) == runs
    for one in metrics["runs"]:
        assert one.keys() >= FIGURES
        assert all(np.isfinite(one[name]) for name in FIGURES)
    assert metrics["chi2"] == metrics["runs"][metrics["best"]]["chi2"]
    return metrics


def experiment(path: Path, counts: np.ndarray) -> Path:
    folder = path / "exp_54"
    (folder / "conf").mkdir(parents=True)
    (folder / "phasing_data").mkdir()
    (folder / "conf" / "config").write_text('experiment_id = "exp"\nscan = "54"\n')
    tifffile.imwrite(
        folder / "phasing_data" / "data.tif", np.sqrt(counts).astype(np.float32), metadata=None
    )
    return folder
