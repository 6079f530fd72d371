"""Slices of a crystal along the planes of the laboratory, in nm (Fig. 6 of the paper)."""

from __future__ import annotations

import textwrap
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...crystal.crystal import Crystal
from ...data.quantities import MINUS
from ...physics.windows import MARGIN, extent
from ..style.colours import OUTSIDE
from ..style.quantities import Drawn, quantities_of
from ..style.sheet import Sheet, settle
from ..style.slices import outline

NAMES = ("z", "y", "x")  # of the arrays' axes
PLANES = ((2, 1, 0), (1, 0, 2), (0, 1, 2))  # (normal, vertical, horizontal)
SHEET = Sheet(12.4, 11)
SHORT = 13  # letters in a line beside a small picture
BARS = (1, 2, 5)  # lengths of a bar of scale, times a power of ten nm
Window = tuple[tuple[float, float], ...]


def draw_crystal_slices(crystal: Crystal, sheet: Sheet = SHEET) -> Figure:
    """Draw amplitude, phase, displacement and strain in three planes through the centre of mass.

    Upright axes grow upwards; in the plane across z one looks against the beam. A thin line is the surface,
    rings are dislocations.
    On a narrow sheet there is a bar of scale in place of numbers along the axes.

    Parameters
    ----------
    crystal : Crystal
    sheet : Sheet
    """
    place = window_of(crystal)
    drawn = list(quantities_of(crystal).values())
    with sheet.letters():
        figure = (_below if sheet.narrow else _beside)(crystal, drawn, place, sheet)
    return settle(figure, sheet)


def _beside(
    crystal: Crystal, drawn: list[Drawn], place: tuple[tuple[int, ...], Window], sheet: Sheet
) -> Figure:
    """A column for each quantity, a row for each plane, lengths along the axes."""
    left, right, above, below, wide, high = 5.2, 1.0, 4.6, 7.4, 5.2, 5.0
    side = (sheet.ems - left - right - (len(drawn) - 1) * wide) / len(drawn)
    height = above + below + 3 * side + 2 * high
    figure = sheet.figure(height)
    for row, plane in enumerate(PLANES):
        for column, what in enumerate(drawn):
            corner = left + column * (side + wide), below + (2 - row) * (side + high)
            ax = axes_at(figure, sheet, height, *corner, side, side)
            show_plane(ax, crystal, what, plane, *place)
            ax.locator_params(nbins=4 if side > 11 else 3)
            ax.set_xlabel(f"{NAMES[plane[2]]} (nm)")
            ax.set_ylabel(f"{NAMES[plane[1]]} (nm)")
    for column, what in enumerate(drawn):
        room = axes_at(figure, sheet, height, left + column * (side + wide), 3.6, side, 0.7)
        what.scale.bar(figure, cax=room, orientation="horizontal").set_label(what.scale.label)
    length = float(np.linalg.norm(crystal.q))
    x, y, z = crystal.q / length
    title = (
        f"Through the centre of mass; beam along z, y up; Q = {length:.2f} 1/nm along "
        f"({x:.2f}, {y:.2f}, {z:.2f}), d = {2 * np.pi / length:.4f} nm"
    )
    figure.suptitle(title.replace("-", MINUS), y=1 - 0.8 / height, va="top")
    return figure


def _below(
    crystal: Crystal, drawn: list[Drawn], place: tuple[tuple[int, ...], Window], sheet: Sheet
) -> Figure:
    """A row for each quantity, a column for each plane, and a bar of scale."""
    left, right, above, below, wide, high = 1.6, 7.0, 1.9, 1.9, 1.5, 0.9
    side = (sheet.ems - left - right - 2 * wide) / 3
    height = above + below + len(drawn) * side + (len(drawn) - 1) * high
    figure = sheet.figure(height)
    for row, what in enumerate(drawn):
        base = below + (len(drawn) - 1 - row) * (side + high)
        for column, plane in enumerate(PLANES):
            ax = axes_at(figure, sheet, height, left + column * (side + wide), base, side, side)
            show_plane(ax, crystal, what, plane, *place)
            ax.set(xticks=[], yticks=[])
            ax.set_ylabel(NAMES[plane[1]], rotation=0, ha="right", va="center")
            ax.set_xlabel(NAMES[plane[2]] if row == len(drawn) - 1 else "")
            if row:
                ax.set_title("")
        if row == 0:
            bar_of_scale(figure.axes[0], sheet, side)
        room = axes_at(figure, sheet, height, sheet.ems - right + 0.7, base, 0.7, side)
        bar = what.scale.bar(figure, cax=room)
        bar.set_label(textwrap.fill(what.scale.label, SHORT), linespacing=1.0)
        if what.scale.ticks is None:
            bar.set_ticks([what.scale.low, round(what.scale.high / 2, 1)])
        else:
            bar.set_ticks([*what.scale.ticks][::2], labels=[*what.scale.ticks.values()][::2])
    return figure


