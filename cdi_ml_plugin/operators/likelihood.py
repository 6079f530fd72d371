"""MLE: Poisson maximum likelihood inside the support, the last polish of a chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from ..fourier import to_direct, to_reciprocal
from ..physics.projections import TINY, smeared
from .base import Operator, warn_if_undetermined

if TYPE_CHECKING:
    from ..physics.moduli import Moduli
    from ..physics.state import State

# Photons a voxel that are added to the model, at first and in the end. Without this background no step
# crosses a model that expects no photon where one fell: its likelihood is 0.
FIRST, LAST = 10.0, 0.01
ANNEALED = 0.7  # share of the iterations over which the background falls
SMALLEST = 1e-12  # of the mean intensity: the background where data have no noise


@dataclass(frozen=True)
class MLE(Operator):
    """Poisson maximum likelihood on the voxels of the support, by conjugate gradients: ``n*MLE``.

    ER takes a photon in a voxel that expects a tenth of one for an amplitude of 1, and so fits the
    noise where counts are few. Here Σ(|F|² − n log |F|²) over the fitted voxels is minimised, n being
    the counts, which weighs each voxel as it deserves. It has many minima too, walled off by the
    voxels where a photon fell: a background that falls from 10 photons a voxel to 0.01 over the
    iterations (at least 30 are worth while) leads past some of them. It moves little, and the support
    stays as it is: the last step of a chain.

    Its χ², held-out or not, is a little higher than that of ER: χ² compares |F| with √n, whose mean is
    below √⟨n⟩ where counts are few.

    Notes
    -----
    Source: P. Thibault and M. Guizar-Sicairos, New J. Phys. 14, 063004 (2012); Polak–Ribière
    directions, a step of Fisher scoring along each. Two transforms an iteration.
    """

    triggered: ClassVar = False

    def bytes_per_voxel(self) -> int:
        """As measured: it keeps a gradient and a direction."""
        return 180

    def _begin(self, state: State, data: Moduli, count: int) -> None:
        state.object.mul_(state.allowed)
        for index, support in enumerate(state.allowed):
            warn_if_undetermined(state, data, index, 2 * int(support.sum()))
        wave = to_reciprocal(state.object)
        known = 1.0 if data.unfitted is None else 1 - data.unfitted
        seen = wave * known
        scale = (data.power / _dot(seen, seen).clamp_min(TINY)).sqrt()
        state.object.mul_(scale)
        state.memory.update(wave=wave * scale, known=known, done=0, count=count)

    def _step(self, state: State, data: Moduli) -> None:
        memory = state.memory
        wave, known = memory["wave"], memory["known"]
        share = min(1.0, memory["done"] / (ANNEALED * memory["count"]))
        floor = max(FIRST * (LAST / FIRST) ** share * 4 * data.noise**2, SMALLEST)
        size = _blurred(wave.real.square() + wave.imag.square(), state.transfer).clamp_min_(0)
        misfit = (size.sqrt() - data.amplitude) * known
        size += floor
        pull = (1 - data.amplitude.square() / size) * known
        state.chi2 = misfit.square().sum((1, 2, 3)) / data.power
        mirrored = [None if kernel is None else kernel.conj() for kernel in state.transfer]
        pull = _blurred(pull, mirrored)
        gradient = to_direct(wave * pull).mul_(state.allowed)
        direction = -gradient
        if "gradient" in memory:
            before = memory["gradient"]
            turn = _dot(gradient, gradient - before) / _dot(before, before).clamp_min(TINY)
            direction += turn.clamp_min(0) * memory["direction"]
        change = to_reciprocal(direction)
        slope = wave.real * change.real + wave.imag * change.imag
        descent = (slope * pull).sum((1, 2, 3), keepdim=True)
        curvature = 2 * _blurred(slope, state.transfer).square() / size * known
        step = -descent / curvature.sum((1, 2, 3), keepdim=True).clamp_min(TINY)
        state.object.add_(step * direction)
        wave.add_(step * change)
        memory.update(gradient=gradient, direction=direction, done=memory["done"] + 1)


def _blurred(values: torch.Tensor, transfer: Sequence[torch.Tensor | None]) -> torch.Tensor:
    """What a beam makes of intensities (batch, z, y, x) where it is not fully coherent."""
    if all(kernel is None for kernel in transfer):
        return values
    pairs = zip(values, transfer, strict=True)
    return torch.stack([one if kernel is None else smeared(one, kernel) for one, kernel in pairs])


def _dot(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Real part of the scalar product of each pair of a batch, (batch, 1, 1, 1)."""
    product = one.real * other.real + one.imag * other.imag
    return product.sum((1, 2, 3), keepdim=True)
