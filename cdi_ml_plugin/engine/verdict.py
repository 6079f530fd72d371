"""What a user should know of how a chain went, said in the notes of its runs."""

from __future__ import annotations

import math

from ..operators.base import Block
from ..physics.metrics import free_llk
from ..physics.moduli import Moduli
from ..physics.projections import modulus, project_modulus
from ..physics.state import State
from ..physics.supports import grown

LONG = 10  # iterations of a block that is looked at: a look takes a transform
FINISHED = 50  # iterations of a chain that is held to be one
WORSE = 1.1  # times the free log-likelihood after an earlier block
CUT = 0.06  # of the amplitude inside, just outside a support that cuts the object
ROOM = 4  # voxels from a support to where nothing but noise is


class Verdict:
    """Follows a batch through the blocks of a chain."""

    def __init__(self, runs: int) -> None:
        self.best: list[tuple[float, str]] = [(math.inf, "")] * runs

    def after(self, block: Block, state: State, data: Moduli) -> None:
        """Remember what foretold the held-out voxels best."""
        if block.times < LONG or not block.operator.counts or not len(data.held_out):
            return
        for index, (obj, support) in enumerate(zip(state.object, state.support, strict=True)):
            llk = free_llk(obj * support, data, state.transfer[index])
            if llk < self.best[index][0]:
                self.best[index] = (llk, f"{block.times}*{block.operator}")

    def end(self, state: State, data: Moduli) -> None:
        """Go back where a support ran away; note an end worse than before, and a support that cuts the object."""
        _return(state, data)
        if state.iterations < FINISHED:
            return
        beside = cut(state, data)
        for index, seed in enumerate(state.seeds):
            best, where = self.best[index]
            if best < math.inf:  # a look takes a transform
                llk = free_llk(state.object[index], data, state.transfer[index])
                if llk > WORSE * best:
                    seed.note(
                        f"the chain ends worse (free_llk {llk:.3g}) than it was after {where} "
                        f"({best:.3g}): leave out what follows"
                    )
            if beside[index] > CUT:
                seed.note(
                    f"the support cuts the object: just outside, the data ask for {beside[index]:.0%} of "
                    "the amplitude inside; lower support_threshold, or take another algorithm or seed"
                )


def _return(state: State, data: Moduli) -> None:
    """Take the object from before its support ran away, where that foretells the held-out voxels better."""
    for index, seed in enumerate(state.seeds):
        if seed.runs_away and seed.before is not None:
            now = free_llk(state.object[index], data, state.transfer[index])
            if free_llk(seed.before[0], data, state.transfer[index]) < now:
                state.object[index], state.support[index] = seed.before
                seed.note("the support ran away to its limit: this is the object from before")


def cut(state: State, data: Moduli) -> list[float]:
    """Amplitude that the data ask for just outside each support, above that far away, as share of that inside."""
    size = modulus(project_modulus(state.object, state, data)).square_()
    wide = [grown(state.support), grown(state.support, ROOM)]
    shares = []
    for power, support, near, far in zip(size, state.support, *wide, strict=True):
        inside, beside, noise = (
            float(power[where].mean()) if bool(where.any()) else 0.0
            for where in (support, near & ~support, ~far)
        )
        excess = max(0.0, beside - noise)
        shares.append(math.sqrt(excess / inside) if inside > 0 else 0.0)
    return shares
