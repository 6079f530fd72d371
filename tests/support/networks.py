"""Networks of somebody else, installed for a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import nn

from cdi_ml_plugin.nn import kinds, weights
from cdi_ml_plugin.plugin import Given, Network, Polar
from cdi_ml_plugin.utils import plugins


@contextmanager
def installed(**values: str) -> Iterator[None]:
    """Have entry points of networks, name = module:class, beside those that are there."""
    found = plugins.entry_points

    def more(group: str) -> list[EntryPoint]:
        own = [EntryPoint(name, value, group) for name, value in values.items()]
        return [*found(group=group), *(own if group == kinds.NETWORKS.name else [])]

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plugins, "entry_points", more)
            _refresh()
            yield
    finally:
        _refresh()


def _refresh() -> None:
    kinds.refresh()
    weights._read.cache_clear()


class Good(Network):
    """Two convolutions, of a third party."""

    field = 32
    passes = 2
    channels = 8
    heads = ("1",)

    def features(self, given: Given) -> torch.Tensor:
        return torch.stack([given.projected.real, given.projected.imag], 1)

    def build(self, channels: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv3d(2, channels, 3, padding=1), nn.Conv3d(channels, 2, 3, padding=1)
        )

    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        return torch.complex(*(size * output).unbind(1))


class Once(Polar):
    """Amplitude and phase of the pattern alone, of a third party."""

    field = 48
    channels = 4
    heads = ("1",)

    def features(self, given: Given) -> torch.Tensor:
        return given.modulus[:, None]

    def build(self, channels: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv3d(1, channels, 2, stride=2), nn.Conv3d(channels, 2, 3, padding=1)
        )


class Wide(Good):
    def features(self, given: Given) -> torch.Tensor:
        return torch.cat([super().features(given)] * 2, 1)


class Half(Good):
    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        return super().decode(output, size)[:, ::2]


class Real(Good):
    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        return size * output[:, 0]


class NoDecode(Network):
    field = 32
    heads = ("1",)
    features, build = Good.features, Good.build


class Unbuilt(Good):
    def build(self, channels: int) -> nn.Module:
        raise ValueError("no\nsuch layer")


class Brings(Good):
    shipped: ClassVar[Path | None] = None
