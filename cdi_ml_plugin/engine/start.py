"""What a run starts from: random phases, or an object that is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ..data.measurement import Measurement
from ..errors import ParameterError
from ..operators.support import AUTO, SW
from ..physics.moduli import Moduli
from ..physics.projections import random_phases
from ..physics.state import Seed, State
from ..physics.supports import box
from ..utils.values import volume
from .coherence import kernel_type
from .parameters import NOISE_TOLERANCE
from .plan import Job
from .triggers import in_coheres_way


@dataclass(frozen=True, eq=False)
class Start:
    """What to start from instead of random phases, in the scale of the data."""

    object: torch.Tensor | None = None
    support: torch.Tensor | None = None


def given_start(
    measurement: Measurement, start: ArrayLike | None, support: ArrayLike | None, data: Moduli
) -> Start:
    """What the caller gives to start from, checked, and in the scale of the data."""

    def tensor(name: str, array: ArrayLike | None, kind: type) -> torch.Tensor | None:
        if array is None:
            return None
        values: NDArray[Any] = volume(name, array, measurement.shape)
        if kind is bool and not np.isin(values, (0, 1)).all():
            raise ParameterError(f"{name} holds other values than 0 and 1: give booleans")
        return torch.from_numpy(np.ascontiguousarray(values, dtype=kind))

    obj = tensor("start", start, np.complex128)
    held = tensor("support", support, bool)
    for name, found in (("start", obj), ("support", held)):
        if found is not None and not bool(found.any()):
            raise ParameterError(f"{name} is empty: give at least one voxel that is not 0")
    return Start(None if obj is None else obj / data.scale, held)


def fresh_state(plan: Job, seeds: Sequence[int], start: Start | None = None) -> State:
    """Start objects and supports for a batch of seeds."""
    start = start or Start()
    shape = (len(seeds), *plan.data.shape)
    state = State(
        object=torch.empty(shape, dtype=plan.dtype, device=plan.device),
        support=torch.ones(shape, dtype=torch.bool, device=plan.device),
        seeds=[Seed.of(number, start.object is not None) for number in seeds],
        iterations=plan.step.iterations,
        noise_tolerance=plan.parameters.get(
            "noise_tolerance", 0.0 if in_coheres_way(plan.parameters) else NOISE_TOLERANCE
        ),
    )
    for seed in state.seeds:
        seed.judged = kernel_type(plan.parameters) == "NONE"
    if start.support is not None:
        state.support[:] = start.support.to(plan.device)
    elif "initial_support_area" in plan.parameters:
        state.support[:] = box(plan.data.shape, plan.parameters["initial_support_area"]).to(
            plan.device
        )
    elif start.object is not None:
        state.object[:] = start.object.to(plan.device)
        SW(0.05, 1.0).step(state, plan.data)  # finds where the object is
    else:
        state.object.zero_()
        AUTO().bind(plan.parameters).step(state, plan.data)
    for index, seed in enumerate(state.seeds):
        if start.object is not None:
            state.object[index] = start.object.to(plan.device)
        else:
            phased = random_phases(plan.data.amplitude, seed.generator)
            state.object[index] = phased * state.support[index]
    return state
