"""Surfaces of crystals and objects for a page, with every quantity that can colour them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...crystal.crystal import FAINT, Crystal, object_level
from ..style.colours import ColourScale, phase_scale, strain_scale, wrapped_phase_scale
from ..style.slices import AXES, flatten_phase
from .mesh import Mesh, isosurface, laboratory_basis

FACES = 40_000  # of a mesh in a page: a megabyte
Real = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Colouring:
    """A quantity on the corners of a surface, and what colours are made of its values."""

    name: str
    values: Real
    scale: Callable[[Real], ColourScale]


@dataclass(frozen=True, eq=False)
class Surface:
    """Where the amplitude is half of its median.

    Attributes
    ----------
    mesh : Mesh
    colourings : tuple of Colouring
    axes : (str, str, str)
        Names of x, y and z.
    unit : {"nm", "voxels"}
    q : float64 (3,), optional
        The reciprocal lattice vector, to be shown beside it.
    """

    mesh: Mesh
    colourings: tuple[Colouring, ...]
    axes: tuple[str, str, str]
    unit: str
    q: NDArray[np.float64] | None = None


def surface_of_crystal(crystal: Crystal, faces: int = FACES) -> Surface | None:
    """Surface in the laboratory, coloured by phase and strain; None where there is nothing to show."""
    if not (crystal.amplitude > FAINT).any():
        return None
    level = crystal.level
    mesh = isosurface(crystal.amplitude, level, laboratory_basis(crystal), faces)
    return Surface(
        mesh=mesh,
        colourings=(
            Colouring("phase", mesh.values(crystal.phase), phase_scale),
            Colouring("strain", mesh.values(crystal.strain), strain_scale),
        ),
        axes=("x", "y", "z"),
        unit="nm",
        q=crystal.q,
    )


def surface_of_object(
    obj: NDArray[np.complexfloating], support: NDArray[np.bool_], faces: int = FACES
) -> Surface | None:
    """Surface in voxels of the array from its centre, coloured by phase; None where there is none."""
    amplitude = np.where(support, np.abs(obj), 0)
    top = float(amplitude.max())
    if not (np.isfinite(top) and top > 0):
        return None
    amplitude = (amplitude / top).astype(np.float32)
    mesh = isosurface(amplitude, object_level(amplitude), np.eye(3)[::-1], faces)
    flat = np.exp(1j * flatten_phase(obj, amplitude > FAINT))
    # between voxels in two parts, for it wraps
    phase = np.arctan2(mesh.values(flat.imag), mesh.values(flat.real))
    rocking, row, column = AXES
    return Surface(
        mesh=mesh,
        colourings=(Colouring("phase", phase, wrapped_phase_scale),),
        axes=(column, row, rocking),
        unit="voxels",
    )
