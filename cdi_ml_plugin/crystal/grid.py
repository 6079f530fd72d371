"""Crystals on one grid, so that one can be taken off another voxel by voxel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..fourier import about_centre
from .crystal import Crystal

Shape = tuple[int, int, int]
ROOM = 8  # an eighth of the array of a crystal is left on each side for larger ones


def roomy(crystal: Crystal) -> Shape:
    """Shape [z, y, x] that has room for crystals a quarter larger, odd where that of the crystal is."""
    z, y, x = (n + 2 * -(-n // ROOM) for n in crystal.amplitude.shape)
    return z, y, x


def on_grid(crystal: Crystal, shape: Shape) -> Crystal:
    """The crystal in an array of another shape; voxel ``n // 2`` of each axis stays at 0 nm.

    What lies beyond is cut off. Its figures are those of the whole; uncertainties of voxels are left out.
    """
    return replace(
        crystal,
        amplitude=_about_centre(crystal.amplitude, shape, 0),
        phase=_about_centre(crystal.phase, shape, np.nan),
        displacement=_about_centre(crystal.displacement, shape, np.nan),
        strain=_about_centre(crystal.strain, shape, np.nan),
        inside=_about_centre(crystal.inside, shape, False),
        uncertainties={},
    )


def _about_centre(values: NDArray[Any], shape: Shape, fill: float) -> NDArray[Any]:
    whole = torch.from_numpy(np.ascontiguousarray(values))
    made: NDArray[Any] = about_centre(whole, shape, fill).numpy()
    return made
