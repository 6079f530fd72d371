"""What is drawn of a crystal, voxel by voxel, and in which colours: one answer for slices, surfaces, pages, window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...crystal.crystal import Crystal
from ...crystal.phase import jumps
from .colours import (
    ColourScale,
    amplitude_scale,
    displacement_scale,
    phase_scale,
    strain_scale,
)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A quantity of each voxel.

    Attributes
    ----------
    data : float32 (z, y, x)
        Between the ends of the scale where that is cyclic; NaN outside the crystal.
    scale : ColourScale
    """

    data: NDArray[np.float32]
    scale: ColourScale


def quantities_of(crystal: Crystal) -> Mapping[str, Drawn]:
    """Amplitude, phase, displacement and strain of a crystal; the scales are those of the voxels inside.

    All but the amplitude are drawn within the surface alone: beyond it they run wild. Where the phase has
    dislocations, jumps (see `jumps`) or goes around more than once, phase and displacement are drawn in cyclic colours.
    """
    solid = crystal.solid
    phase = phase_scale(crystal.phase[solid], cut=_is_cut(crystal))
    spacing = float(2 * np.pi / np.linalg.norm(crystal.q)) if phase.cyclic else None
    found = {
        "phase": (crystal.phase, phase),
        "displacement": (
            crystal.displacement,
            displacement_scale(crystal.displacement[solid], spacing),
        ),
        "strain": (crystal.strain, strain_scale(crystal.strain[solid])),
    }
    amplitude = Drawn(crystal.amplitude, amplitude_scale(crystal.amplitude[solid]))
    return {"amplitude": amplitude} | {
        key: Drawn(np.where(solid, scale.wrapped(data), np.float32(np.nan)), scale)
        for key, (data, scale) in found.items()
    }


def _is_cut(crystal: Crystal) -> bool:
    return bool(crystal.dislocations) or jumps(crystal.phase, crystal.solid)
