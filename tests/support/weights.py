"""Networks that have seen some numbers, or none, their cards, and patterns to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cdi_ml_plugin.nn import kinds, weights
from cdi_ml_plugin.nn.unet import FEATURES

SHAPE = (33, 47, 38)  # of a pattern to learn from: odd, unequal
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
        network = kinds.made(kinds.find(preset))
        network(3 * torch.randn(INPUTS[preset]) + 1)
    return network


def untrained(path: Path) -> Path:
    """Write weights of a network that has learnt nothing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = kinds.made(kinds.find("fast"))
    about = weights.Card(
        preset="fast",
        families=("superellipsoid", "noise"),
        phase_range=(0.0, 2.0),
        samples=70,
        hardware="none",
        hours=2.0,
        recipe="none",
        validation={"error": 0.9},
    )
    weights.save(path, network, about)
    return path


def counts(seed: int = 0) -> np.ndarray:
    """Counts of a sheared box with a curved phase, 3e6 photons."""
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in SHAPE], indexing="ij")
    crystal = (abs(z) < 5) & (abs(y) < 8) & (abs(x + y / 3) < 5 + seed % 2)
    obj = crystal * np.exp(1j * 0.02 * (y**2 - z * x))
    wave = np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(obj), norm="ortho"))
    intensity = abs(wave) ** 2
    return np.random.default_rng(seed).poisson(3e6 * intensity / intensity.sum())
