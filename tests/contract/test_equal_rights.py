"""What a third party writes has the rights of what is built in: nothing knows the built-in by name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import ClassVar

import numpy as np
import pytest

from cdi_ml_plugin import ASW, CNN, ER, Measurement, reconstruct
from cdi_ml_plugin.errors import AlgorithmError
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.operators import registry
from cdi_ml_plugin.operators.base import OPEN, Operator
from cdi_ml_plugin.physics.moduli import Moduli
from cdi_ml_plugin.physics.projections import project_modulus
from cdi_ml_plugin.physics.state import State
from cdi_ml_plugin.simulate.particle import strained_crystal
from cdi_ml_plugin.utils import plugins


@dataclass(frozen=True)
class THEIRS(Operator):
    """Error reduction, written by somebody else."""

    settles: ClassVar = True

    def _step(self, state: State, data: Moduli) -> None:
        projected = project_modulus(state.object, state, data)
        state.object.copy_(projected * state.allowed)


@dataclass(frozen=True)
class TIGHT(Operator):
    """A support update, written by somebody else."""

    counts: ClassVar = False
    updates_support: ClassVar = True

    def _step(self, state: State, data: Moduli) -> None:
        ASW().bind({}).step(state, data)


@dataclass(frozen=True)
class GUESS(Operator):
    """A start, written by somebody else."""

    counts: ClassVar = False
    makes_start: ClassVar = True

    def _step(self, state: State, data: Moduli) -> None:
        CNN().bind({}).step(state, data)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the built-in ones."""
    found = list(plugins.entry_points(group=registry.ALGORITHMS.name))
    more = [
        EntryPoint(n, f"{__name__}:{n}", registry.ALGORITHMS.name)
        for n in ("THEIRS", "TIGHT", "GUESS")
    ]
    monkeypatch.setattr(plugins, "entry_points", lambda group: [*found, *more])
    registry.refresh()


@pytest.fixture(scope="module")
def measurement() -> Measurement:
    rng = np.random.default_rng(1)
    crystal = 20 * strained_crystal((32, 34, 36), np.eye(3), size=9, phase_range=3, rng=rng)
    return Measurement(rng.poisson(diffraction(crystal)))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("10*ER + 30*HIO + 40*THEIRS", "10*ER + 30*HIO + 40*ER"),
        ("10*ER + 3*(10*HIO + TIGHT) + 40*ER", "10*ER + 3*(10*HIO + ASW) + 40*ER"),
        ("GUESS + 30*HIO + 20*ER", "CNN + 30*HIO + 20*ER"),
    ],
)
@pytest.mark.parametrize("given", [{}, {"twin_trigger": [2]}], ids=["plain", "twin"])
def test_same_bits(measurement: Measurement, theirs: str, ours: str, given: dict) -> None:
    one, other = (
        reconstruct(measurement, chain, parameters=given, device="cpu") for chain in (theirs, ours)
    )
    np.testing.assert_array_equal(one.object, other.object)
    np.testing.assert_array_equal(one.support, other.support)
    assert one.run.notes == other.run.notes


@pytest.mark.parametrize("name", ["begin", "step", "end", "counts", "name", "check", "keys", "on"])
def test_a_parameter_that_hides_what_the_engine_calls(name: str) -> None:
    with pytest.raises(AlgorithmError, match=rf"Wrong\.{name}: the engine uses that name"):
        type("Wrong", (Operator,), {"__annotations__": {name: "float"}, name: OPEN})


def test_nor_does_one_of_a_base_that_is_no_algorithm() -> None:
    @dataclass(frozen=True)
    class Mixin:
        counts: int = 3

    with pytest.raises(AlgorithmError, match=r"Mixed\.counts"):
        type("Mixed", (Mixin, Operator), {})


@pytest.mark.parametrize("kind", ["ClassVar", "t.ClassVar[bool]", ClassVar, ClassVar[bool]])
def test_every_spelling_of_a_class_variable(kind: object) -> None:
    made = type("Made", (Operator,), {"__annotations__": {"counts": kind}, "counts": False})
    assert not made.counts


def test_class_variables_are_no_parameters() -> None:
    @dataclass(frozen=True)
    class Right(Operator):
        width: float = 1.0
        counts: ClassVar[bool] = False

        def _step(self, state: State, data: Moduli) -> None:
            """Do nothing."""

    assert str(Right(width=2.0)) == "Right(width=2.0)"
    assert not Right.counts
    assert isinstance(ER(), Operator)
