"""How amplitude, displacement and strain are distributed, in the bulk of a crystal and at its surface."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...crystal.crystal import Crystal
from ...crystal.histograms import Histogram, histograms
from ..style.curves import COLOURS, plain
from ..style.quantities import quantities_of
from ..style.sheet import Sheet, settle
from ..style.slices import new_figure

SHEET = Sheet(10.5, 10)
# bulk and surface differ by colour, filling and stroke
PARTS = (("bulk", COLOURS[0], "-", 0.25), ("surface", COLOURS[1], "--", 0.0))


def draw_histograms(crystal: Crystal, sheet: Sheet = SHEET) -> Figure:
    """Draw the share of the voxels of bulk and surface over each quantity; triangles are their means.

    The outermost bins hold what lies beyond them, too.

    Parameters
    ----------
    crystal : Crystal
    sheet : Sheet
        On a narrow one the quantities stand below each other.
    """
    with sheet.letters():
        return settle(_draw(crystal, sheet), sheet)


def _draw(crystal: Crystal, sheet: Sheet) -> Figure:
    found, drawn = histograms(crystal), quantities_of(crystal)
    count = len(found)
    height = 13.0 * count + 2 if sheet.narrow else 25.0
    figure = new_figure(sheet.width, height * sheet.em)
    grid = figure.subplots(count, 1) if sheet.narrow else figure.subplots(1, count)
    for ax, (key, histogram) in zip(np.ravel(grid), found.items(), strict=True):
        factor = drawn[key].scale.factor
        _panel(ax, histogram, factor)
        ax.set_xlabel(drawn[key].scale.label)
        if ax is grid[0] or sheet.narrow:
            ax.set_ylabel("voxels (%)")
        plain(ax)
    handles, names = grid[0].get_legend_handles_labels()
    deep = f"surface, {histogram.depth_nm:.0f} nm deep"
    figure.legend(
        handles,
        [deep if name == "surface" else name for name in names],
        loc="outside upper left",
        ncols=2,
        frameon=False,
    )
    return figure


def _panel(ax: Axes, histogram: Histogram, factor: float) -> None:
    edges = factor * histogram.edges
    for name, colour, stroke, filled in PARTS:
        counts = getattr(histogram, name)
        if not counts.any():
            continue
        share = 100 * counts / counts.sum()
        ax.stairs(
            share,
            edges,
            color=colour,
            linestyle=stroke,
            linewidth=mpl.rcParams["lines.linewidth"],
            label=name,
        )
        if filled:
            ax.stairs(share, edges, color=colour, fill=True, alpha=filled)
        ax.plot(
            factor * histogram.mean[name],
            1.0,
            "v",
            color=colour,
            markersize=0.6 * mpl.rcParams["font.size"],
            markerfacecolor=colour if filled else "white",
            clip_on=False,
            transform=ax.get_xaxis_transform(),
        )
    ax.set_ylim(bottom=0)
    ax.locator_params(axis="x", nbins=5)
