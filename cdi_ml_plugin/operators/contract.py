"""The laws that every algorithm and every loss keeps, for the tests of whoever writes one."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import torch

from ..data.measurement import Measurement
from ..errors import AlgorithmError
from ..fourier import diffraction
from ..nn.fit_losses import Loss
from ..physics.moduli import HELD_OUT, Moduli
from ..physics.state import Seed, State
from ..physics.supports import half_autocorrelation
from ..simulate.particle import strained_crystal
from . import registry
from .base import OPEN, Operator
from .sequence import parse

SHAPE = (33, 32, 36)  # odd and even axes; the least that the networks take
SEEDS = (3, 0, 5)
TIMES = 3


def check_operator(operator: Operator) -> None:
    """Hold an algorithm to its contract, on a small noisy crystal behind a gap; it takes seconds.

    1. It is a frozen dataclass; every parameter that is `OPEN` has a default; ``str()`` of it can be
       read back, where it is registered.
    2. Shapes and types stay, and nobody writes into the moduli (`Operator.step` sees to both).
    3. Object and support are finite and true or false; an iteration that defines χ² records one for
       each run.
    4. Voxels that were not measured do not matter.
    5. A seed gives the same bits twice, and the same alone as among others.
    6. What is kept between iterations is gone after the last.

    Parameters
    ----------
    operator : Operator
        With parameters or with `OPEN` ones, which take their defaults.

    Raises
    ------
    AlgorithmError
        Names the algorithm and the law that it breaks.
    """
    _check_parameters(operator)
    bound = operator.bind({})
    bound.check()
    data = _moduli()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on more, torch cuts a batch elsewhere, and rounds elsewhere
    try:
        states = _run(bound, data, SEEDS)
        _check_state(bound, states)
        if not _same(states, _run(bound, data, SEEDS)):
            raise _broken(bound, "gives other bits the second time: draw from seed.generator alone")
        for index, number in enumerate(SEEDS):
            if not _same(states, _run(bound, data, (number,)), index):
                raise _broken(bound, f"seed {number} alone is not the seed among {len(SEEDS)}")
        if not _same(states, _run(bound, _other_where_masked(data), SEEDS)):
            raise _broken(bound, "looks at voxels that were not measured: use project_modulus")
    finally:
        torch.set_num_threads(threads)


def check_loss(loss: Loss) -> None:
    """Hold a loss of `REFINE` to its contract: one finite number, differentiable, least at the truth.

    Raises
    ------
    AlgorithmError
        Names the loss and the law that it breaks.
    """
    name = getattr(loss, "__name__", repr(loss))
    counts = torch.from_numpy(np.random.default_rng(0).poisson(50, 4000)).float() + 1
    measured = counts.sqrt()
    for progress in (0.0, 1.0):
        model = (1.3 * measured).requires_grad_()
        found = loss(model, measured, 1.0, progress)
        if found.shape != () or not bool(torch.isfinite(found)):
            raise AlgorithmError(f"loss {name}: gives {found!r} and not one finite number")
        (slope,) = torch.autograd.grad(found, model, allow_unused=True)
        if slope is None or not bool(torch.isfinite(slope).all()):
            raise AlgorithmError(f"loss {name}: has no finite derivative with respect to the model")
        rough = measured.roll(1)  # the right moduli in the wrong voxels
        if not float(loss(measured, measured, 1.0, progress)) < float(
            loss(rough, measured, 1.0, progress)
        ):
            raise AlgorithmError(f"loss {name}: is no lower where the model is right")


def _check_parameters(operator: Operator) -> None:
    kind = type(operator)
    if not kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise _broken(operator, "is no frozen dataclass: write @dataclass(frozen=True)")
    names = {item.name for item in fields(operator)}
    for table in ("keys", "defaults"):
        strangers = sorted(set(getattr(kind, table)) - names)
        if strangers:
            raise _broken(
                operator, f"{table} names {', '.join(strangers)}, which are no parameters"
            )
    left = [i.name for i in fields(operator) if getattr(operator.bind({}), i.name) is OPEN]
    if left:
        raise _broken(operator, f"{', '.join(left)} is OPEN and has no default: add it to defaults")
    if operator.name.upper() in registry.find() and parse(str(operator)) != operator:
        raise _broken(operator, f"{operator} is not read back as it is written")


def _moduli() -> Moduli:
    rng = np.random.default_rng(1)
    crystal = 20 * strained_crystal(SHAPE, np.eye(3), size=9, phase_range=3, rng=rng)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 9:11] = True
    measurement = Measurement(rng.poisson(diffraction(crystal)), mask)
    return Moduli.of(measurement, HELD_OUT, torch.device("cpu"))


def _other_where_masked(data: Moduli) -> Moduli:
    """The same moduli, with others in the voxels that are masked."""
    measured = data.measured.clone()
    measured.view(-1)[data.masked] = float(data.measured.max())
    return replace(data, measured=measured)


def _run(operator: Operator, data: Moduli, numbers: tuple[int, ...]) -> State:
    """A few iterations from random phases in the support of the autocorrelation."""
    seeds = [Seed.of(number) for number in numbers]
    support = half_autocorrelation(data.amplitude, 0.02, 1.2)
    phases = [torch.rand(data.shape, generator=s.generator) * (2 * torch.pi) for s in seeds]
    state = State(
        object=torch.stack([torch.polar(support.float(), angle) for angle in phases]),
        support=support.repeat(len(seeds), 1, 1, 1),
        seeds=seeds,
        iterations=TIMES,
    )
    times = TIMES if operator.counts else 1
    with torch.no_grad():
        operator.begin(state, data, times)
        for _ in range(times):
            operator.step(state, data)
            state.iteration += operator.counts
        operator.end(state, data)
    return state


def _check_state(operator: Operator, state: State) -> None:
    if not bool(torch.isfinite(torch.view_as_real(state.object)).all()):
        raise _broken(operator, "leaves an object that is NaN or infinite")
    if state.support.dtype != torch.bool:
        raise _broken(operator, f"leaves a support of type {state.support.dtype}: make it bool")
    recorded = state.chi2.shape == (len(SEEDS),) and bool(torch.isfinite(state.chi2).all())
    if operator.counts and operator.defines_chi2 and not recorded:
        raise _broken(
            operator,
            "records no χ² for each run: set state.chi2, as project_modulus does, or say "
            "defines_chi2 = False",
        )
    if state.memory:
        raise _broken(operator, f"keeps {', '.join(state.memory)} after its last iteration")


def _same(states: State, other: State, index: int | None = None) -> bool:
    rows = slice(None) if index is None else slice(index, index + 1)
    return torch.equal(states.object[rows], other.object) and torch.equal(
        states.support[rows], other.support
    )


def _broken(operator: Operator, law: str) -> AlgorithmError:
    return AlgorithmError(f"algorithm {operator.name}: {law}")