def axes_at(
    figure: Figure, sheet: Sheet, height: float, left: float, base: float, wide: float, high: float
) -> Axes:
    """Axes at a place in heights of the letters."""
    across = sheet.ems
    return figure.add_axes((left / across, base / height, wide / across, high / height))


def bar_of_scale(ax: Axes, sheet: Sheet, side: float) -> None:
    """A bar of a round length in the lower left corner, with its length above it."""
    left, right = ax.get_xlim()
    low, high = ax.get_ylim()
    most = 0.45 * (right - left)
    power = 10.0 ** np.floor(np.log10(most))
    length = power * max(step for step in BARS if step * power <= most)
    x, y = left + 0.06 * (right - left), low + 0.07 * (high - low)
    ax.plot(
        [x, x + length], [y, y], color="white", linewidth=0.2 * sheet.font, solid_capstyle="butt"
    )
    text = y + 0.25 * (high - low) / side
    ax.text(x, text, f"{length:g} nm", color="white", ha="left", va="bottom")


def show_plane(
    ax: Axes,
    crystal: Crystal,
    what: Drawn,
    plane: tuple[int, int, int],
    centre: tuple[int, ...],
    window: Window,
) -> None:
    """Draw one plane of a quantity, and the surface of the crystal in it."""
    normal, vertical, horizontal = plane
    positions = crystal.axes()
    half = crystal.voxel / 2
    images: list[NDArray[Any]] = []
    for volume in (what.data, crystal.amplitude):
        image: Any = volume.take(centre[normal], axis=normal)
        images.append(image if vertical < horizontal else image.T)
    across, up = positions[horizontal], positions[vertical]
    ends = (across[0] - half, across[-1] + half, up[0] - half, up[-1] + half)
    scale = what.scale
    ax.imshow(
        images[0],
        extent=ends,
        origin="lower",
        interpolation="nearest",
        cmap=scale.cmap,
        norm=scale.norm,
    )
    outline(ax, images[1], crystal.level, ends, True)
    mark_dislocations(ax, crystal, plane, float(positions[normal][centre[normal]]))
    # what lies beyond the array is as empty as its edge
    ax.set_facecolor(scale.cmap(0.0) if scale.low == 0 else OUTSIDE)
    ax.set(xlim=window[horizontal], ylim=window[vertical])
    at = float(positions[normal][centre[normal]])
    ax.set_title(f"{NAMES[normal]} = {at:.0f} nm".replace("-", MINUS))


def mark_dislocations(ax: Axes, crystal: Crystal, plane: tuple[int, int, int], at: float) -> None:
    """Draw a ring where a dislocation goes through the plane at `at` nm, a line where it runs in it."""
    normal, vertical, horizontal = (2 - axis for axis in plane)  # of (x, y, z)
    size, thin = 0.5 * mpl.rcParams["font.size"], mpl.rcParams["axes.linewidth"]
    for line in crystal.dislocations:
        here = line.points[np.abs(line.points[:, normal] - at) <= crystal.voxel / 2]
        if not len(here):
            continue
        flat = here[:, (horizontal, vertical)]
        along = float(np.ptp(flat, axis=0).max()) > 3 * crystal.voxel
        x, y = flat.T if along else flat.mean(axis=0, keepdims=True).T
        for colour, width in (("white", 3 * thin), ("black", 1.4 * thin)):
            style = {"color": colour, "linewidth": width}
            mark = {"markersize": size, "markerfacecolor": "none", "markeredgewidth": width}
            ax.plot(x, y, **(style if along else {"marker": "o", **style, **mark}))


def window_of(crystal: Crystal) -> tuple[tuple[int, ...], Window]:
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
