"""Slices of objects and patterns, drawn alike in every figure; the phase as diffraction sees it."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from ...crystal.phase import without_ramp
from ...data.quantities import QUANTITIES
from .colours import OUTSIDE

AXES = ("rocking", "row", "column")
PLANES = ((0, 1, 2), (1, 0, 2), (2, 0, 1))  # (normal, vertical, horizontal)
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
