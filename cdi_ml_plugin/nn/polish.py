"""HIO and ER in a network's field: as cheap as a pass of the network."""

from __future__ import annotations

import torch
from torch.nn import functional

from ..fourier import to_direct, to_reciprocal
from ..physics.projections import blur
from .pattern import Pattern

BETA = 0.9
CAP = 1.3  # of the rms amplitude inside: HIO clips the projected object there, see `operators.classical`
THRESHOLD = 0.3  # of the rms amplitude inside: what has less is not in the support
EVERY = 10  # iterations from one support to the next
BLUR = 0.6  # voxels
TINY = 1e-20
# Voxels that a CPU takes through all iterations at once, while they are in its cache.
BLOCK = 65_536


def polish(
    pattern: Pattern,
    obj: torch.Tensor,
    iterations: int,
    support: torch.Tensor | None = None,
    hio: float = 2 / 3,
) -> torch.Tensor:
    """HIO with a cap on the amplitude for a share of the iterations, and then ER.

    The support follows the object every ten iterations and never leaves the cube; it begins as
    `support` (batch, N/2, N/2, N/2), or where the object is.
    """
    if not iterations:
        return obj
    if support is None:
        support = _bright(_square(obj).sqrt_(), None)
    block = len(obj) if obj.is_cuda else max(1, BLOCK // pattern.modulus[0].numel())
    ended = []
    for first in range(0, len(obj), block):
        part = slice(first, first + block)
        few = Pattern(pattern.modulus[part], pattern.known[part])
        ended.append(_polished(few, obj[part], support[part], iterations, int(hio * iterations)))
    return torch.cat(ended)


def _polished(
    pattern: Pattern, obj: torch.Tensor, support: torch.Tensor, iterations: int, hio: int
) -> torch.Tensor:
    half = pattern.half
    cube = (slice(None), *[slice(half // 2, half // 2 + half)] * 3)
    free = (~pattern.known).float()
    full = functional.pad(obj, [half // 2] * 6)  # centred: its shift is a ramp that no modulus sees
    inside, outside = torch.zeros_like(free), torch.ones_like(free)
    for iteration in range(iterations):
        if iteration % EVERY == 0:
            if iteration:
                support = _bright(_square(full[cube]).sqrt_(), support)
            inside[cube], outside[cube] = support.float(), 1 - support.float()
            kept = inside - BETA * outside
        wave = to_reciprocal(full)
        scale = _square(wave).clamp_min_(TINY).rsqrt_().mul_(pattern.modulus).add_(free)
        projected = to_direct(wave.mul_(scale))
        if iteration < hio:
            projected[cube] = _capped(projected[cube], support)
            full = (full * outside).addcmul_(projected, kept.to(projected.dtype))
        else:
            full = projected * inside
    return full[cube]


def _capped(obj: torch.Tensor, support: torch.Tensor) -> torch.Tensor:
    """Amplitude inside the support of no more than `CAP` times its rms there."""
    power = _square(obj).clamp_min_(TINY)
    limit = CAP**2 * (power * support).sum((1, 2, 3)) / support.sum((1, 2, 3)).clamp_min(1)
    squeeze = (limit[:, None, None, None] / power).clamp_(max=1).sqrt_()
    return obj * torch.where(support, squeeze, 1)


def _square(obj: torch.Tensor) -> torch.Tensor:
    """|obj|²."""
    parts = torch.view_as_real(obj)
    parts = parts * parts  # square() is slower
    return parts[..., 0] + parts[..., 1]


def _bright(amplitude: torch.Tensor, support: torch.Tensor | None) -> torch.Tensor:
    """Where the blurred amplitude reaches a share of its rms in the support, or in what is bright."""
    blurred = blur(amplitude, BLUR)
    if support is None:
        support = blurred > 0.3 * blurred.amax((1, 2, 3), keepdim=True)
    power = (blurred.square() * support).sum((1, 2, 3)) / support.sum((1, 2, 3)).clamp_min(1)
    return blurred >= THRESHOLD * power.sqrt()[:, None, None, None]
