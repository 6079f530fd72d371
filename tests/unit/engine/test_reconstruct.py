"""The contract of `reconstruct`: what it returns, chooses, ignores, refuses and survives."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from cdi_ml_plugin import ER, HIO, RAAR, TWIN, Measurement, Result, reconstruct
from cdi_ml_plugin.errors import AlgorithmError, ParameterError
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.operators.base import Operator, Step
from cdi_ml_plugin.operators.sequence import parse
from cdi_ml_plugin.physics.alignment import object_error
from cdi_ml_plugin.physics.moduli import Moduli
from cdi_ml_plugin.physics.state import State
from cdi_ml_plugin.simulate.particle import strained_crystal
from support.commands import FIGURES

SHORT = "10*ER + 20*HIO + 5*ER"


def crystal(shape: tuple[int, int, int], size: float, seed: int = 0, **more: Any) -> np.ndarray:
    return 50 * strained_crystal(
        shape, np.eye(3), size=size, rng=np.random.default_rng(seed), **more
    )


@pytest.fixture(scope="module")
def noisy() -> Measurement:
    """Poisson counts and a gap; odd and even axes."""
    counts = np.random.default_rng(1).poisson(diffraction(crystal((17, 24, 20), 8)))
    mask = np.zeros(counts.shape, dtype=bool)
    mask[:, 8:10] = True
    return Measurement(counts, mask)


def phase(measurement: Measurement, chain: str | Step | None = SHORT, **more: Any) -> Result:
    return reconstruct(measurement, chain, device="cpu", **more)


# --- what comes back ------------------------------------------------------------------------------
def test_contract(noisy: Measurement) -> None:
    given = {"hio_beta": 0.8}
    result = reconstruct(noisy, "3*(5*ER + 5*HIO)", seeds=[4, 2], parameters=given)
    assert given == {"hio_beta": 0.8}
    assert [run.seed for run in result.runs] == [4, 2]
    assert result.sequence == "3*(5*ER + 5*HIO(beta=0.8))"
    assert str(parse(result.sequence)) == result.sequence
    assert result.measurement is noisy
    assert repr(result).startswith("Result(3*(5*ER + 5*HIO(beta=0.8)): 2 run(s) in ")
    assert len(repr(result).splitlines()) == len(repr(result.run).splitlines()) == 1
    for run in result.runs:
        assert run.object.dtype == np.complex64
        assert run.support.dtype == bool
        assert run.object.shape == run.support.shape == noisy.shape
        assert set(run.metrics) == FIGURES
        assert all(np.isfinite(value) for value in run.metrics.values())
        assert run.history["chi2"].shape == (30,)
        assert run.reason == "completed"
    assert result.object is result.run.object
    assert result.metrics is result.run.metrics


@pytest.mark.parametrize("held_out", [0.03, 0.0])
def test_the_best_run_has_the_lowest_free_likelihood(noisy: Measurement, held_out: float) -> None:
    result = phase(noisy, seeds=6, held_out=held_out)
    figure = "free_llk" if held_out else "chi2"
    values = [run.metrics[figure] for run in result.runs]
    assert len(set(values)) == 6
    assert result.best == int(np.argmin(values))
    assert np.isnan(result.metrics["chi2_held_out"]) == (held_out == 0)


def test_metrics_are_the_papers(noisy: Measurement) -> None:
    result = phase(noisy, held_out=0)
    seen = ~noisy.mask
    model = np.sqrt(diffraction(result.object).astype(float))[seen]
    root = np.sqrt(noisy.intensity.astype(float))[seen]
    chi2 = ((model - root) ** 2).sum() / (root**2).sum()
    assert result.metrics["chi2"] == pytest.approx(chi2, rel=1e-4)
    assert result.metrics["pearson"] == pytest.approx(np.corrcoef(model, root)[0, 1], rel=1e-5)


# --- reproducible ---------------------------------------------------------------------------------
def test_a_seed_gives_the_same_bits_in_any_company(noisy: Measurement) -> None:
    torch.manual_seed(3)
    alone = phase(noisy, seeds=[7])
    torch.manual_seed(4)
    among = phase(noisy, seeds=[1, 7, 5])
    np.testing.assert_array_equal(alone.object, among.runs[1].object)
    np.testing.assert_array_equal(alone.run.history["chi2"], among.runs[1].history["chi2"])
    assert object_error(among.runs[0].object, alone.object) > 0.01
    assert dict(alone.metrics) == dict(among.runs[1].metrics)


def test_text_and_python_give_the_same_bits(noisy: Measurement) -> None:
    text = phase(noisy, "2*(3*ER + 5*HIO(beta=0.8)) + TWIN + 2*RAAR")
    tree = phase(noisy, 2 * (3 * ER() + 5 * HIO(beta=0.8)) + TWIN() + 2 * RAAR())
    np.testing.assert_array_equal(text.object, tree.object)
    assert text.sequence == tree.sequence


# --- truth ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("precision", ["single", "double"])
def test_a_bare_call_solves_an_easy_crystal(precision: str) -> None:
    true = crystal((32, 32, 32), 11, phase_range=1.0)
    result = reconstruct(Measurement(diffraction(true)), seeds=3, precision=precision)
    assert object_error(result.object, true) < 0.05
    assert result.metrics["chi2"] < 1e-3
    assert result.metrics["pearson"] > 0.999


@pytest.mark.parametrize("shape", [(15, 17, 19), (16, 31, 22)])
def test_odd_shapes(shape: tuple[int, int, int]) -> None:
    true = crystal(shape, 6.5, seed=3, phase_range=0.5)
    result = phase(Measurement(diffraction(true)), None, seeds=2)
    assert object_error(result.object, true) < 0.1


# --- what may not be seen -------------------------------------------------------------------------
def held_out_voxels(measurement: Measurement) -> np.ndarray:
    data = Moduli.of(measurement, 0.03, torch.device("cpu"))
    corner = np.zeros(measurement.intensity.size, dtype=bool)
    corner[data.held_out.numpy()] = True
    return np.fft.fftshift(corner.reshape(measurement.shape))


@pytest.mark.parametrize("chain", [SHORT, "5*RAAR + 5*DM + 5*SF", "5*ER + 3*REFINE"])
def test_held_out_voxels_never_reach_the_object(noisy: Measurement, chain: str) -> None:
    hidden = held_out_voxels(noisy)
    assert hidden.sum() == round(0.03 * (~noisy.mask).sum())
    assert not (hidden & noisy.mask).any()
    # other counts there: permuted, so that the same voxels are drawn again
    counts = noisy.intensity.copy()
    counts[hidden] = counts[hidden][::-1]
    assert not np.array_equal(counts, noisy.intensity)
    one, other = phase(noisy, chain), phase(Measurement(counts, noisy.mask), chain)
    if "REFINE" in chain:
        # they do choose which epoch is kept, as early stopping does
        np.testing.assert_array_equal(one.run.history["chi2"], other.run.history["chi2"])
    else:
        np.testing.assert_array_equal(one.object, other.object)
    assert one.metrics["chi2_held_out"] != other.metrics["chi2_held_out"]


def test_masked_voxels_never_reach_anything(noisy: Measurement) -> None:
    counts = noisy.intensity.copy()
    counts[noisy.mask] = 1e6
    one, other = phase(noisy), phase(Measurement(counts, noisy.mask))
    np.testing.assert_array_equal(one.object, other.object)
    assert dict(one.metrics) == dict(other.metrics)
    unmasked = phase(Measurement(counts))
    assert object_error(unmasked.object, one.object) > 0.1


# --- ends that are not the end --------------------------------------------------------------------
@dataclass(frozen=True)
class Spoil(Operator):
    """Do `what` at iteration `at` of the runs of some seeds."""

    what: str = "nan"
    at: int = 5
    seeds: tuple[int, ...] = (0, 1, 2)
    defines_chi2: ClassVar = True

    def _step(self, state: State, data: Moduli) -> None:
        ER()._step(state, data)
        if state.iteration != self.at or state.seeds[0].number not in self.seeds:
            return
        if self.what == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)  # Python looks for signals between two of its instructions
        elif self.what == "nan":
            state.object[0, 3, 3, 3] = torch.nan
        elif self.what == "infinite":
            state.object[0, 3, 3, 3] = torch.inf
        else:
            state.object = state.object[..., 1:]


@pytest.mark.parametrize("at", [0, 5, 29])
def test_an_interruption_ends_early_and_returns(noisy: Measurement, at: int) -> None:
    before = signal.getsignal(signal.SIGINT)
    result = phase(noisy, 30 * Spoil("interrupt", at, seeds=(1,)), seeds=3)
    assert [run.seed for run in result.runs] == [0, 1]
    assert [run.reason for run in result.runs] == ["completed", "interrupted"]
    assert len(result.runs[1].history["chi2"]) == at + 1
    assert np.isfinite(result.runs[1].object).all()
    assert "2 of 3 starts" in result.notes[-1]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interruption_of_hio_leaves_nothing_outside_the_support(noisy: Measurement) -> None:
    result = phase(noisy, 10 * HIO() + 5 * Spoil("interrupt", 12))
    assert result.run.reason == "interrupted"
    assert not result.object[~result.support].any()


@pytest.mark.parametrize("what", ["nan", "infinite"])
@pytest.mark.parametrize("at", [5, 29])  # in the middle, and where nothing comes after
def test_a_run_that_is_not_finite_is_lost_alone(noisy: Measurement, what: str, at: int) -> None:
    result = phase(noisy, 30 * Spoil(what, at, seeds=(1,)), seeds=3)
    assert [run.reason for run in result.runs] == ["completed", "not finite", "completed"]
    assert result.best != 1
    lost = result.runs[1]
    assert np.isfinite(lost.object).all()
    assert all(np.isnan(value) for value in lost.metrics.values())
    assert any("not finite" in note for note in lost.notes)
    with pytest.raises(AlgorithmError, match="every run became NaN or infinite: not finite"):
        phase(noisy, 30 * Spoil(what, at), seeds=2)


def test_an_operator_that_changes_the_shape_is_named(noisy: Measurement) -> None:
    with pytest.raises(AlgorithmError, match=r"Spoil.*an algorithm must keep them"):
        phase(noisy, 10 * Spoil("crop"))


def test_steps_that_are_no_iterations_move_no_trigger(noisy: Measurement) -> None:
    # cohere's twin trigger acts once, in iteration 6, whatever stands between the iterations
    parameters = {"twin_trigger": [6], "shrink_wrap_trigger": []}
    plain = phase(noisy, "6*ER + 6*HIO", parameters=parameters)
    between = phase(noisy, 6 * ER() + Idle() + 6 * HIO(), parameters=parameters)
    np.testing.assert_array_equal(plain.object, between.object)
    averaged = {"average_trigger": [6, 1], "shrink_wrap_trigger": []}
    plain = phase(noisy, "6*ER + 6*ER", parameters=averaged)
    between = phase(noisy, 6 * ER() + Idle() + 6 * ER(), parameters=averaged)
    np.testing.assert_array_equal(plain.object, between.object)


@dataclass(frozen=True)
class Idle(Operator):
    """Nothing, and no iteration."""

    counts: ClassVar = False

    def _step(self, state: State, data: Moduli) -> None:
        pass


@dataclass(frozen=True)
class Epoch(Operator):
    """An iteration without triggers that records how far the data are from those measured."""

    triggered: ClassVar = False

    def _step(self, state: State, data: Moduli) -> None:
        difference = (data.amplitude - data.measured)[data.fitted]
        state.chi2 = difference.abs().max().expand(1)


def test_the_low_pass_ends(noisy: Measurement) -> None:
    def parameters(stop: int) -> dict[str, Any]:
        return {"lowpass_filter_trigger": [0, 1, stop], "lowpass_filter_range": [2.0]}

    filtered = phase(noisy, "40*ER", parameters=parameters(8))
    plain = phase(noisy, "40*ER")
    assert object_error(filtered.object, plain.object) > 0.01
    assert filtered.metrics["chi2"] < 1.3 * plain.metrics["chi2"]
    from_the_end = phase(noisy, "40*ER", parameters=parameters(-32))
    np.testing.assert_array_equal(from_the_end.object, filtered.object)
    # into the epochs of a network, which have no triggers
    epochs = phase(noisy, 12 * ER() + 2 * Epoch(), parameters=parameters(13))
    assert not epochs.run.history["chi2"][-2:].any()
    with pytest.raises(ParameterError, match="none of a network"):
        phase(noisy, 12 * ER() + 2 * Epoch(), parameters={"average_trigger": [5, 1]})
    # a run that is lost while the filter is on leaves the next one as it was
    chain = 30 * Spoil("nan", 5, seeds=(1,))
    after = phase(noisy, chain, seeds=[1, 2], parameters=parameters(10))
    alone = phase(noisy, chain, seeds=[2], parameters=parameters(10))
    assert after.runs[0].reason == "not finite"
    np.testing.assert_array_equal(after.runs[1].object, alone.object)
