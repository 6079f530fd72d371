"""Two convolutions, a network that cdi_ml_plugin does not have."""

from __future__ import annotations

import torch
from torch import nn

from cdi_ml_plugin.plugin import Given, Network


class Tiny(Network):
    """Two convolutions between an estimate, with and without the measured moduli, and a better one."""

    field = 32
    passes = 2
    channels = 8
    heads = ("2",)

    def features(self, given: Given) -> torch.Tensor:
        guess, projected = given.guess, given.projected
        return torch.stack([guess.real, guess.imag, projected.real, projected.imag], 1)

    def build(self, channels: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv3d(4, channels, 3, padding=1),
            nn.SiLU(),
            nn.Conv3d(channels, 2, 3, padding=1),
        )

    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        real, imaginary = (size * output).unbind(1)
        return torch.complex(real, imaginary)
