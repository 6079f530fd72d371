"""Networks that have seen some numbers, and their cards."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cdi_ml_plugin.nn import weights
from cdi_ml_plugin.nn.presets import FEATURES, PRESETS

INPUTS = {"paper": (2, 1, 16, 16, 16), "fast": (2, FEATURES, 8, 8, 8)}


def card(preset: str = "fast", **more: Any) -> weights.Card:
    return weights.Card(
        preset=preset,
        families=("faceted", "noise"),
        phase_range=(0.0, 6.5),
        samples=1_200_000,
        hardware="1 × H200",
        hours=2.25,
        recipe="cdi-ml train folder --seed 3",
        validation={"chi2": 0.0123456, "error": 1 / 3},
        **more,
    )


def trained(preset: str) -> nn.Module:
    """A network that has seen some numbers, so that the running statistics are not 0 and 1."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = PRESETS[preset].build()
        network(3 * torch.randn(INPUTS[preset]) + 1)
    return network
