"""The page of a comparison: figures drawn by Matplotlib and surfaces that turn, in one HTML file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from ...comparison.statistics import in_array
from ...crystal.analysis import analyse
from ...crystal.crystal import FAINT
from ...data.quantities import QUANTITIES
from ...errors import CdiMlError
from ...geometry.geometry import Geometry
from ...physics.metrics import ranked_by
from ..figures.comparison_slices import draw_best, draw_spread
from ..style.curves import COLOURS, GREY, plain, q_axis
from ..style.slices import in_figure, new_figure, short
from ..surfaces.coloured import surface_of_crystal, surface_of_object
from .html import picture, render
from .surfaces import contents

if TYPE_CHECKING:
    from ...comparison.comparison import Comparison

STYLES = ("-", "--", "-.", ":")  # they take turns beside the colours
WIDE = 4.0  # a ratio of largest to smallest from which on an axis is logarithmic


def page(comparison: Comparison, content: Mapping[str, Any]) -> str:
    """Return the page of a comparison as HTML.

    Parameters
    ----------
    comparison : Comparison
    content : mapping
        What `Comparison.content` says about it, for the tables.
    """
    figures = {
        "histograms": draw_histograms(comparison),
        "transfer": draw_transfer(comparison),
        "weights": draw_weights(comparison),
        "best": draw_best(comparison),
        "spread": draw_spread(comparison),
    }
    geometry = _geometry(comparison)
    runs = [run.about["metrics"] for member in comparison.members for run in member.finite]
    return render(
        "compare.html",
        **content,
        finished=any(chain["phased_before"] for chain in content["chains"]),
        ranked=QUANTITIES[ranked_by(runs)].name,
        images={name: picture(figure) for name, figure in figures.items()},
        surfaces=_surfaces(comparison, geometry),
        laboratory=geometry is not None,
        colours=[COLOURS[i % len(COLOURS)] for i in range(len(comparison.members))],
    )


def _geometry(comparison: Comparison) -> Geometry | None:
    """The geometry in which |Q| is given, too; without one the voxels of the array."""
    if comparison.shells.unit == "Nyquist":
        return None
    try:
        return comparison.measurement.geometry
    except CdiMlError:
        return None


def _surfaces(comparison: Comparison, geometry: Geometry | None) -> list[dict[str, Any]]:
    """Surface of the best run of each chain, all aligned."""
    objects = {}
    for member in comparison.members:
        obj = member.agreement.best
        # a shift by parts of a voxel leaves a trace everywhere, which is no part of the object
        support = np.abs(obj) > FAINT * np.abs(obj).max()
        if geometry is None or not support.any():
            objects[member.label] = partial(surface_of_object, obj, support)
        else:
            shape = comparison.measurement.shape
            room = in_array(support.astype(np.float32), shape).real > 0.5
            crystal = analyse(in_array(obj, shape), room, geometry)
            objects[member.label] = partial(surface_of_crystal, crystal)
    return contents(objects)


def draw_histograms(comparison: Comparison) -> Figure:
    """Histograms of the figures of merit, with median and 10 to 90 % above them (Fig. 5 of the paper)."""
    names = comparison.figures()
    figure = new_figure(min(3.9 * len(names), 12.4) + 0.4, 3.5 + 0.22 * len(comparison.members))
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    for ax, name in zip(axes, names, strict=True):
        edges = comparison.bins(name)
        groups = [member.values(name) for member in comparison.members]
        groups = [values[np.isfinite(values)] for values in groups]
        counts = [np.histogram(values, edges)[0] for values in groups]
        highest = max(int(count.max()) for count in counts)
        for index, (values, count) in enumerate(zip(groups, counts, strict=True)):
            colour, style = _line(index)
            ax.stairs(count, edges, fill=True, color=colour, alpha=0.25)
            ax.stairs(count, edges, color=colour, linestyle=style, linewidth=1.6)
            if values.size:
                low, median, high = np.percentile(values, (10, 50, 90))
                level = highest * (1.09 + 0.09 * index)
                ax.plot([low, high], [level, level], color=colour, linewidth=2.5)
                ax.plot(median, level, "o", color=colour, markersize=6, markeredgecolor="white")
        ax.set_ylim(0, highest * (1.09 + 0.09 * len(groups)))
        ax.set_xlabel(in_figure(name))
        _bins_axis(ax, edges)
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        plain(ax)
    axes[0].set_ylabel("runs")
    _legend(figure, comparison)
    return figure


def draw_transfer(comparison: Comparison) -> Figure:
    """Phase-retrieval transfer function of each chain."""
    figure = new_figure(7.6, 4.0 + 0.2 * len(comparison.members))
    ax = figure.subplots()
    for index, member in enumerate(comparison.members):
        colour, style = _line(index)
        ax.plot(comparison.shells.q, member.transfer, color=colour, linestyle=style, linewidth=1.8)
    for level, text in ((1 / math.e, "1/e"), (0.5, "0.5")):
        ax.axhline(level, color=GREY, linewidth=0.8, linestyle=":")
        ax.annotate(
            text,
            (1, level),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=GREY,
        )
    ax.set(ylabel=r"PRTF  $|\langle F\rangle|\,/\,\sqrt{I}$")
    ax.set_ylim(bottom=0)
    q_axis(ax, comparison.shells)
    _legend(figure, comparison)
    return figure


def draw_weights(comparison: Comparison) -> Figure:
    """Fourier spectral weight, measured and of the best run of each chain, and their ratio."""
    figure = new_figure(7.6, 5.4 + 0.2 * len(comparison.members))
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    known = comparison.measured > 0
    q, measured = comparison.shells.q[known], comparison.measured[known]
    upper.semilogy(q, measured, color="black", linewidth=2.6, alpha=0.35, label="measured")
    for index, member in enumerate(comparison.members):
        colour, style = _line(index)
        weight = member.weight[known]
        upper.semilogy(q, weight, color=colour, linestyle=style, linewidth=1.5)
        lower.plot(q, weight / measured, color=colour, linestyle=style, linewidth=1.5)
    lower.axhline(1, color="black", linewidth=1.6, alpha=0.35)
    ratios = np.concatenate([member.weight[known] / measured for member in comparison.members])
    if ratios.size and ratios.min() > 0 and ratios.max() > WIDE * ratios.min():
        lower.set_yscale("log")
        lower.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        lower.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        lower.yaxis.set_minor_formatter(NullFormatter())
    upper.set_ylabel("spectral weight (√counts)")
    lower.set_ylabel("to measured")
    upper.legend(frameon=False)
    plain(upper)
    q_axis(lower, comparison.shells)
    _legend(figure, comparison)
    return figure


def _line(index: int) -> tuple[str, Any]:
    return COLOURS[index % len(COLOURS)], STYLES[index % len(STYLES)]


def _legend(figure: Figure, comparison: Comparison) -> None:
    """One line a chain above the axes, where it covers nothing."""
    lines = [_line(index) for index in range(len(comparison.members))]
    figure.legend(
        handles=[
            Line2D([], [], color=colour, linestyle=style, linewidth=2, label=short(member.label))
            for (colour, style), member in zip(lines, comparison.members, strict=True)
        ],
        loc="outside upper left",
        ncols=4 if max(len(member.label) for member in comparison.members) < 20 else 2,
        frameon=False,
        handlelength=3,
    )


def _bins_axis(ax: Axes, edges: NDArray[np.float64]) -> None:
    """A logarithmic axis where the bins are even in the logarithm, else few and full numbers."""
    steps = np.diff(edges)
    if steps[-1] > 1.01 * steps[0]:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(
            LogLocator(subs=(1, 2, 5) if edges[-1] < 20 * edges[0] else (1,))
        )
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.ticklabel_format(axis="x", useOffset=False, scilimits=(-2, 3))
