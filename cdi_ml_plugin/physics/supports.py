"""Supports that follow from the data or from the array alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..fourier import autocorrelation
from .projections import blur, modulus

FEWEST = 8  # voxels of a start support
FEW = 0.02  # of the fullest plane of a support: planes with less do not count for its extent
SMOOTH, NEARBY = 0.7, 3.0  # voxels: over what an amplitude, and the level around it, is averaged


def box(shape: Sequence[int], area: Sequence[float]) -> torch.Tensor:
    """cohere's start support: a centred box, `area` being its share of the (x, y, z) axes."""
    inside = torch.zeros(tuple(shape), dtype=torch.bool)
    slices = []
    for n, share in zip(shape, reversed(list(area)), strict=True):
        size = max(1, min(n, int(share * n)))
        slices.append(slice((n - size) // 2, (n - size) // 2 + size))
    inside[tuple(slices)] = True
    return inside


def half_autocorrelation(amplitude: torch.Tensor, threshold: float, margin: float) -> torch.Tensor:
    """Support (z, y, x), centred, from a corner-centred modulus: {r : |A(2r/margin)| over threshold}."""
    patterson = blur(autocorrelation(amplitude.square())[None], 1.0)[0]
    # Keep what is clear of the floor that noise puts under the autocorrelation.
    floor = float(patterson.flatten()[:: max(1, patterson.numel() // 100_000)].median())
    level = max(threshold * float(patterson.max()), 3 * floor)
    inside = (patterson >= level).to(patterson.dtype)
    places = []
    for n in amplitude.shape:
        offset = (torch.arange(n, device=amplitude.device) - n // 2) * 2 / margin
        places.append((offset.round().long() + n // 2).clamp(-1, n))
    z, y, x = torch.meshgrid(*places, indexing="ij")
    valid = torch.ones_like(inside, dtype=torch.bool)
    for place, n in zip((z, y, x), amplitude.shape, strict=True):
        valid &= (place >= 0) & (place < n)
    nz, ny, nx = amplitude.shape
    support = inside[z.clamp(0, nz - 1), y.clamp(0, ny - 1), x.clamp(0, nx - 1)].bool() & valid
    return support


def grown(support: torch.Tensor, times: int = 1) -> torch.Tensor:
    """Supports (…, z, y, x) wider by a voxel on every side, `times` over."""
    for _ in range(times):
        wider = support.clone()
        for axis in (-3, -2, -1):
            wider |= support.roll(1, axis) | support.roll(-1, axis)
        support = wider
    return support


def keeping(obj: torch.Tensor, support: torch.Tensor, share: float) -> torch.Tensor:
    """Supports that keep what is found, of objects (batch, z, y, x).

    An amplitude is held against the level nearby: the rms inside `support` within some three voxels.
    A hot spot raises that level for its neighbours alone, and a dim corner is held against itself,
    where a share of the rms of the whole would cut it off.
    """
    size = modulus(obj).mul_(support)
    inside = support.to(size.dtype)
    power = blur(size.square(), NEARBY)
    nearby = (power / blur(inside, NEARBY).clamp_min_(1e-6)).sqrt_()
    return (blur(size, SMOOTH) >= share * nearby) & grown(support, 2)


def extent(support: torch.Tensor, few: float = FEW) -> list[int]:
    """Voxels of a support (z, y, x) along each axis, without the few that lie astray."""
    sizes = []
    for axis in range(3):
        planes = support.sum([a for a in range(3) if a != axis])
        full = (planes > few * planes.max()).nonzero()[:, 0]
        sizes.append(int(full[-1] - full[0]) + 1 if len(full) else support.shape[axis])
    return sizes
