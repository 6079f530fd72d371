"""Notes on how a chain went: a support that cuts, an end worse than before, a support that ran away."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin import Measurement, object_error, reconstruct
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.simulate.particle import strained_crystal

SHAPE = (40, 36, 42)
CRYSTAL = strained_crystal(SHAPE, np.eye(3), size=14, rng=np.random.default_rng(1), phase_range=2.0)
TRUE = np.abs(CRYSTAL) > 0.05


def counted(counts: float) -> Measurement:
    intensity = diffraction(CRYSTAL)
    return Measurement(np.random.default_rng(0).poisson(intensity * (counts / intensity.sum())))


@pytest.fixture(scope="module")
def measurement() -> Measurement:
    return counted(1e7)


def says(notes: tuple[str, ...], what: str) -> bool:
    return any(what in note for note in notes)


def test_a_support_that_cuts_the_object_is_noted(measurement: Measurement) -> None:
    cut = TRUE.copy()
    cut[:, :, SHAPE[2] // 2 + 2 :] = False
    held = {"support_every": 1000}
    whole, part = (
        reconstruct(measurement, "60*ER", start=CRYSTAL, support=s, parameters=held).runs[0]
        for s in (TRUE, cut)
    )
    assert says(part.notes, "the support cuts the object")
    assert not says(whole.notes, "the support cuts the object")


def test_the_default_chain_is_not_noted(measurement: Measurement) -> None:
    result = reconstruct(measurement)
    assert object_error(result.object, CRYSTAL) ** 2 < 0.03
    assert not says(result.runs[0].notes, "cuts the object")
    assert not says(result.runs[0].notes, "ends worse")


def test_an_end_worse_than_before_is_noted(measurement: Measurement) -> None:
    """Without a settling step HIO leaves the object that it was given."""
    parameters = {"noise_tolerance": 0.0, "support_every": 1000}
    result = reconstruct(
        measurement, "40*ER + 60*HIO", start=CRYSTAL, support=TRUE, parameters=parameters
    )
    assert says(result.runs[0].notes, "than it was after 40*ER")


def test_a_support_that_runs_away_gives_back_the_object_from_before() -> None:
    """A level below the noise lets the support grow to its limit, and the object with it into noise."""
    parameters = {"support_threshold": 0.01, "noise_tolerance": 0.0}
    run = reconstruct(
        counted(1e6), "100*HIO + 60*ER", start=CRYSTAL, support=TRUE, parameters=parameters
    ).runs[0]
    assert says(run.notes, "ran away to its limit")
    assert run.support.mean() < 0.05
    assert object_error(run.object, CRYSTAL) ** 2 < 0.02
