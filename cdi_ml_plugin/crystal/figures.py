"""What a crystal comes to in numbers: size, resolution, lattice spacing, strain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ..errors import ParameterError
from .crystal import Crystal


def edge_width(amplitude: NDArray[np.floating], voxel: float) -> float:
    """Resolution from the edge: nm over which the mean amplitude falls from 90 to 10 % of the inside's.

    The profile is the mean of all voxels at the same distance from the surface, which is where the
    amplitude is half of that in the middle. NaN where it does not reach either.
    """
    level = float(np.median(amplitude[amplitude > 0.5 * amplitude.max()]))
    solid = amplitude > 0.5 * level
    distance = distance_transform_edt(solid) - distance_transform_edt(~solid)
    distance -= 0.5 * np.sign(distance)  # the surface lies between the voxels of either side
    near = np.abs(distance) < 8
    bins = np.round(2 * distance[near]).astype(int) + 16
    weight = np.bincount(bins, minlength=33)
    mean = np.bincount(bins, amplitude[near], minlength=33)
    known = weight > 0
    position = (np.arange(33) - 16)[known] / 2
    profile = np.maximum.accumulate(mean[known] / weight[known]) / level
    if profile[0] > 0.1 or profile[-1] < 0.9:
        return float("nan")
    at = [float(np.interp(share, profile, position)) for share in (0.1, 0.9)]
    return voxel * (at[1] - at[0])


def figures_of(crystal: Crystal, d_spacing: float | None = None) -> dict[str, float]:
    """Size, resolution, displacement and strain of a crystal; the keys end in their units.

    Parameters
    ----------
    crystal : Crystal
    d_spacing : float, optional
        nm; the lattice spacing that ``mean_strain`` is relative to.

    Raises
    ------
    ParameterError
        A lattice spacing that is not positive.
    """
    solid = crystal.solid
    volume = float(solid.sum()) * crystal.voxel**3
    d = float(2 * np.pi / np.linalg.norm(crystal.q))
    inner = crystal.strain[solid & np.isfinite(crystal.strain)]
    moved = crystal.displacement[solid & np.isfinite(crystal.displacement)]
    figures = {
        "voxel_nm": crystal.voxel,
        "d_spacing_nm": d,
        "volume_nm3": volume,
        "diameter_nm": float((6 * volume / np.pi) ** (1 / 3)),
    }
    for axis, name in enumerate(("z", "y", "x")):
        others = tuple(a for a in range(3) if a != axis)
        figures[f"size_{name}_nm"] = float(solid.any(axis=others).sum()) * crystal.voxel
    figures |= {
        "edge_width_nm": edge_width(crystal.amplitude, crystal.voxel),
        "displacement_range_nm": _spread(moved),
        "strain_rms": float(np.sqrt(np.mean(inner**2))) if inner.size else float("nan"),
        "strain_range": _spread(inner),
        "surface_level": crystal.level,
    }
    if d_spacing is not None:
        if not d_spacing > 0:
            raise ParameterError(f"d_spacing = {d_spacing}: give a lattice spacing in nm, > 0")
        figures["mean_strain"] = d / d_spacing - 1
    return figures


def _spread(values: NDArray[np.floating]) -> float:
    """From the 1st to the 99th of a hundred, so that no single voxel sets it."""
    if not values.size:
        return float("nan")
    low, high = np.quantile(values, (0.01, 0.99))
    return float(high - low)
