"""Arrays that are known in part, continued into the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates


def fill_unknown(values: NDArray[Any], reach: float = np.inf) -> NDArray[Any]:
    """Give each voxel that is not finite the value of the nearest one that is.

    Parameters
    ----------
    values : float (…)
    reach : float
        Voxels; further away they stay NaN.

    Returns
    -------
    float (…)
        `values` itself where all of it is known, or nothing.
    """
    unknown = ~np.isfinite(values)
    if not unknown.any() or unknown.all():
        return values
    distance, nearest = distance_transform_edt(unknown, return_indices=True)
    filled: NDArray[Any] = values[tuple(nearest)]
    filled[distance > reach] = np.nan
    return filled


def sampled(volume: NDArray[Any], places: NDArray[np.floating]) -> NDArray[np.float32]:
    """Values at places between the voxels, linear; NaN takes the value of the nearest voxel that is known.

    Parameters
    ----------
    volume : float (i, j, k)
    places : float (n, 3)
        In voxels from the first.

    Returns
    -------
    float32 (n,)
    """
    low = np.maximum(np.floor(places.min(axis=0)).astype(int) - 1, 0)
    high = np.ceil(places.max(axis=0)).astype(int) + 2
    part = fill_unknown(volume[tuple(map(slice, low, high))]).astype(np.float32)
    found: NDArray[np.float32] = map_coordinates(part, (places - low).T, order=1, mode="nearest")
    return found
