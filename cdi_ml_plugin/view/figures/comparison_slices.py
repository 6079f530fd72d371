"""The objects of a comparison side by side: best runs, means, and what the runs scatter about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...crystal.crystal import FAINT
from ...data.quantities import QUANTITIES
from ...physics.windows import object_window
from ..style.colours import PI_TICKS, phase_limit, phase_map
from ..style.slices import PLANES, flatten_phase, new_figure, short, show

if TYPE_CHECKING:
    from ...comparison.comparison import Comparison


def draw_best(comparison: Comparison) -> Figure:
    """Slices of amplitude and phase of each chain's best run, all aligned (Fig. 6 of the paper)."""
    objects = [member.agreement.best for member in comparison.members]
    amplitudes = _relative(objects)
    phases = [
        flatten_phase(obj, amplitude > FAINT)
        for obj, amplitude in zip(objects, amplitudes, strict=True)
    ]
    limit = phase_limit(np.stack(phases))
    return _draw_slices(
        comparison,
        [f"{short(m.label)}: best run, seed {m.best.about['seed']}" for m in comparison.members],
        amplitudes,
        phases,
        (QUANTITIES["amplitude"].label, QUANTITIES["phase"].label),
        ({"cmap": colormaps["viridis"], "vmin": 0, "vmax": 1}, _phase_style(limit)),
        PI_TICKS[limit],
    )


def draw_spread(comparison: Comparison) -> Figure:
    """Slices of the mean of all runs of each chain, and of what they scatter about it."""
    means = [np.abs(member.agreement.mean) for member in comparison.members]
    shares = _relative(means)
    spreads = [
        member.agreement.spread / (float(mean.max()) or 1.0)
        for member, mean in zip(comparison.members, means, strict=True)
    ]
    # one scale for all chains, or they could not be compared; the few worst voxels do not set it
    inside = np.concatenate([s[a > FAINT] for s, a in zip(spreads, shares, strict=True)])
    top = float(np.quantile(inside, 0.995)) if inside.size else 0.0
    return _draw_slices(
        comparison,
        [f"{short(m.label)}: {len(m.finite)} runs" for m in comparison.members],
        shares,
        spreads,
        ("|mean| (of its maximum)", "spread (of that maximum)"),
        (
            {"cmap": colormaps["viridis"], "vmin": 0, "vmax": 1},
            {"cmap": colormaps["inferno"], "vmin": 0, "vmax": max(top, 1e-6)},
        ),
    )


def _draw_slices(
    comparison: Comparison,
    titles: Sequence[str],
    left: Sequence[NDArray[Any]],
    right: Sequence[NDArray[Any]],
    labels: tuple[str, str],
    styles: tuple[dict[str, Any], dict[str, Any]],
    ticks: Sequence[str] | None = None,
) -> Figure:
    """Draw a row for each chain: three slices of one volume, three of another, all of one window."""
    rows = len(comparison.members)
    first = np.abs(comparison.members[0].agreement.best)
    # a shift by parts of a voxel leaves a trace everywhere, which is no part of the object
    centre, window = object_window(np.where(first > FAINT / 2 * first.max(), first, 0))
    figure = new_figure(12.6, 2.1 * rows + 0.2)
    parts: Any = np.atleast_1d(np.asarray(figure.subfigures(rows, 1, squeeze=True)))
    for part, title, *volumes in zip(parts, titles, left, right, strict=True):
        part.suptitle(title, fontsize=11, x=0.01, ha="left")
        grid = part.subplots(1, 6)
        for axes, volume, label, style in zip(
            (grid[:3], grid[3:]), volumes, labels, styles, strict=True
        ):
            for ax, plane in zip(axes, PLANES, strict=True):
                image = show(ax, volume, plane, centre, window, **style)
            bar = part.colorbar(image, ax=axes, shrink=0.85, aspect=18, pad=0.02)
            bar.set_label(label, fontsize=9)
            bar.ax.tick_params(labelsize=8)
            if ticks is not None and style["vmin"] < 0:
                bar.set_ticks(np.linspace(style["vmin"], style["vmax"], 5), labels=ticks)
    return figure


def _phase_style(limit: float) -> dict[str, Any]:
    return {"cmap": phase_map(), "vmin": -limit, "vmax": limit}


def _relative(objects: Sequence[NDArray[Any]]) -> list[NDArray[np.float64]]:
    return [np.abs(obj) / (float(np.abs(obj).max()) or 1.0) for obj in objects]
