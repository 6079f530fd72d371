"""Which values of a series stand out from those beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FROM = 3.5  # robust standard deviations from the trend, from which a value stands out
NEIGHBOURS = 2  # on each side, whose median is the trend
SIGMA = 1.4826  # standard deviations of a normal distribution in its median absolute deviation


def outliers(values: Sequence[float], errors: Sequence[float] = ()) -> NDArray[np.float64]:
    """How many robust standard deviations each value lies from its neighbours' median; NaN where it is not known.

    The scale is the median absolute deviation of all these distances times 1.4826 (Iglewicz and Hoaglin, How to Detect
    and Handle Outliers, 1993), so that a trend is no outlier, and an outlier widens no scale.

    Parameters
    ----------
    values : sequence of float
        In the order of the series.
    errors : sequence of float, optional
        Their standard uncertainties; the scale is at least their median, for within them nothing stands out.
    """
    given = np.asarray(values, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(given))
    score = np.full(given.shape, np.nan)
    if known.size < 5:
        return score
    line = given[known]
    count = line.size
    trend = np.empty(count)
    for place in range(count):
        low = min(max(0, place - NEIGHBOURS), count - 2 * NEIGHBOURS - 1)
        trend[place] = _straight(line, low, place)
    apart = line - trend
    scale = SIGMA * float(np.median(np.abs(apart)))
    sure = np.asarray(errors, dtype=np.float64)
    if np.isfinite(sure).any():
        scale = max(scale, float(np.nanmedian(sure)))
    scale = max(scale, 1e-12 * float(np.abs(line).max()))  # what a double resolves
    score[known] = apart / scale if scale > 0 else 0.0
    return score


def _straight(line: NDArray[np.float64], low: int, place: int) -> float:
    """The value that the neighbours of a place foretell: a line of median slope through their medians."""
    others = [n for n in range(low, low + 2 * NEIGHBOURS + 1) if n != place]
    x, y = np.array(others, float), line[others]
    slopes = [(y[b] - y[a]) / (x[b] - x[a]) for a in range(len(x)) for b in range(a + 1, len(x))]
    slope = float(np.median(slopes))
    return float(np.median(y - slope * x)) + slope * place
