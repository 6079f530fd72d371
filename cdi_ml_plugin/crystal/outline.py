"""The surface of a crystal as a mesh with normals and areas: what facets are looked for on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_dilation,
    binary_fill_holes,
    find_objects,
    gaussian_filter,
    label,
    map_coordinates,
)
from scipy.sparse import coo_matrix
from skimage.measure import marching_cubes

from ..errors import ParameterError
from .crystal import Crystal

Real = NDArray[np.float64]
SMOOTH = 1.5  # voxels; of the amplitude whose gradient tells the normals
SMALLEST = 200  # voxels; what has less has no surface to speak of
ROOM = 8  # voxels about the crystal, so that the smoothing meets no end


@dataclass(frozen=True, eq=False)
class Outline:
    """Triangles where the amplitude crosses the level, of the largest piece of a crystal.

    Attributes
    ----------
    points : float64 (n, 3)
        Corners (x, y, z), nm.
    faces : int32 (m, 3)
        Three corners each, the outside in front.
    voxels : float64 (n, 3)
        The corners as places [z, y, x] in the crystal's arrays.
    normals : float64 (n, 3)
        Unit vectors (x, y, z) outwards, of the amplitude smoothed over 1.5 voxels.
    areas : float64 (n,)
        A third of the triangles about each corner, nm².
    """

    points: Real
    faces: NDArray[np.int32]
    voxels: Real
    normals: Real
    areas: Real

    @property
    def neighbours(self) -> coo_matrix:
        """Which corners an edge joins, (n, n)."""
        ends = np.concatenate([self.faces[:, [0, 1]], self.faces[:, [1, 2]], self.faces[:, [2, 0]]])
        size = (len(self.points), len(self.points))
        return coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=size)


def outline(crystal: Crystal) -> Outline:
    """Mesh the surface of a crystal's largest piece; what it encloses has no surface.

    Raises
    ------
    ParameterError
        A crystal of a few voxels.
    """
    pieces, count = label(crystal.solid)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    if not count or sizes.max() < SMALLEST:
        raise ParameterError(
            f"facets: the crystal has {int(sizes.max()) if count else 0} voxels above its level, too few to have "
            f"facets: give a lower level or smaller voxels (at least {SMALLEST})"
        )
    piece = pieces == 1 + int(sizes.argmax())
    (about,) = find_objects(piece.astype(np.int8))
    window = tuple(slice(max(0, s.start - 2), s.stop + 2) for s in about)
    piece = np.pad(piece[window], ROOM)
    # twice the level is the inside: how the amplitude varies there is nothing of the surface
    height = np.minimum(np.pad(crystal.amplitude[window], ROOM) / crystal.level, 2).astype(
        np.float64
    )
    height[~binary_dilation(piece, iterations=2)] = 0
    height[binary_fill_holes(piece) & ~piece] = 2
    # other pieces, or the edge of the array, may reach into the room that was left
    places, faces, _, _ = marching_cubes(height, 1.0)
    first = np.array([s.start for s in window]) - ROOM
    slopes = np.gradient(gaussian_filter(height, SMOOTH))
    normals = -np.stack([map_coordinates(each, places.T, order=1) for each in slopes], axis=1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1), 1e-12)[:, None]
    voxels = places.astype(np.float64) + first
    points = (voxels - [n // 2 for n in crystal.amplitude.shape])[:, ::-1] * crystal.voxel
    faces = faces[:, ::-1] if _inward(points, faces) else faces
    corners = points[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    size = np.linalg.norm(cross, axis=1) / 2
    thirds = np.repeat(size / 3, 3)
    areas = np.bincount(faces.ravel(), thirds, minlength=len(points)).astype(np.float64)
    return Outline(points, faces.astype(np.int32), voxels, normals[:, ::-1].copy(), areas)


def _inward(points: Real, faces: NDArray[np.integer]) -> bool:
    """Whether the triangles face what they enclose: its volume by them is negative."""
    a, b, c = (points[faces[:, n]] for n in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) < 0
