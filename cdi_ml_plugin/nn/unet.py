"""The fast network: it works in direct space, where its input lies over its output.

A convolution sees neighbours, and in reciprocal space neighbours say little about a voxel of the
object. So the pattern is handed over as its autocorrelation, scaled down by two so that it lies over
the object, together with an estimate of the object and that estimate with the measured moduli put
in. The network returns a better estimate, which can be handed back to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from .network import Given, Network
from .paper import Fold

GROUPS = 4
FEATURES = 20  # channels that `UNet` is handed: 16 of the autocorrelation, 4 of the estimate


class Residual(nn.Module):
    """x + conv(SiLU(conv(SiLU(GroupNorm(x)))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.first = nn.Conv3d(channels, channels, 3, padding=1)
        self.second = nn.Conv3d(channels, channels, 3, padding=1)

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        inner = self.first(functional.silu(self.norm(field)))
        return field + self.second(functional.silu(inner))


class UNet(nn.Module):
    """A U-net of three grids.

    Parameters
    ----------
    inputs : int
        Channels of the input.
    channels : int
        On the finest grid; they double at each coarser one.

    Notes
    -----
    ``forward`` takes (batch, inputs, n, n, n), n a multiple of 4, and returns (batch, 2, n, n, n):
    real and imaginary part, which hold a dislocation where a smooth phase cannot.
    """

    def __init__(self, inputs: int, channels: int = 32) -> None:
        super().__init__()
        one, two, four = channels, 2 * channels, 4 * channels
        self.stem = nn.Conv3d(inputs, one, 3, padding=1)
        self.fine = Residual(one)
        self.down = nn.Conv3d(one, two, 2, stride=2)
        self.middle = Residual(two)
        self.downer = nn.Conv3d(two, four, 2, stride=2)
        self.coarse = nn.Sequential(Residual(four), Residual(four))
        self.up = nn.ConvTranspose3d(four, two, 2, stride=2)
        self.middle_out = Residual(two)
        self.upper = nn.ConvTranspose3d(two, one, 2, stride=2)
        self.fine_out = Residual(one)
        self.head = nn.Conv3d(one, 2, 3, padding=1)

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        fine = self.fine(self.stem(field))
        middle = self.middle(self.down(fine))
        coarse = self.coarse(self.downer(middle))
        middle = self.middle_out(middle + self.up(coarse))
        return self.head(self.fine_out(fine + self.upper(middle)))


class Fast(Network):
    """The U-net between autocorrelation and present object, and real and imaginary part, three times."""

    field: ClassVar = 32
    heads: ClassVar = ("head",)
    passes: ClassVar = 3
    half_precision: ClassVar = True
    bytes_per_channel: ClassVar = 13
    shipped: ClassVar = Path(__file__).parent / "shipped" / "fast.safetensors"

    def features(self, given: Given) -> torch.Tensor:
        guess, projected = given.guess, given.projected
        parts = [guess.real, guess.imag, projected.real, projected.imag]
        folded = Fold()(given.lags)
        return torch.cat([folded, torch.stack(parts, 1)], 1)

    def build(self, channels: int) -> nn.Module:
        return UNet(FEATURES, channels)

    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        real, imaginary = (size * output).unbind(1)
        return torch.complex(real, imaginary)
