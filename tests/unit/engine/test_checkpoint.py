"""A run that was killed goes on from its checkpoint, and ends with the same bits as one that was not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

import h5py
import numpy as np
import pytest

from cdi_ml_plugin.bench.crystals import blurred
from cdi_ml_plugin.comparison.run import compare
from cdi_ml_plugin.data.measurement import Measurement
from cdi_ml_plugin.engine.checkpoint import SUFFIX, Checkpoint
from cdi_ml_plugin.engine.run import reconstruct
from cdi_ml_plugin.operators.base import Operator
from cdi_ml_plugin.operators.classical import ER
from cdi_ml_plugin.utils.swap import beside
from support.crystals import let_some_agree, of_two_levels
from support.results import same

OF_COHERE = {
    "average_trigger": [-21, 2],
    "twin_trigger": [5],
    "pc_interval": 10,
    "phc_trigger": [3, 2, 20],
    "phc_phase_min": -1.5,
    "phc_phase_max": 1.5,
    "lowpass_filter_trigger": [0, 1, 15],
}
CHAINS = [
    ("12*HIO + 12*DM + 20*ER", {}),
    ("20*HIO + 20*ER", OF_COHERE),
    ("9*HIO + 20*MLE + 5*ER", {}),
    ("60*SEARCH + 5*ER", {}),
    ("5*HIO + 6*REFINE + 3*ER", {"refine_channels": 4}),
    ("8*REFINE + 4*ER", {"refine_network": "paper", "refine_schedule": "paper"}),
]


@pytest.fixture(scope="module")
def measurement():
    return measured(16)


def measured(n, visibility=1.0):
    """A box of 5 × 6 × 4 voxels, in a beam of that visibility at its size."""
    box = np.zeros((n, n, n))
    box[n // 3 : n // 3 + 5, n // 3 : n // 3 + 6, n // 3 : n // 3 + 4] = 1
    pattern = abs(np.fft.fftshift(np.fft.fftn(box))) ** 2
    if visibility < 1:
        pattern = blurred(pattern, np.array([5.0, 6.0, 4.0]), visibility).clip(0)
    return Measurement(np.random.default_rng(0).poisson(1e6 * pattern / pattern.max()))


class Killed(Exception):
    pass


def killed(monkeypatch, after):
    """Let a kill come after so many iterations of this process, a checkpoint having been written in each."""
    left, offer = [after], Checkpoint.offer

    def counted(self, parts):
        offer(self, parts)
        left[0] -= 1
        if not left[0]:
            raise Killed

    monkeypatch.setattr(Checkpoint, "offer", counted)


def begun(monkeypatch, kills, *data, **words):
    """A reconstruction that is taken up after each kill but the last, each so many iterations on."""
    for after in kills:
        with monkeypatch.context() as patch:
            killed(patch, after)
            with pytest.raises(Killed):
                reconstruct(*data, **words, checkpoint=0)


def as_data(result):
    keys = ("seed", "object", "support", "metrics", "history", "reason", "notes")
    return [{key: getattr(run, key) for key in keys} for run in result.runs]


@pytest.mark.parametrize(("chain", "parameters"), CHAINS, ids=lambda one: str(one)[:12])
def test_the_same_bits_as_without_kills(measurement, tmp_path, monkeypatch, chain, parameters):
    keep = tmp_path / "kept"
    words = {"sequence": chain, "seeds": [3], "parameters": parameters}
    whole = reconstruct(measurement, **words)
    begun(monkeypatch, (2, 5, 3), measurement, **words, keep=keep)
    again = reconstruct(measurement, **words, keep=keep)
    assert any("went on from iteration 10 of an earlier run" in note for note in again.notes)
    assert same(as_data(again), as_data(whole))
    assert not list(keep.glob(f"*{SUFFIX}"))


# in the first the first trial and the last are better than what was there, in the second the first alone, which
# begins from full coherence, and in the third there is no blur
@pytest.mark.parametrize(("visibility", "seed"), [(0.3, 0), (0.6, 4), (1.0, 0)])
def test_a_search_goes_on_amid_its_trials_of_the_beam(tmp_path, monkeypatch, visibility, seed):
    data, words = measured(16, visibility), {"sequence": "220*SEARCH + 5*ER", "seeds": [seed]}
    whole = reconstruct(data, **words)
    assert ("coherence_x" in whole.runs[0].metrics) == (visibility < 1)
    # one in each trial, of which the later depend on the earlier
    begun(monkeypatch, (182, 10, 10), data, **words, keep=tmp_path)
    again = reconstruct(data, **words, keep=tmp_path)
    assert any("went on from iteration 202" in note for note in again.notes)
    assert same(as_data(again), as_data(whole))


@pytest.mark.parametrize("chain", ["CNN + 30*SEARCH + 5*ER", "CNN + 20*HIO + 5*ER"])
def test_what_a_prediction_leaves_for_a_search_is_kept(tmp_path, monkeypatch, chain):
    data = measured(32)
    whole = reconstruct(data, chain)
    begun(monkeypatch, (1, 4), data, chain, keep=tmp_path)  # the first right after CNN
    again = reconstruct(data, chain, keep=tmp_path)
    assert any("went on from iteration 4" in note for note in again.notes)
    assert same(as_data(again), as_data(whole))


@pytest.mark.slow
def test_searches_of_several_seeds_go_on_side_by_side(tmp_path, monkeypatch):
    """As on a GPU: amid the starts, where those of one seed have agreed, on the higher level."""
    monkeypatch.setattr("cdi_ml_plugin.engine.run.batch_size", lambda _, wanted: wanted)
    data, words = of_two_levels(), {"sequence": "CNN + 120*SEARCH + 5*ER", "seeds": [3, 0, 5]}
    let_some_agree(monkeypatch, data, words["sequence"], words["seeds"])
    whole = reconstruct(data, **words)
    agreed = [any("agree" in note for note in run.notes) for run in whole.runs]
    assert any(agreed)
    assert not all(agreed)
    assert all("then 48×44×48" in str(run.notes) for run in whole.runs)
    begun(monkeypatch, (31, 50, 30), data, **words, keep=tmp_path)
    again = reconstruct(data, **words, keep=tmp_path)
    assert any("went on from iteration 110" in note for note in again.notes)
    assert same(as_data(again), as_data(whole))


def test_nothing_is_written_before_its_time(measurement, tmp_path):
    reconstruct(measurement, "9*ER", keep=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("spoil", ["cut", "empty", "bits", "foreign"])
def test_what_is_damaged_or_foreign_is_left_with_a_note(measurement, tmp_path, monkeypatch, spoil):
    def state(chain):
        begun(monkeypatch, (4,), measurement, chain, keep=tmp_path)
        (path,) = tmp_path.glob(f"*{SUFFIX}")
        return path

    if spoil == "foreign":
        other = state("10*ER").rename(tmp_path / "other")
        path = state("9*ER")
        other.replace(path)
    else:
        path = state("9*ER")
        content = bytearray(path.read_bytes())
        if spoil == "bits":
            content[len(content) // 2] ^= 255
        path.write_bytes({"cut": content[:-100], "empty": b""}.get(spoil, content))
    result = reconstruct(measurement, "9*ER", keep=tmp_path)
    assert any("checkpoint is not used" in note for note in result.notes)
    assert same(as_data(result), as_data(reconstruct(measurement, "9*ER")))


def test_where_nothing_can_be_written_the_run_goes_on_with_a_note(measurement, tmp_path):
    (tmp_path / "file").write_text("")
    result = reconstruct(measurement, "9*ER", keep=tmp_path / "file", checkpoint=0)
    assert result.runs[0].reason == "completed"
    assert len([note for note in result.notes if "no checkpoint" in note]) == 1


class Custom:
    """What looks like an optimiser of torch, and holds something of its own."""

    def state_dict(self):
        return {"own": object()}

    def load_state_dict(self, values):
        raise AssertionError(values)


HELD = {
    "object": (lambda state: object(), 4),
    "of its own": (lambda state: Custom(), 4),
    "half": (lambda state: state.object.abs().bfloat16(), 4),
    "sparse": (lambda state: state.object.to_sparse(), 4),
    "conjugate": (lambda state: state.object.conj(), 8),
    "negative": (lambda state: state.object.conj().imag, 8),
    "by number": (lambda state: {0: (1, None), 1.5: [state.object.clone()]}, 8),
}


@dataclass(frozen=True)
class Holding(Operator):
    """ER that holds something between its iterations."""

    what: str = "object"

    def _begin(self, state, data, count):
        state.memory["held"] = HELD[self.what][0](state)

    def _step(self, state, data):
        ER().step(state, data)


@pytest.mark.parametrize("what", HELD)
def test_what_cannot_be_written_is_run_again_from_before_it(
    measurement, tmp_path, monkeypatch, what
):
    chain = 4 * ER() + 6 * Holding(what) + 3 * ER()
    with monkeypatch.context() as patch:
        killed(patch, 8)
        with pytest.raises(Killed):
            reconstruct(measurement, chain, keep=tmp_path, checkpoint=0)
    again = reconstruct(measurement, chain, keep=tmp_path)
    assert any(f"went on from iteration {HELD[what][1]}" in note for note in again.notes)
    assert same(as_data(again), as_data(reconstruct(measurement, chain)))


def test_a_comparison_goes_on_within_a_run(measurement, tmp_path, monkeypatch):
    chains = {"a": "9*ER", "b": "5*HIO + 4*ER"}
    whole = compare(measurement, chains, tmp_path / "whole", seeds=2)
    with monkeypatch.context() as patch:
        patch.setattr("cdi_ml_plugin.comparison.runs.EVERY", 0)
        killed(patch, 13)
        with pytest.raises(Killed):
            compare(measurement, chains, tmp_path / "out", seeds=2)
    assert len(list((tmp_path / "out").rglob(f"*{SUFFIX}"))) == 1
    again = compare(measurement, chains, tmp_path / "out", seeds=2)
    assert not list((tmp_path / "out").rglob(f"*{SUFFIX}"))
    for one, other in zip(again.members, whole.members, strict=True):
        for left, right in zip(one.runs, other.runs, strict=True):
            np.testing.assert_array_equal(left.object(), right.object())
            assert left.about["metrics"] == right.about["metrics"]


PLAIN = """
from matplotlib.figure import Figure
from cdi_ml_plugin.cli.app import main
from cdi_ml_plugin.view.figures import summary
from cdi_ml_plugin.view.pages import report
summary.draw_summary = lambda result: Figure((1, 1))  # pictures take longest of all
report.page = lambda *_: ""
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ten_seeds_that_were_killed_five_times(tmp_path):
    np.save(tmp_path / "counts.npy", measured(24).intensity)
    rng = random.Random(0)

    def words(out, minutes="0.0005"):
        call = ["reconstruct", str(tmp_path / "counts.npy"), "-a", "150*HIO + 50*ER", "-q"]
        more = ["--seeds", "10", "--force", "--checkpoint", minutes, "--out", str(out)]
        return [sys.executable, "-c", PLAIN, *call, *more]

    def run(*given):
        subprocess.run(words(*given), check=True, stdout=subprocess.DEVNULL)

    def figures(out):
        return json.loads((out / "metrics.json").read_text())

    run(tmp_path / "whole", "5")
    longest = figures(tmp_path / "whole")["seconds"] / 10  # after each kill there is something left
    out = tmp_path / "out"
    kept, within = beside(out, ".cdi-runs"), 0
    for number in (
        *(signal.SIGKILL, signal.SIGTERM, signal.SIGINT),
        signal.SIGKILL,
        signal.SIGTERM,
    ):
        before = newest(kept)
        with subprocess.Popen(words(out), stdout=subprocess.DEVNULL) as process:
            while newest(kept) == before:  # it has begun
                assert process.poll() is None
                time.sleep(0.01)
            time.sleep(rng.uniform(0, longest))
            process.send_signal(number)
        # those that stop of themselves write what they have
        assert process.returncode in ((-number,) if number == signal.SIGKILL else (0, 130))
        within += bool(list(kept.glob(f"*{SUFFIX}")))
    assert within  # not each time between two runs
    assert len(list(kept.glob("*[0-9].npz"))) < 10
    run(out)
    assert figures(out)["runs"] == figures(tmp_path / "whole")["runs"]
    with h5py.File(out / "result.cxi") as one, h5py.File(tmp_path / "whole" / "result.cxi") as two:
        names = []
        one.visititems(lambda name, node: names.append(name) if hasattr(node, "shape") else None)
        for name in names:
            if one[name].dtype.kind in "fc" and not name.endswith("/seconds"):
                np.testing.assert_array_equal(one[name][()], two[name][()], err_msg=name)
    assert {path.name for path in tmp_path.iterdir()} == {"counts.npy", "out", "whole"}


def newest(folder):
    """When the last of the kept files was written; one may go away while they are looked at."""
    times = [0]
    for path in folder.glob("*.npz"):
        with suppress(FileNotFoundError):
            times.append(path.stat().st_mtime_ns)
    return max(times)
