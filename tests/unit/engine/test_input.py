"""What `reconstruct` is given: arguments good and bad, and data that nobody can phase."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cdi_ml_plugin import Measurement, Result, reconstruct
from cdi_ml_plugin.errors import ParameterError, SequenceError
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.operators.base import Step
from cdi_ml_plugin.simulate.particle import strained_crystal

SHORT = "10*ER + 20*HIO + 5*ER"


def crystal(shape: tuple[int, int, int], size: float) -> np.ndarray:
    return 50 * strained_crystal(shape, np.eye(3), size=size, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def noisy() -> Measurement:
    return Measurement(np.random.default_rng(1).poisson(diffraction(crystal((17, 24, 20), 8))))


def phase(measurement: Measurement, chain: str | Step | None = SHORT, **more: Any) -> Result:
    return reconstruct(measurement, chain, device="cpu", **more)


# --- start and support ----------------------------------------------------------------------------
def test_start_and_support_are_taken(noisy: Measurement) -> None:
    box = np.zeros(noisy.shape, dtype=bool)
    box[4:12, 6:16, 5:15] = True
    fixed = {"shrink_wrap_trigger": []}
    result = phase(noisy, "3*ER", support=box, parameters=fixed)
    np.testing.assert_array_equal(result.support, box)
    more = phase(noisy, "2*ER", start=result.object, support=box, parameters=fixed)
    whole = phase(noisy, "5*ER", support=box, parameters=fixed)
    np.testing.assert_allclose(more.object, whole.object, atol=1e-3 * abs(whole.object).max())
    area = phase(noisy, "3*ER", parameters={"initial_support_area": [0.5, 0.5, 0.5], **fixed})
    assert area.support.sum() == 8 * 12 * 10


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"start": np.ones((4, 4, 4))}, "start has shape"),
        ({"start": np.full((17, 24, 20), np.nan)}, "start holds NaN"),
        ({"start": np.zeros((17, 24, 20))}, "start is empty"),
        ({"support": np.ones((17, 24))}, "support has shape"),
        ({"support": np.zeros((17, 24, 20))}, "support is empty"),
        ({"seeds": 0}, "seeds = 0"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [-1]}, "seeds"),
        ({"seeds": [1.5]}, "seeds"),
        ({"seeds": [2**70]}, "seeds"),
        ({"seeds": "ab"}, "seeds"),
        ({"held_out": 0.9}, "held_out"),
        ({"held_out": float("nan")}, "held_out"),
        ({"precision": "half"}, "precision"),
        ({"device": "cuda:99"}, "device 'cuda:99' cannot be used"),
        ({"device": "toaster"}, "device 'toaster' cannot be used"),
    ],
)
def test_bad_arguments(noisy: Measurement, more: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError, match=says) as caught:
        reconstruct(noisy, SHORT, **more)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("chain", ["", "  ", 5, ["ER"], b"ER"])
def test_bad_chains(noisy: Measurement, chain: Any) -> None:
    with pytest.raises((SequenceError, ParameterError)):
        phase(noisy, chain)


def test_a_seed_may_be_numpys(noisy: Measurement) -> None:
    seeds = np.array([3, 4])
    assert [run.seed for run in phase(noisy, "2*ER", seeds=seeds).runs] == [3, 4]  # type: ignore[arg-type]
    assert len(phase(noisy, "2*ER", parameters={"reconstructions": 2}).runs) == 2


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"hio_bta": 0.9}, "unknown parameter 'hio_bta': did you mean hio_beta"),
        ({"hio_beta": "0.9"}, "hio_beta = '0.9': give a number from 0 to 2"),
        ({"hio_beta": True}, "a number from 0 to 2"),
        ({"hio_beta": float("nan")}, "a number from 0 to 2"),
        ({"hio_beta": 5}, "a number from 0 to 2"),
        ({"reconstructions": 0}, "whole number from 1"),
        ({"hio_beta": None}, "give a value, or leave the key out"),
        ({"hio_beta": [0.9]}, "a number from 0 to 2"),
        ({"raar_beta": 2}, "raar_beta = 2: give a number from 0 to 1"),  # though no RAAR takes it
        ({"shrink_wrap_threshold": 2}, "shrink_wrap_threshold = 2: give a number from 0 to 1"),
        ({"shrink_wrap_threshold": []}, "a number from 0 to 1"),
        ({"shrink_wrap_gauss_sigma": [1.0, 0]}, "sigma = 0: give a number from 0.1 to 20"),
        ({"shrink_wrap_trigger": [1, 0]}, "the step is 0"),
        ({"shrink_wrap_trigger": 5}, "it takes"),
        ({"shrink_wrap_trigger": [1, 1, 1, 1]}, "it takes"),
        ({"shrink_wrap_type": "BOX"}, "GAUSS"),
        ({"twin_trigger": ["a"]}, "it takes"),
        ({"twin_halves": [0, 2]}, "two of 0 and 1"),
        ({"initial_support_area": [0.5, 0.5]}, "three shares of the axes"),
        ({"phc_trigger": [1, 1]}, "phc_phase_min"),
        ({"average_trigger": [1, 1, 5]}, "last iteration"),
        ({"support_threshold": "low"}, "support_threshold"),
    ],
)
def test_bad_parameters(noisy: Measurement, given: dict[str, Any], says: str) -> None:
    before = dict(given)
    with pytest.raises(ParameterError, match=says) as caught:
        phase(noisy, parameters=given)
    assert given == before
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("chain", "given", "says"),
    [
        ("5*ER.XX0", {}, "sub-trigger XX0"),
        ("5*ER.SW0", {"shrink_wrap_trigger": [1, 1]}, "give a list of triggers"),
        ("5*ER.SW1", {"shrink_wrap_trigger": [[1, 1]]}, "2 trigger"),
        ("5*ER.SW9", {}, "SW9, but there is no shrink_wrap_trigger"),
        ("5*ER.PHC0", {"phc_phase_min": -1, "phc_phase_max": 1}, "there is no phc_trigger"),
        ("5*ER.SW0", {"shrink_wrap_trigger": [[1, 0]]}, "the step is 0"),
    ],
)
def test_bad_sub_triggers(noisy: Measurement, chain: str, given: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        phase(noisy, chain, parameters=given)


def test_what_is_not_done_is_said(noisy: Measurement) -> None:
    result = phase(noisy, "2*ER", parameters={"ga_generations": 3, "device": "all"})
    assert [note.split(":")[0] for note in result.notes] == ["no genetic algorithm"]


def test_numbers_of_numpy_are_numbers(noisy: Measurement) -> None:
    given = {"hio_beta": np.float32(0.5), "twin_trigger": [np.int64(2)]}
    assert "HIO(beta=0.5)" in phase(noisy, "5*HIO", parameters=given).sequence


# --- hard inputs ----------------------------------------------------------------------------------
RNG = np.random.default_rng(0)
HARD = {
    "noise": RNG.poisson(3, (16, 16, 16)),
    "sparse counts": RNG.poisson(0.01, (16, 16, 16)),
    "one voxel": np.pad([[[1000.0]]], ((8, 7),) * 3),
    "one voxel off centre": np.pad([[[1000.0]]], ((2, 13),) * 3),
    "flat": np.ones((12, 12, 12)),
    "nearly flat": 1000 + RNG.normal(0, 1, (12, 12, 12)),
    "8 voxels": RNG.poisson(diffraction(crystal((8, 8, 8), 3))),
    "4 voxels": RNG.poisson(50, (4, 4, 4)),
    "fills the array": diffraction(np.exp(1j * RNG.normal(0, 0.3, (16, 16, 16)))),
    "real and even": diffraction(np.pad(np.ones((5, 5, 5)), ((6, 5),) * 3)),
    "huge counts": 1e30 * diffraction(crystal((16, 16, 16), 6)),
    "tiny counts": 1e-25 * diffraction(crystal((16, 16, 16), 6)),
}


@pytest.mark.parametrize("name", HARD)
def test_a_bare_chain_survives_anything(name: str) -> None:
    result = phase(Measurement(HARD[name]), None)
    voxels = result.support.size
    assert 1 <= result.support.sum() < 0.9 * voxels
    assert np.isfinite(result.object).all()
    assert result.object.any()
    assert result.run.reason == "completed"
    assert result.metrics["chi2"] <= 1.5


def test_coheres_global_minimum_is_taken_with_a_note(noisy: Measurement) -> None:
    bare = phase(noisy, "6*ER")
    for chain, given in (
        ("6*ER", {"global_min_trigger": [0, 1]}),
        ("6*ER.GM0", {"global_min_trigger": [[0, 1]]}),
        ("6*ER.GM0", {}),
    ):
        result = phase(noisy, chain, parameters=given)
        (note,) = result.notes
        assert note.startswith("global_min_trigger, and GM0 in a sequence, is not done")
        np.testing.assert_array_equal(result.object, bare.object)
