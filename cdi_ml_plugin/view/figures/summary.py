"""One picture of a result: object, diffraction and the way there."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from ... import fourier
from ...crystal.crystal import FAINT
from ...data.quantities import MERITS, QUANTITIES
from ...data.result import Result
from ...physics.windows import object_window
from ..style.colours import CHOSEN, MASKED, OTHERS, PI_TICKS, phase_limit, phase_map
from ..style.slices import PLANES, flatten_phase, in_figure, show, verbatim

Slices = list[NDArray[Any]]


def draw_summary(result: Result) -> Figure:
    """Draw the chosen run of a result.

    Three central slices of amplitude and phase through the object's centre of mass, of measured
    and calculated intensity through the peak, and χ² over the iterations of all runs.

    Parameters
    ----------
    result : Result

    Returns
    -------
    matplotlib.figure.Figure
        With an Agg canvas of its own; pyplot's global state is not touched.
    """
    figure = Figure(figsize=(16, 8.2), layout=ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.04))
    FigureCanvasAgg(figure)
    parts: Any = figure.subfigures(2, 1, height_ratios=[2.75, 1])
    upper, lower = parts
    real, reciprocal = upper.subfigures(1, 2, wspace=0.03)
    draw_object(real, result)
    draw_diffraction(reciprocal, result)
    draw_history(lower, result)
    figure.suptitle(_title(result), fontsize=13, linespacing=1.5)
    return figure


def draw_object(part: Any, result: Result) -> None:
    """Draw three slices of amplitude and phase into a figure or a part of one."""
    support = result.support
    amplitude = np.abs(result.object)
    inside = amplitude[support]
    amplitude = amplitude / (inside.max() if inside.size and inside.max() > 0 else 1.0)
    centre, window = object_window(np.where(support & (amplitude > FAINT), amplitude, 0))
    within = tuple(window)  # the rest is empty, and a full scan is large
    phase = np.full(amplitude.shape, np.nan, dtype=np.float32)
    phase[within] = flatten_phase(result.object[within], support[within])
    phase[amplitude <= FAINT] = np.nan  # where hardly anything scatters, it is noise
    limit = phase_limit(phase)
    rows = (
        (QUANTITIES["amplitude"].label, amplitude, colormaps["viridis"], (0.0, 1.0)),
        (QUANTITIES["phase"].label, phase, phase_map(), (-limit, limit)),
    )
    grid = part.subplots(2, 3)
    for axes, (label, volume, colours, (low, high)) in zip(grid, rows, strict=True):
        for ax, plane in zip(axes, PLANES, strict=True):
            image = show(ax, volume, plane, centre, window, cmap=colours, vmin=low, vmax=high)
        bar = part.colorbar(image, ax=axes, label=label, shrink=0.82, aspect=22, pad=0.02)
        if low < 0:
            bar.set_ticks(np.linspace(low, high, 5), labels=PI_TICKS[limit])
    part.suptitle("Object, through its centre of mass", fontsize=12)


def draw_diffraction(part: Any, result: Result) -> None:
    """Draw three slices of measured and calculated intensity into a figure or a part of one."""
    measured = np.where(result.measurement.mask, np.nan, result.measurement.intensity)
    calculated = fourier.diffraction(result.object)
    colours = colormaps["magma"].with_extremes(bad=MASKED)
    highest = float(np.nanmax(measured))
    norm = LogNorm(vmin=min(0.5, 1e-3 * highest), vmax=highest, clip=True)
    centre = tuple(n // 2 for n in measured.shape)
    window = [slice(0, n) for n in measured.shape]
    grid = part.subplots(2, 3)
    for axes, volume, label in zip(
        grid, (measured, calculated), ("measured", "calculated"), strict=True
    ):
        for ax, plane in zip(axes, PLANES, strict=True):
            image = show(ax, volume, plane, centre, window, cmap=colours, norm=norm)
        bar = part.colorbar(
            image, ax=axes, label=f"{label} (counts)", shrink=0.82, aspect=22, pad=0.02
        )
        bar.minorticks_off()  # they say little, and take longest of all to draw
    title = "Diffraction, through the peak"
    part.suptitle(title + (" (grey: masked)" if result.measurement.mask.any() else ""), fontsize=12)


def draw_history(part: Any, result: Result) -> None:
    """Draw χ² over the iterations of all runs into a figure or a part of one."""
    ax = part.subplots()
    drawn = False
    order = [i for i in range(len(result.runs)) if i != result.best] + [result.best]
    for index in order:
        run = result.runs[index]
        chi2 = np.asarray(run.history.get("chi2", ()), dtype=float)
        known = np.isfinite(chi2) & (chi2 > 0)
        if not known.any():
            continue
        drawn = True
        chosen = index == result.best
        label = f"seed {run.seed}, chosen" if chosen else None
        if not chosen and index == order[0]:
            label = "other runs" if len(order) > 2 else f"seed {run.seed}"
        ax.semilogy(
            np.flatnonzero(known) + 1,
            chi2[known],
            color=CHOSEN if chosen else OTHERS,
            linewidth=1.6 if chosen else 0.9,
            label=label,
        )
    if drawn:
        ax.legend(
            frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.1
        )
    else:
        ax.text(0.5, 0.5, "no χ² was recorded", ha="center", transform=ax.transAxes)
    ax.set(xlabel="iteration", ylabel=in_figure("chi2"))
    ax.margins(x=0.01)
    ax.grid(True, which="major", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _title(result: Result) -> str:
    figures = [
        f"{in_figure(key)} = {_short(key, result.metrics[key])}"
        for key in MERITS
        if result.metrics.get(key) is not None
    ]
    sequence = verbatim(textwrap.shorten(result.sequence, 150, placeholder=" …"))
    z, y, x = result.measurement.shape
    runs = f"{len(result.runs)} run{'s' if len(result.runs) > 1 else ''}"
    data = f"{z} × {y} × {x} voxels, {runs}, {result.seconds:.1f} s on {result.device}"
    return f"{sequence}\n{'    '.join(figures)}    ({data})"


def _short(key: str, value: float) -> str:
    return QUANTITIES[key].text(value) if np.isfinite(value) else "none"
