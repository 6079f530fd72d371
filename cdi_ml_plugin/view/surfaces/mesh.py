"""Isosurfaces as meshes: of a crystal's amplitude, of an object, of diffraction. No OpenGL is needed.

Vectors are (x, y, z).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import find_objects
from skimage.measure import marching_cubes

from ...crystal.crystal import FAINT, Crystal
from ...errors import ParameterError
from ...utils.nearest import sampled

FAINTEST = 10.0  # counts; below it an isosurface shows single photons
SHARE = 2e-4  # of the highest intensity, where an isosurface is by default
Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles.

    Attributes
    ----------
    points : float32 (n, 3)
        Corners (x, y, z), in the unit of the frame.
    faces : int32 (m, 3)
        Three corners each, the outside in front.
    voxels : float64 (n, 3)
        The corners as places in the array, in voxels from its first.
    """

    points: NDArray[np.float32]
    faces: NDArray[np.int32]
    voxels: NDArray[np.float64]

    def values(self, volume: NDArray[Any]) -> NDArray[np.float32]:
        """Values at the corners, linear between voxels; NaN takes the value of the nearest voxel."""
        return sampled(volume, self.voxels)


def phases(mesh: Mesh, wave: NDArray[np.complexfloating], phase: NDArray[np.floating]) -> Values:
    """A phase at the corners of a mesh, between voxels by its wave: that does not care where it wraps.

    Parameters
    ----------
    wave : complex (z, y, x)
        exp(i·phase) or what has this phase, 0 where there is none.
    phase : float (z, y, x)
        rad, unwrapped or not; NaN where there is none. It says how many turns to add.
    """
    angle = np.arctan2(mesh.values(wave.imag), mesh.values(wave.real))
    turn = np.float32(2 * np.pi)
    found: Values = angle + turn * np.round((mesh.values(phase) - angle) / turn)
    return found


def diffraction_level(intensity: NDArray[np.floating]) -> float:
    """Counts at which an isosurface shows fringes, and not yet the noise."""
    highest = float(intensity.max())
    level = min(max(FAINTEST, SHARE * highest), 0.1 * highest)
    return float(f"{level:.2g}")


def laboratory_basis(crystal: Crystal) -> NDArray[np.float64]:
    """Steps (3, 3) in nm along the axes of a crystal's arrays, which are (z, y, x), in columns."""
    return crystal.voxel * np.eye(3)[:, ::-1]


def amplitude_mesh(amplitude: NDArray[np.floating], level: float, basis: ArrayLike) -> Mesh:
    """Isosurface of an amplitude at a level that a user gives; see `isosurface`.

    Parameters
    ----------
    amplitude : float (i, j, k)
        Of its highest value, 0 to 1.
    level : float
        From `FAINT`, below which no phase is known, to below 1.
    basis : (3, 3)

    Raises
    ------
    ParameterError
        A level out of range, or one that leaves nothing.
    """
    if not FAINT <= level < 1:
        raise ParameterError(
            f"level {level:g}: give a share of the highest amplitude from {FAINT:g} to below 1"
        )
    return isosurface(amplitude, level, basis)


def diffraction_mesh(intensity: NDArray[np.floating], level: float, basis: ArrayLike) -> Mesh:
    """Isosurface of an intensity.

    Parameters
    ----------
    intensity : float (rocking, row, column)
        Counts, the peak at voxel ``n // 2`` of each axis.
    level : float
        Counts, > 0.
    basis : (3, 3)
        Steps of Q from voxel to voxel in 1/nm, columns along the array's axes
        (`Geometry.reciprocal_basis`).

    Raises
    ------
    ParameterError
        A level that is not positive, or above the highest intensity.
    """
    highest = float(intensity.max())
    if not 0 < level < highest:
        raise ParameterError(
            f"a surface at {level:g} counts: give counts from above 0 to below {highest:.3g}"
        )
    # between two voxels counts fall by factors, not by differences
    return isosurface(np.log1p(intensity, dtype=np.float32), float(np.log1p(level)), basis)


def isosurface(
    volume: NDArray[np.floating], level: float, basis: ArrayLike, most: int | None = None
) -> Mesh:
    """Surface where a volume crosses a level, in any frame that is linear in its voxels.

    Parameters
    ----------
    volume : float (i, j, k)
    level : float
    basis : (3, 3)
        Step from voxel to voxel along the array's axes, in columns; voxel ``n // 2`` lies at 0.
    most : int, optional
        Number of faces that a page can bear: coarser where there would be more, and closed where the
        array ends above the level. Without it the surface is open there.

    Returns
    -------
    Mesh
        Whatever the hand of `basis`, the outside, where the volume is lower, is in front.

    Raises
    ------
    ParameterError
        Nothing of the volume is above the level, or all of it.
    """
    above = volume >= level
    if not above.any() or (above.all() and most is None):
        raise ParameterError(
            f"level {level:g}: the values go from {float(volume.min()):g} to "
            f"{float(volume.max()):g}: give one between"
        )
    (window,) = find_objects(above.astype(np.int8))
    # one voxel more on each side, where the surface ends
    window = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in window)
    first = np.array([s.start for s in window])
    if most is None:
        places, faces, _, _ = marching_cubes(volume[window], level)
    else:
        places, faces = _at_most(np.pad(volume[window], 1), level, most)
        first -= 1
    voxels = places.astype(np.float64) + first
    matrix = np.asarray(basis, dtype=np.float64)
    points = (voxels - [n // 2 for n in volume.shape]) @ matrix.T
    if np.linalg.det(matrix) > 0:  # the inside is in front, unless the frame is mirrored
        faces = faces[:, ::-1]
    return Mesh(points.astype(np.float32), faces.astype(np.int32), voxels)


def _at_most(
    solid: NDArray[np.floating], level: float, most: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Corners in voxels and faces, from every voxel or so many apart that they are not too many."""
    step = 1
    while True:
        room = np.pad(solid, [(0, -n % step + step) for n in solid.shape])
        places, faces, _, _ = marching_cubes(room, level, step_size=step)
        if len(faces) <= most or step >= min(solid.shape) // 4:
            return places, faces
        step += 1
