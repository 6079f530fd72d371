"""When the beam's coherence is looked at: by cohere's keys, or by itself where a chain settles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..operators.base import Step
from ..physics import coherence
from ..physics.moduli import Moduli
from ..physics.state import State
from .triggers import Trigger, closing, in_coheres_way

FIRST, EVERY = 10, 10  # iterations of the closing: after so many it is first judged, and refined
KERNEL, LUCY = (16, 16, 16), 20  # voxels and iterations of Lucy's kernel, where they are not given


def kernel_type(parameters: Mapping[str, Any]) -> str:
    """``pc_type``, or what stands for it where it is not given."""
    plain = "NONE" if in_coheres_way(parameters) else "AUTO"
    kind: str = parameters.get("pc_type", "LUCY" if "pc_interval" in parameters else plain)
    return kind


def partial_coherence(step: Step, parameters: Mapping[str, Any]) -> Trigger | None:
    """Trigger that estimates the kernel of the beam.

    ``pc_type``: ``"GAUSS"`` and, as in cohere, ``"LUCY"``, every ``pc_interval`` iterations from the first
    such one on; ``"AUTO"``, the default of a chain that is not run in cohere's way, a Gaussian in the
    closing alone, and there only where the held-out voxels ask for it; ``"NONE"``.
    """
    kind = kernel_type(parameters)
    if kind == "NONE":
        return None
    if kind == "AUTO":
        start = closing(step)
        if all(block.operator.settles for block in step.blocks() if block.operator.counts):
            start //= 2  # ER alone has no closing
        chosen = list(range(start + FIRST, step.iterations, EVERY))
    else:
        every = parameters.get("pc_interval", FIRST)
        chosen = list(range(every, step.iterations, every))
    if kind != "LUCY":
        asked = kind == "GAUSS"
        return Trigger(
            "coherence", dict.fromkeys(chosen, 0), lambda s, d, number: _gauss(s, d, asked)
        )
    size = list(reversed(parameters.get("pc_LUCY_kernel", KERNEL)))  # cohere's axes are x, y, z
    iterations = parameters.get("pc_LUCY_iterations", LUCY)

    def lucy(state: State, data: Moduli, number: int) -> None:
        for index, support in enumerate(state.support):
            obj, before = state.object[index] * support, state.transfer[index]
            if state.seeds[index].coherence is not None:  # what SEARCH found is of another kind
                coherence.set_gaussian(state, index, None)
                before = None
            state.transfer[index] = coherence.lucy(obj, data, before, size, iterations)

    return Trigger("coherence", dict.fromkeys(chosen, 0), lucy)


def _gauss(state: State, data: Moduli, asked: bool) -> None:
    """Estimate a Gaussian for each of a batch: where it is asked for, or by the held-out voxels."""
    for index, seed in enumerate(state.seeds):
        obj = state.object[index] * state.support[index]
        if seed.coherence is not None:
            found = coherence.refined(obj, data, seed.coherence)
        elif asked:
            found = coherence.estimated(obj, data)
        elif not seed.judged:
            seed.judged = True
            judged = coherence.judged(obj, data)
            if judged is None:
                continue
            found = judged
        else:
            continue
        coherence.set_gaussian(state, index, found)
