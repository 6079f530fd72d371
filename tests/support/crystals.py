"""Patterns of crystals that a search goes about in a way of its own."""

from __future__ import annotations

import numpy as np

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.simulate.particle import strained_crystal


def of_two_levels() -> Measurement:
    """A crystal so large that it is searched on 27 × 25 × 27 voxels first; of seeds 3, 0, 5 some agree."""
    obj = strained_crystal(
        (48, 44, 48), np.eye(3), size=28, phase_range=1.0, rng=np.random.default_rng(3)
    )
    intensity = diffraction(obj)
    return Measurement(np.random.default_rng(0).poisson(1e7 * intensity / intensity.sum()))
