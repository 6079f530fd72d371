"""The networks that are installed, by name, and what is asked of them held to its contract.

They are the entry points of ``cdi_ml_plugin.networks``; those built in come in by the same door.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch import nn

from ..errors import NetworkError
from ..utils import memory
from ..utils.device import half_pays
from ..utils.plugins import Group
from .network import Given, Network

NETWORKS = Group("cdi_ml_plugin.networks", "network", str.lower, NetworkError)
entries, refresh = NETWORKS.find, NETWORKS.refresh


def names() -> list[str]:
    """Every name, sorted.

    Raises
    ------
    NetworkError
        There is none: what is installed is older than these sources. Or one is registered twice.
    """
    found = NETWORKS.names()
    if not found:
        raise NetworkError(
            f"no network is registered in {NETWORKS.name}: install the package again"
        )
    return found


def find(name: str) -> Network:
    """Import the network of that name.

    Raises
    ------
    NetworkError
        There is none of that name, or it cannot be imported, or it is no whole `Network`.
    """
    names()
    return whole(NETWORKS.subclass(name, Network))


def every() -> dict[str, Network]:
    """All that can be loaded, by name: one that cannot harms no other."""
    found = {}
    for name in names():
        with suppress(NetworkError):
            found[name] = find(name)
    return found


def whole(kind: type[Network]) -> Network:
    """Make the one instance that is used; NetworkError where the class is not complete."""
    missing = sorted(kind.__abstractmethods__)
    missing += [name for name in ("field", "heads") if not hasattr(kind, name)]
    if missing:
        raise kind.broken(f"{kind.__name__} has no {', '.join(missing)}: write it")
    return kind()


def made(kind: Network, channels: int | None = None) -> nn.Module:
    """Module with random weights: for trained ones, or untrained with so many channels for `REFINE`."""
    try:
        module = kind.build(kind.channels) if channels is None else kind.untrained(channels)
    except Exception as error:  # whatever the code of another package runs into
        if memory.ended(error):
            raise
        raise kind.broken(f"its module cannot be built: {_reason(error)}") from error
    if not isinstance(module, nn.Module):
        raise kind.broken(f"build returns a {type(module).__name__}: return a torch.nn.Module")
    return module


class _InHalf(nn.Module):
    """A module that computes in bfloat16, its weights as they are."""

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        super().__init__()
        self.module, self.device = module, device

    def forward(self, features: torch.Tensor) -> Any:
        with torch.autocast(self.device.type, torch.bfloat16):
            return self.module(features)


def quickest(kind: Network, module: nn.Module, device: torch.device) -> nn.Module:
    """The module, in half precision where its kind bears that and the device has it."""
    return _InHalf(module, device) if kind.half_precision and half_pays(device) else module


def handed(kind: Network, given: Given) -> torch.Tensor:
    """What the module takes, in `channels_last_3d` where it has three axes of space."""
    features = kind.features(given)
    if not isinstance(features, torch.Tensor) or not features.is_floating_point():
        raise kind.broken("features returns no real tensor: return one, (batch, channels, …)")
    if features.ndim != 5:
        return features
    return features.contiguous(memory_format=torch.channels_last_3d)


def returned(kind: Network, module: nn.Module, features: torch.Tensor) -> torch.Tensor:
    """What the module makes of its features, as float32."""
    try:
        output = module(features)
    except RuntimeError as error:  # what torch raises for a shape, among others
        if memory.ended(error):
            raise
        raise kind.broken(
            f"its module fails on its features, {tuple(features.shape)}: {_reason(error)}"
        ) from error
    if not isinstance(output, torch.Tensor):
        raise kind.broken(f"its module returns a {type(output).__name__}: return one tensor")
    return output.float()


def checked(kind: Network, obj: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Objects that `decode` or `correct` made, if they are complex and (batch, z, y, x) as wanted."""
    found = tuple(obj.shape) if isinstance(obj, torch.Tensor) else type(obj).__name__
    if found != shape:
        raise kind.broken(f"its decode returns {found}, not (batch, z, y, x) = {shape}")
    if not obj.is_complex():
        raise kind.broken(f"its decode returns {obj.dtype}: return a complex object")
    return obj


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
