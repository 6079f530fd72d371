"""Slices of a crystal along the planes of the laboratory, in nm (Fig. 6 of the paper)."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...crystal.crystal import Crystal
from ...physics.windows import MARGIN, extent
from ..style.colours import (
    OUTSIDE,
    ColourScale,
    amplitude_scale,
    displacement_scale,
    phase_scale,
    strain_scale,
)
from ..style.slices import new_figure

NAMES = ("z", "y", "x")  # of the arrays' axes
PLANES = ((2, 1, 0), (1, 0, 2), (0, 1, 2))  # (normal, vertical, horizontal)


def draw_crystal_slices(crystal: Crystal) -> Figure:
    """Draw amplitude, phase, displacement and strain in three planes through the centre of mass.

    Upright axes grow upwards; in the plane across z one looks against the beam.

    Parameters
    ----------
    crystal : Crystal
    """
    centre, window = _window(crystal)
    figure = new_figure(12.4, 10.3)
    figure.set_layout_engine("none")  # all panels are squares of one size: quicker than to search
    places = {"left": 0.055, "right": 0.985, "bottom": 0.135, "top": 0.925}
    grid = figure.subplots(3, 4, gridspec_kw={**places, "wspace": 0.32, "hspace": 0.32})
    for column, (volume, scale) in zip(grid.T, _quantities(crystal), strict=True):
        for ax, plane in zip(column, PLANES, strict=True):
            image = _show(ax, crystal, volume, plane, centre, window, scale)
        room = column[-1].inset_axes((0.07, -0.31, 0.86, 0.045))
        bar = figure.colorbar(image, cax=room, orientation="horizontal")
        bar.set_label(scale.label, fontsize=12)
        bar.ax.tick_params(labelsize=10)
        if scale.ticks is not None:
            bar.set_ticks(list(scale.ticks), labels=list(scale.ticks.values()))
    length = float(np.linalg.norm(crystal.q))
    x, y, z = crystal.q / length
    title = (
        f"Through the centre of mass; beam along z, y up; Q = {length:.2f} 1/nm along "
        f"({x:.2f}, {y:.2f}, {z:.2f}), d = {2 * np.pi / length:.4f} nm"
    )
    figure.suptitle(title.replace("-", "−"), fontsize=12)
    return figure


def _quantities(crystal: Crystal) -> tuple[tuple[NDArray[np.float32], ColourScale], ...]:
    solid = crystal.solid
    return (
        (crystal.amplitude, amplitude_scale()),
        (crystal.phase, phase_scale(crystal.phase[solid])),
        (crystal.displacement, displacement_scale(crystal.displacement[solid])),
        (crystal.strain, strain_scale(crystal.strain[solid])),
    )


def _show(
    ax: Axes,
    crystal: Crystal,
    volume: NDArray[np.floating],
    plane: tuple[int, int, int],
    centre: tuple[int, ...],
    window: tuple[tuple[float, float], ...],
    scale: ColourScale,
) -> Any:
    normal, vertical, horizontal = plane
    positions = crystal.axes()
    half = crystal.voxel / 2
    image = volume.take(centre[normal], axis=normal)
    image = image if vertical < horizontal else image.T
    across, up = positions[horizontal], positions[vertical]
    drawn = ax.imshow(
        image,
        extent=(across[0] - half, across[-1] + half, up[0] - half, up[-1] + half),
        origin="lower",
        interpolation="nearest",
        cmap=scale.cmap,
        vmin=scale.low,
        vmax=scale.high,
    )
    # what lies beyond the array is as empty as its edge
    ax.set_facecolor(scale.cmap(0.0) if scale.low == 0 else OUTSIDE)
    ax.set(xlim=window[horizontal], ylim=window[vertical])
    ax.set_xlabel(f"{NAMES[horizontal]} (nm)", fontsize=11, labelpad=1)
    ax.set_ylabel(f"{NAMES[vertical]} (nm)", fontsize=11, labelpad=0)
    ax.tick_params(labelsize=9.5, length=2.5)
    ax.locator_params(nbins=4)
    at = float(positions[normal][centre[normal]])
    ax.set_title(f"{NAMES[normal]} = {at:.0f} nm".replace("-", "−"), fontsize=11, pad=4)
    return drawn


def _window(crystal: Crystal) -> tuple[tuple[int, ...], tuple[tuple[float, float], ...]]:
    """The voxel at the centre of mass, and windows in nm of equal size about the crystal."""
    solid = crystal.solid
    weight = np.where(solid, crystal.amplitude, 0)
    found = extent(weight)
    assert found is not None  # its highest amplitude is 1
    window, centre = found
    ends = [
        (float(positions[part.start]), float(positions[part.stop - 1]))
        for positions, part in zip(crystal.axes(), window, strict=True)
    ]
    half = (0.5 + MARGIN / 2) * (max(last - first for first, last in ends) + crystal.voxel)
    middles = [(first + last) / 2 for first, last in ends]
    return centre, tuple((middle - half, middle + half) for middle in middles)
