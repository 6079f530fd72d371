"""One picture of a result: object, diffraction and the way there."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from .. import fourier
from ..result import Result

AXES = ("rocking", "row", "column")
PLANES = ((0, 1, 2), (1, 0, 2), (2, 0, 1))  # (normal, vertical, horizontal)
MARGIN = 0.15  # of the object's extent, left around it
FAINT = 0.1  # of the highest amplitude; below it no phase is shown
PI_TICKS = {
    np.pi: ("−π", "−π/2", "0", "π/2", "π"),
    np.pi / 2: ("−π/2", "−π/4", "0", "π/4", "π/2"),
}
MASKED = "0.6"
OUTSIDE = "0.80"
# Cyclic, and telling small phases from 0 as a diverging map does
PHASE_COLOURS = ("#2d2157", "#2f6fd0", "#8cc5ea", "#fbf7ef", "#f4ab6a", "#c9402c", "#2d2157")
CHOSEN = "#c2410c"
OTHERS = "#94a3b8"

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
    _draw_object(real, result)
    _draw_diffraction(reciprocal, result)
    _draw_history(lower, result)
    figure.suptitle(_title(result), fontsize=13, linespacing=1.5)
    return figure


def flatten_phase(
    obj: NDArray[np.complexfloating], support: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Phase with its mean and its mean gradient removed, NaN outside the support.

    Neither is seen by a diffraction pattern that is known up to its place: a constant changes
    nothing, and a gradient only moves the pattern.
    """
    wave = np.where(support, obj, 0).astype(np.complex128)
    for axis, n in enumerate(wave.shape):
        step = np.angle(
            np.vdot(wave.take(range(n - 1), axis=axis), wave.take(range(1, n), axis=axis))
        )
        view = [1, 1, 1]
        view[axis] = n
        wave *= np.exp(-1j * step * np.arange(n)).reshape(view)
    # sums that weigh with the amplitude, and do not care where the phase wraps
    wave *= np.exp(-1j * np.angle(np.sum(wave * np.abs(wave))))
    return np.where(support, np.angle(wave), np.nan)


def _draw_object(part: Any, result: Result) -> None:
    support = result.support
    amplitude = np.abs(result.object)
    centre, window = _window(np.where(support, amplitude, 0))
    inside = amplitude[support]
    amplitude = amplitude / (inside.max() if inside.size and inside.max() > 0 else 1.0)
    within = tuple(window)  # the rest is empty, and a full scan is large
    phase = np.full(amplitude.shape, np.nan, dtype=np.float32)
    phase[within] = flatten_phase(result.object[within], support[within])
    phase[amplitude <= FAINT] = np.nan  # where hardly anything scatters, it is noise
    spread = np.abs(phase[np.isfinite(phase)])
    limit = np.pi if spread.size and np.quantile(spread, 0.98) > np.pi / 2 else np.pi / 2
    rows = (
        ("amplitude (of its maximum)", amplitude, colormaps["viridis"], (0.0, 1.0)),
        ("phase (rad)", phase, _phase_map(), (-limit, limit)),
    )
    grid = part.subplots(2, 3)
    for axes, (label, volume, colours, (low, high)) in zip(grid, rows, strict=True):
        for ax, plane in zip(axes, PLANES, strict=True):
            image = _show(ax, volume, plane, centre, window, cmap=colours, vmin=low, vmax=high)
        bar = part.colorbar(image, ax=axes, label=label, shrink=0.82, aspect=22, pad=0.02)
        if low < 0:
            bar.set_ticks(np.linspace(low, high, 5), labels=PI_TICKS[limit])
    part.suptitle("Object, through its centre of mass", fontsize=12)


def _draw_diffraction(part: Any, result: Result) -> None:
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
            image = _show(ax, volume, plane, centre, window, cmap=colours, norm=norm)
        part.colorbar(image, ax=axes, label=f"{label} (counts)", shrink=0.82, aspect=22, pad=0.02)
    title = "Diffraction, through the peak"
    part.suptitle(title + (" (grey: masked)" if result.measurement.mask.any() else ""), fontsize=12)


def _draw_history(part: Any, result: Result) -> None:
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
    ax.set(xlabel="iteration", ylabel="χ²")
    ax.margins(x=0.01)
    ax.grid(True, which="major", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _show(
    ax: Axes,
    volume: NDArray[Any],
    plane: tuple[int, int, int],
    centre: tuple[int, ...],
    window: list[slice],
    **style: Any,
) -> Any:
    """Draw one slice in voxels from the array's centre, labelled."""
    normal, vertical, horizontal = plane
    index: list[Any] = list(window)
    index[normal] = centre[normal]
    shape = volume.shape
    edges = [
        (window[axis].start - shape[axis] // 2 - 0.5, window[axis].stop - shape[axis] // 2 - 0.5)
        for axis in (horizontal, vertical)
    ]
    image = ax.imshow(
        volume[tuple(index)],
        extent=(*edges[0], edges[1][1], edges[1][0]),
        interpolation="nearest",
        **style,
    )
    ax.set_facecolor(OUTSIDE)
    ax.set_xlabel(AXES[horizontal], fontsize=9, labelpad=1)
    ax.set_ylabel(AXES[vertical], fontsize=9, labelpad=1)
    ax.tick_params(labelsize=8, length=2.5)
    ax.locator_params(nbins=5)
    at = centre[normal] - shape[normal] // 2
    ax.set_title(f"{AXES[normal]} = {at}".replace("-", "−"), fontsize=9, pad=3)
    return image


def _window(amplitude: NDArray[Any]) -> tuple[tuple[int, ...], list[slice]]:
    """Return the voxel at the centre of mass, and windows of equal size about the object."""
    shape = amplitude.shape
    total = float(amplitude.sum())
    if not total > 0:
        return tuple(n // 2 for n in shape), [slice(0, n) for n in shape]
    centre, first, last = [], [], []
    for axis, n in enumerate(shape):
        profile = amplitude.sum(axis=tuple(a for a in range(3) if a != axis))
        centre.append(round(float(profile @ np.arange(n)) / total))
        occupied = np.flatnonzero(profile > 0)
        first.append(int(occupied[0]))
        last.append(int(occupied[-1]) + 1)
    extent = max(stop - start for start, stop in zip(first, last, strict=True))
    half = int(np.ceil((0.5 + MARGIN) * extent))
    windows = []
    for n, start, stop in zip(shape, first, last, strict=True):
        middle = (start + stop) // 2
        windows.append(slice(max(0, middle - half), min(n, middle + half)))
    return tuple(centre), windows


def _phase_map() -> Any:
    cyclic = LinearSegmentedColormap.from_list("phase", PHASE_COLOURS, N=512)
    return cyclic.with_extremes(bad=OUTSIDE)


def _title(result: Result) -> str:
    figures = [f"{name} = {_number(value)}" for name, value in _named(result) if value is not None]
    sequence = textwrap.shorten(result.sequence, 150, placeholder=" …")
    z, y, x = result.measurement.shape
    runs = f"{len(result.runs)} run{'s' if len(result.runs) > 1 else ''}"
    data = f"{z} × {y} × {x} voxels, {runs}, {result.seconds:.1f} s on {result.device}"
    return f"{sequence}\n{'    '.join(figures)}    ({data})"


def _named(result: Result) -> list[tuple[str, float | None]]:
    metrics = result.metrics
    return [
        ("χ²", metrics.get("chi2")),
        ("$r_p$", metrics.get("pearson")),
        ("held-out χ²", metrics.get("chi2_held_out")),
    ]


def _number(value: float) -> str:
    return "none" if not np.isfinite(value) else f"{value:.4g}"
