"""What the checks say of good and of spoilt data and results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cdi_ml_plugin import Measurement, reconstruct
from cdi_ml_plugin.crystal.checks import checks
from cdi_ml_plugin.data.result import Result
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.simulate.particle import strained_crystal

SHAPE = (40, 36, 42)


@pytest.fixture(scope="module")
def good() -> Result:
    crystal = strained_crystal(
        SHAPE, np.eye(3), size=13, rng=np.random.default_rng(1), phase_range=1.0
    )
    intensity = diffraction(crystal)
    counts = np.random.default_rng(0).poisson(intensity * (1e7 / intensity.sum()))
    return reconstruct(Measurement(counts), "200*SEARCH + 30*ER", seeds=2)


def levels(result: Result) -> dict[str, str]:
    return {check.name: check.level for check in checks(result)}


def spoilt(result: Result, intensity: np.ndarray, mask: np.ndarray | None = None) -> Result:
    return replace(result, measurement=Measurement(intensity, mask))


def test_a_good_result_is_green(good: Result) -> None:
    assert set(levels(good).values()) == {"green"}, [str(check) for check in checks(good)]


def test_spoilt_data_are_seen(good: Result) -> None:
    counts = good.measurement.intensity.copy()
    empty = counts.copy()
    empty[18] = 0
    assert levels(spoilt(good, empty))["frames"] == "amber"
    stale = counts.copy()
    stale[15] = stale[14]
    assert levels(spoilt(good, stale))["stale frames"] == "red"
    top = np.minimum(counts, 0.2 * counts.max())
    assert levels(spoilt(good, top))["saturation"] == "red"
    about = {"saturation": 0.2 * counts.max(), "saturated": 3}
    masked = Measurement(counts, counts >= about["saturation"], about)
    assert levels(replace(good, measurement=masked))["saturation"] == "amber"
    cut = np.roll(counts, SHAPE[2] // 2, 2)
    assert levels(spoilt(good, cut))["edge"] == "red"
    mask = np.ones(SHAPE, dtype=bool)
    mask[15:25, 14:22, 16:26] = False
    assert levels(spoilt(good, counts, mask))["unknowns"] == "red"


def test_a_spoilt_object_is_seen(good: Result) -> None:
    def with_run(**change: object) -> Result:
        return replace(good, runs=(replace(good.runs[0], **change), *good.runs[1:]), best=0)

    obj = good.runs[0].object
    striped = obj * (1 + 0.9 * np.cos(np.pi * np.arange(SHAPE[2]))).astype(np.float32)
    assert levels(with_run(object=striped))["amplitude"] == "amber"
    assert levels(with_run(object=striped))["seeds"] in ("amber", "red")
    wide = np.ones(SHAPE, dtype=bool)
    assert (
        levels(with_run(support=wide, object=np.ones(SHAPE, np.complex64)))["oversampling"] == "red"
    )
    note = "support held between 0.01% and 25% of the array, which it would have left"
    assert levels(with_run(notes=(note,)))["support"] == "red"
    refused = {**good.runs[0].metrics, "cnn_used": 0.0}
    assert levels(with_run(metrics=refused))["prediction"] == "amber"
    assert levels(replace(good, runs=good.runs[:1], best=0))["seeds"] == "amber"


def test_a_run_of_nan_is_none_to_compare_with(good: Result) -> None:
    """As other programs leave them; the report is of the others."""
    lost = replace(good.run, object=np.full_like(good.object, np.nan))
    assert levels(replace(good, runs=(*good.runs, lost)))["seeds"] == "green"
    assert levels(replace(good, runs=(good.run, lost), best=0))["seeds"] == "amber"


def test_every_warning_says_what_to_do(good: Result) -> None:
    stale = good.measurement.intensity.copy()
    stale[15] = stale[14]
    for check in checks(spoilt(good, stale)):
        assert bool(check.do) == (check.level != "green") or check.name == "support"
