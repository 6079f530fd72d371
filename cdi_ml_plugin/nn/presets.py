"""The networks by name, and what each of them takes and gives."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from .paper import Network
from .unet import UNet

FILL = 0.3  # share of the cube that an object of amplitude 1 is taken to fill

FEATURES = 20  # channels that `UNet` is handed: 16 of the autocorrelation, 4 of the estimate


@dataclass(frozen=True)
class Preset:
    """A network and the field it works in."""

    name: str
    field: int
    passes: int

    def build(self) -> nn.Module:
        """Make the network with random weights."""
        if self.name == "paper":
            return Network(32, levels=3, fold=False)
        return UNet(FEATURES, 32)


PRESETS = {p.name: p for p in (Preset("paper", 64, 1), Preset("fast", 32, 3))}
