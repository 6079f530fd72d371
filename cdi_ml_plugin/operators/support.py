"""Steps that set the support: shrink-wrap, the autocorrelation start, twin removal.

None of them is an iteration, so they do not move the triggers of those after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from ..physics.projections import blur, modulus
from ..physics.supports import FEWEST, box, half_autocorrelation
from .base import OPEN, Operator, whole, within

if TYPE_CHECKING:
    from ..physics.moduli import Moduli
    from ..physics.state import State


@dataclass(frozen=True)
class SW(Operator):
    """Shrink-wrap: the support is where the blurred modulus reaches a share of its maximum.

    Marchesini et al., Phys. Rev. B 68, 140101 (2003), as cohere does it; σ in voxels.
    """

    threshold: float = OPEN
    sigma: float = OPEN
    counts: ClassVar = False
    updates_support: ClassVar = True
    keys: ClassVar = {"threshold": "shrink_wrap_threshold", "sigma": "shrink_wrap_gauss_sigma"}
    defaults: ClassVar = {"threshold": 0.1, "sigma": 1.0}

    def __post_init__(self) -> None:
        within("shrink_wrap_threshold", self.threshold, 0, 1)
        within("shrink_wrap_gauss_sigma", self.sigma, 0.1, 20)

    def _step(self, state: State, data: Moduli) -> None:
        blurred = blur(modulus(state.object), self.sigma)
        level = blurred.amax((1, 2, 3), keepdim=True) * self.threshold
        torch.ge(blurred, level, out=state.support)


@dataclass(frozen=True)
class ASW(Operator):
    """Adaptive shrink-wrap: a support update that cannot run away, the default of a bare sequence.

    The modulus is blurred by a σ that falls from 2 to 0.5 voxels over the first two thirds of the
    chain, and compared with a share of its root mean square inside the support: twice `threshold`
    while the object is searched for, when a tight support helps most, and `threshold` in the last
    30 % of the search, so that edges and corners are not lost. Where that would leave less than `smallest` or
    more than `largest` of the array, the level is moved until it does not, and the run's notes say
    so.

    The rms threshold follows PyNX's ``SupportUpdate(method="rms")``.
    """

    threshold: float = OPEN
    smallest: float = OPEN
    largest: float = OPEN
    every: int = OPEN
    counts: ClassVar = False
    updates_support: ClassVar = True
    keys: ClassVar = {
        "threshold": "support_threshold",
        "smallest": "support_smallest",
        "largest": "support_largest",
        "every": "support_every",
    }
    defaults: ClassVar = {"threshold": 0.2, "smallest": 1e-4, "largest": 0.25, "every": 10}

    def __post_init__(self) -> None:
        within("support_threshold", self.threshold, 0.01, 2)
        within("support_smallest", self.smallest, 0, 1)
        within("support_largest", self.largest, 0, 1)
        whole("support_every", self.every, 1)

    def _step(self, state: State, data: Moduli) -> None:
        sigma = max(0.5, 2.0 - 1.5 * state.progress / 0.66)
        share_of_rms = self.threshold * (2 if state.progress < 0.7 else 1)
        blurred = blur(modulus(state.object), round(sigma, 2))
        for index, (one, support) in enumerate(zip(blurred, state.support, strict=True)):
            inside = one[support] if bool(support.any()) else one
            torch.ge(one, share_of_rms * inside.square().mean().sqrt(), out=support)
            share = int(support.sum()) / one.numel()
            if not self.smallest <= share <= self.largest or share == 0:
                bound = self.largest if share > self.largest else self.smallest
                brightest = one.flatten().topk(max(1, round(bound * one.numel()))).indices
                support.fill_(False).view(-1)[brightest] = True
                state.seeds[index].note(
                    f"support held between {self.smallest:.2%} and {self.largest:.0%} of the array, "
                    "which it would have left",
                )


@dataclass(frozen=True)
class AUTO(Operator):
    """Support from the autocorrelation: half its size, with a margin; the default start.

    The autocorrelation of an object within a convex support S lives within S − S. Scaled down by
    two that is S made centro-symmetric, so `margin` times it holds most objects.
    """

    threshold: float = OPEN
    margin: float = OPEN
    counts: ClassVar = False
    keys: ClassVar = {"threshold": "autocorrelation_threshold", "margin": "autocorrelation_margin"}
    defaults: ClassVar = {"threshold": 0.02, "margin": 1.2}

    def __post_init__(self) -> None:
        within("autocorrelation_threshold", self.threshold, 0, 1)
        within("autocorrelation_margin", self.margin, 0.5, 4)

    def _step(self, state: State, data: Moduli) -> None:
        support = half_autocorrelation(data.amplitude, self.threshold, self.margin)
        if int(support.sum()) < FEWEST:
            support = box(data.shape, (0.5, 0.5, 0.5)).to(support.device)
            for seed in state.seeds:
                seed.note("the autocorrelation shows no object: start support is half the array")
        state.support[:] = support
        state.object.mul_(state.support)


@dataclass(frozen=True)
class TWIN(Operator):
    """Twin removal: zero half of the object along x and along y, so that one of two twins prevails.

    As cohere's twin trigger; `x` and `y` are its ``twin_halves``, 0 to keep the first half.
    """

    x: int = 0
    y: int = 0
    counts: ClassVar = False

    def __post_init__(self) -> None:
        whole("twin_halves (x)", self.x, 0, 1)
        whole("twin_halves (y)", self.y, 0, 1)

    def _step(self, state: State, data: Moduli) -> None:
        self.cut(state.object)

    def cut(self, obj: torch.Tensor) -> None:
        """Keep a quarter of objects (…, z, y, x), in place."""
        for axis, keep in ((-1, self.x), (-2, self.y)):
            n = obj.shape[axis]
            half = (n + 1) // 2
            lost = (half, n - half) if keep == 0 else (0, half)
            obj.narrow(axis, *lost).zero_()
