"""How many voxels an object covers, from the autocorrelation that its pattern gives."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

LEVEL = 0.03  # of its maximum, where the autocorrelation is taken to end
FLOOR = 3.0  # times what it falls to at the far lags (noise, gaps, an unsteady beam) at least
FEWEST = 2.0  # voxels of an object along an axis
SMOOTH = 0.8  # voxels: over what unknown intensities are first averaged, before extents are known
LOW = 128  # voxels along an axis, at the most, from which extents are estimated


def extent_of(line: Sequence[float] | NDArray[np.float64], n: int) -> float:
    """Voxels that the object covers along an axis, from the end of the autocorrelation there.

    Along an axis the autocorrelation reaches as far as the object is long. Near its end it falls
    like (1 − lag/extent)² of its maximum, between the linear fall of a pair of facets and the
    cubic one of corners: this takes the extent from the last lag at which it is above a level.

    Parameters
    ----------
    line : floats
        The highest modulus at each lag from 0 on, of the highest of all.
    n : int
        Voxels of the array along the axis.

    Returns
    -------
    float
        From `FEWEST` to half the array.
    """
    line = np.asarray(line, dtype=np.float64)
    level = min(max(LEVEL, FLOOR * float(np.quantile(line, 0.1))), 0.3)
    last = int(np.flatnonzero(line >= level)[-1])
    lag = last + 0.5
    if last + 1 < len(line):
        above, below = float(line[last]), max(float(line[last + 1]), 1e-12)
        lag += math.log(above / level) / math.log(above / below)
    return min(max(lag / (1 - math.sqrt(level)), FEWEST), n / 2)


def extents(intensity: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Voxels that the object covers along each axis, from the middle of its pattern.

    An object of n voxels along an axis of N is oversampled N/n times there.

    Parameters
    ----------
    intensity : real (z, y, x)
        Centred, with counts; 0 where masked.
    mask : bool (z, y, x)
        True where it is unknown: filled by the average nearby.

    Returns
    -------
    (3,) floats
        Not whole, in voxels of the object that an array of this shape shows.
    """
    middle = tuple(
        slice(n // 2 - min(n, LOW) // 2, n // 2 + (min(n, LOW) + 1) // 2) for n in mask.shape
    )
    counts, unknown = intensity[middle].astype(np.float32), mask[middle]
    if unknown.any():
        weight = ndimage.gaussian_filter((~unknown).astype(np.float32), SMOOTH, mode="constant")
        average = ndimage.gaussian_filter(counts, SMOOTH, mode="constant") / np.maximum(
            weight, 1e-6
        )
        counts = np.where(unknown, average, counts)
    lags = np.abs(fft.rfftn(counts))  # symmetric about lag 0, so half of one axis is all of it
    spans = []
    for axis, n in enumerate(counts.shape):
        line = lags.max(axis=tuple(other for other in range(3) if other != axis)) / lags.max()
        if axis < 2:  # what the missing half has at this lag, this half has at the opposite one
            line = np.maximum(line, np.roll(line[::-1], 1))
        spans.append(extent_of(line[: (n + 1) // 2], n))
    z, y, x = spans
    return z, y, x
