"""Counts in the plots of silx: colours, and what was not measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from silx.gui.colors import Colormap

UNKNOWN = "#b8b8b8"  # masked, or without a phase


def all_along(mask: NDArray[np.bool_], axis: int = 0) -> NDArray[np.bool_]:
    """What is masked all along an axis."""
    return np.asarray(mask.all(axis))


def known(counts: NDArray[Any], masked: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Counts, NaN where masked."""
    return np.where(masked, np.nan, counts).astype(np.float32)


def counts_colours(highest: float) -> Colormap:
    """A logarithmic scale, as in the pictures of an inspection; grey where there is NaN."""
    low = min(0.5, 1e-3 * highest)
    colormap = Colormap(name="magma", normalization="log", vmin=low, vmax=highest)
    colormap.setNaNColor(UNKNOWN)
    return colormap
