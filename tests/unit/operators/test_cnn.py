"""CNN: a prediction becomes object and support, and never makes a chain worse."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cdi_ml_plugin import CNN, Measurement, Result, reconstruct
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.nn import kinds, weights
from cdi_ml_plugin.nn import predict as prediction
from cdi_ml_plugin.nn.field import Field
from cdi_ml_plugin.operators import cnn
from cdi_ml_plugin.physics.alignment import object_error
from cdi_ml_plugin.simulate.particle import strained_crystal

needs_weights = pytest.mark.skipif(
    "fast" not in weights.shipped(), reason="no weights of the preset fast in this installation"
)


def crystal(
    shape: tuple[int, int, int], seed: int, size: float, phase: float = 3.0
) -> NDArray[np.complex64]:
    rng = np.random.default_rng(seed)
    return strained_crystal(shape, np.eye(3), size=size, rng=rng, phase_range=phase)


def measured(obj: NDArray[np.complex64], counts: float = 1e7, seed: int = 0) -> Measurement:
    intensity = diffraction(obj)
    return Measurement(np.random.default_rng(seed).poisson(intensity * (counts / intensity.sum())))


def blank(folder: Path, preset: str) -> str:
    """Weights as nobody has trained them: their predictions say nothing."""
    path = folder / f"untrained_{preset}.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = kinds.made(kinds.find(preset))
    card = weights.Card(preset, ("faceted",), (0.0, 1.0), 0, "none", 0.0, "none", {})
    weights.save(path, network, card)
    return str(path)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> str:
    return blank(tmp_path_factory.mktemp("weights"), "fast")


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch, untrained: str) -> Callable[..., Result]:
    """A network that knows the answer: `obj` on the data's grid, as its field shows it."""

    def phased(obj: NDArray[np.complex64], m: Measurement, chain: str, **more: Any) -> Result:
        placed: list[Field] = []
        of = Field.of.__func__  # type: ignore[attr-defined]

        def noted(cls: type[Field], data: Any, field: int) -> Field:
            placed.append(of(cls, data, field))
            return placed[-1]

        def known(*_: Any, **__: Any) -> list[prediction.Prediction]:
            # transform of the object at the field's own places, by explicit sums
            here = placed[-1]
            half = here.field // 2
            wave = torch.from_numpy(obj.astype(np.complex128))
            for axis, n in enumerate(here.shape):
                q = here.origin[axis] + here.pitch[axis] * (torch.arange(here.field) - half)
                r = torch.arange(n) - n // 2
                turns = torch.exp(-2j * torch.pi * torch.outer(q.double(), r.double()) / n)
                wave = torch.tensordot(wave, turns, dims=([0], [1]))
            back = torch.fft.fftshift(torch.fft.ifftn(torch.fft.ifftshift(wave)))
            part = slice(half // 2, half // 2 + half)
            return [prediction.Prediction(back[part, part, part].to(torch.complex64), 0.0, 1.0)]

        monkeypatch.setattr(Field, "of", classmethod(noted))
        monkeypatch.setattr(cnn, "predictions", known)
        return reconstruct(m, chain, parameters={"cnn_weights": untrained}, **more)

    return phased


@pytest.mark.parametrize("shape", [(48, 48, 48), (41, 50, 47)])
def test_an_exact_prediction_comes_back_as_the_object(
    oracle: Callable[..., Result], shape: tuple[int, int, int]
) -> None:
    truth = crystal(shape, 1, 13)
    result = oracle(truth, measured(truth, 1e8), "CNN")
    assert result.metrics["cnn_used"] == 1
    assert object_error(result.object, truth) < 0.2  # a field of 32 voxels is coarser than the data
    # not the twin: the hand is that of the truth
    at_rest = np.vdot(result.object, truth) / np.linalg.norm(result.object) / np.linalg.norm(truth)
    assert abs(at_rest) > 0.97
    inside = np.abs(truth) > 0.5
    assert (result.support & inside).sum() > 0.95 * inside.sum()
    assert result.support.sum() < 2.5 * inside.sum()
    assert result.metrics["chi2"] < 0.05


def test_what_follows_goes_on_from_it(oracle: Callable[..., Result]) -> None:
    truth = crystal((48, 48, 48), 2, 13, phase=8.0)
    m = measured(truth, 1e8)
    random = reconstruct(m, "30*ER")
    after = oracle(truth, m, "CNN + 30*ER")
    assert len(after.run.history["chi2"]) == 30  # a prediction is no iteration
    assert after.run.history["chi2"][0] < 0.2 * random.run.history["chi2"][0]
    assert object_error(after.object, truth) < 0.5 * object_error(random.object, truth)


def test_a_useless_prediction_does_no_harm(untrained: str) -> None:
    without, withal, unused = [], [], 0
    for seed in range(4):
        truth = crystal((40, 40, 40), 30 + seed, 12)
        m = measured(truth)
        result = reconstruct(m, "CNN + 20*ER", parameters={"cnn_weights": untrained})
        used = result.metrics["cnn_used"]
        assert any("no better than a random start" in note for note in result.run.notes) != used
        unused += not used
        withal.append(object_error(result.object, truth))
        without.append(object_error(reconstruct(m, "20*ER").object, truth))
    assert unused >= 2
    assert np.mean(withal) <= np.mean(without)


def test_where_nothing_can_be_predicted_nothing_is_taken(untrained: str) -> None:
    counts = np.zeros((36, 36, 36))
    counts[18, 18, 18] = 1e4
    mask = np.ones(counts.shape, bool)
    mask[18, 18, 18] = False  # a single voxel is known
    m = Measurement(counts, mask)
    result = reconstruct(m, "CNN + 4*ER", parameters={"cnn_weights": untrained})
    assert np.isfinite(result.object).all()


def test_it_does_not_spoil_what_a_chain_has_reached(untrained: str) -> None:
    truth = crystal((40, 40, 40), 5, 12)
    m = measured(truth)
    chain = "40*ER + 40*HIO + 60*ER"
    parameters = {"cnn_weights": untrained, "cnn_polish": 1}
    for last in ("", " + REFINE(channels=4)"):  # which draws random numbers too
        without = reconstruct(m, chain + last)
        after = reconstruct(m, f"{chain} + CNN{last}", parameters=parameters)
        assert any("which is kept" in note for note in after.run.notes)
        np.testing.assert_array_equal(after.object, without.object)


def test_a_pattern_of_noise_alone_is_phased_like_without(untrained: str) -> None:
    m = Measurement(np.random.default_rng(0).poisson(3.0, (36, 33, 40)))
    result = reconstruct(m, "CNN + 3*ER", parameters={"cnn_weights": untrained})
    assert np.isfinite(result.metrics["chi2"])


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_seeds_give_different_starts_and_each_its_own(tmp_path: Path, preset: str) -> None:
    truth = crystal((36, 36, 36), 6, 11)
    m = measured(truth)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prediction, "TIE", math.inf)  # whatever they say, predictions are taken
        parameters = {"cnn_weights": blank(tmp_path, preset), "cnn_candidates": 2, "cnn_polish": 5}
        three = reconstruct(m, "CNN", seeds=[1, 2, 3], parameters=parameters)
    assert all(run.metrics["cnn_used"] == 1 for run in three.runs)
    one, two, third = (run.object for run in three.runs)
    for first, second in ((one, two), (two, third), (one, third)):
        assert object_error(first, second) > 0.01


