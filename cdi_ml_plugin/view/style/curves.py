"""What curves over |Q| have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ...physics.shells import Shells

# Okabe and Ito's, which colour-blind readers tell apart
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "0.35"
NYQUIST = "|Q| (Nyquist frequency of each axis = 1)"
WAVENUMBER = "|Q| from the peak (1/nm)"


def plain(ax: Axes) -> None:
    """A light grid, and no frame but the axes."""
    ax.grid(True, which="major", color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def whole_ticks(ax: Axes, across: Sequence[float]) -> None:
    """Ticks at whole numbers below values that are whole, as the numbers of scans."""
    if all(value == round(value) for value in across if math.isfinite(value)):
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))


def q_axis(ax: Axes, parts: Shells) -> None:
    """An axis of |Q|, with a line from where on the shells are cut by the array's edge."""
    ax.set_xlabel(NYQUIST if parts.unit == "Nyquist" else WAVENUMBER)
    ax.set_xlim(left=0)
    if parts.complete < 0.99 * parts.q[-1]:
        ax.axvline(parts.complete, color=GREY, linewidth=0.8, linestyle="--")
        late = parts.complete > 0.6 * parts.q[-1]  # then there is more room before it
        ax.annotate(
            "shells cut by\nthe array's edge",
            (parts.complete, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-5 if late else 5, -4),
            textcoords="offset points",
            ha="right" if late else "left",
            va="top",
            color=GREY,
        )
    plain(ax)
