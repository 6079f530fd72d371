"""The figures of a report: slices of the object and of its diffraction, χ², spectral weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..crystal import Crystal
from ..metrics import Shells
from ..result import Result
from .slices import (
    FAINT,
    PI_TICKS,
    PLANES,
    flatten_phase,
    object_window,
    phase_limit,
    phase_map,
    show,
    strain_limit,
    strain_map,
)

INCH = 2.45  # of a slice and its labels
CHOSEN = "#c2410c"
OTHERS = "#94a3b8"
MASKED = "0.6"


@dataclass(frozen=True, eq=False)
class _Row:
    """Three slices of a volume, and their colours."""

    label: str
    volume: NDArray[Any]
    style: dict[str, Any]
    ticks: Sequence[str] = field(default_factory=tuple)


def draw_crystal(crystal: Crystal) -> Figure:
    """Amplitude, phase and strain in the laboratory, in nm."""
    phase = np.angle(np.exp(1j * crystal.phase))
    rows = _amplitude_and_phase(crystal.amplitude, phase)
    strain = 1e3 * crystal.strain
    limit = strain_limit(strain)
    colours = {"cmap": strain_map(), "vmin": -limit, "vmax": limit}
    rows.append(_Row("strain (10⁻³)", strain, colours))
    where = object_window(np.where(crystal.inside, crystal.amplitude, 0))
    laboratory: Any = {
        "names": ("z", "y", "x"),
        "voxel": crystal.voxel,
        "unit": "nm",
        "origin": "lower",
    }
    return _slices(rows, *where, **laboratory)


def draw_object(result: Result) -> Figure:
    """Amplitude and phase of the chosen run in voxels of the array."""
    amplitude = np.where(result.support, np.abs(result.object), 0)
    top = float(amplitude.max())
    amplitude = amplitude / (top if top > 0 else 1.0)
    centre, window = object_window(np.where(amplitude > FAINT, amplitude, 0))
    phase = flatten_phase(result.object, amplitude > FAINT)
    return _slices(_amplitude_and_phase(amplitude, phase), centre, window)


def _amplitude_and_phase(amplitude: NDArray[Any], phase: NDArray[Any]) -> list[_Row]:
    limit = phase_limit(phase)
    viridis = {"cmap": colormaps["viridis"], "vmin": 0, "vmax": 1}
    cyclic = {"cmap": phase_map(), "vmin": -limit, "vmax": limit}
    return [
        _Row("amplitude (of its maximum)", amplitude, viridis),
        _Row("phase (rad)", phase, cyclic, PI_TICKS[limit]),
    ]


def draw_diffraction(result: Result, calculated: NDArray[Any]) -> Figure:
    """Measured and calculated counts through the peak, in one logarithmic scale."""
    measured = np.where(result.measurement.mask, np.nan, result.measurement.intensity)
    highest = float(np.nanmax(measured))
    colours = {
        "cmap": colormaps["magma"].with_extremes(bad=MASKED),
        "norm": LogNorm(vmin=min(0.5, 1e-3 * highest), vmax=highest, clip=True),
    }
    rows = [
        _Row("measured (counts)", measured, colours),
        _Row("calculated (counts)", calculated, colours),
    ]
    centre = tuple(n // 2 for n in measured.shape)
    return _slices(rows, centre, [slice(0, n) for n in measured.shape])


def draw_history(result: Result) -> Figure:
    """χ² over the iterations of all runs, the chosen one above the others."""
    figure, (ax,) = _curves(7.6, 3.6, 1)
    order = [run for run in result.runs if run is not result.run] + [result.run]
    labels = set()
    for run in order:
        chi2 = np.asarray(run.history.get("chi2", ()), dtype=float)
        known = np.isfinite(chi2) & (chi2 > 0)
        chosen = run is result.run
        label = f"seed {run.seed}, chosen" if chosen else "other runs"
        ax.plot(
            np.flatnonzero(known) + 1,
            chi2[known],
            color=CHOSEN if chosen else OTHERS,
            linewidth=1.6 if chosen else 0.9,
            label=None if label in labels or not known.any() else label,
        )
        if known.any():
            labels.add(label)
    if labels:
        ax.set_yscale("log")
        ax.legend(frameon=False, loc="upper right")
    else:
        ax.text(0.5, 0.5, "no χ² was recorded", ha="center", transform=ax.transAxes)
    ax.set(xlabel="iteration", ylabel="χ²")
    return figure


def draw_weights(parts: Shells, measured: NDArray[Any], calculated: NDArray[Any]) -> Figure:
    """Fourier spectral weight of the data and of the chosen run, and their ratio."""
    figure, (upper, lower) = _curves(7.6, 4.6, 2)
    known = measured > 0
    q = parts.q[known]
    upper.semilogy(q, measured[known], color="black", linewidth=2.6, alpha=0.35, label="measured")
    upper.semilogy(q, calculated[known], color=CHOSEN, linewidth=1.5, label="calculated")
    upper.set_ylabel("spectral weight (√counts)")
    upper.legend(frameon=False)
    lower.axhline(1, color="black", linewidth=1.6, alpha=0.35)
    lower.plot(q, calculated[known] / measured[known], color=CHOSEN, linewidth=1.5)
    lower.set_ylabel("to measured")
    nyquist = parts.unit == "Nyquist"
    lower.set_xlabel(
        "|Q| (Nyquist frequency of each axis = 1)" if nyquist else "|Q| from the peak (1/nm)"
    )
    lower.set_xlim(left=0)
    if parts.complete < 0.99 * parts.q[-1]:
        for ax in (upper, lower):
            ax.axvline(parts.complete, color="0.35", linewidth=0.8, linestyle="--")
    return figure


def _slices(
    rows: Sequence[_Row], centre: tuple[int, ...], window: list[slice], **options: Any
) -> Figure:
    """Draw three central slices of each volume.

    The places are fixed: to let Matplotlib find them takes longer than all the rest.
    """
    width, height = 3 * INCH + 1.2, INCH * len(rows) + 0.1
    figure = _figure(width, height)
    grid = figure.add_gridspec(
        len(rows),
        3,
        left=0.6 / width,
        right=1 - 0.95 / width,
        bottom=0.45 / height,
        top=1 - 0.25 / height,
        wspace=0.3,
        hspace=0.34,
    )
    for number, row in enumerate(rows):
        for column, plane in enumerate(PLANES):
            ax = figure.add_subplot(grid[number, column])
            image = show(ax, row.volume, plane, centre, window, **options, **row.style)
        bar = figure.colorbar(image, cax=ax.inset_axes((1.06, 0, 0.05, 1)))
        bar.set_label(row.label, fontsize=9)
        bar.ax.tick_params(labelsize=8)
        bar.minorticks_off()
        if row.ticks:
            low, high = image.get_clim()
            bar.set_ticks(np.linspace(low, high, 5).tolist(), labels=list(row.ticks))
    return figure


def _curves(width: float, height: float, rows: int) -> tuple[Figure, list[Axes]]:
    figure = _figure(width, height)
    ratios = (2, 1)[:rows]
    grid = figure.add_gridspec(
        rows,
        1,
        height_ratios=ratios,
        left=0.95 / width,
        right=1 - 0.15 / width,
        bottom=0.5 / height,
        top=1 - 0.12 / height,
        hspace=0.08,
    )
    axes: list[Axes] = []
    for number in range(rows):
        ax = figure.add_subplot(grid[number, 0], sharex=axes[0] if axes else None)
        ax.grid(True, which="major", color="0.92", linewidth=0.8)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        if number < rows - 1:
            ax.tick_params(labelbottom=False)
        axes.append(ax)
    return figure, axes


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure
