"""What a detector makes of the patterns of training particles, and which voxels it knows, in batches."""

from __future__ import annotations

import torch

from ..fourier import to_centre, to_corner, to_direct, to_reciprocal
from .chance import chance, powers, signs, some, uniform

COHERENCE, BACKGROUND, THRESHOLD, HOT, STALE = 0.4, 0.3, 0.4, 0.1, 0.1  # shares
GAP, BEAMSTOP = 0.3, 0.08


def measured(
    intensity: torch.Tensor,
    families: tuple[str, ...],
    counts: tuple[float, float],
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Intensity as it was counted, in its former scale; which voxels are known; which patterns were touched.

    Parameters
    ----------
    intensity : real tensor (batch, N, N, N)
        Centred.
    counts : (float, float)
        Powers of ten of the photons in a pattern.
    """
    count = len(intensity)
    touched: dict[str, torch.Tensor] = {}
    if "coherence" in families:
        intensity, touched["coherence"] = _blurred(intensity, generator)
    if "background" in families:
        intensity, touched["background"] = _on_background(intensity, generator)
    if "noise" in families:
        photons = powers((count, 1, 1, 1), *counts, generator)
        scale = photons / intensity.sum((1, 2, 3), keepdim=True)
        counted = torch.poisson(intensity * scale, generator=generator)
        if "threshold" in families:
            which = some(count, THRESHOLD, generator)
            dark = uniform((len(which), 1, 1, 1), 1, 6, generator)
            counted[which] *= counted[which] >= dark
            touched["threshold"] = which
        intensity = counted / scale
    if "hot" in families:
        touched["hot"] = _heat(intensity, generator)
    if "stale" in families:
        touched["stale"] = _repeat(intensity, generator)
    known = _known(intensity, families, generator, touched)
    return intensity * known, known, touched


def _axis(n: int, device: torch.device) -> torch.Tensor:
    return torch.arange(n, device=device) - n // 2


def _blurred(
    intensity: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """A beam that is not quite coherent: a blur by σ voxels, a product on the autocorrelation."""
    n = intensity.shape[-1]
    which = some(len(intensity), COHERENCE, generator)
    if not len(which):  # nothing cannot be transformed
        return intensity, which
    width = uniform((len(which), 3, 1), 0.0, 0.5, generator)
    axis = _axis(n, width.device)
    line = torch.exp(-0.5 * (2 * torch.pi / n * axis * width).square())
    z, y, x = line.unbind(1)
    window = z[:, :, None, None] * y[:, None, :, None] * x[:, None, None, :]
    patterson = to_direct(to_corner(intensity[which]).to(torch.complex64)) * to_corner(window)
    seen = to_centre(to_reciprocal(patterson).real).clamp_min(0)
    return intensity.index_copy(0, which, seen), which


def _on_background(
    intensity: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Add a share of the light that is flat, or falls from the centre."""
    count, n = intensity.shape[:2]
    away = _axis(n, intensity.device).square()
    radius = (away[:, None, None] + away[:, None] + away) / (n / 4) ** 2
    form = 1 / (1 + uniform((count, 1, 1, 1), 0, 4, generator) * radius)
    which = some(count, BACKGROUND, generator)
    light = intensity.sum((1, 2, 3)) / form.sum((1, 2, 3))
    share = light[which] * powers((len(which),), -4, -1.3, generator)
    added = form[which] * share[:, None, None, None]
    return intensity.index_add(0, which, added), which


def _heat(intensity: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One to four voxels of some patterns hold up to a third of the maximum."""
    which = some(len(intensity), HOT, generator)
    n = intensity.shape[-1]
    for _ in range(4):
        place = torch.randint(n**3, (len(which),), generator=generator, device=which.device)
        top = intensity[which].amax((1, 2, 3))
        height = top * powers((len(which),), -3, -0.5, generator)
        height = height * chance(len(which), 0.5, generator)[:, 0]
        flat = intensity.view(-1, n**3)
        flat[which, place] = torch.maximum(flat[which, place], height)
    return which


def _repeat(intensity: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A frame of some patterns is that before it once more: the detector was read out too late."""
    which = some(len(intensity), STALE, generator)
    frame = torch.randint(
        1, intensity.shape[1], (len(which),), generator=generator, device=which.device
    )
    intensity[which, frame] = intensity[which, frame - 1]
    return which


def _known(
    intensity: torch.Tensor,
    families: tuple[str, ...],
    generator: torch.Generator,
    touched: dict[str, torch.Tensor],
) -> torch.Tensor:
    count, n = intensity.shape[:2]
    axis = _axis(n, intensity.device)
    known = torch.ones_like(intensity, dtype=torch.bool)
    if "range" in families:
        limit = uniform((count, 3), 0.5, 1.5, generator) * (n / 2)
        near = axis.abs() <= limit[:, :, None]
        known &= near[:, 0, :, None, None] & near[:, 1, None, :, None] & near[:, 2, None, None]
        touched["range"] = (limit < n / 2).any(1).nonzero()[:, 0]
    if "gaps" in families:  # between the modules of a detector, from near the peak outwards
        split = torch.zeros(count, dtype=torch.bool, device=axis.device)
        for view in ((count, 1, n, 1), (count, 1, 1, n)):
            half = powers((count, 1), -0.3, 0.8, generator)
            first = half + 1.5
            place = first + (n / 2 - first) * torch.rand(
                (count, 1), generator=generator, device=axis.device
            )
            place = place * signs(count, generator)
            half = half * chance(count, GAP, generator)
            split |= half[:, 0] > 0
            known &= ((axis - place).abs() >= half).reshape(view)
        touched["gaps"] = split.nonzero()[:, 0]
    if "beamstop" in families:
        which = some(count, BEAMSTOP, generator)
        middle = uniform((len(which), 3), -2.5, 2.5, generator)
        half = uniform((len(which), 3), 0.6, 2.0, generator)
        inside = (axis - middle[:, :, None]).abs() < half[:, :, None]
        z, y, x = inside.unbind(1)
        touched["beamstop"] = which
        known[which] &= ~(z[:, :, None, None] & y[:, None, :, None] & x[:, None, None, :])
    return known
