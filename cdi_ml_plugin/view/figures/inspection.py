"""One picture of measured data before they are phased."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ...data.inspect import Inspection
from ...data.measurement import Measurement
from ..style.colours import MASKED
from ..style.curves import COLOURS, plain
from ..style.slices import AXES, PLANES, new_figure, verbatim

WIDTH = 66  # characters of a line of words
FRAMED = "#56B4E9"  # light on a dark pattern


def draw_inspection(measurement: Measurement, found: Inspection) -> Figure:
    """Draw sums along each axis, the rocking curve, how often there are how many counts, and the checks.

    Parameters
    ----------
    measurement : Measurement
        As recorded.
    found : Inspection
        What `inspect` says of it.
    """
    figure = new_figure(15, 8.8)
    parts: Any = figure.subfigures(2, 1, height_ratios=[1.35, 1])
    upper, lower = parts
    grid = upper.subplots(1, 3)
    for ax, plane in zip(grid, PLANES, strict=True):
        _projection(ax, measurement, found, plane)
    grid[0].legend(loc="upper left", fontsize=8, framealpha=0.85)
    curve, histogram, words = lower.subplots(1, 3, width_ratios=[1.25, 0.9, 1.1])
    _rocking(curve, found)
    _histogram(histogram, measurement, found)
    _words(words, found)
    z, y, x = found.shape
    title = f"{z} × {y} × {x} voxels, {found.counts:.4g} counts"
    figure.suptitle(title, fontsize=12)
    return figure


def _projection(ax: Axes, m: Measurement, found: Inspection, plane: tuple[int, int, int]) -> None:
    normal, vertical, horizontal = plane
    total = m.intensity.sum(normal, dtype=np.float64)
    unseen = m.mask.all(normal)
    box = found.box
    part = total[tuple(slice(max(a, 0), b) for a, b in (box[vertical], box[horizontal]))]
    highest = float(part.max()) or float(total.max())
    image = ax.imshow(
        np.where(unseen, np.nan, total),
        cmap=colormaps["magma"].with_extremes(bad=MASKED),
        norm=LogNorm(vmin=min(0.5, 1e-3 * highest), vmax=highest, clip=True),
        interpolation="nearest",
    )
    bar = ax.figure.colorbar(image, ax=ax, label="counts", shrink=0.75, aspect=24, pad=0.02)
    bar.minorticks_off()
    (low, high), (left, right) = box[vertical], box[horizontal]
    ax.add_patch(
        Rectangle(
            (left - 0.5, low - 0.5),
            right - left,
            high - low,
            fill=False,
            edgecolor=FRAMED,
            linewidth=1.4,
            label="crop",
        )
    )
    for at, marker, label in (
        (found.peak, "+", "peak"),
        (found.centre_of_mass, "x", "centre of mass"),
    ):
        ax.plot(
            at[horizontal],
            at[vertical],
            marker,
            color=COLOURS[2],
            markersize=11,
            linestyle="none",
            label=label,
        )
    ax.set(xlim=(-0.5, m.shape[horizontal] - 0.5), ylim=(m.shape[vertical] - 0.5, -0.5))
    ax.set_xlabel(f"{AXES[horizontal]} (voxel)", fontsize=9)
    ax.set_ylabel(f"{AXES[vertical]} (voxel)", fontsize=9)
    ax.tick_params(labelsize=8)
    grey = "; grey: masked" if unseen.any() else ""
    ax.set_title(f"sum along {AXES[normal]}{grey}", fontsize=10)


def _rocking(ax: Axes, found: Inspection) -> None:
    frames = np.arange(len(found.frame_counts))
    for values, name, colour in (
        (found.frame_counts, "sum", COLOURS[0]),
        (found.frame_highest, "brightest voxel", COLOURS[1]),
    ):
        line = np.where(np.asarray(values) > 0, values, np.nan)
        ax.semilogy(frames, line, color=colour, linewidth=1.5, label=name)
    first, last = found.box[0]
    ax.axvspan(first - 0.5, last - 0.5, color="0.93", zorder=0, label="crop")
    doubtful = sorted({*found.lost, *found.empty, *found.stale})
    for number, frame in enumerate(doubtful):
        label = "lost, empty or stale" if number == 0 else None
        ax.axvline(frame, color=COLOURS[3], linewidth=1.2, linestyle="--", label=label)
    ax.set(xlabel="frame", ylabel="counts", title="rocking curve", xlim=(-0.5, len(frames) - 0.5))
    ax.title.set_fontsize(10)
    ax.legend(fontsize=8, framealpha=0.85)
    plain(ax)


def _histogram(ax: Axes, m: Measurement, found: Inspection) -> None:
    counts = m.intensity[~m.mask]
    counts = counts[counts > 0]
    edges = np.geomspace(float(counts.min()), float(counts.max()) * 1.001, 60)
    ax.stairs(np.histogram(counts, edges)[0], edges, color=COLOURS[0], linewidth=1.4)
    ax.set(xscale="log", yscale="log", xlabel="counts of a voxel", ylabel="voxels")
    if found.threshold > 0:
        ax.axvline(found.threshold, color=COLOURS[1], linewidth=1.4, linestyle="--")
        ax.annotate(
            f"threshold {found.threshold:g}",
            (found.threshold, 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            va="top",
            color=COLOURS[1],
            fontsize=9,
        )
    ax.set_title("voxels that are not dark", fontsize=10)
    plain(ax)


def _words(ax: Axes, found: Inspection) -> None:
    ax.set_axis_off()
    oversampling = " × ".join(f"{ratio:.1f}" for ratio in found.oversampling)
    crop = " × ".join(map(str, found.crop))
    level = f"{found.threshold:g}" if found.threshold else "none"
    lines = [
        f"oversampling: {oversampling}",
        f"noise: {found.noise:.3g} counts a voxel; threshold: {level}",
        f"crop: {crop}, with {found.kept:.1%} of the counts clear of the noise",
        f"masked: {found.masked} voxels; hot: {found.hot}; saturated: {found.saturated}",
        "",
    ]
    bad = [check for check in found.checks if check.level != "green"]
    lines.append(f"{len(found.checks) - len(bad)} of {len(found.checks)} checks in order")
    for check in bad:
        lines += textwrap.wrap(
            f"{check.level}: {check.name}: {check.seen}", WIDTH, subsequent_indent="    "
        )
    text = ax.text(0, 1, verbatim("\n".join(lines)), va="top", fontsize=8.5, linespacing=1.35)
    text.set_in_layout(False)  # the panel is as wide as it is, and the lines fit
