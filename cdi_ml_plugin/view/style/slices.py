"""Slices of objects and patterns, drawn alike in every figure; the phase as diffraction sees it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from ...crystal.phase import without_ramp
from ...data.quantities import MINUS, QUANTITIES
from .colours import OUTSIDE

AXES = ("rocking", "row", "column")
PLANES = ((0, 1, 2), (1, 0, 2), (2, 0, 1))  # (normal, vertical, horizontal)
LONGISH = 4  # a picture longer than that, in shares of its other side, is stretched
LONGEST = 44  # characters of a label in a figure


def flatten_phase(
    obj: NDArray[np.complexfloating], support: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Phase with its mean and its mean gradient removed, NaN outside the support; see `without_ramp`."""
    wave, _ = without_ramp(np.where(support, obj, 0))
    return np.where(support, np.angle(wave), np.nan)


def show(
    ax: Axes,
    volume: NDArray[Any],
    plane: tuple[int, int, int],
    centre: tuple[int, ...],
    window: list[slice],
    steps: Sequence[float] | None = None,
    **style: Any,
) -> Any:
    """Draw one slice, labelled.

    Parameters
    ----------
    plane : (normal, vertical, horizontal)
    centre : (z, y, x)
        The voxel that the slice goes through.
    window : three slices
        What of the volume is drawn.
    steps : three floats, optional
        1/nm from voxel to voxel along each axis: then positions are δQ; default voxels from the array's centre.
    **style
        Of `Axes.imshow`.
    """
    normal, vertical, horizontal = plane
    index: list[Any] = list(window)
    index[normal] = centre[normal]
    step = (1.0, 1.0, 1.0) if steps is None else steps
    edges = [
        [step[axis] * (end - volume.shape[axis] // 2 - 0.5) for end in (part.start, part.stop)]
        for axis, part in ((horizontal, window[horizontal]), (vertical, window[vertical]))
    ]
    sides = [abs(high - low) for low, high in edges]
    image = ax.imshow(
        volume[tuple(index)],
        extent=(*edges[0], edges[1][1], edges[1][0]),
        interpolation="nearest",
        aspect="auto" if max(sides) > LONGISH * min(sides) else "equal",
        **style,
    )
    ax.set_facecolor(OUTSIDE)
    ax.set_xlabel(axis_label(horizontal, steps))
    ax.set_ylabel(axis_label(vertical, steps))
    ax.locator_params(nbins=4)
    at = step[normal] * (centre[normal] - volume.shape[normal] // 2)
    place = f"{at:.0f}" if steps is None else f"{at:.2g} 1/nm"
    name = AXES[normal] if steps is None else f"δQ {AXES[normal]}"
    ax.set_title(f"{name} = {place}".replace("-", MINUS))
    return image


def axis_label(axis: int, steps: Sequence[float] | None) -> str:
    """What is written along an axis of the array."""
    return AXES[axis] if steps is None else f"δQ {AXES[axis]} (1/nm)"


def outline(
    ax: Axes, image: NDArray[np.floating], level: float, extent: Sequence[float], upwards: bool
) -> None:
    """Draw where an amplitude crosses the level of the surface, as a thin dark line on a light one.

    Parameters
    ----------
    image : float (rows, columns)
        The amplitude in the plane.
    extent : (left, right, bottom, top)
        As the picture below it has them.
    upwards : bool
        Whether its first row is the lowest.
    """
    if not float(image.min()) < level < float(image.max()):
        return
    left, right, bottom, top = extent
    rows, columns = image.shape
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    first, last = (bottom, top) if upwards else (top, bottom)
    y = first + (np.arange(rows) + 0.5) * (last - first) / rows
    thin = 0.5 * mpl.rcParams["axes.linewidth"]
    for colour, width in (("white", 3 * thin), ("black", 1.2 * thin)):
        ax.contour(x, y, image, levels=[level], colors=colour, linewidths=width)


def new_figure(width: float, height: float) -> Figure:
    """A figure in inches with an Agg canvas of its own; pyplot's global state is not touched."""
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06))
    FigureCanvasAgg(figure)
    return figure


def in_figure(key: str) -> str:
    """What a quantity is called in a figure, where indices can be set."""
    return QUANTITIES[key].name.replace("rₚ", "$r_p$")


def short(label: str) -> str:
    """A label that fits into a figure."""
    return verbatim(textwrap.shorten(label, LONGEST, placeholder=" …"))


def verbatim(text: str) -> str:
    """A text that Matplotlib shows as it is: no formula between dollars, no label hidden by an underscore."""
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")
