"""Counting noise: read off the data, let be by HIO, and what the schedules make of a chain's end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cdi_ml_plugin import Measurement, reconstruct
from cdi_ml_plugin.engine.plan import Plan
from cdi_ml_plugin.engine.start import Start, fresh_state
from cdi_ml_plugin.engine.triggers import search_length, shrink_wrap
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.operators.sequence import parse
from cdi_ml_plugin.physics.alignment import object_error
from cdi_ml_plugin.physics.moduli import Moduli
from cdi_ml_plugin.physics.noise import photon_gain
from cdi_ml_plugin.simulate.particle import strained_crystal

SHAPE = (48, 44, 51)


def crystal(phase: float = 4.0) -> NDArray[np.complex64]:
    rng = np.random.default_rng(5)
    return strained_crystal(SHAPE, np.eye(3), size=14, rng=rng, phase_range=phase)


def counted(obj: NDArray[np.complex64], counts: float) -> Measurement:
    intensity = diffraction(obj)
    return Measurement(np.random.default_rng(0).poisson(intensity * (counts / intensity.sum())))


def data(measurement: Measurement) -> Moduli:
    return Moduli.of(measurement, 0.0, torch.device("cpu"))


@pytest.mark.parametrize("counts", [1e5, 1e7])
def test_gain_of_counts_in_any_unit(counts: float) -> None:
    m = counted(crystal(), counts)
    for unit in (1.0, 0.25, 1e-6):
        scaled = Measurement(m.intensity * unit)
        d = data(scaled)
        # √n of Poisson counts varies by 1/2
        assert d.noise * d.scale == pytest.approx(0.5 * unit**0.5, rel=0.25)
    # what is no counting noise of these units is not taken for more than it
    assert photon_gain(torch.from_numpy(m.intensity * 50)) == 1.0


def test_gain_without_noise_and_without_anything() -> None:
    exact = diffraction(crystal())
    exact *= 1e7 / exact.sum()
    assert photon_gain(torch.fft.ifftshift(torch.from_numpy(exact))) < 1e-4
    assert photon_gain(torch.zeros(8, 8, 8)) == 0
    huge = torch.full((8, 8, 8), 1e30)
    assert np.isfinite(photon_gain(huge))


def test_gaps_do_not_pass_for_noise() -> None:
    m = counted(crystal(), 1e6)
    mask = np.zeros(SHAPE, bool)
    mask[:, 30:34] = True
    d = data(Measurement(m.intensity, mask))
    assert d.noise * d.scale <= 0.5


def test_hio_stays_at_the_true_object_of_noisy_data() -> None:
    truth = crystal()
    m = counted(truth, 3e6)
    inside = np.abs(truth) > 0.1
    errors = []
    for tolerance in (0.0, 2.0):
        parameters = {"noise_tolerance": tolerance, "support_every": 1000}
        plan = Plan.of("100*HIO + 20*ER", parameters).on(m, 0.03, "cpu", "single")
        start = torch.from_numpy(truth.astype(np.complex128)) / plan.data.scale
        scale = (plan.data.power / float(start.abs().square().sum())) ** 0.5
        state = fresh_state(plan, [0], Start(start * scale, torch.from_numpy(inside)))
        assert not state.seeds[0].from_random
        for operator in plan.step.operators():
            for _ in range(100 if operator.name == "HIO" else 20):
                operator.step(state, plan.data)
        errors.append(object_error(state.object[0].numpy(), truth))
    assert errors[1] < 0.08
    assert errors[1] < 0.6 * errors[0]


def test_a_modulus_moves_to_within_the_tolerance_and_chi2_is_of_the_data() -> None:
    truth = crystal()
    m = counted(truth, 1e6)
    plan = Plan.of("HIO", {"noise_tolerance": 2}).on(m, 0.0, "cpu", "double")
    state = fresh_state(plan, [0])
    state.progress = 1.0
    everywhere = torch.ones_like(state.support)
    state.support[:] = everywhere  # nothing to feed back: what is left is the projection
    before = torch.fft.fftn(state.object[0], norm="ortho")
    size, wanted, slack = before.abs(), plan.data.amplitude, 2 * plan.data.noise
    next(plan.step.operators()).step(state, plan.data)
    after = torch.fft.fftn(state.object[0], norm="ortho")
    assert float((after.abs() - wanted).abs().max()) <= slack * (1 + 1e-6)
    close = (size - wanted).abs() < slack
    torch.testing.assert_close(after[close], before[close])
    assert bool(close.any())
    assert not bool(close.all())
    chi2 = float((size - wanted).square().sum()) / plan.data.power
    assert float(state.chi2) == pytest.approx(chi2, rel=1e-6)


def test_noise_free_data_are_fitted_as_without() -> None:
    truth = crystal()
    exact = Measurement(diffraction(truth) * 1e3)
    assert data(exact).noise < 1e-3
    chain, parameters = "40*HIO + 10*ER", {"support_every": 1000}
    result = reconstruct(exact, chain, start=truth, support=truth != 0, parameters=parameters)
    assert object_error(result.object, truth) < 1e-3


def tolerance(parameters: dict[str, Any]) -> float:
    m = counted(crystal(), 1e5)
    plan = Plan.of("HIO", parameters).on(m, 0.0, "cpu", "single")
    return fresh_state(plan, [0]).noise_tolerance


def test_in_coheres_way_there_is_none() -> None:
    assert tolerance({}) == 2
    assert tolerance({"shrink_wrap_trigger": [1, 1]}) == 0
    assert tolerance({"shrink_wrap_trigger": [1, 1], "noise_tolerance": 1}) == 1
    with pytest.raises(ParameterError, match="noise_tolerance"):
        tolerance({"noise_tolerance": -1})


@pytest.mark.parametrize(
    ("sequence", "length"),
    [
        ("3*(20*ER + 180*HIO) + 20*ER", 600),
        ("20*ER + 130*HIO + 50*ER + TWIN + 20*ER", 150),
        ("40*ER", 40),
        ("30*HIO + 10*ER + 5*REFINE(channels=4)", 30),
        ("30*HIO + 5*REFINE + 10*RAAR + 10*ER", 40),
        ("SW", 1),
    ],
)
def test_the_search_ends_where_er_closes_the_chain(sequence: str, length: int) -> None:
    assert search_length(parse(sequence)) == length


def test_the_closing_er_updates_its_support_once() -> None:
    update = shrink_wrap(parse("20*ER + 30*HIO + 60*ER"), {"support_every": 10})
    assert update is not None
    assert sorted(update.rows) == [10, 20, 30, 40, 50]
    alone = shrink_wrap(parse("60*ER"), {"support_every": 10})
    assert alone is not None
    assert sorted(alone.rows) == [10, 20, 30, 40, 50]
