"""Steps that set the support: shrink-wrap, the autocorrelation start, twin removal.

None of them is an iteration, so they do not move the triggers of those after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from ..physics.projections import blur, modulus
from ..physics.supports import FEWEST, box, grown, half_autocorrelation, keeping
from .base import OPEN, Operator, whole, within

if TYPE_CHECKING:
    from ..physics.moduli import Moduli
    from ..physics.state import Seed, State


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

    While the object is searched for, the modulus is blurred by a σ that falls from 2 to 0.5 voxels over
    two thirds of the search, and compared with a share of its root mean square inside the support: twice
    `threshold`, since a tight support finds, and `threshold` in the last 30 % of the search.

    Once the search is over the support has to keep what was found: the modulus is compared with 1.5 times
    `threshold` of the rms nearby, and the support gets a voxel more on every side. So no hot spot takes
    the support from the rest, and edges and dim corners stay.

    Where any of this would leave less than `smallest` or more than `largest` of the array, the level is
    moved until it does not, and the run's notes say so.

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
        if state.progress >= 1:
            kept = grown(keeping(state.object, state.support, 1.5 * self.threshold))
            for index, support in enumerate(kept):
                self._take(state, index, support, modulus(state.object[index][None])[0])
            return
        for index, (obj, support) in enumerate(zip(state.object, state.support, strict=True)):
            seed = state.seeds[index]
            progress = 1.0 if seed.found else state.progress
            sigma = max(0.5, 2.0 - 1.5 * progress / 0.66)
            share = self.threshold * (2 if progress < 0.7 else 1)
            blurred = blur(modulus(obj[None]), round(sigma, 2))[0]
            inside = blurred[support] if bool(support.any()) else blurred
            bright = blurred >= share * inside.square().mean().sqrt()
            self._take(state, index, bright, blurred)

    def _take(self, state: State, index: int, support: torch.Tensor, size: torch.Tensor) -> None:
        """Set a support, held within its bounds; keep the object from before it leaves the upper one."""
        seed, old = state.seeds[index], state.support[index]
        runs_away = int(support.sum()) > self.largest * support.numel()
        if runs_away and not seed.runs_away:
            seed.before = (state.object[index] * old, old.clone())
        seed.runs_away = runs_away
        state.support[index] = self._bounded(support, size, seed)

    def _bounded(self, support: torch.Tensor, size: torch.Tensor, seed: Seed) -> torch.Tensor:
        """Hold a support within its bounds by the brightest voxels of `size`."""
        share = int(support.sum()) / size.numel()
        if self.smallest <= share <= self.largest and share > 0:
            return support
        seed.note(
            f"support held between {self.smallest:.2%} and {self.largest:.0%} of the array, which it "
            "would have left"
        )
        bound = self.largest if share > self.largest else self.smallest
        brightest = size.flatten().topk(max(1, round(bound * size.numel()))).indices
        held = torch.zeros_like(support)
        held.view(-1)[brightest] = True
        return held


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
