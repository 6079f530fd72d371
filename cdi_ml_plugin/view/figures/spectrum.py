"""The Fourier spectral weight of one result (Fig. 3i of the paper)."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ...data.result import Result
from ...geometry.geometry import Basis
from ...physics.shells import shells, spectral_weight
from ..style.curves import COLOURS, plain, q_axis
from ..style.sheet import Sheet, settle
from ..style.slices import new_figure
from ..style.volumes import calculated_intensity

SHEET = Sheet(7.6, 10)
WIDE = 4.0  # a ratio of largest to smallest from which on an axis is logarithmic


def draw_spectrum(result: Result, basis: Basis | None = None, sheet: Sheet = SHEET) -> Figure:
    """Draw the spectral weight of measured and calculated amplitudes over |Q|, and their ratio.

    Parameters
    ----------
    result : Result
    basis : (3, 3), optional
        Steps of Q in 1/nm (`Geometry.reciprocal_basis`); without it |Q| is in Nyquist frequencies.
    sheet : Sheet
    """
    with sheet.letters():
        return settle(_draw(result, basis, sheet), sheet)


def _draw(result: Result, basis: Basis | None, sheet: Sheet) -> Figure:
    measurement = result.measurement
    parts = shells(measurement.shape, basis)
    weights = [
        spectral_weight(np.sqrt(intensity), parts, measurement.mask)
        for intensity in (measurement.intensity, calculated_intensity(result.run))
    ]
    known = weights[0] > 0
    q, measured, calculated = parts.q[known], *(weight[known] for weight in weights)
    figure = new_figure(sheet.width, max(0.68 * sheet.width, 22 * sheet.em))
    thick = mpl.rcParams["lines.linewidth"]
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2.2, 1])
    upper.semilogy(q, measured, color="black", linewidth=2.4 * thick, alpha=0.3, label="measured")
    upper.semilogy(q, calculated, color=COLOURS[0], linewidth=1.2 * thick, label="calculated")
    upper.set_ylabel("spectral weight (√counts)")
    upper.legend(frameon=False)
    plain(upper)
    ratio = calculated / measured
    lower.axhline(1, color="black", linewidth=1.5 * thick, alpha=0.3)
    lower.plot(q, ratio, color=COLOURS[0], linewidth=1.2 * thick)
    if ratio.min() > 0 and ratio.max() > WIDE * ratio.min():
        lower.set_yscale("log")
        lower.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        lower.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        lower.yaxis.set_minor_formatter(NullFormatter())
    lower.set_ylabel("to measured")
    q_axis(lower, parts)
    return figure
