"""What a pattern holds where hardly anything scatters, and the threshold that follows."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from .measurement import Measurement

CORNER = 8  # a corner is this part of each axis: there, farthest from the peak, is what is noise
# Share of the voxels of a quiet corner that a threshold is to silence: of virtual scans with 0.02, 0.2 and 1
# counts of background a voxel, the object is nearest to the truth with 0, 1, 2 to 4; more takes weak fringes away.
QUIET = 0.9
CLEAR = 0.999  # share of them below what is taken for signal, where its end is looked for
ALIKE = 0.2  # correlation of neighbours from which on a corner is not quiet: noise has none
ENOUGH = 64  # voxels of a corner
COUNTED = 100  # counts of the brightest voxel from which on thresholds are whole


def noise_floor(m: Measurement) -> tuple[float, float | None, float]:
    """Mean counts of a quiet corner of the data, and levels that silence most of it, and nearly all.

    It is the last but one of the eight: the quietest may lie in a shadow, and fringes reach others.
    Where they reach this one too, neighbours there are bright together: then no level is known, None and 0.
    """
    found = []
    for ends in product((False, True), repeat=3):
        corner = tuple(
            slice(n - n // CORNER, n) if end else slice(0, n // CORNER)
            for end, n in zip(ends, m.shape, strict=True)
        )
        counts, known = m.intensity[corner], ~m.mask[corner]
        if known.sum() >= ENOUGH and min(counts.shape) > 1:
            found.append((float(counts[known].mean()), counts, known))
    if not found:
        return 0.0, None, 0.0
    mean, counts, known = sorted(found, key=lambda each: each[0])[min(1, len(found) - 1)]
    deviation = np.where(known, counts - mean, 0)
    together = [
        float((deviation.take(range(n - 1), axis) * deviation.take(range(1, n), axis)).mean())
        for axis, n in enumerate(deviation.shape)
    ]
    highest = float(m.intensity.max())
    floor, clear = (
        _rounded_up(float(np.quantile(counts[known], share)), highest) for share in (QUIET, CLEAR)
    )
    if np.mean(together) > ALIKE * float(np.square(deviation).mean()) or clear >= highest:
        return mean, None, 0.0
    return mean, floor, clear


def _rounded_up(level: float, highest: float) -> float:
    """Whole among counts of photons; with two digits where the data are scaled to less."""
    if highest >= COUNTED or level == 0:
        return float(math.ceil(level))
    step = 10.0 ** (math.floor(math.log10(level)) - 1)
    return math.ceil(level / step - 1e-6) * step
