"""What a crystal comes to in numbers: size, resolution, lattice spacing, strain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_fill_holes, distance_transform_edt
from skimage.measure import marching_cubes, mesh_surface_area

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


def surface_mesh(crystal: Crystal) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Triangles of the surface at the crystal's level, between the voxels.

    Of marching cubes (Lewiner et al., J. Graph. Tools 8, 1 (2003)). Holes inside, as cores of dislocations make
    them, have no part in it.

    Returns
    -------
    corners : (n, 3)
        (z, y, x) in nm from the first voxel.
    faces : (m, 3)
        Three corners each; none where no voxel is above the level.
    """
    solid = crystal.solid
    if not solid.any() or crystal.level >= crystal.amplitude.max():  # or there is nothing between
        return np.empty((0, 3)), np.empty((0, 3), dtype=np.int32)
    around = binary_dilation(solid)  # what lies further out may be as bright, and is another thing
    amplitude = np.where(around, crystal.amplitude, 0)
    amplitude[binary_fill_holes(solid) & ~solid] = amplitude.max()
    steps = (crystal.voxel,) * 3
    corners, faces, _, _ = marching_cubes(np.pad(amplitude, 1), crystal.level, spacing=steps)
    return corners - crystal.voxel, faces


def surface_figures(crystal: Crystal) -> dict[str, float]:
    """Figures that depend on where the surface is drawn; the keys end in their units."""
    solid = crystal.solid
    volume = float(solid.sum()) * crystal.voxel**3
    inner = crystal.strain[solid & np.isfinite(crystal.strain)]
    moved = crystal.displacement[solid & np.isfinite(crystal.displacement)]
    corners, faces = surface_mesh(crystal)
    sizes = np.ptp(corners, axis=0).tolist() if len(faces) else [float("nan")] * 3
    return {
        "volume_nm3": volume,
        "diameter_nm": float((6 * volume / np.pi) ** (1 / 3)),
        "area_nm2": float(mesh_surface_area(corners, faces)) if len(faces) else float("nan"),
        **{f"size_{name}_nm": size for name, size in zip("zyx", sizes, strict=True)},
        "displacement_range_nm": float("nan") if crystal.dislocations else _spread(moved),
        "strain_rms": float(np.sqrt(np.mean(inner**2))) if inner.size else float("nan"),
        "strain_range": _spread(inner),
        "surface_level": crystal.level,
    }


def figures_of(crystal: Crystal) -> dict[str, float]:
    """Size, resolution, displacement, strain and dislocations of a crystal; the keys end in their units."""
    return {
        "voxel_nm": crystal.voxel,
        **surface_figures(crystal),
        "edge_width_nm": edge_width(crystal.amplitude, crystal.voxel),
        "dislocations": float(len(crystal.dislocations)),
        "dislocation_length_nm": sum((line.length for line in crystal.dislocations), 0.0),
    }


def reasons_of(crystal: Crystal) -> dict[str, str]:
    """Why figures of a crystal are NaN, by their keys."""
    empty = "no voxel lies above the level of the surface"
    reasons = {
        **dict.fromkeys(("area_nm2", "size_x_nm", "size_y_nm", "size_z_nm"), empty),
        "edge_width_nm": "the amplitude does not fall from 90 to 10 % within eight voxels of the surface",
        "displacement_range_nm": "about a dislocation the displacement has no single value: it steps by a lattice "
        "spacing at a cut whose place is free"
        if crystal.dislocations
        else empty,
        "strain_rms": "no voxel above the level of the surface has a strain",
        "strain_range": "no voxel above the level of the surface has a strain",
        "d_spacing_arm_nm": "the detector arm points along the beam",
        "d_spacing_mass_nm": "no voxel has counts",
    }
    return {key: words for key, words in reasons.items() if np.isnan(crystal.figures.get(key, 0))}


def _spread(values: NDArray[np.floating]) -> float:
    """From the 1st to the 99th of a hundred, so that no single voxel sets it."""
    if not values.size:
        return float("nan")
    low, high = np.quantile(values, (0.01, 0.99))
    return float(high - low)
