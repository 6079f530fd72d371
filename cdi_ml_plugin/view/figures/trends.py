"""How the figures of a series go from scan to scan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...data.quantities import quantity
from ..style.curves import COLOURS, GREY, plain, whole_ticks
from ..style.sheet import Sheet, settle
from ..style.slices import new_figure

SHEET = Sheet(10.5, 10)
# What a panel shows: its figures, the first of which names it.
PANELS = (
    ("d_spacing_nm",),
    ("strain_rms",),
    ("difference_strain_rms",),
    ("volume_nm3",),
    ("size_x_nm", "size_y_nm", "size_z_nm"),
    ("resolution_prtf_nm", "resolution_fsc_nm", "edge_width_nm"),
    ("chi2", "chi2_held_out"),
    ("free_llk",),
)
MARKS = ("o", "s", "^")
COMMON = ("d_spacing_nm",)  # their uncertainty is the geometry's, the same for all scans
OTHER = {"difference_strain_rms": "strain, against the reference, rms"}


def draw_trends(
    rows: Sequence[Mapping[str, Any]], across: Sequence[float], label: str, sheet: Sheet = SHEET
) -> Figure | None:
    """Draw each figure of merit and of the crystal over the scans, with its uncertainty; outliers are ringed.

    Parameters
    ----------
    rows : sequence of mapping
        Of a series: ``figures``, ``errors``, ``outliers``.
    across : sequence of float
        Where each row stands; NaN leaves it out.
    label : str
        What `across` is.

    Returns
    -------
    Figure, or None where no row has a figure.
    """
    panels = [keys for keys in PANELS if any(_known(rows, key).any() for key in keys)]
    if not panels:
        return None
    columns = 1 if sheet.narrow else 2
    lines = -(-len(panels) // columns)
    with sheet.letters():
        figure = new_figure(sheet.width, sheet.em * (15 * lines + 2))
        grid = figure.subplots(lines, columns, squeeze=False, sharex=True)
        for ax, keys in zip(grid.flat, panels, strict=False):
            _panel(ax, rows, np.asarray(across, float), keys)
            whole_ticks(ax, across)
        for ax in list(grid.flat)[len(panels) :]:
            ax.set_visible(False)
        for ax in list(grid.flat)[max(0, len(panels) - columns) : len(panels)]:
            ax.tick_params(labelbottom=True)
            ax.set_xlabel(label)
    return settle(figure, sheet)


def _panel(
    ax: Axes, rows: Sequence[Mapping[str, Any]], across: np.ndarray, keys: Sequence[str]
) -> None:
    present = [key for key in keys if _known(rows, key).any()]
    common = ""
    size = 4.5 if len(rows) < 60 else 2.5
    for place, key in enumerate(present):
        values, errors = _column(rows, "figures", key), _column(rows, "errors", key)
        colour = COLOURS[place]
        if key in COMMON and np.isfinite(errors).any():
            common = f", each ± {np.nanmedian(errors):.1g} in common"
            errors = np.full_like(errors, np.nan)
        ax.errorbar(
            across,
            values,
            np.where(np.isfinite(errors), errors, 0),
            fmt=MARKS[place],
            markersize=size,
            color=colour,
            ecolor=colour,
            elinewidth=0.8,
            label=quantity(key).name.removeprefix("size ") if len(present) > 1 else None,
        )
        ringed = np.array([key in row["outliers"] for row in rows])
        ax.plot(
            across[ringed],
            values[ringed],
            "o",
            markersize=2.2 * size + 2,
            markerfacecolor="none",
            markeredgecolor=GREY,
        )
    first = quantity(present[0])
    name = OTHER.get(first.key, _shared(present))
    ax.set_title((f"{name} ({first.unit})" if first.unit else name) + common, loc="left")
    ax.ticklabel_format(axis="y", useOffset=True, scilimits=(-3, 4), useMathText=True)
    if len(present) > 1:
        ax.legend(
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=len(present),
            frameon=False,
            borderaxespad=0,
            handletextpad=0,
            columnspacing=1,
        )
    plain(ax)


def _shared(keys: Sequence[str]) -> str:
    if len(keys) == 1:
        return quantity(keys[0]).name
    return {"s": "size", "r": "resolution", "e": "resolution", "c": "χ²"}.get(keys[0][0], "")


def _known(rows: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    return np.isfinite(_column(rows, "figures", key))


def _column(rows: Sequence[Mapping[str, Any]], part: str, key: str) -> np.ndarray:
    values = [row[part].get(key) for row in rows]
    return np.array([math.nan if value is None else value for value in values], float)
