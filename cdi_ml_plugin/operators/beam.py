"""The kernel of the beam in a search: what it is taken to be, and wider ones that are tried.

An object that was found as if the beam were fully coherent has taken part of the blur itself, and asks for too
narrow a kernel, to which it is a fixed point. So a kernel twice as wide is tried, which a few iterations of
HIO then decide upon.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from ..physics.coherence import CLEARLY, estimated, gaussian, judged, refined
from ..physics.metrics import free_llk
from ..physics.supports import extent

if TYPE_CHECKING:
    from ..physics.moduli import Moduli

WIDER = 2.0  # times as wide is tried first; the root of it where that was no better
NEAR = 1.15  # a kernel wider by less is not tried
VISIBILITY = 0.85  # at the crystal's size: of the least kernel that is tried


class Candidate(NamedTuple):
    """Object (z, y, x), its support, and its free log-likelihood on its level."""

    object: torch.Tensor
    support: torch.Tensor
    llk: float


class Beam:
    """The Gaussian kernel of the beam, in voxels² of a level of the search.

    Parameters
    ----------
    variance : real tensor (3,), optional
        What is known of it; by default the beam is taken to be fully coherent.
    """

    def __init__(self, variance: torch.Tensor | None = None) -> None:
        self.variance = variance
        self.wider = WIDER
        self.before: tuple[Candidate, torch.Tensor | None] | None = None  # what is tried last

    def kernel(self, shape: Sequence[int]) -> torch.Tensor | None:
        """Transfer of the kernel; None in full coherence."""
        return None if self.variance is None else gaussian(shape, self.variance)

    @property
    def settled(self) -> bool:
        """Whether there is nothing more to try: the first trial found no blur, or the last were too near."""
        return self.wider < (WIDER if self.variance is None else NEAR)

    def refine(self, obj: torch.Tensor, data: Moduli) -> None:
        """Fit what kernel there is to an object (z, y, x)."""
        if self.variance is not None:
            self.variance = refined(obj, data, self.variance)

    def widen(self, best: Candidate, data: Moduli) -> None:
        """Take a wider kernel than the best object so far asks for, on trial."""
        fresh = self.before is None and self.variance is None
        if fresh and (variance := judged(best.object, data)) is not None:
            self.variance = variance
            best = best._replace(llk=free_llk(best.object, data, self.kernel(data.shape)))
        self.before = best, self.variance
        if self.variance is not None:
            self.variance = self.variance * self.wider**2
        else:
            size = torch.tensor(extent(best.support)) / torch.tensor(data.shape)
            least = -math.log(VISIBILITY) / (2 * math.pi**2) / size.square()
            wider = estimated(best.object, data) * self.wider**2
            self.variance = torch.maximum(wider, least.to(wider))

    def weigh(self, now: Candidate, data: Moduli) -> Candidate:
        """The better of what the trial came to and what there was; the kernel goes with it."""
        assert self.before is not None
        best, variance = self.before
        better = now.llk < best.llk
        if variance is None:  # as more iterations alone may do
            better &= now.llk < CLEARLY * free_llk(now.object, data)
        if better:
            return now
        self.variance, self.wider = variance, self.wider**0.5
        return best

    def state_dict(self) -> dict[str, Any]:
        """What is known and tried so far."""
        before = None if self.before is None else (tuple(self.before[0]), self.before[1])
        return {"variance": self.variance, "wider": self.wider, "before": before}

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.variance, self.wider = values["variance"], values["wider"]
        before = values["before"]
        self.before = None if before is None else (Candidate(*before[0]), before[1])
