"""White fields: how much each pixel of a detector counts, and which never count right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.markers import markers
from ..data.measurement import BRIGHTEST
from ..geometry.detectors import Region


def response(
    white: NDArray[Any], dead: Region | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What to multiply frames with, and which pixels are good: as cohere_beamlines 4.5.6 takes them.

    Parameters
    ----------
    white : (rows, columns)
        Of the whole detector.
    dead : (rows, columns), optional
        Pixels that count 0 in it, whatever it says.

    Returns
    -------
    gain : float64 (rows, columns)
        The mean of the white field over its value; 1 in pixels that are not good.
    good : bool (rows, columns)
        No mark, above 0, and not more than three standard deviations below the mean.
    """
    field = np.nan_to_num(white.astype(np.float64), posinf=0, neginf=0)
    field[np.abs(field) > BRIGHTEST] = 0  # no count either
    if dead is not None:
        field[dead] = 0
    mean = float(field.mean())
    good = ~markers(white) & (field > 0) & (field >= mean - 3 * float(field.std()))
    with np.errstate(over="ignore"):
        return np.divide(mean, field, out=np.ones_like(field), where=good), good
