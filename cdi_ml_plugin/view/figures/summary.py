"""One picture of a result: object, diffraction and the way there."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ...data.quantities import MERITS, QUANTITIES
from ...data.result import Result
from ..style.sheet import Sheet, settle
from ..style.slices import in_figure, new_figure, verbatim
from .detector import draw_diffraction, draw_object
from .history import draw_history

SHEET = Sheet(16, 10)


def draw_summary(result: Result) -> Figure:
    """Draw the chosen run of a result.

    Three central slices of amplitude and phase through the object's centre of mass, of measured
    and calculated intensity through the peak, and the fit over the iterations of all runs.

    Parameters
    ----------
    result : Result

    Returns
    -------
    matplotlib.figure.Figure
        With an Agg canvas of its own; pyplot's global state is not touched.
    """
    with SHEET.letters():
        figure = new_figure(SHEET.width, 8.2)
        parts: Any = figure.subfigures(2, 1, height_ratios=[2.75, 1])
        upper, lower = parts
        real, reciprocal = upper.subfigures(1, 2, wspace=0.03)
        draw_object(real, result)
        draw_diffraction(reciprocal, result)
        draw_history(lower, result)
        figure.suptitle(_title(result), fontsize=13, linespacing=1.5)
    return settle(figure, SHEET)


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
