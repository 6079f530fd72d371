"""Values with which detectors and files mark a pixel that was not measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# What a 32- or 64-bit file had in a masked pixel stays when the array is taken to a wider type.
_WIDE = (2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_NARROW = 2**16 - 1


def markers(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a value is no count but the mark of a pixel that was not measured, or that overflowed.

    That is the largest value of an integer type (Dectris: 2¹⁶ − 1, 2³² − 1), in its own type and in
    wider ones. In wider ones 2¹⁶ − 1 may be a count; it is a mark where it is the largest value
    but for the others and occurs twice or more.

    Parameters
    ----------
    values : array of real numbers
        As recorded: before anything is multiplied or summed.

    Returns
    -------
    bool array of the same shape
    """
    kind = values.dtype
    none = np.zeros(values.shape, dtype=bool)
    if values.size == 0 or kind.kind not in "iuf" or (kind.kind == "f" and kind.itemsize <= 2):
        return none
    highest = np.nanmax(values, initial=0) if kind.kind == "f" else values.max()
    own = np.inf if kind.kind == "f" else np.iinfo(kind).max
    # looked for where there can be one: each look goes through all of the data
    found = values == own if kind.kind in "iu" and highest == own else none
    if not highest >= _NARROW:
        return found
    for value in _WIDE:
        if value < own and highest >= value:
            found |= values == kind.type(value)
    if own > _NARROW:
        narrow = values == kind.type(_NARROW)
        if np.count_nonzero(narrow) > 1:
            others = ~(found | narrow) & np.isfinite(values)
            if np.max(values, where=others, initial=0) < _NARROW:
                found |= narrow
    return found


def say(count: int, kind: np.dtype[Any]) -> str:
    """A note about so many such values."""
    return (
        f"{count} voxel(s) masked that hold the largest value of an integer type ({kind}): a mark or an "
        "overflow, no count"
    )
