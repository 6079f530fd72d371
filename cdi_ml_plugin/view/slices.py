"""Slices of objects and patterns, drawn alike in every figure; the phase as diffraction sees it."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

AXES = ("rocking", "row", "column")
PLANES = ((0, 1, 2), (1, 0, 2), (2, 0, 1))  # (normal, vertical, horizontal)
MARGIN = 0.15  # of the object's extent, left around it
FAINT = 0.1  # of the highest amplitude; below it no phase is shown
PI_TICKS = {
    np.pi: ("−π", "−π/2", "0", "π/2", "π"),
    np.pi / 2: ("−π/2", "−π/4", "0", "π/4", "π/2"),
}
OUTSIDE = "0.80"
LONGEST = 44  # characters of a label in a figure
# Cyclic, and telling small phases from 0 as a diverging map does
PHASE_COLOURS = ("#2d2157", "#2f6fd0", "#8cc5ea", "#fbf7ef", "#f4ab6a", "#c9402c", "#2d2157")


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


def show(
    ax: Axes,
    volume: NDArray[Any],
    plane: tuple[int, int, int],
    centre: tuple[int, ...],
    window: list[slice],
    names: tuple[str, str, str] = AXES,
    voxel: float = 1.0,
    unit: str = "",
    **style: Any,
) -> Any:
    """Draw one slice; its axes have names, and count from the array's centre, `voxel` for each voxel."""
    normal, vertical, horizontal = plane
    index: list[Any] = list(window)
    index[normal] = centre[normal]
    shape = volume.shape
    edges = [
        [voxel * (end - shape[axis] // 2 - 0.5) for end in (window[axis].start, window[axis].stop)]
        for axis in (horizontal, vertical)
    ]
    downwards = style.get("origin", "upper") == "upper"
    image = ax.imshow(
        volume[tuple(index)],
        extent=(*edges[0], *(reversed(edges[1]) if downwards else edges[1])),
        interpolation="nearest",
        **style,
    )
    ax.set_facecolor(OUTSIDE)
    suffix = f" ({unit})" if unit else ""
    ax.set_xlabel(names[horizontal] + suffix, fontsize=9, labelpad=1)
    ax.set_ylabel(names[vertical] + suffix, fontsize=9, labelpad=1)
    ax.tick_params(labelsize=8, length=2.5)
    ax.locator_params(nbins=5)
    at = voxel * (centre[normal] - shape[normal] // 2)
    title = f"{names[normal]} = {at:.3g} {unit}".rstrip()
    ax.set_title(title.replace("-", "−"), fontsize=9, pad=3)
    return image


def object_window(amplitude: NDArray[Any]) -> tuple[tuple[int, ...], list[slice]]:
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


def phase_limit(phase: NDArray[Any]) -> float:
    """π/2 where that is enough for nearly all of the phases, else π: the end of the colour scale."""
    spread = np.abs(phase[np.isfinite(phase)])
    return np.pi if spread.size and np.quantile(spread, 0.98) > np.pi / 2 else np.pi / 2


def strain_limit(strain: NDArray[Any]) -> float:
    """End of the colour scale: what nearly all of the strain is within."""
    size = np.abs(strain[np.isfinite(strain)])
    return max(float(np.quantile(size, 0.98)), 1e-6) if size.size else 1.0


def phase_map() -> Colormap:
    """Cyclic colours, grey where there is no phase."""
    cyclic = LinearSegmentedColormap.from_list("phase", PHASE_COLOURS, N=512)
    return cyclic.with_extremes(bad=OUTSIDE)


def strain_map() -> Colormap:
    """Blue where the lattice is compressed, red where it is stretched, grey where there is none."""
    return colormaps["RdBu_r"].with_extremes(bad=OUTSIDE)


def new_figure(width: float, height: float) -> Figure:
    """A figure in inches with an Agg canvas of its own; pyplot's global state is not touched."""
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06))
    FigureCanvasAgg(figure)
    return figure


def short(label: str) -> str:
    """A label that fits into a figure."""
    return textwrap.shorten(label, LONGEST, placeholder=" …")
