"""Arrays that are known in part, continued into the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt


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
