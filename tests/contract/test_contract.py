"""The contract that third parties run on their own: what is built in keeps it, what breaks it is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch

from cdi_ml_plugin.errors import AlgorithmError
from cdi_ml_plugin.nn import fit_losses
from cdi_ml_plugin.operators import registry
from cdi_ml_plugin.plugin import (
    OPEN,
    Moduli,
    Operator,
    State,
    check_loss,
    check_operator,
    project_modulus,
)

SMALL = {"REFINE": {"channels": 4}}


@pytest.mark.parametrize("name", registry.names())
def test_every_registered_algorithm_keeps_it(name: str) -> None:
    check_operator(registry.load(name)(**SMALL.get(name, {})))


@pytest.mark.parametrize("name", fit_losses.LOSSES.names())
def test_every_registered_loss_keeps_it(name: str) -> None:
    check_loss(fit_losses.find(name))


@dataclass(frozen=True)
class Good(Operator):
    """Error reduction."""

    def _step(self, state: State, data: Moduli) -> None:
        state.object.copy_(project_modulus(state.object, state, data) * state.allowed)


@dataclass(frozen=True)
class NoChi2(Good):
    def _step(self, state: State, data: Moduli) -> None:
        state.object.mul_(0.5)


@dataclass(frozen=True)
class Random(Good):
    def _step(self, state: State, data: Moduli) -> None:
        super()._step(state, data)
        state.object.mul_(torch.rand(1))


@dataclass(frozen=True)
class Mixed(Good):
    def _step(self, state: State, data: Moduli) -> None:
        super()._step(state, data)
        state.object.copy_(state.object * (1 + state.object.abs().amax()))


@dataclass(frozen=True)
class Peeks(Good):
    def _step(self, state: State, data: Moduli) -> None:
        super()._step(state, data)
        state.object.mul_(data.measured.sum() / data.amplitude.sum())


@dataclass(frozen=True)
class Infinite(Good):
    def _step(self, state: State, data: Moduli) -> None:
        super()._step(state, data)
        state.object.div_(0.0)


@dataclass(frozen=True)
class Open(Good):
    width: float = OPEN


@dataclass(frozen=True)
class Stranger(Good):
    defaults: ClassVar[Any] = {"width": 1.0}


@dataclass(frozen=True)
class Writes(Good):
    def _step(self, state: State, data: Moduli) -> None:
        data.amplitude.mul_(1.0)


@dataclass(frozen=True)
class Shrinks(Good):
    def _step(self, state: State, data: Moduli) -> None:
        state.object = state.object[:, 1:]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (NoChi2, "records no χ²"),
        (Random, "other bits the second time"),
        (Mixed, "alone is not the seed among 3"),
        (Peeks, "voxels that were not measured"),
        (Infinite, "NaN or infinite"),
        (Open, "width is OPEN and has no default"),
        (Stranger, "defaults names width"),
        (Writes, "changed the measured moduli"),
        (Shrinks, "object shape"),
    ],
)
def test_each_law_has_its_word(wrong: type[Operator], says: str) -> None:
    check_operator(Good())
    with pytest.raises(AlgorithmError, match=says) as caught:
        check_operator(wrong())
    assert len(str(caught.value).splitlines()) == 1


def test_losses_that_break_it() -> None:
    def upside_down(model: torch.Tensor, measured: torch.Tensor, unit: float, progress: float):
        return -(model - measured).square().mean()

    def blind(model: torch.Tensor, measured: torch.Tensor, unit: float, progress: float):
        return (model.detach() - measured).square().mean() + 0 * measured.requires_grad_().sum()

    for loss, says in ((upside_down, "no lower"), (blind, "no finite derivative")):
        with pytest.raises(AlgorithmError, match=says):
            check_loss(loss)
