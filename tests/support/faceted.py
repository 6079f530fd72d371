"""Crystals whose facets are known: normals and areas of polyhedra, blurred and noisy as objects are."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull, HalfspaceIntersection

from cdi_ml_plugin.crystal.crystal import Crystal
from cdi_ml_plugin.simulate import shapes
from cdi_ml_plugin.simulate.particle import coordinates, random_rotation

VOXEL = 5.0  # nm
Q = np.array([20.0, 10.0, 5.0])  # 1/nm, where nothing asks for another


def octahedron(
    size: float, seed: int, cube: float = shapes.CUBE_TO_OCTAHEDRON
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normals, distances from the centre in nm, and orientation of an uneven truncated octahedron."""
    rng = np.random.default_rng(seed)
    turn = random_rotation(rng)
    heights = np.r_[np.ones(8), np.full(6, cube)] * (1 + rng.uniform(-0.05, 0.05, 14))
    return np.array(shapes.NORMALS) @ turn.T, size * heights, turn


def true_areas(normals: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Of the facets of a polyhedron, nm²; 0 of planes that it does not reach."""
    corners = HalfspaceIntersection(np.column_stack([normals, -heights]), np.zeros(3)).intersections
    areas = []
    for normal, height in zip(normals, heights, strict=True):
        own = corners[np.abs(corners @ normal - height) < 1e-6 * height]
        across = np.linalg.svd(normal[None])[2][1:]
        areas.append(ConvexHull(own @ across.T).volume if len(own) > 2 else 0.0)
    return np.array(areas)


def sphere(radius: float, noise: float = 0.0) -> Crystal:
    return polyhedron(np.eye(3), np.full(3, 2 * radius), noise, radius=radius)


def polyhedron(
    normals: np.ndarray,
    heights: np.ndarray,
    noise: float = 0.0,
    radius: float = np.inf,
    q: np.ndarray = Q,
) -> Crystal:
    """A crystal within planes, and within a sphere."""
    reach = min(radius, 1.5 * heights.max())
    count = int(2 * reach / VOXEL) + 16
    points = coordinates((count, count + 2, count + 1), VOXEL * np.eye(3)[:, ::-1])
    distance = np.tensordot(normals, points, axes=1) - heights[:, None, None, None]
    round_ = np.sqrt((points**2).sum(axis=0)) - radius
    return blurred(np.maximum(distance.max(axis=0), round_), noise, q)


def blurred(distance: np.ndarray, noise: float, q: np.ndarray) -> Crystal:
    """A crystal by the distance of every voxel from its surface, nm; noise is a share of the amplitude."""
    amplitude = gaussian_filter(np.clip(0.5 - distance / VOXEL, 0, 1), 1.0)
    speckle = gaussian_filter(np.random.default_rng(0).standard_normal(amplitude.shape), 1.0)
    amplitude = amplitude * (1 + noise * speckle / speckle.std())
    amplitude = (amplitude / amplitude.max()).clip(0).astype(np.float32)
    inside = amplitude > 0.1
    none = np.where(inside, 0, np.nan).astype(np.float32)
    figures = {"edge_width_nm": 2.56 * VOXEL}
    return Crystal(amplitude, none, none, none, inside, VOXEL, q, figures)
