"""Surfaces of crystals and objects, with every quantity that can colour them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...crystal.crystal import FAINT, Crystal, object_level
from ..style.colours import ColourScale, phase_scale, strain_scale, wrapped_phase_scale
from ..style.quantities import Drawn, quantities_of
from ..style.slices import AXES, flatten_phase
from .mesh import Mesh, isosurface, laboratory_basis, phases

FACES = 40_000  # of a mesh in a page: a megabyte
Real = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Colouring:
    """A quantity on the corners of a surface.

    Attributes
    ----------
    values : float32 (n,)
        One for each corner.
    inside : float32 (m,)
        Those of the voxels inside, which set the colours: the same as those of slices.
    scale : callable
        What colours are made of them.
    """

    name: str
    values: Real
    inside: Real
    scale: Callable[[Real], ColourScale]


@dataclass(frozen=True, eq=False)
class Surface:
    """Where the amplitude has the level of the crystal.

    Attributes
    ----------
    mesh : Mesh
    colourings : tuple of Colouring
    axes : (str, str, str)
        Names of x, y and z.
    unit : {"nm", "voxels"}
    level : float
        Of the highest amplitude.
    q : float64 (3,), optional
        The reciprocal lattice vector, to be shown beside it.
    """

    mesh: Mesh
    colourings: tuple[Colouring, ...]
    axes: tuple[str, str, str]
    unit: str
    level: float
    q: NDArray[np.float64] | None = None


def surface_of_crystal(crystal: Crystal, faces: int = FACES) -> Surface | None:
    """Surface in the laboratory, coloured by phase and strain; None where there is nothing to show."""
    if not crystal.solid.any():
        return None
    mesh = isosurface(crystal.amplitude, crystal.level, laboratory_basis(crystal), faces)
    drawn = quantities_of(crystal)
    solid = crystal.solid
    scale = wrapped_phase_scale if drawn["phase"].scale.cyclic else phase_scale
    return Surface(
        mesh=mesh,
        colourings=(
            Colouring(
                "phase",
                phase_on(mesh, crystal, drawn["phase"]),
                drawn["phase"].data[solid],
                scale,
            ),
            Colouring(
                "strain",
                mesh.values(drawn["strain"].data),
                drawn["strain"].data[solid],
                strain_scale,
            ),
        ),
        axes=("x", "y", "z"),
        unit="nm",
        level=crystal.level,
        q=crystal.q,
    )


def phase_on(mesh: Mesh, crystal: Crystal, drawn: Drawn) -> Real:
    """The phase of a crystal at the corners of its surface: that of the voxels inside, no jump drawn."""
    # voxels beyond the surface, where the phase runs wild, have no part in it
    known = np.where(np.isfinite(drawn.data), crystal.object, np.complex64(0))
    return drawn.scale.wrapped(phases(mesh, known, drawn.data))


def surface_of_object(
    obj: NDArray[np.complexfloating],
    support: NDArray[np.bool_],
    faces: int | None = FACES,
    level: float | None = None,
) -> Surface | None:
    """Surface in voxels of the array from its centre, coloured by phase; None where there is none.

    `level` is that of the surface, of the highest amplitude; default see `object_level`.
    """
    amplitude = np.where(support, np.abs(obj), 0)
    top = float(amplitude.max())
    if not (np.isfinite(top) and top > 0):
        return None
    amplitude = (amplitude / top).astype(np.float32)
    level = object_level(amplitude) if level is None else level
    mesh = isosurface(amplitude, level, np.eye(3)[::-1], faces)
    flat = flatten_phase(obj, amplitude > FAINT)
    solid = amplitude >= level
    wave = np.where(solid, np.exp(1j * np.nan_to_num(flat)), 0)
    turn = np.float32(2 * np.pi)
    phase = phases(mesh, wave, np.where(solid, flat, np.nan))
    phase -= turn * np.round(phase / turn)
    rocking, row, column = AXES
    inside = flat[solid].astype(np.float32)
    return Surface(
        mesh=mesh,
        colourings=(Colouring("phase", phase, inside, wrapped_phase_scale),),
        axes=(column, row, rocking),
        unit="voxels",
        level=level,
    )
