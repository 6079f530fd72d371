"""cohere's low-pass start: what it does to one run, and to nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.engine import loop
from cdi_ml_plugin.engine.plan import Plan
from cdi_ml_plugin.engine.progress import Progress
from cdi_ml_plugin.engine.start import Start
from cdi_ml_plugin.errors import AlgorithmError
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.operators.base import Operator
from cdi_ml_plugin.physics.moduli import Moduli
from cdi_ml_plugin.physics.state import State
from cdi_ml_plugin.simulate.particle import strained_crystal

LOW_PASS = {"lowpass_filter_trigger": [0, 1, 10], "lowpass_filter_range": [3.0]}


@pytest.fixture(scope="module")
def measurement() -> Measurement:
    rng = np.random.default_rng(0)
    crystal = 50 * strained_crystal((20, 18, 22), np.eye(3), size=7, rng=rng)
    mask = np.zeros((20, 18, 22), dtype=bool)
    mask[:, 8:10] = True
    return Measurement(rng.poisson(diffraction(crystal)), mask)


@dataclass(frozen=True)
class Lose(Operator):
    """Gives up in its third iteration."""

    def _step(self, state: State, data: Moduli) -> None:
        state.chi2 = torch.full_like(state.chi2, torch.nan if state.iteration > 1 else 1.0)


@dataclass(frozen=True)
class Write(Operator):
    """Writes into what was measured, which is not its own."""

    counts: ClassVar = False

    def _step(self, state: State, data: Moduli) -> None:
        data.amplitude.mul_(2)


def plan_of(measurement: Measurement, chain: Any, parameters: dict[str, Any]) -> Plan:
    return Plan.of(chain, parameters).on(measurement, 0.03, "cpu", "single")


def run(plan: Plan) -> Any:
    return loop.run(plan, [1], Start(), [], Progress(False, plan.step.iterations))[0]


@pytest.mark.parametrize("chain", [30 * Lose(), "30*ER"], ids=["lost", "to its end"])
def test_what_was_measured_is_never_written_to(measurement: Measurement, chain: Any) -> None:
    """Chains that are compared share their data: a run may not change another's."""
    plan = plan_of(measurement, chain, LOW_PASS)
    before = {k: v.clone() for k, v in vars(plan.data).items() if isinstance(v, torch.Tensor)}
    run(plan)
    for name, tensor in before.items():
        assert torch.equal(getattr(plan.data, name), tensor), name


def test_an_operator_that_writes_into_it_is_an_error(measurement: Measurement) -> None:
    with pytest.raises(AlgorithmError, match="Write changed the measured moduli"):
        run(plan_of(measurement, Write() + 2 * Lose(), {}))


def test_a_network_in_its_midst_sees_what_was_measured(measurement: Measurement) -> None:
    seen: list[float] = []

    @dataclass(frozen=True)
    class Look(Operator):
        triggered: ClassVar = False

        def _step(self, state: State, data: Moduli) -> None:
            seen.append(float((data.amplitude - data.measured)[data.fitted].abs().max()))
            state.chi2 = torch.zeros_like(state.chi2)

    from cdi_ml_plugin import ER

    run(plan_of(measurement, 3 * ER() + 2 * Look() + 10 * ER(), LOW_PASS))
    assert seen == [0, 0]