@pytest.mark.parametrize(
    "given",
    [
        {"cnn_candidates": 0},
        {"cnn_candidates": 2.5},
        {"cnn_support_threshold": 0},
        {"cnn_weights": 3},
    ],
)
def test_wrong_parameters_are_refused(given: dict[str, Any]) -> None:
    truth = crystal((36, 36, 36), 6, 11)
    with pytest.raises(ParameterError, match=next(iter(given))):
        reconstruct(measured(truth), "CNN", parameters=given)


@needs_weights
@pytest.mark.parametrize("shape", [(64, 64, 64), (33, 80, 47)])
def test_shipped_weights_predict_crystals_that_nobody_trained_on(
    shape: tuple[int, int, int],
) -> None:
    errors, chance, used = [], [], []
    for seed in range(4):
        truth = crystal(shape, 100 + seed, 0.36 * min(shape), phase=2.0 + seed)
        result = reconstruct(measured(truth), "CNN")
        used.append(result.metrics["cnn_used"])
        errors.append(object_error(result.object, truth))
        chance.append(object_error(reconstruct(measured(truth), "20*ER").object, truth))
    assert np.median(errors) < 0.5
    assert np.mean(errors) < np.mean(chance)
    assert sum(used) >= 2


@needs_weights
def test_the_same_seed_predicts_the_same_to_the_bit() -> None:
    m = measured(crystal((40, 44, 37), 7, 12))
    one = reconstruct(m, "CNN", seeds=[5])
    again = reconstruct(m, "CNN", seeds=[9, 5])
    np.testing.assert_array_equal(one.object, again.runs[1].object)
    assert not np.array_equal(one.object, again.runs[0].object)


@needs_weights
def test_shipped_cards_are_true(tmp_path: Path) -> None:
    for name, path in weights.shipped().items():
        _, card = weights.load(path)
        assert card.preset == name
        assert card.samples > 1000
        assert card.recipe.startswith("cdi-ml train")
        assert 0 < card.validation["error"] < 0.6


def test_it_prints_as_it_parses() -> None:
    assert str(CNN()) == "CNN"
    assert str(CNN(candidates=2)) == "CNN(candidates=2)"
