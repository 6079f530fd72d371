"""The encoder with two decoders of the paper (its Fig. 1): √I in, amplitude and phase out."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from .network import Given, Polar


class Block(nn.Sequential):
    """conv 3×3×3, LeakyReLU, BatchNorm; then conv 3×1×1, 1×3×1, 1×1×3, LeakyReLU, BatchNorm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv3d(inputs, outputs, 3, padding=1),
            nn.LeakyReLU(0.01),
            nn.BatchNorm3d(outputs),
            nn.Conv3d(outputs, outputs, (3, 1, 1), padding=(1, 0, 0)),
            nn.Conv3d(outputs, outputs, (1, 3, 1), padding=(0, 1, 0)),
            nn.Conv3d(outputs, outputs, (1, 1, 3), padding=(0, 0, 1)),
            nn.LeakyReLU(0.01),
            nn.BatchNorm3d(outputs),
        )


class Fold(nn.Module):
    """Move 2×2×2 neighbours into eight channels: the same numbers on an eighth of the grid."""

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        batch, channels, z, y, x = field.shape
        parts = field.reshape(batch, channels, z // 2, 2, y // 2, 2, x // 2, 2)
        folded = parts.permute(0, 1, 3, 5, 7, 2, 4, 6)
        return folded.reshape(batch, channels * 8, z // 2, y // 2, x // 2)


def decoder(channels: int, levels: int) -> nn.Sequential:
    """Blocks with upsampling between them, from the coarsest grid to the finest."""
    layers: list[nn.Module] = []
    for level in range(levels, 0, -1):
        layers += [
            Block(channels * 2**level, channels * 2 ** (level - 1)),
            nn.Upsample(scale_factor=2),
        ]
    return nn.Sequential(*layers, Block(channels, channels), nn.Conv3d(channels, 1, 3, padding=1))


class TwoDecoders(nn.Module):
    """Amplitude and phase on half the grid of the diffraction amplitude.

    The paper takes its first block on the full grid and pools. With `fold` the input is folded
    2×2×2 into channels first, which costs an eighth and loses nothing. Upsampling is
    nearest-neighbour.

    Parameters
    ----------
    channels : int
        Channels of the output's grid; they double at each coarser level.
    levels : int
        Times the grid of the output is halved: every axis of it is divisible by 2**levels.
    fold : bool
        False for the paper's own first block.

    Notes
    -----
    ``forward`` takes √I (batch, 1, 2z, 2y, 2x) and returns (batch, 2, z, y, x): amplitude and phase
    (rad) before the final ReLU, which the caller applies, since a refinement that starts from an
    object adds them to it instead.
    """

    def __init__(self, channels: int = 16, levels: int = 3, fold: bool = True) -> None:
        super().__init__()
        half = channels // 2
        first: list[nn.Module] = [Block(1, half), nn.MaxPool3d(2), Block(half, channels)]
        layers = [Fold(), Block(8, channels)] if fold else first
        for level in range(levels):
            layers += [
                nn.MaxPool3d(2),
                Block(channels * 2**level, channels * 2 ** (level + 1)),
            ]
        self.encoder = nn.Sequential(*layers)
        self.amplitude = decoder(channels, levels)
        self.phase = decoder(channels, levels)

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        code = self.encoder(field)
        return torch.cat([self.amplitude(code), self.phase(code)], dim=1)


class Paper(Polar):
    """The network of the paper: √I to amplitude and phase, once."""

    field: ClassVar = 64
    heads: ClassVar = ("amplitude", "phase")
    either_twin: ClassVar = False
    shipped: ClassVar = Path(__file__).parent / "shipped" / "paper.safetensors"

    def features(self, given: Given) -> torch.Tensor:
        return given.modulus[:, None]

    def build(self, channels: int) -> nn.Module:
        return TwoDecoders(channels, fold=False)

    def untrained(self, channels: int) -> nn.Module:
        return TwoDecoders(channels)
