"""Runs that do not start from random phases: a prediction, an object that is given, a continued one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cdi_ml_plugin import Measurement, Result, reconstruct
from cdi_ml_plugin.errors import ParameterError, ReadError
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.io.cohere import write_continue
from cdi_ml_plugin.simulate.particle import strained_crystal

SHAPE = (33, 32, 36)
TRIGGERS = {
    "twin_trigger": {"twin_trigger": [2]},
    "lowpass_filter_trigger": {
        "lowpass_filter_trigger": [0, 1, 8],
        "lowpass_filter_range": [3.0],
    },
    "phc_trigger": {"phc_trigger": [1, 1, 8], "phc_phase_min": -0.1, "phc_phase_max": 0.1},
}


@pytest.fixture(scope="module")
def crystal() -> np.ndarray:
    rng = np.random.default_rng(1)
    made: np.ndarray = 20 * strained_crystal(SHAPE, np.eye(3), size=9, phase_range=3, rng=rng)
    return made


@pytest.fixture(scope="module")
def measurement(crystal: np.ndarray) -> Measurement:
    return Measurement(np.random.default_rng(2).poisson(diffraction(crystal)))


def phase(measurement: Measurement, chain: str, **more: Any) -> Result:
    return reconstruct(measurement, chain, device="cpu", **more)


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_what_serves_a_search_leaves_a_start_alone(
    measurement: Measurement, crystal: np.ndarray, trigger: str
) -> None:
    """It would cut an object to a quarter, or blur it, that was given or predicted."""
    for chain, given in (("CNN + 10*ER", {}), ("10*ER", {"start": crystal})):
        plain = phase(measurement, chain, **given)
        triggered = phase(measurement, chain, parameters=TRIGGERS[trigger], **given)
        np.testing.assert_array_equal(plain.object, triggered.object)
        assert sum(note.startswith(trigger) for note in triggered.run.notes) == 1
        assert not any(note.startswith(trigger) for note in plain.run.notes)


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_from_random_phases_it_acts(measurement: Measurement, trigger: str) -> None:
    plain = phase(measurement, "10*ER")
    triggered = phase(measurement, "10*ER", parameters=TRIGGERS[trigger])
    assert np.abs(plain.object - triggered.object).max() > 0.01 * np.abs(plain.object).max()
    assert not triggered.run.notes


def test_twin_in_the_sequence_acts_all_the_same(measurement: Measurement) -> None:
    cut = phase(measurement, "CNN + TWIN + 1*ER")
    assert not np.array_equal(cut.object, phase(measurement, "CNN + 1*ER").object)


def test_continue_in_python(measurement: Measurement, crystal: np.ndarray, tmp_path: Path) -> None:
    inside = np.abs(crystal) > 0
    write_continue(tmp_path, crystal.astype(np.complex64), inside)
    continued = {"init_guess": "continue", "continue_dir": str(tmp_path)}
    given = phase(measurement, "5*ER", start=crystal, support=inside)
    found = phase(measurement, "5*ER", parameters=continued)
    np.testing.assert_allclose(found.object, given.object, atol=1e-3 * np.abs(crystal).max())
    np.testing.assert_array_equal(found.support, given.support)
    # the hand is the right one: its twin, in that support, explains the data far worse
    assert found.run.history["chi2"][0] == pytest.approx(given.run.history["chi2"][0], rel=0.01)
    wrong = phase(measurement, "5*ER", start=crystal.conj(), support=inside)
    assert wrong.run.history["chi2"][0] > 2 * found.run.history["chi2"][0]
    own = phase(measurement, "5*ER", parameters=continued, start=2 * crystal, support=inside)
    np.testing.assert_array_equal(
        own.object, phase(measurement, "5*ER", start=2 * crystal, support=inside).object
    )


@pytest.mark.parametrize(
    "wrong",
    [
        np.full(SHAPE, "x"),
        np.zeros(SHAPE, "M8[s]"),
        np.zeros(SHAPE, [("a", "f4")]),
        np.zeros(SHAPE[1:]),
        np.ones((4, 4, 4)),
    ],
    ids=["text", "dates", "records", "flat", "small"],
)
@pytest.mark.parametrize("name", ["image", "support"])
def test_nothing_that_one_could_continue_from(
    measurement: Measurement, tmp_path: Path, wrong: np.ndarray, name: str
) -> None:
    for each in ("image", "support"):
        np.save(tmp_path / f"{each}.npy", wrong if each == name else np.ones(SHAPE[::-1]))
    given = {"init_guess": "continue", "continue_dir": str(tmp_path)}
    with pytest.raises((ReadError, ParameterError)) as caught:
        phase(measurement, "5*ER", parameters=given)
    assert len(str(caught.value).splitlines()) == 1


def test_nothing_to_continue_from(measurement: Measurement, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        given = {"init_guess": "continue", "continue_dir": str(folder)}
        with pytest.raises(ReadError, match=r"image\.npy: cannot be read") as caught:
            phase(measurement, "5*ER", parameters=given)
        assert len(str(caught.value).splitlines()) == 1
