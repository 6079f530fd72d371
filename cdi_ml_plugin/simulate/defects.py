"""What is inside training particles, in batches: strain, dislocations, voids, walls, grains, uneven density.

Each function changes some particles of a batch, whose numbers it returns. `place` (batch, 3, p) are points
from the particle's centre, in units of its half extent along each axis of the array.
"""

from __future__ import annotations

import torch

from .chance import chance, rotations, signs, some, uniform

UNEVEN, VOID, WALL, GRAINS, DISLOCATION, WAVES = 0.35, 0.15, 0.15, 0.12, 0.25, 0.35  # shares
CORE = 0.06  # half extents: where a dislocation dims the amplitude
WAVE_TERMS = 4


def smooth_noise(size: int, lengths: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """White noise convolved with exp(−x²/2L_x² − y²/2L_y² − z²/2L_z²), L (batch, 3) in voxels.

    The noise lies on a grid twice as wide as the cube and half as fine, which such a field does not
    see: were it periodic over the cube, opposite faces of a particle would have the same phase.
    """
    device = lengths.device
    noise = torch.randn((len(lengths), *[size] * 3), generator=generator, device=device)
    place = torch.arange(size, device=device) - size // 2
    away = place[:, None] - 2.0 * place
    z, y, x = torch.exp(-0.5 * (away / lengths[:, :, None, None]).square()).unbind(1)
    noise = noise @ x.transpose(1, 2)[:, None]
    noise = y[:, None] @ noise
    return torch.einsum("bzi,biyx->bzyx", z, noise)


def waves(place: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Sums of cosines and Gaussians of random directions, places and widths, (batch, p)."""
    count = len(place)
    total = torch.zeros_like(place[:, 0])
    for _ in range(WAVE_TERMS):
        strength = uniform((count, 1), -1, 1, generator)
        number = rotations(count, generator)[:, :1] * uniform((count, 1, 1), 1.0, 4.0, generator)
        offset = uniform((count, 1), 0, 2 * torch.pi, generator)
        total += strength * torch.cos((number @ place)[:, 0] + offset)
        middle = uniform((count, 3, 1), -0.8, 0.8, generator)
        width = uniform((count, 3, 1), 0.3, 1.0, generator)
        away = ((place - middle) / width).square().sum(1)
        total += uniform((count, 1), -1, 1, generator) * torch.exp(-0.5 * away)
    return total


def dislocate(
    amplitude: torch.Tensor, phase: torch.Tensor, place: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Let the phase wind once about a line near the centre, where the amplitude is less."""
    which = some(len(place), DISLOCATION, generator)
    away = place[which] - uniform((len(which), 3, 1), -0.5, 0.5, generator)
    u, v = (rotations(len(which), generator)[:, :2] @ away).unbind(1)
    phase[which] += signs(len(which), generator) * torch.atan2(u, v)
    dim = uniform((len(which), 1), 0, 0.9, generator)
    amplitude[which] *= 1 - dim * torch.exp(-(u.square() + v.square()) / (2 * CORE**2))
    return which


def make_uneven(amplitude: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
    """Let the amplitude of some (batch, p) vary smoothly, to a half and more."""
    which = some(len(amplitude), UNEVEN, generator)
    lengths = uniform((len(which), 3), 0.1, 0.35, generator) * size
    noise = smooth_noise(size, lengths, generator).flatten(1)
    noise = noise / noise.square().mean(1, keepdim=True).sqrt().clamp_min(1e-6)
    depth = uniform((len(which), 1), 0.1, 0.4, generator)
    amplitude[which] *= (1 + depth * noise).clamp(0.25, 2.5)
    return which


def make_void(
    amplitude: torch.Tensor, place: torch.Tensor, edge: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Leave a hole in some; `edge` (batch, 1): voxels from the centre to the surface."""
    which = some(len(amplitude), VOID, generator)
    middle = uniform((len(which), 3, 1), -0.5, 0.5, generator)
    radius = uniform((len(which), 3, 1), 0.15, 0.45, generator)
    away = ((place[which] - middle) / radius).norm(dim=1)
    width = edge[which] * radius.mean(1)
    amplitude[which] *= (0.5 + (away - 1) * width).clamp(0, 1)
    return which


def make_wall(phase: torch.Tensor, place: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Let the phase step across a plane: a domain wall (π) or a stacking fault (2π/3)."""
    which = some(len(phase), WALL, generator)
    step = torch.pi * (2 / 3 + chance(len(which), 0.5, generator) / 3)
    phase[which] += step * (_across(place[which], generator) > 0)
    return which


def make_grains(
    amplitude: torch.Tensor, phase: torch.Tensor, place: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Make two grains of some: one dimmer, and turned a little, which is a slope of its phase."""
    which = some(len(phase), GRAINS, generator)
    beyond = _across(place[which], generator) > 0
    slope = rotations(len(which), generator)[:, :1] * uniform(
        (len(which), 1, 1), 1.0, 4.0, generator
    )
    phase[which] += beyond * (slope @ place[which])[:, 0]
    amplitude[which] *= 1 - beyond * uniform((len(which), 1), 0.1, 0.7, generator)
    return which


def _across(place: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Distance from a random plane near the centre, (batch, p)."""
    normal = rotations(len(place), generator)[:, :1]
    return (normal @ place)[:, 0] - uniform((len(place), 1), -0.5, 0.5, generator)
