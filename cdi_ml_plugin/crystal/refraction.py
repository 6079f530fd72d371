"""Refraction and absorption on the way through the crystal, and how they are taken off.

A plane wave exp(i(k·r − ωt)) in matter of index n = 1 − δ + iβ is, after a path of length L,
exp(ik(n − 1)L) = exp(−ikδL)·exp(−kβL) of what it would be in vacuum. What a voxel at r scatters with
exp(−i(k_f − k_i)·r), the sign of this package's transform, has had the path of the incoming beam to r and
of the outgoing one from r. So the object that is found is

    ρ_found(r) = ρ(r)·exp(−ikδL(r))·exp(−kβL(r))        L = L_in + L_out, k = 2π/λ

and is corrected by exp(+ikδL)·exp(+kβL): the phase by **+kδL**. The beams are taken as straight.

References
----------
Harder, Pfeifer, Williams, Vartanyants, Robinson, Phys. Rev. B 76, 115425 (2007).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_fill_holes, find_objects

from ..utils.nearest import fill_unknown
from ..utils.values import above_0
from .material import Index

BEAM = (0.0, 0.0, 1.0)
CORRECTED = "corrected for refraction and absorption"  # what notes of it begin with
AROUND = 3.0  # voxels beyond the surface
Real = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Correction:
    """What takes refraction and absorption off an object.

    Attributes
    ----------
    index : Index
    factor : complex64 [z, y, x]
        To multiply the object with; 1 away from the crystal.
    phase : float
        The largest that is added to the object's phase, rad.
    gain : float
        The largest that its amplitude is multiplied by.
    """

    index: Index
    factor: NDArray[np.complex64]
    phase: float
    gain: float

    @property
    def figures(self) -> dict[str, float]:
        """The numbers of it that a crystal reports."""
        return {"refraction_rad": self.phase, "absorption_gain": self.gain}


def correction(
    amplitude: NDArray[np.floating],
    level: float,
    voxel: float,
    wavelength: float,
    q: ArrayLike,
    index: Index,
) -> Correction:
    """Say by what to multiply an object so that refraction and absorption are gone.

    Parameters
    ----------
    amplitude : float [z, y, x]
        In the laboratory.
    level : float
        Of the surface.
    voxel : float
        Edge of the cubic voxels, nm.
    wavelength : float
        nm.
    q : (3,)
        k_f − k_i (x, y, z) in 1/nm.
    index : Index

    Raises
    ------
    ParameterError
        A voxel or a wavelength that is not above 0.
    """
    above_0("voxel", voxel)
    above_0("wavelength", wavelength)
    k = 2 * np.pi / wavelength
    outgoing = np.asarray(BEAM) + np.asarray(q, dtype=np.float64) / k
    path = path_inside(amplitude, level, -np.asarray(BEAM), voxel)
    path += path_inside(amplitude, level, outgoing, voxel)
    longest = float(path.max())
    if (
        longest > 0
    ):  # the margin beyond the surface goes with it, or the phase would have a step there
        path = fill_unknown(np.where(path > 0, path, np.nan), AROUND)
    factor = np.ones(path.shape, dtype=np.complex64)
    known = path > 0
    factor[known] = np.exp(k * (index.beta + 1j * index.delta) * path[known])
    return Correction(
        index=index,
        factor=factor,
        phase=k * index.delta * longest,
        gain=float(np.exp(k * index.beta * longest)),
    )


def note_of(index: Index, figures: Mapping[str, float]) -> str:
    """Say in a sentence what was corrected, by the figures of a crystal."""
    of = index.material or "given numbers"
    return (
        f"{CORRECTED} of {of} (delta {index.delta:.3g}, beta {index.beta:.3g}): "
        f"up to {figures['refraction_rad']:.3g} rad, and {figures['absorption_gain'] - 1:.1%} of the amplitude"
    )


def path_inside(
    amplitude: NDArray[np.floating], level: float, towards: ArrayLike, voxel: float
) -> Real:
    """Length in matter from every voxel to the surface, along one direction.

    Parameters
    ----------
    amplitude : float [z, y, x]
    level : float
        The surface is where the amplitude, linear between voxels, crosses it; what is enclosed is matter.
    towards : (3,)
        Direction (x, y, z), of any length.
    voxel : float
        nm.

    Returns
    -------
    float64 [z, y, x]
        nm; 0 outside. Where the ray leaves the crystal and enters it again, both parts count.

    Notes
    -----
    Slice by slice along the axis nearest to the direction: rays are sampled one voxel apart, and a voxel
    takes what those of the four next to it have that are inside. So each costs one step, however long its path.
    """
    height = np.asarray(amplitude, dtype=np.float64) - level
    solid = binary_fill_holes(height > 0)
    result = np.zeros(height.shape)
    if not solid.any():
        return result
    (about,) = find_objects(solid.astype(np.int8))
    # two voxels more, so that the surface and the rays beside it are in the window
    window = tuple(slice(max(0, s.start - 2), s.stop + 2) for s in about)
    # enclosed voxels below the level are matter too
    height = np.where(solid & (height <= 0), level, height)[window]
    along = np.asarray(towards, dtype=np.float64)[::-1]  # (z, y, x)
    axis = int(np.abs(along).argmax())
    slope = np.delete(along, axis) / abs(along[axis])  # of the other axes, a slice
    length = voxel * float(np.hypot(1, np.linalg.norm(slope)))
    slices = np.moveaxis(height, axis, 0)
    inside = np.moveaxis(result[window], axis, 0)  # a view
    order = range(len(slices))
    _accumulate(slices, inside, slope, order if along[axis] < 0 else order[::-1])
    result *= length
    result[~solid] = 0
    return result


def _accumulate(slices: Real, path: Real, slope: Real, order: range) -> None:
    """Fill in paths in steps, slice by slice from the one that the rays leave by.

    Ray (u, v) goes through place (u, v) − slope·n of the n-th slice in order.
    """
    reach = slope * (len(slices) - 1)
    first = np.floor(np.minimum(reach, 0)).astype(int) - 1
    size = np.asarray(slices.shape[1:]) + np.ceil(np.abs(reach)).astype(int) + 3
    total, before = np.zeros(size), np.full(size, -1.0)
    for n, at in enumerate(order):
        shift = slope * n - first
        whole = np.floor(shift).astype(int)
        part = shift - whole
        height = np.full(size, -1.0)  # beyond the window there is nothing
        rays = np.pad(slices[at], 1, mode="edge")
        # a ray lies 1 − part after one voxel and part before the next
        sampled = _mix(rays, 1 - part)
        here = tuple(slice(w, w + m) for w, m in zip(whole, sampled.shape, strict=True))
        height[here] = sampled
        total += _share(before, height)
        before = height
        # voxel (y, x) lies between the rays whole + (y, x) and one on
        kept = tuple(slice(w, w + m + 1) for w, m in zip(whole, slices.shape[1:], strict=True))
        weight = (height[kept] > 0).astype(np.float64)
        counted = _mix(weight, part)
        summed = _mix(weight * total[kept], part)
        np.divide(summed, counted, out=path[at], where=counted > 1e-6)


def _mix(plane: Real, part: Real) -> Real:
    """Values `part` of the way from each place to the next, along both axes: one fewer of each."""
    down = (1 - part[0]) * plane[:-1] + part[0] * plane[1:]
    mixed: Real = (1 - part[1]) * down[:, :-1] + part[1] * down[:, 1:]
    return mixed


def _share(before: Real, after: Real) -> Real:
    """How much of the way between two heights is above 0, where they are linear between."""
    both = np.abs(before) + np.abs(after)
    above = np.maximum(before, 0) + np.maximum(after, 0)
    return np.divide(above, both, out=np.zeros_like(both), where=both > 0)
