"""The fit over the iterations of all runs, and what the chain did meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from ...data.result import Result
from ..style.colours import CHOSEN, OTHERS
from ..style.curves import GREY, plain
from ..style.slices import in_figure

REST = 10  # iterations without any change from which on a run was at rest
ROOM = 1.25  # of the axis beyond the lowest and the highest value, as a factor
DECADES = 1.3  # from which on only powers of ten are written
BAND = "0.955"
ROOMY = 48  # heights of the letters in width, for a legend in one line
LETTER = 0.62  # width of a letter, of its height
RIM = 0.012  # of the axis, beside the first and the last iteration


def draw_history(part: Any, result: Result) -> None:
    """Draw χ² over the iterations of all runs into a figure or a part of one.

    Bands are the algorithms of the chain, small triangles support updates. A search that has found its
    object rests: that part is a dotted line. Rings at the end are χ² of the voxels that no algorithm saw.
    """
    ax = part.subplots()
    order = [i for i in range(len(result.runs)) if i != result.best] + [result.best]
    values: list[float] = []
    last = 0
    for index in order:
        run, chosen = result.runs[index], index == result.best
        chi2 = np.asarray(run.history.get("chi2", ()), dtype=float)
        known = np.isfinite(chi2) & (chi2 > 0)
        if not known.any():
            continue
        label = f"seed {run.seed}, chosen" if chosen else None
        if not chosen and index == order[0]:
            label = "other runs" if len(order) > 2 else f"seed {run.seed}"
        unit = mpl.rcParams["lines.linewidth"]
        style: dict[str, Any] = {
            "color": CHOSEN if chosen else OTHERS,
            "linewidth": unit if chosen else 0.65 * unit,
        }
        moving, resting = _parts(np.where(known, chi2, np.nan))
        places = np.arange(1, len(chi2) + 1)
        ax.semilogy(places, moving, label=label, **style)
        ax.semilogy(places, resting, linestyle=":", **style)
        values += chi2[known].tolist()
        last = max(last, len(chi2))
        held = run.metrics.get("chi2_held_out", np.nan)
        if np.isfinite(held) and held > 0:
            ring = "held-out χ² at the end" if chosen else None
            colours = {"color": style["color"], "markerfacecolor": "none"}
            size = 0.6 * mpl.rcParams["font.size"]
            ax.plot(
                len(chi2) * (1 + RIM),
                held,
                "o",
                markersize=size,
                clip_on=False,
                label=ring,
                **colours,
            )
            values.append(held)
    if not values:
        ax.text(0.5, 0.5, "no χ² was recorded", ha="center", transform=ax.transAxes)
    else:
        _limits(ax, values, last)
        _chain(ax, result, last)
        wide = 72 * ax.get_figure(root=True).get_figwidth() > ROOMY * mpl.rcParams["font.size"]
        columns, aligned = (4, "right") if wide else (2, "left")
        part.legend(frameon=False, ncols=columns, loc=f"outside upper {aligned}", borderaxespad=0.1)
    ax.set(xlabel="iteration", ylabel=in_figure("chi2"))
    plain(ax)


def _parts(chi2: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A curve where it moves, and where it rests; NaN elsewhere. They share their ends."""
    same = np.zeros(len(chi2), dtype=bool)
    same[1:] = chi2[1:] == chi2[:-1]
    resting = np.zeros(len(chi2), dtype=bool)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], same.astype(int), [0]))))
    for start, stop in edges.reshape(-1, 2).tolist():
        if stop - start >= REST:
            resting[start:stop] = True
    ends = resting.copy()
    ends[:-1] |= resting[1:]
    return np.where(resting, np.nan, chi2), np.where(ends, chi2, np.nan)


def _limits(ax: Axes, values: Sequence[float], last: int) -> None:
    """From the first to the last iteration and from the lowest to the highest value, with numbers to read."""
    low, high = min(values) / ROOM, max(values) * ROOM
    ax.set(xlim=(1 - RIM * last, last * (1 + 2 * RIM)), ylim=(low, high))
    if np.log10(high / low) < DECADES:
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _chain(ax: Axes, result: Result, last: int) -> None:
    """Bands with the names of the algorithms along the top, and marks of support updates below."""
    from ...engine.course import stages, support_updates  # loads torch

    updates = [at + 1 for at in support_updates(result) if at < last]
    if updates:
        ax.plot(
            updates,
            np.full(len(updates), 0.025),
            "^",
            color=GREY,
            markersize=0.3 * mpl.rcParams["font.size"],
            transform=ax.get_xaxis_transform(),
            label="support update",
        )
    left, right = ax.get_xlim()
    size = mpl.rcParams["font.size"]
    figure = ax.get_figure(root=True)
    assert figure is not None
    # about nine tenths of a figure are axes
    letter = LETTER * size / (0.9 * 72 * figure.get_figwidth()) * (right - left)
    for number, stage in enumerate(stages(result)):
        start, stop = max(stage.start + 0.5, left), min(stage.stop, last) + 0.5
        if stage.start >= last:
            break
        if number % 2 == 0:
            ax.axvspan(start, stop, color=BAND, zorder=0, linewidth=0)
        if stop - start > letter * (len(stage.name) + 0.5):
            ax.annotate(
                stage.name,
                ((start + stop) / 2, 1),
                xycoords=ax.get_xaxis_transform(),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
                color=GREY,
            )
