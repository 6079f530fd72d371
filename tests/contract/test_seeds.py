"""A seed gives the same object alone and in any company, as in the batches of a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.bench.crystals import blurred
from cdi_ml_plugin.data.result import Run
from cdi_ml_plugin.engine import loop
from cdi_ml_plugin.engine.plan import Plan
from cdi_ml_plugin.engine.progress import Progress
from cdi_ml_plugin.engine.start import Start
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.operators import registry
from cdi_ml_plugin.simulate.particle import strained_crystal
from support.crystals import let_some_agree, of_two_levels

SEEDS = [3, 0, 5]
# What a chain needs around an algorithm for it to have something to do.
AROUND = "12*ER + {} + 12*HIO + 4*ER"
SMALL = {"refine_channels": 4}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On several threads of a CPU torch cuts a batch elsewhere than a single array, and rounds so."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def measurement() -> Measurement:
    """Odd and even axes, noise, a gap, some voxels held out: large enough for every algorithm."""
    rng = np.random.default_rng(1)
    crystal = 20 * strained_crystal((33, 32, 36), np.eye(3), size=9, phase_range=4, rng=rng)
    mask = np.zeros((33, 32, 36), dtype=bool)
    mask[:, 9:11] = True
    return Measurement(rng.poisson(diffraction(crystal)), mask)


def batch(measurement: Measurement, chain: str, seeds: list[int], given: Any = None) -> list[Run]:
    """All seeds at once, as the engine runs them on a GPU."""
    plan = Plan.of(chain, given or {}).on(measurement, 0.03, "cpu", "single")
    return loop.run(plan, seeds, Start(), [], Progress(False, plan.step.iterations))


def assert_alone_as_in_company(measurement: Measurement, chain: str, given: Any = None) -> None:
    for run in batch(measurement, chain, SEEDS, given):
        (alone,) = batch(measurement, chain, [run.seed], given)
        np.testing.assert_array_equal(run.object, alone.object)
        np.testing.assert_array_equal(run.support, alone.support)
        np.testing.assert_array_equal(run.history["chi2"], alone.history["chi2"])
        assert run.metrics == alone.metrics
        assert run.notes == alone.notes


@pytest.mark.parametrize("name", registry.names())
def test_every_algorithm(measurement: Measurement, name: str) -> None:
    given = {k: v for k, v in SMALL.items() if k in registry.load(name).keys.values()}
    times = "" if not registry.load(name).counts else "6*"
    assert_alone_as_in_company(measurement, AROUND.format(times + name), given)


@pytest.mark.parametrize(
    "chain",
    [
        "90*SEARCH + 4*ER",
        "CNN + 90*SEARCH + 4*ER",
        "CNN + 40*SEARCH + 20*HIO + CNN(search=30) + 4*ER",
        # what is there takes part in the second search
        "30*HIO + 50*SEARCH + 20*HIO + 50*SEARCH + 4*ER",
    ],
)
def test_searches(measurement: Measurement, chain: str) -> None:
    assert_alone_as_in_company(measurement, chain)


def test_searches_on_several_levels_that_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the starts of one seed agree, it goes on by itself and has the others' company again later."""
    one, chain = of_two_levels(), "CNN + 120*SEARCH + 5*ER"
    let_some_agree(monkeypatch, one, chain, SEEDS)
    agreed = [any("agree" in note for note in run.notes) for run in batch(one, chain, SEEDS)]
    assert any(agreed)
    assert not all(agreed)
    assert_alone_as_in_company(one, chain)


def test_searches_that_try_kernels_of_the_beam() -> None:
    truth = 20 * strained_crystal(
        (32, 30, 36), np.eye(3), size=9, phase_range=2, rng=np.random.default_rng(2)
    )
    pattern = blurred(diffraction(truth), np.full(3, 9.0), 0.4).clip(0)
    one = Measurement(np.random.default_rng(0).poisson(pattern))
    chain = "220*SEARCH + 4*ER"
    assert all("coherence_x" in run.metrics for run in batch(one, chain, SEEDS))
    assert_alone_as_in_company(one, chain)


@pytest.mark.parametrize(
    "given",
    [
        {"lowpass_filter_trigger": [0, 1, 9], "lowpass_filter_range": [3.0]},
        {"twin_trigger": [2]},
        {"phc_trigger": [3, 1, 9], "phc_phase_min": -1.0, "phc_phase_max": 1.0},
        {"average_trigger": [-8, 1]},
        {"shrink_wrap_trigger": [1, 2]},
    ],
    ids=lambda given: next(iter(given)),
)
def test_every_trigger(measurement: Measurement, given: dict[str, Any]) -> None:
    assert_alone_as_in_company(measurement, "10*ER + 20*HIO + 10*ER", given)


def test_a_prediction_that_only_some_take(measurement: Measurement) -> None:
    """Where others keep what they have, the rules of a search go on for those others alone."""
    chain = "10*ER + 22*HIO + 10*ER + CNN + 70*HIO + 6*ER"
    runs = batch(measurement, chain, list(range(6)))
    kept = [any("which is kept" in note for note in run.notes) for run in runs]
    assert any(kept)
    assert not all(kept)
    for run in runs:
        (alone,) = batch(measurement, chain, [run.seed])
        np.testing.assert_array_equal(run.object, alone.object)
