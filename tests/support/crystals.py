"""Patterns of crystals that a search goes about in a way of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from cdi_ml_plugin import Measurement, reconstruct
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.operators import rounds
from cdi_ml_plugin.physics.alignment import object_error
from cdi_ml_plugin.simulate.particle import strained_crystal


def of_two_levels() -> Measurement:
    """A crystal so large that it is searched on 27 × 25 × 27 voxels first."""
    obj = strained_crystal(
        (48, 44, 48), np.eye(3), size=28, phase_range=1.0, rng=np.random.default_rng(3)
    )
    intensity = diffraction(obj)
    return Measurement(np.random.default_rng(0).poisson(1e7 * intensity / intensity.sum()))


def let_some_agree(
    monkeypatch: pytest.MonkeyPatch, data: Measurement, chain: str, seeds: Sequence[int]
) -> None:
    """Set how near two starts of a search have to be so that those of some seeds agree, and of some not.

    What a start finds depends on the processor's last bits, so no fixed limit does it everywhere.
    """
    nearest = []
    monkeypatch.setattr(rounds, "AGREE", 0.0)
    for seed in seeds:
        errors: list[float] = []

        def measured(*pair: Any, errors: list[float] = errors) -> float:
            errors.append(object_error(*pair))
            return errors[-1]

        monkeypatch.setattr(rounds, "object_error", measured)
        reconstruct(data, chain, seeds=[seed])
        nearest.append(min(errors) ** 2)
    monkeypatch.setattr(rounds, "object_error", object_error)
    low, high, *_ = sorted(nearest)
    monkeypatch.setattr(rounds, "AGREE", (low * high) ** 0.5)
