"""A reconstructed crystal beside the one that is known: aligned, on one grid, and their differences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from ..geometry.geometry import Geometry
from ..geometry.laboratory import fine_voxel
from ..physics.alignment import align
from .analysis import analyse
from .crystal import FAINT, Crystal

MARGIN = 2  # voxels about both crystals

Real = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Beside:
    """Two crystals on one grid, and found − truth where both are.

    Attributes
    ----------
    truth, found : Crystal
    amplitude : float32 (z, y, x)
        Of the truth's highest, the found one scaled to it.
    phase : float32 (z, y, x)
        rad, between −π and π, without its mean.
    strain : float32 (z, y, x)
    """

    truth: Crystal
    found: Crystal
    amplitude: Real
    phase: Real
    strain: Real


def beside(
    obj: NDArray[np.complexfloating], truth: NDArray[np.complexfloating], geometry: Geometry
) -> Beside:
    """Align an object to the true one (shift, phase, twin), and bring both into the laboratory.

    Parameters
    ----------
    obj, truth : complex (rocking, row, column)
    geometry : Geometry
        Of the array's voxels.

    Raises
    ------
    ParameterError
        One of them is 0 everywhere, or their shapes differ.
    """
    aligned = align(obj, truth)
    held = np.zeros(truth.shape, dtype=bool)
    for one in (truth, aligned):
        held |= np.abs(one) > FAINT * np.abs(one).max()
    held = binary_dilation(held, iterations=MARGIN)
    basis = geometry.direct_basis((obj.shape[0], obj.shape[1], obj.shape[2]))
    voxel = fine_voxel(held, basis)
    known, found = (analyse(one, held, geometry, voxel) for one in (truth, aligned))
    both = known.solid & found.solid
    size = found.amplitude * _factor(found.amplitude, known.amplitude)
    turn = np.angle(found.object * known.object.conj())
    turn -= np.angle(np.sum(np.exp(1j * turn[both]))) if both.any() else 0
    turn -= 2 * np.pi * np.round(turn / (2 * np.pi))
    either = (known.amplitude > FAINT) | (found.amplitude > FAINT)
    return Beside(
        known,
        found,
        _within(size - known.amplitude, either),
        _within(turn, both),
        _within(found.strain - known.strain, both),
    )


def _factor(values: Real, wanted: Real) -> float:
    return float(np.vdot(values, wanted)) / float(np.vdot(values, values))


def _within(values: NDArray[np.floating], inside: NDArray[np.bool_]) -> Real:
    return np.where(inside, values, np.nan).astype(np.float32)
