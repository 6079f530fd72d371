"""Crystals whose facets are known: normals and areas of polyhedra, blurred and noisy as objects are."""

from __future__ import annotations

from typing import Any

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
    count = int(2 * radius / VOXEL) + 20
    points = coordinates((count, count + 2, count + 1), VOXEL * np.eye(3)[:, ::-1])
    return blurred(np.sqrt((points**2).sum(axis=0)) - radius, noise)


def polyhedron(
    normals: np.ndarray, heights: np.ndarray, noise: float = 0.0, **given: Any
) -> Crystal:
    count = int(3 * heights.max() / VOXEL) + 12
    points = coordinates((count, count + 2, count + 1), VOXEL * np.eye(3)[:, ::-1])
    distance = np.tensordot(normals, points, axes=1) - heights[:, None, None, None]
    return blurred(distance.max(axis=0), noise, **given)


def blurred(distance: np.ndarray, noise: float, q: np.ndarray = Q, seed: int = 0) -> Crystal:
    """A crystal by the distance of every voxel from its surface, nm; noise is a share of the amplitude."""
    amplitude = gaussian_filter(np.clip(0.5 - distance / VOXEL, 0, 1), 1.0)
    speckle = gaussian_filter(np.random.default_rng(seed).standard_normal(amplitude.shape), 1.0)
    amplitude = amplitude * (1 + noise * speckle / speckle.std())
    amplitude = (amplitude / amplitude.max()).clip(0).astype(np.float32)
    inside = amplitude > 0.1
    none = np.where(inside, 0, np.nan).astype(np.float32)
    figures = {"edge_width_nm": 2.56 * VOXEL}
    return Crystal(amplitude, none, none, none, inside, VOXEL, q, figures)
