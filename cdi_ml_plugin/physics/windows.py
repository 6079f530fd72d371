"""Windows about an object: what lies beyond is empty, and a full scan is large."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

MARGIN = 0.15  # of the object's extent, left around it in a picture


def profiles(amplitude: NDArray[np.floating]) -> Iterator[NDArray[np.float64]]:
    """Sums (n,) over the planes across each axis, in double precision."""
    for axis in range(amplitude.ndim):
        others = tuple(a for a in range(amplitude.ndim) if a != axis)
        yield amplitude.sum(axis=others, dtype=np.float64)


def extent(
    amplitude: NDArray[np.floating],
) -> tuple[tuple[slice, ...], tuple[int, ...]] | None:
    """Find the smallest window that holds what is not 0, and the voxel at the centre of mass.

    Parameters
    ----------
    amplitude : float (z, y, x)
        0 or more.

    Returns
    -------
    (slices, indices) or None
        None where everything is 0, or something is not finite.
    """
    window, centre = [], []
    for profile in profiles(amplitude):
        total = float(profile.sum())
        if not 0 < total < np.inf:
            return None
        occupied = np.flatnonzero(profile)
        window.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
        centre.append(round(float(profile @ np.arange(len(profile))) / total))
    return tuple(window), tuple(centre)


def object_window(amplitude: NDArray[Any]) -> tuple[tuple[int, ...], list[slice]]:
    """Return the voxel at the centre of mass, and windows of equal size about the object.

    Of an amplitude that is 0 or not finite, the middle and the whole array.
    """
    shape = amplitude.shape
    found = extent(amplitude)
    if found is None:
        return tuple(n // 2 for n in shape), [slice(0, n) for n in shape]
    window, centre = found
    half = int(np.ceil((0.5 + MARGIN) * max(part.stop - part.start for part in window)))
    windows = []
    for n, part in zip(shape, window, strict=True):
        middle = (part.start + part.stop) // 2
        windows.append(slice(max(0, middle - half), min(n, middle + half)))
    return centre, windows


def about_centre(support: NDArray[np.bool_], room: int = 1) -> tuple[slice, ...]:
    """Window with voxel ``n // 2`` at its own middle, `room` times what holds a support and a margin."""
    window = []
    for axis, n in enumerate(support.shape):
        filled = np.flatnonzero(support.any(axis=tuple(a for a in range(3) if a != axis)))
        half = min(room * (int(np.abs(filled - n // 2).max()) + 4), n // 2)
        window.append(slice(n // 2 - half, n // 2 + half + 1))
    return tuple(window)
