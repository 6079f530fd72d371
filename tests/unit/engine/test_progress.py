"""Watching the runs of a reconstruction as they change, and ending it from there."""

from __future__ import annotations

import time

import numpy as np
import pytest

from cdi_ml_plugin import Measurement, reconstruct
from cdi_ml_plugin.engine import progress
from cdi_ml_plugin.fourier import diffraction

CHAIN = "4*ER + 10*HIO + 4*ER"


@pytest.fixture(scope="module")
def measurement() -> Measurement:
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in (16, 18, 20)], indexing="ij")
    crystal = ((abs(z) < 3) & (abs(y) < 4) & (abs(x + y / 2) < 3)).astype(np.complex64)
    return Measurement(np.random.default_rng(0).poisson(1e3 * diffraction(crystal)))


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every iteration is looked at."""
    monkeypatch.setattr(progress.Progress, "_pause", lambda *_: 0.0)


@pytest.mark.usefixtures("always")
def test_it_sees_every_run_as_it_stands_and_as_it_ends(measurement):
    seen = []
    result = reconstruct(measurement, CHAIN, seeds=2, device="cpu", watch=seen.append)
    assert [run.seed for run in seen] == [0] * 19 + [1] * 19
    running = seen[:18]
    assert {run.reason for run in running} == {"running"}
    assert [len(run.history["chi2"]) for run in running] == [*range(1, 19)]
    assert (seen[18], seen[37]) == result.runs
    # it is the object of that iteration, where the result has it
    np.testing.assert_array_equal(running[-1].object, seen[18].object)
    np.testing.assert_array_equal(running[-1].support, seen[18].support)
    assert running[-1].metrics == seen[18].metrics
    assert np.abs(running[3].object - seen[18].object).max() > 0


@pytest.mark.usefixtures("always")
def test_watching_changes_nothing(measurement):
    plain = reconstruct(measurement, CHAIN, seeds=2, device="cpu")
    watched = reconstruct(measurement, CHAIN, seeds=2, device="cpu", watch=lambda run: None)
    for one, other in zip(plain.runs, watched.runs, strict=True):
        np.testing.assert_array_equal(one.object, other.object)
        np.testing.assert_array_equal(one.support, other.support)
        assert one.metrics == other.metrics


@pytest.mark.usefixtures("always")
def test_it_may_end_the_reconstruction(measurement):
    result = reconstruct(
        measurement,
        CHAIN,
        seeds=3,
        device="cpu",
        watch=lambda run: run.seed == 1 and len(run.history["chi2"]) == 5,
    )
    assert [run.reason for run in result.runs] == ["completed", "interrupted"]
    assert len(result.runs[1].history["chi2"]) == 5
    assert result.notes[-1] == "interrupted: 2 of 3 starts were run"


def test_it_may_end_it_between_two_runs(measurement):
    result = reconstruct(
        measurement, CHAIN, seeds=3, device="cpu", watch=lambda run: run.reason == "completed"
    )
    assert [run.reason for run in result.runs] == ["completed"]


def test_an_error_in_it_is_not_hidden(measurement):
    def broken(run):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        reconstruct(measurement, CHAIN, device="cpu", watch=broken)


def test_a_slow_watcher_is_asked_seldom(measurement, monkeypatch):
    """About a tenth of the time, without the first look, in which a window is set up."""
    monkeypatch.setattr(progress, "OFTEN", 0.0)
    looks = []

    def slow(run):
        looks.append(run.reason)
        time.sleep(0.05 if len(looks) > 1 else 0.5)

    began = time.perf_counter()
    reconstruct(measurement, "1000*ER", device="cpu", watch=slow)
    took = time.perf_counter() - began - 0.5
    assert looks[-1] == "completed"
    assert 0.05 * (len(looks) - 3) < 0.15 * took
