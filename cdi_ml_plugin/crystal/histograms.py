"""How amplitude, displacement and strain are distributed, in the bulk of a crystal and at its surface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, distance_transform_edt

from ..errors import ParameterError
from ..utils.values import above_0, whole
from .crystal import Crystal

COUNTED = ("amplitude", "displacement", "strain")  # arrays of a crystal
BINS = 60
# quantiles between which the bins lie; what is beyond counts in the outermost
ENDS = (0.005, 0.995)
MOST_BINS = 10_000


@dataclass(frozen=True, eq=False)
class Histogram:
    """Distribution of a quantity over the voxels of a crystal.

    Attributes
    ----------
    edges : float64 (n + 1,)
        Of the bins, in the unit of the quantity; the outermost bins hold what lies beyond them, too.
    bulk, surface : int64 (n,)
        Voxels in each bin, deeper than `depth_nm` and not.
    mean, std : mapping
        ``"bulk"`` and ``"surface"`` → of the voxels there; NaN where there are none.
    depth_nm : float
        Down to which a voxel belongs to the surface.
    """

    edges: NDArray[np.float64]
    bulk: NDArray[np.int64]
    surface: NDArray[np.int64]
    mean: Mapping[str, float]
    std: Mapping[str, float]
    depth_nm: float


def surface_depth(crystal: Crystal) -> float:
    """Depth in nm of what is called the surface: half of the width of the edge, a voxel at the least.

    So deep the vacuum is blurred into the crystal.
    """
    width = crystal.figures.get("edge_width_nm", np.nan)
    return crystal.voxel if np.isnan(width) else max(crystal.voxel, 0.5 * width)


def depths(crystal: Crystal) -> NDArray[np.float64]:
    """Depth in nm of each voxel of the crystal below its surface, [z, y, x]; 0 outside.

    Holes, which the cores of dislocations are, are no surface.
    """
    solid = np.pad(binary_fill_holes(crystal.solid), 1)
    below = distance_transform_edt(solid)[1:-1, 1:-1, 1:-1] - 0.5  # it lies between two voxels
    found: NDArray[np.float64] = crystal.voxel * np.maximum(below, 0)
    return found


def histograms(
    crystal: Crystal, depth: float | None = None, bins: int = BINS
) -> dict[str, Histogram]:
    """Distribution of amplitude, displacement (nm) and strain over bulk and surface.

    Parameters
    ----------
    crystal : Crystal
    depth : float, optional
        nm; a voxel whose centre lies less deep belongs to the surface. Default `surface_depth`.
    bins : int

    Returns
    -------
    dict
        ``"amplitude"``, ``"displacement"``, ``"strain"`` → Histogram, of the voxels where it is known.

    Raises
    ------
    ParameterError
        A depth or a number of bins out of range, or a crystal of no voxels.
    """
    if depth is None:
        depth = surface_depth(crystal)
    above_0("depth", depth)
    whole("bins", bins, 1, MOST_BINS)
    solid = crystal.solid
    if not solid.any():
        raise ParameterError("the crystal has no voxel above its level: give a lower one")
    below = depths(crystal)
    parts = {"bulk": solid & (below >= depth), "surface": solid & (below < depth)}
    found = {}
    for name in COUNTED:
        values = getattr(crystal, name).astype(np.float64)
        each = {part: values[where & np.isfinite(values)] for part, where in parts.items()}
        edges = _edges(np.concatenate(list(each.values())), bins)
        counts = {
            p: np.histogram(np.clip(v, edges[0], edges[-1]), edges)[0] for p, v in each.items()
        }
        found[name] = Histogram(
            edges,
            counts["bulk"],
            counts["surface"],
            {part: float(v.mean()) if v.size else np.nan for part, v in each.items()},
            {part: float(v.std()) if v.size else np.nan for part, v in each.items()},
            depth,
        )
    return found


def _edges(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    low, high = np.quantile(values, ENDS) if values.size else (0.0, 1.0)
    if not high > low:  # one value: any width will do
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)
