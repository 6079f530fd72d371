"""Random numbers in batches, on the generator's device."""

from __future__ import annotations

import torch


def uniform(
    shape: tuple[int, ...], low: float, high: float, generator: torch.Generator
) -> torch.Tensor:
    """Numbers from `low` to `high`."""
    return low + (high - low) * torch.rand(shape, generator=generator, device=generator.device)


def powers(
    shape: tuple[int, ...], low: float, high: float, generator: torch.Generator
) -> torch.Tensor:
    """Powers of ten, from 10^`low` to 10^`high`."""
    return 10 ** uniform(shape, low, high, generator)


def chance(count: int, share: float, generator: torch.Generator) -> torch.Tensor:
    """1 for a share of the batch, 0 for the rest; (count, 1)."""
    return (torch.rand((count, 1), generator=generator, device=generator.device) < share).float()


def some(count: int, share: float, generator: torch.Generator) -> torch.Tensor:
    """Numbers of those of the batch that a share is."""
    return chance(count, share, generator).nonzero()[:, 0]


def signs(count: int, generator: torch.Generator) -> torch.Tensor:
    """1 or −1, (count, 1)."""
    return 1 - 2 * chance(count, 0.5, generator)


def rotations(count: int, generator: torch.Generator) -> torch.Tensor:
    """Rotation matrices (count, 3, 3), uniform over all orientations."""
    q = torch.randn((count, 4), generator=generator, device=generator.device)
    w, x, y, z = (q / q.norm(dim=1, keepdim=True)).unbind(1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def grid(size: int, device: torch.device) -> torch.Tensor:
    """Voxel numbers from the centre, (3, size³)."""
    axis = torch.arange(size, device=device, dtype=torch.float32) - size // 2
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).flatten(1)
