"""MLE: maximum likelihood within the support, and what it must not see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cdi_ml_plugin import ER, MLE, Measurement, reconstruct
from cdi_ml_plugin.engine import loop
from cdi_ml_plugin.engine.plan import Plan
from cdi_ml_plugin.engine.start import Start, fresh_state
from cdi_ml_plugin.fourier import diffraction, to_reciprocal
from cdi_ml_plugin.physics.alignment import object_error
from cdi_ml_plugin.physics.state import State
from cdi_ml_plugin.simulate.particle import strained_crystal

SHAPE = (24, 28, 26)


@pytest.fixture(scope="module")
def crystal() -> NDArray[np.complex64]:
    return strained_crystal(SHAPE, np.eye(3), size=10, rng=np.random.default_rng(1))


def counted(crystal: NDArray[Any], photons: float, seed: int = 0) -> Measurement:
    intensity = diffraction(crystal)
    noisy = np.random.default_rng(seed).poisson(intensity * (photons / intensity.sum()))
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 16:20] = True  # a gap
    return Measurement(noisy, mask)


def begun(measurement: Measurement, start: NDArray[Any], count: int) -> tuple[Plan, State]:
    """A plan and its state, from an object and its own support, in double precision."""
    plan = Plan.of(MLE(), {}).on(measurement, 0.03, "cpu", "double")
    given = torch.from_numpy(start.astype(complex)) / plan.data.scale
    state = fresh_state(plan, [0], Start(given, torch.from_numpy(np.abs(start) > 0)))
    MLE().begin(state, plan.data, count)
    return plan, state


def minus_log_likelihood(plan: Plan, obj: torch.Tensor) -> float:
    """In photons, over the fitted voxels."""
    fitted = plan.data.fitted
    photons = (to_reciprocal(obj)[0].abs().square() * plan.data.scale**2)[fitted] + 0.01
    counts = (plan.data.amplitude.square() * plan.data.scale**2)[fitted]
    return float((photons - counts * photons.log()).sum())


def test_it_climbs_the_likelihood_to_a_point_where_nothing_pulls(crystal: Any) -> None:
    plan, state = begun(counted(crystal, 3e4), crystal, 60)
    before = minus_log_likelihood(plan, state.object)
    for _ in range(60):
        MLE().step(state, plan.data)
    obj = state.object.clone().requires_grad_(True)
    fitted = plan.data.fitted
    photons = (to_reciprocal(obj)[0].abs().square() * plan.data.scale**2)[fitted] + 0.01
    counts = (plan.data.amplitude.square() * plan.data.scale**2)[fitted]
    loss = (photons - counts * photons.log()).sum()
    (gradient,) = torch.autograd.grad(loss, obj)
    assert float(loss.detach()) < before - 100
    # against the pull at an object of half the size
    (strong,) = torch.autograd.grad(
        ((to_reciprocal(obj / 2)[0].abs().square() * plan.data.scale**2)[fitted] + 0.01).log().sum()
        * counts.mean(),
        obj,
    )
    inside = state.support
    assert float(gradient[inside].norm()) < 1e-3 * float(strong[inside].norm())


def test_it_is_nearer_to_the_truth_than_er_where_photons_are_few(crystal: Any) -> None:
    start = {"start": crystal, "support": np.abs(crystal) > 0, "device": "cpu"}
    still: dict[str, Any] = {"shrink_wrap_trigger": []}
    wins = 0
    for seed in range(4):
        data = counted(crystal, 1e6, seed)
        errors = [
            object_error(reconstruct(data, 60 * step, parameters=still, **start).object, crystal)
            for step in (ER(), MLE())
        ]
        wins += errors[1] < 0.6 * errors[0]
    assert wins == 4


def test_the_unit_of_the_intensity_does_not_matter(crystal: Any) -> None:
    """An intensity divided by the monitor has the same most likely object."""
    unit = 1e-3
    data = counted(crystal, 1e6)
    other = Measurement(data.intensity * unit, data.mask)
    start = {"start": crystal, "support": np.abs(crystal) > 0, "device": "cpu"}
    one, two = (reconstruct(m, "30*MLE", **start) for m in (data, other))
    assert object_error(two.object, one.object) < 0.01
    np.testing.assert_allclose(
        np.sum(np.abs(two.object) ** 2), unit * np.sum(np.abs(one.object) ** 2), rtol=0.02
    )


def test_the_true_object_of_data_without_noise_stays_with_a_gap(crystal: Any) -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 16:20] = True
    data = Measurement(diffraction(crystal), mask)
    plan, state = begun(data, crystal, 20)
    for _ in range(20):
        MLE().step(state, plan.data)
    # float32 intensities are what limits it
    assert object_error(state.object[0].numpy(), crystal) < 1e-4
    assert float(state.chi2) < 1e-10


def test_a_batch_is_as_good_as_one_alone(crystal: Any) -> None:
    plan = Plan.of("10*ER + 20*MLE", {}).on(counted(crystal, 1e5), 0.03, "cpu", "double")
    from cdi_ml_plugin.engine.progress import Progress

    with Progress(False, 0) as bar:
        both = loop.run(plan, [1, 2], Start(), [], bar)
        alone = loop.run(plan, [2], Start(), [], bar)
    np.testing.assert_allclose(both[1].object, alone[0].object, rtol=1e-4, atol=1e-6)


def test_it_says_so_where_the_data_cannot_determine_the_object(crystal: Any) -> None:
    data = counted(crystal, 1e6)
    everywhere = np.ones(SHAPE, dtype=bool)
    result = reconstruct(data, "2*MLE", start=crystal, support=everywhere, device="cpu")
    voxels = int((~data.mask).sum())
    known = voxels - round(0.03 * voxels)
    assert any(
        f"{known:,} measured voxels for {2 * everywhere.size:,}" in n for n in result.run.notes
    )
    plenty = reconstruct(data, "20*ER + 2*MLE", device="cpu").run.notes
    assert not any("measured voxels for" in note for note in plenty)
