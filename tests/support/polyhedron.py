"""A particle of known facets and displacement, without symmetry, and what comes back of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import HalfspaceIntersection
from skimage.measure import marching_cubes

from cdi_ml_plugin import Geometry
from cdi_ml_plugin.crystal.analysis import analyse
from cdi_ml_plugin.crystal.crystal import Crystal

# no symmetry: neither the mirror image nor the inverse of this polyhedron is like it
NORMALS = np.array(
    [
        [1, 0.1, 0.2], [-1, 0.2, 0.1], [0.1, 1, -0.2], [0.15, -1, 0.1],
        [-0.2, 0.1, 1], [0.1, 0.1, -1], [1, 1, 1],
    ]
)  # fmt: skip
NORMALS = NORMALS / np.linalg.norm(NORMALS, axis=1)[:, None]
HEIGHTS = np.array([150, 165, 140, 150, 170, 145, 140.0])  # nm
EDGE = 15.0  # nm


def displacement(points: np.ndarray) -> np.ndarray:
    """u along Q in nm, at positions (3, …) in nm."""
    x, y, z = points
    return 0.03 * np.sin(x / 90 + 0.4) * np.cos(z / 110) + 0.02 * np.exp(-(((y - 60) / 80) ** 2))


def strain(points: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """∂u/∂(direction of Q), `normal` (3,), at positions (3, …) in nm."""
    x, y, z = points
    slopes = (
        0.03 / 90 * np.cos(x / 90 + 0.4) * np.cos(z / 110),
        -0.04 * (y - 60) / 80**2 * np.exp(-(((y - 60) / 80) ** 2)),
        -0.03 / 110 * np.sin(x / 90 + 0.4) * np.sin(z / 110),
    )
    return sum(n * slope for n, slope in zip(normal, slopes, strict=True))


def particle(points: np.ndarray, q: float) -> np.ndarray:
    """ρ at positions (3, …) in nm, for a peak at `q` 1/nm."""
    distance = np.tensordot(NORMALS, points, axes=1) - HEIGHTS[:, None, None, None]
    amplitude = np.clip(0.5 - distance.max(axis=0) / EDGE, 0, 1)
    return amplitude * np.exp(-1j * q * displacement(points))


def crystal(obj: np.ndarray, geometry: Geometry) -> Crystal:
    return analyse(obj, np.abs(obj) > 0.2 * np.abs(obj).max(), geometry)


def planes(found: Crystal) -> tuple[np.ndarray, np.ndarray]:
    """Normals and distances of the facets, fitted to the surface where it faces nearly as they should."""
    level = 0.5 * float(np.median(found.amplitude[found.inside]))
    corners, _, normals, _ = marching_cubes(found.amplitude, level, gradient_direction="descent")
    position = (corners[:, ::-1] * found.voxel) + found.origin
    facing = normals[:, ::-1]
    fitted, distances = [], []
    for normal in NORMALS:
        chosen = position[facing @ normal > np.cos(np.radians(15))]
        if len(chosen) < 20:
            return np.full((1, 3), np.nan), np.full(1, np.nan)
        middle = chosen.mean(axis=0)
        axis = np.linalg.svd(chosen - middle, full_matrices=False)[2][2]
        axis = axis * np.sign(axis @ normal)
        fitted.append(axis)
        distances.append(axis @ middle)
    return np.array(fitted), np.array(distances)


def edges(normals: np.ndarray, heights: np.ndarray) -> Iterator[float]:
    """Lengths of the edges, in the order of the true polyhedron's."""
    ideal = HalfspaceIntersection(np.column_stack([NORMALS, -HEIGHTS]), np.zeros(3)).intersections
    touching = [frozenset(np.flatnonzero(np.abs(NORMALS @ c - HEIGHTS) < 1e-6)) for c in ideal]
    where = [np.linalg.solve(normals[[*t]], heights[[*t]]) for t in touching]
    for a in range(len(where)):
        for b in range(a):
            if len(touching[a] & touching[b]) == 2:
                yield float(np.linalg.norm(where[a] - where[b]))


def same_shape(found: Crystal) -> bool:
    normals, distances = planes(found)
    if np.isnan(normals).any():  # no surface that faces so
        return False
    angles = np.degrees(np.arccos(np.clip((normals * NORMALS).sum(axis=1), -1, 1)))
    difference = np.array([*edges(normals, distances)]) - [*edges(NORMALS, HEIGHTS)]
    return bool(angles.max() < 1 and np.abs(difference).max() < found.voxel)


def same_displacement(found: Crystal) -> bool:
    z, y, x = np.meshgrid(*found.axes(), indexing="ij")
    points = np.stack([x, y, z])
    # the object may lie a part of a voxel from where it was: `align` has put it onto the truth
    distance = (np.tensordot(NORMALS, points, axes=1) - HEIGHTS[:, None, None, None]).max(axis=0)
    inner = (distance < -2 * found.voxel) & found.inside
    design = np.column_stack([points[:, inner].T, np.ones(inner.sum())])
    expected, measured = displacement(points)[inner], found.displacement[inner]
    for field in (expected, measured):  # neither a mean nor a mean gradient is seen
        field -= design @ np.linalg.lstsq(design, field, rcond=None)[0]
    error = np.abs(measured - expected)
    return bool(np.quantile(error, 0.99) < 0.05 * np.ptp(expected))
