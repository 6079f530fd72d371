"""Voxels that stand alone, and the peak, which is the brightest voxel that does not."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..utils import memory

RATIO = 10.0
FLOOR = 20.0
# The 5 × 5 × 5 voxels around a hot one may hold this many hot ones more (a particle's track).
_COMPANIONS = 4
# The same for a pixel through all frames, 5 × 5; its median over the frames hardly fluctuates.
_PIXEL_COMPANIONS = 2
_PIXEL_FLOOR = 3.0
_CHUNK = 4096  # voxels looked at together
_MANY = 200  # of so many voxels one above the floor: then filters are faster than a look at each
LOOKING = 30  # bytes a voxel, beside the data, as measured


def hot_voxels(
    counts: NDArray[np.float32], ratio: float = RATIO, floor: float = FLOOR
) -> NDArray[np.bool_]:
    """Voxels far above nearly all of the 124 around them.

    Parameters
    ----------
    counts : float32 (z, y, x)
        0 where masked.
    ratio, floor : float
        Hot is what has more than ``ratio`` times the counts, plus ``floor``, of the fifth
        brightest voxel around it.

    Returns
    -------
    bool (z, y, x)

    Raises
    ------
    TooLargeError
        More memory is needed than is free.
    """
    memory.check("hot pixels", counts.size, LOOKING, "cut the region of interest out first")
    suspects = counts > floor
    if np.count_nonzero(suspects) > counts.size // _MANY:
        # Cheap test first: the fifth brightest around is no less than the darkest that touches.
        darkest = counts
        for axis in range(3):
            beside = ndimage.minimum_filter1d(counts, 3, axis=axis, mode="constant")
            darkest = np.minimum(darkest, beside)
        suspects = counts > ratio * darkest + floor
    return _alone(counts, suspects, _COMPANIONS, ratio, floor)


def hot_columns(counts: NDArray[np.float32], ratio: float = RATIO) -> NDArray[np.bool_]:
    """Pixels whose median over the frames is far above that of the 24 around them.

    Parameters
    ----------
    counts : float32 (z, y, x)
        0 where masked; only frames that were measured.
    ratio : float
        Hot is what has more than ``ratio`` times the median, plus 3 counts, of the third
        brightest pixel around it.

    Returns
    -------
    bool (y, x)
    """
    # a median above the floor has half of the frames above it; what lies around such pixels is needed too
    high = 2 * np.count_nonzero(counts > _PIXEL_FLOOR, axis=0) >= len(counts)
    needed = ndimage.binary_dilation(high, np.ones((5, 5), dtype=bool))
    median = np.zeros(counts.shape[1:], dtype=np.float32)
    median[needed] = np.median(counts[:, needed], axis=0)
    return _alone(median, median > _PIXEL_FLOOR, _PIXEL_COMPANIONS, ratio, _PIXEL_FLOOR)


def brightest(counts: NDArray[np.float32]) -> tuple[int, int, int]:
    """Index of the brightest voxel that is not hot; of the brightest, where all are."""
    top = float(counts.max())
    upper, lower = np.inf, top / 2
    while upper > 1e-6 * top:
        some = _places((counts >= lower) & (counts < upper))
        some = some[np.argsort(-counts[tuple(some.T)], kind="stable")]
        for i in range(0, len(some), _CHUNK):
            good = ~_stand_alone(counts, some[i : i + _CHUNK], _COMPANIONS, RATIO, FLOOR)
            if good.any():
                z, y, x = some[i + int(good.argmax())].tolist()
                return z, y, x
        upper, lower = lower, lower / 2
    z, y, x = np.unravel_index(int(counts.argmax()), counts.shape)
    return int(z), int(y), int(x)


def _places(where: NDArray[np.bool_]) -> NDArray[np.intp]:
    """As `numpy.argwhere`, many times faster where few are true."""
    return np.stack(np.unravel_index(np.flatnonzero(where), where.shape), axis=1)


def _alone(
    counts: NDArray[np.float32],
    suspects: NDArray[np.bool_],
    companions: int,
    ratio: float,
    floor: float,
) -> NDArray[np.bool_]:
    """Which of the suspects stand alone, in chunks to spare memory."""
    hot = np.zeros(counts.shape, dtype=bool)
    at = _places(suspects)
    for i in range(0, len(at), _CHUNK):
        some = at[i : i + _CHUNK]
        hot[tuple(some.T)] = _stand_alone(counts, some, companions, ratio, floor)
    return hot


def _stand_alone(
    counts: NDArray[np.float32], at: NDArray[np.intp], companions: int, ratio: float, floor: float
) -> NDArray[np.bool_]:
    """Whether the voxels `at` (k, dimensions) are far above all but a few of those around.

    What lies outside the array counts as dark, so that cutting an array makes no hot voxel cold.
    """
    alone = np.ones(len(at), dtype=bool)
    for reach in (1, 2):  # those that touch are enough for nearly all
        some = at[alone]
        steps = [
            step for step in product(range(-reach, reach + 1), repeat=counts.ndim) if any(step)
        ]
        around = some[:, None, :] + np.array(steps)
        inside = ((around >= 0) & (around < counts.shape)).all(axis=2)
        index: tuple[Any, ...] = tuple(np.moveaxis(np.where(inside[:, :, None], around, 0), 2, 0))
        values = np.where(inside, counts[index], 0)
        near = counts[tuple(some.T)][:, None] <= ratio * values + floor
        alone[alone] = np.count_nonzero(near, axis=1) <= companions
    return alone
