"""A reconstruction that was killed goes on from the runs that had ended, and ends with the same bits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from cdi_ml_plugin.data.measurement import Measurement
from cdi_ml_plugin.engine import loop
from cdi_ml_plugin.engine.kept import forget
from cdi_ml_plugin.engine.run import reconstruct
from cdi_ml_plugin.utils.swap import beside
from support.commands import COMMAND
from support.results import same

SEEDS = [4, 0, 2]


@pytest.fixture(scope="module")
def measurement():
    box = np.pad(np.ones((4, 4, 4)), 4)
    pattern = abs(np.fft.fftshift(np.fft.fftn(box))) ** 2 / 12**3
    return Measurement(np.random.default_rng(0).poisson(1e4 * pattern))


def stopping(monkeypatch, after):
    """Let a kill come in the run after so many; say which seeds were computed."""
    seen, run = [], loop.run

    def counted(plan, seeds, *rest):
        if len(seen) == after:
            raise RuntimeError("killed")
        seen.extend(seeds)
        return run(plan, seeds, *rest)

    monkeypatch.setattr(loop, "run", counted)
    return seen


def as_data(result):
    keys = ("seed", "object", "support", "metrics", "history", "reason", "notes")
    return [{key: getattr(run, key) for key in keys} for run in result.runs]


def test_the_same_bits_as_without_a_kill(measurement, tmp_path, monkeypatch):
    keep = tmp_path / "kept"
    whole = reconstruct(measurement, "9*ER + 5*HIO + 2*ER", seeds=SEEDS)
    with monkeypatch.context() as patch:
        stopping(patch, 2)
        with pytest.raises(RuntimeError, match="killed"):
            reconstruct(measurement, "9*ER + 5*HIO + 2*ER", seeds=SEEDS, keep=keep)
    with monkeypatch.context() as patch:
        seen = stopping(patch, 9)
        again = reconstruct(measurement, "9*ER + 5*HIO + 2*ER", seeds=SEEDS, keep=keep)
    assert seen == [2]
    assert same(as_data(again), as_data(whole))
    assert again.best == whole.best
    assert again.notes == (*whole.notes, "2 of 3 starts are those of an earlier run that was ended")
    (keep / "notes.txt").write_text("mine")
    forget(keep)
    assert [path.name for path in keep.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "other",
    [
        {"sequence": "4*ER"},
        {"parameters": {"support_threshold": 0.2}},
        {"held_out": 0.1},
        {"precision": "double"},
        {"start": np.ones((12, 12, 12))},
        {"counts": 1},
    ],
    ids=lambda other: next(iter(other)),
)
def test_other_runs_are_not_taken(measurement, tmp_path, monkeypatch, other):
    reconstruct(measurement, "3*ER", seeds=2, keep=tmp_path)
    data = Measurement(measurement.intensity + other.get("counts", 0))
    seen = stopping(monkeypatch, 9)
    words = {"sequence": "3*ER", **{k: v for k, v in other.items() if k != "counts"}}
    reconstruct(data, seeds=2, keep=tmp_path, **words)
    assert seen == [0, 1]


@pytest.mark.parametrize("spoil", [b"", b"PK", None])
def test_what_is_damaged_is_computed_again(measurement, tmp_path, monkeypatch, spoil):
    reconstruct(measurement, "3*ER", seeds=3, keep=tmp_path)
    first = min(tmp_path.iterdir())
    first.write_bytes(first.read_bytes()[:-200] if spoil is None else spoil)
    seen = stopping(monkeypatch, 9)
    reconstruct(measurement, "3*ER", seeds=3, keep=tmp_path)
    assert seen == [0]


def test_a_single_run_is_not_kept_nor_one_where_there_is_no_place(measurement, tmp_path):
    reconstruct(measurement, "3*ER", keep=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    (tmp_path / "file").write_text("")
    result = reconstruct(measurement, "3*ER", seeds=2, keep=tmp_path / "file")
    assert len(result.runs) == 2
    assert any("no longer kept" in note for note in result.notes)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_the_command_goes_on_after_a_kill(measurement, tmp_path):
    np.save(tmp_path / "counts.npy", measurement.intensity)

    def words(out: Path) -> list[str]:
        call = ["reconstruct", str(tmp_path / "counts.npy"), "-a", "1000*ER", "-q", "--seeds", "4"]
        return [*COMMAND, *call, "--out", str(out)]

    out = tmp_path / "out"
    kept = beside(out, ".cdi-runs")
    with subprocess.Popen(words(out), stdout=subprocess.DEVNULL) as process:
        while not list(kept.glob("*.npz")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not out.exists()
    for folder in (out, tmp_path / "whole"):
        subprocess.run(words(folder), check=True, stdout=subprocess.DEVNULL)
    notes = json.loads((out / "metrics.json").read_text())["notes"]
    assert any("of 4 starts are those of an earlier run" in note for note in notes)
    with h5py.File(out / "result.cxi") as one, h5py.File(tmp_path / "whole" / "result.cxi") as two:
        for number in range(1, 5):
            name = f"entry_1/image_1/process_1/runs/run_{number:04d}/object"
            np.testing.assert_array_equal(one[name][()], two[name][()])
    assert {path.name for path in tmp_path.iterdir()} == {"counts.npy", "out", "whole"}
