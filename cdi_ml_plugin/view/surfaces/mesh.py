"""Isosurfaces in the laboratory: of a crystal's amplitude, and of diffraction, with what colours them.

Meshes are pyvista's; making them needs no OpenGL. Vectors are (x, y, z).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt, find_objects

from ...crystal.crystal import FAINT, Crystal
from ...errors import ParameterError

if TYPE_CHECKING:
    import pyvista

COLOUR = "colour"  # the point data of a mesh that colour it
FAINTEST = 10.0  # counts; below it an isosurface shows single photons
SHARE = 2e-4  # of the highest intensity, where an isosurface is by default


def diffraction_level(intensity: NDArray[np.floating]) -> float:
    """Counts at which an isosurface shows fringes, and not yet the noise."""
    highest = float(intensity.max())
    level = min(max(FAINTEST, SHARE * highest), 0.1 * highest)
    return float(f"{level:.2g}")


def crystal_surface(crystal: Crystal, values: ArrayLike, level: float) -> pyvista.PolyData:
    """Isosurface of the amplitude, in nm in the laboratory; see `object_surface`.

    Parameters
    ----------
    crystal : Crystal
    values : float [z, y, x]
        `crystal.phase`, `crystal.strain` …
    level : float
    """
    basis = crystal.voxel * np.eye(3)[:, ::-1]  # the arrays' axes are (z, y, x)
    return object_surface(crystal.amplitude, values, level, basis)


def object_surface(
    amplitude: NDArray[np.floating], values: ArrayLike, level: float, basis: ArrayLike
) -> pyvista.PolyData:
    """Isosurface of an amplitude, coloured by something that is known inside.

    Parameters
    ----------
    amplitude : float (i, j, k)
        Of its highest value, 0 to 1.
    values : float (i, j, k)
        NaN takes the value of the nearest voxel.
    level : float
        From `FAINT`, below which no phase is known, to below 1.
    basis : (3, 3)
        Step from voxel to voxel along the array's axes, in columns.

    Returns
    -------
    pyvista.PolyData
        Points (x, y, z) in the unit of `basis`; `COLOUR` in that of `values`.

    Raises
    ------
    ParameterError
        A level out of range, or one that leaves nothing.
    """
    if not FAINT <= level < 1:
        raise ParameterError(
            f"level {level:g}: give a share of the highest amplitude from {FAINT:g} to below 1"
        )
    return isosurface(amplitude, level, basis, values)


def diffraction_surface(
    intensity: NDArray[np.floating], level: float, basis: ArrayLike
) -> pyvista.PolyData:
    """Isosurface of an intensity, coloured by |Q| from the peak.

    Parameters
    ----------
    intensity : float (rocking, row, column)
        Counts, the peak at voxel ``n // 2`` of each axis.
    level : float
        Counts, > 0.
    basis : (3, 3)
        Steps of Q from voxel to voxel in 1/nm, columns along the array's axes
        (`Geometry.reciprocal_basis`).

    Returns
    -------
    pyvista.PolyData
        Points (x, y, z) and `COLOUR` in the unit of `basis`.

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
    logarithm = np.log1p(intensity, dtype=np.float32)
    mesh = isosurface(logarithm, float(np.log1p(level)), basis)
    mesh[COLOUR] = np.linalg.norm(mesh.points, axis=1)
    return mesh


def isosurface(
    volume: NDArray[np.floating], level: float, basis: ArrayLike, values: ArrayLike | None = None
) -> pyvista.PolyData:
    """Surface where a volume crosses a level, in any frame that is linear in its voxels.

    Parameters
    ----------
    volume : float (i, j, k)
    level : float
    basis : (3, 3)
        Step from voxel to voxel along the array's axes, in columns; voxel ``n // 2`` lies at 0.
    values : float (i, j, k), optional
        What colours the surface: linear between voxels; NaN takes the value of the nearest voxel.

    Returns
    -------
    pyvista.PolyData
        Triangles with their outside (where the volume is lower) in front, whatever the hand of
        `basis`; open where the array ends above the level.

    Raises
    ------
    ParameterError
        Nothing of the volume is above the level, or all of it.
    """
    import pyvista

    above = volume >= level
    if not above.any() or above.all():
        raise ParameterError(
            f"level {level:g}: the values go from {float(volume.min()):g} to "
            f"{float(volume.max()):g}: give one between"
        )
    (window,) = find_objects(above.astype(np.int8))
    # one voxel more on each side, where the surface ends
    window = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in window)
    part = volume[window]
    # VTK counts points along x fastest, so the last axis of an array is its first
    grid: Any = pyvista.ImageData(dimensions=part.shape[::-1])
    grid["volume"] = part.ravel()
    if values is not None:
        grid[COLOUR] = _nearest(np.asarray(values)[window]).ravel()
    contour = grid.contour([level], scalars="volume")
    start = np.array([s.start - n // 2 for s, n in zip(window, volume.shape, strict=True)])
    matrix = np.asarray(basis, dtype=np.float64)
    points = (np.asarray(contour.points, dtype=np.float64)[:, ::-1] + start) @ matrix.T
    faces = contour.regular_faces
    if np.linalg.det(matrix[:, ::-1]) < 0:  # mirrored: what was in front would be behind
        faces = faces[:, ::-1]
    mesh = pyvista.PolyData.from_regular_faces(points.astype(np.float32), faces)
    if values is not None:
        mesh[COLOUR] = contour[COLOUR]
    return mesh


def _nearest(values: NDArray[Any]) -> NDArray[Any]:
    """Values with each NaN replaced by the nearest that is none."""
    unknown = ~np.isfinite(values)
    if not unknown.any() or unknown.all():
        return values
    index = distance_transform_edt(unknown, return_distances=False, return_indices=True)
    return values[tuple(index)]
