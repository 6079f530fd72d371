"""Strained crystals, sampled on any voxel grid.

Lengths are in nm. A grid is given by its direct basis, (3, 3) in nm per voxel with one column for
each array axis (`Geometry.direct_basis`), so that the shear of a detector's frame is real: the
crystal is drawn in the laboratory frame and only then sampled.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull, HalfspaceIntersection
from scipy.spatial.transform import Rotation
from scipy.special import beta

from .. import fourier
from ..errors import ParameterError
from . import shapes

Shape = tuple[int, int, int]
Field = NDArray[np.float32]

SHAPES = ("faceted", "superellipsoid")
FACET_SPREAD = 0.08  # relative; real crystals miss the Wulff shape, and none is centrosymmetric


def coordinates(shape: Shape, basis: ArrayLike) -> Field:
    """Positions in nm of all voxels, (3, z, y, x), laboratory frame; 0 at voxel ``n // 2``."""
    matrix = np.asarray(basis, dtype=np.float64)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or np.linalg.det(matrix) == 0:
        raise ParameterError("particle: basis must be a regular (3, 3) matrix in nm per voxel")
    axes = [np.arange(n) - n // 2 for n in shape]
    index = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
    points: Field = np.einsum("ij,jzyx->izyx", matrix.astype(np.float32), index)
    return points


def random_rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    """Rotation matrix (3, 3), uniform over all orientations."""
    return np.asarray(Rotation.from_quat(rng.standard_normal(4)).as_matrix())


def faceted(points: Field, size: float, rng: np.random.Generator, edge: float = 0.0) -> Field:
    """Amplitude of a truncated octahedron with uneven {111} and {100} facets, at random rotation.

    Parameters
    ----------
    points : (3, z, y, x)
        In nm.
    size : float
        Diameter in nm of the sphere of the same volume.
    edge : float
        Width in nm over which the surface fades from 1 to 0; 0 for a sharp one.

    Returns
    -------
    float32 (z, y, x), from 0 to 1
    """
    normals = np.array(shapes.NORMALS)
    heights = np.concatenate([np.ones(8), np.full(6, shapes.CUBE_TO_OCTAHEDRON)])
    heights *= 1 + FACET_SPREAD * rng.uniform(-1, 1, heights.size)
    corners = HalfspaceIntersection(np.column_stack([normals, -heights]), np.zeros(3)).intersections
    hull = ConvexHull(corners)
    scale = _scale(size, hull.volume)
    rotation = random_rotation(rng)
    distance = np.full(points.shape[1:], -np.inf, dtype=np.float32)
    for normal, height in zip(normals @ rotation.T, heights * scale, strict=True):
        along: Field = np.tensordot(normal.astype(np.float32), points, axes=1)
        np.maximum(distance, along - np.float32(height), out=distance)
    return _fade(distance, edge)


def superellipsoid(
    points: Field,
    semi_axes: tuple[float, float, float],
    e: float = 1.0,
    n: float = 1.0,
    rotation: ArrayLike | None = None,
    edge: float = 0.0,
) -> Field:
    """Amplitude of (|x/a|^(2/e) + |y/b|^(2/e))^(e/n) + |z/c|^(2/n) = 1.

    Parameters
    ----------
    points : (3, z, y, x)
        In nm.
    semi_axes : (a, b, c)
        In nm.
    e, n : float
        Roundness; 1 and 1 make an ellipsoid, values towards 0 a box.
    rotation : (3, 3), optional
        From the particle's own axes to the laboratory's.
    edge : float
        See `faceted`.

    Raises
    ------
    ParameterError
        A length or a roundness that is not positive.
    """
    if min(*semi_axes, e, n) <= 0:
        raise ParameterError("particle: a superellipsoid's semi-axes, e and n must be > 0")
    turn = np.eye(3) if rotation is None else np.asarray(rotation)
    own = np.einsum("ji,jzyx->izyx", turn.astype(np.float32), points)
    x, y, z = (np.abs(own[i]) / np.float32(semi_axes[i]) for i in range(3))
    # the level grows linearly along every ray, so this is the way left to the surface on it
    level = np.maximum(shapes.superellipsoid(x, y, z, e, n), 1e-6)
    radius = np.sqrt(np.einsum("izyx,izyx->zyx", points, points))
    distance = np.where(radius > 0, radius * (1 - 1 / level), -min(semi_axes))
    return _fade(distance.astype(np.float32), edge)


def superellipsoid_volume(semi_axes: tuple[float, float, float], e: float, n: float) -> float:
    """Volume in nm³ of a superellipsoid (Jaklič, Leonardis, Solina, 2000, eq. 2.60)."""
    a, b, c = semi_axes
    return float(2 * a * b * c * e * n * beta(n / 2 + 1, n) * beta(e / 2, e / 2))


def correlated_field(
    shape: Shape, basis: ArrayLike, lengths: float | ArrayLike, rng: np.random.Generator
) -> Field:
    """White Gaussian noise convolved with exp(−x²/2L_x² − y²/2L_y² − z²/2L_z²), variance 1.

    Parameters
    ----------
    lengths : float or (3,)
        L in nm along the laboratory's axes.

    Notes
    -----
    The paper's prefactor √(L_x L_y L_z)/π^(3/4) likewise makes the variance 1. The field is
    periodic over the grid, which a particle that leaves room around it does not feel.
    """
    widths = np.broadcast_to(np.asarray(lengths, dtype=np.float64), (3,))
    if not (np.isfinite(widths).all() and (widths > 0).all()):
        raise ParameterError("particle: correlation lengths must be > 0 nm")
    reciprocal = 2 * np.pi * np.linalg.inv(np.asarray(basis, dtype=np.float64)).T
    frequencies = np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")
    scaled = np.einsum("i,ij,jzyx->izyx", widths, reciprocal, np.stack(frequencies))
    kernel = np.exp(-0.5 * np.einsum("izyx,izyx->zyx", scaled, scaled))
    noise = rng.standard_normal(shape, dtype=np.float32).astype(np.complex64)
    spectrum = fourier.to_reciprocal(torch.from_numpy(noise))
    spectrum *= torch.from_numpy((kernel / np.sqrt(np.mean(kernel**2))).astype(np.float32))
    smooth: Field = fourier.to_direct(spectrum).real.numpy()
    return smooth


def strained_crystal(
    shape: Shape,
    basis: ArrayLike,
    *,
    size: float,
    rng: np.random.Generator,
    kind: str = "faceted",
    phase_range: float = 2.0,
    correlation: float | None = None,
    edge: float | None = None,
) -> NDArray[np.complex64]:
    """One strained crystal ρ = s·exp(iφ), φ = −G·u, sampled on a grid.

    Parameters
    ----------
    shape : (z, y, x)
        Voxels of the grid.
    basis : (3, 3)
        nm per voxel, columns along the array's axes.
    size : float
        Diameter in nm of the sphere of the same volume.
    rng : numpy.random.Generator
        The only source of randomness.
    kind : {"faceted", "superellipsoid"}
    phase_range : float
        φ runs over this many radians from its lowest to its highest value inside.
    correlation : float, optional
        Of the displacement, in nm; default 0.3 × size.
    edge : float, optional
        Width of the surface in nm; default the cube root of a voxel's volume.

    Returns
    -------
    complex64 (z, y, x)
        Centred; amplitude at most 1, the mean of φ is 0.

    Raises
    ------
    ParameterError
        An unknown kind, a number out of range, or a crystal that the grid does not hold.
    """
    if kind not in SHAPES:
        raise ParameterError(f"particle: kind {kind!r} is unknown: use one of {', '.join(SHAPES)}")
    if not size > 0 or not phase_range >= 0:
        raise ParameterError("particle: size must be > 0 nm and phase_range >= 0 rad")
    points = coordinates(shape, basis)
    if edge is None:
        edge = float(abs(np.linalg.det(np.asarray(basis, dtype=np.float64))) ** (1 / 3))
    if kind == "faceted":
        amplitude = faceted(points, size, rng, edge)
    else:
        axes, e, n = rng.uniform(0.7, 1.3, 3), *rng.uniform(0.4, 1.4, 2)
        a, b, c = axes * _scale(size, superellipsoid_volume((axes[0], axes[1], axes[2]), e, n))
        amplitude = superellipsoid(points, (a, b, c), e, n, random_rotation(rng), edge)
    inside = amplitude > 0
    if not inside.any() or any(inside.take((0, -1), axis=axis).any() for axis in range(3)):
        raise ParameterError(
            f"particle: {size:g} nm does not fit the grid of {shape} voxels: give a larger grid"
        )
    phase = correlated_field(shape, basis, correlation or 0.3 * size, rng)
    low, high = phase[inside].min(), phase[inside].max()
    phase *= phase_range / (high - low) if high > low else 0.0
    phase -= np.average(phase[inside], weights=amplitude[inside])
    crystal: NDArray[np.complex64] = (amplitude * np.exp(1j * phase)).astype(np.complex64)
    return crystal


def _scale(size: float, volume: float) -> float:
    """Factor on lengths that makes `volume` that of a sphere of diameter `size`."""
    return float((np.pi / 6 * size**3 / volume) ** (1 / 3))


def _fade(distance: Field, edge: float) -> Field:
    """1 inside, 0 outside, linear over `edge` nm about the surface."""
    if edge <= 0:
        return (distance <= 0).astype(np.float32)
    faded: Field = np.clip(0.5 - distance / np.float32(edge), 0, 1)
    return faded
