"""The phase of an object: its ramp, which diffraction does not see, and its gradient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CUT = 2e-3  # of the pairs of neighbours in a crystal, from which on jumps of its phase are a cut


def without_ramp(
    wave: NDArray[np.complexfloating],
) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Take the mean and the mean gradient off the phase of an object.

    Neither is seen by a diffraction pattern that is known up to its place: a constant changes
    nothing, and a gradient only moves the pattern.

    Returns
    -------
    wave : complex128
    gradient : (3,)
        rad per voxel along each axis.
    """
    flat = wave.astype(np.complex128)
    gradient = np.zeros(3)
    for axis, n in enumerate(flat.shape):
        # a sum that weighs with the amplitude, and does not care where the phase wraps
        step = np.vdot(flat.take(range(n - 1), axis=axis), flat.take(range(1, n), axis=axis))
        gradient[axis] = np.angle(step)
        view = [1, 1, 1]
        view[axis] = n
        flat *= np.exp(-1j * gradient[axis] * (np.arange(n) - n // 2)).reshape(view)
    flat *= np.exp(-1j * np.angle(np.sum(flat * np.abs(flat))))
    return flat, gradient


def phase_gradient(wave: NDArray[np.inexact], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Gradient of the phase in rad per voxel, (x, y, z) first: (3, z, y, x), NaN where unknown.

    From products of neighbours, so that it does not care where the phase wraps; both sides where both
    are inside, else one.
    """
    result = np.full((3, *wave.shape), np.nan)
    for component, axis in enumerate((2, 1, 0)):
        low = [slice(None)] * 3
        high = [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        before, after = tuple(low), tuple(high)
        step = np.angle(wave[after] * wave[before].conj())
        known = inside[after] & inside[before]
        total, count = np.zeros(wave.shape), np.zeros(wave.shape)
        for side in (before, after):
            total[side] += np.where(known, step, 0)
            count[side] += known
        np.divide(total, count, out=result[component], where=count > 0)
    return result


def jumps(phase: NDArray[np.floating], solid: NDArray[np.bool_]) -> bool:
    """Whether an unwrapped phase jumps, by more than π from a voxel to the next, over a surface in a crystal.

    Where it does, a dislocation leaves no phase without a cut. Single voxels count for nothing.

    Parameters
    ----------
    phase : float (z, y, x)
        rad.
    solid : bool (z, y, x)
        The voxels of the crystal.
    """
    found = pairs = 0
    for axis in range(phase.ndim):
        both = np.logical_and(
            solid.take(range(1, solid.shape[axis]), axis),
            solid.take(range(solid.shape[axis] - 1), axis),
        )
        found += int((np.abs(np.diff(phase, axis=axis)[both]) > np.pi).sum())
        pairs += int(both.sum())
    return found > CUT * pairs
