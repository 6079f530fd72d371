"""The objects of a comparison side by side: best runs, means, and what the runs scatter about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...crystal.crystal import FAINT, object_level
from ...physics.windows import object_window
from ..style.colours import ColourScale, amplitude_scale, wrapped_phase_scale
from ..style.sheet import Sheet, settle
from ..style.slices import PLANES, flatten_phase, new_figure, short, show

if TYPE_CHECKING:
    from ...comparison.comparison import Comparison

SHEET = Sheet(12.6, 9)


def draw_best(comparison: Comparison) -> Figure:
    """Slices of amplitude and phase of each chain's best run, all aligned (Fig. 6 of the paper)."""
    objects = [member.agreement.best for member in comparison.members]
    amplitudes = _relative(objects)
    phases = [
        np.where(
            amplitude >= object_level(amplitude), flatten_phase(obj, amplitude > FAINT), np.nan
        )
        for obj, amplitude in zip(objects, amplitudes, strict=True)
    ]
    known = np.stack(phases)
    inside = np.concatenate([a[np.isfinite(p)] for a, p in zip(amplitudes, phases, strict=True)])
    return _draw_slices(
        comparison,
        [f"{short(m.label)}: best run, seed {m.best.about['seed']}" for m in comparison.members],
        amplitudes,
        phases,
        (amplitude_scale(inside), wrapped_phase_scale(known)),
    )


def draw_spread(comparison: Comparison) -> Figure:
    """Slices of the mean of all runs of each chain, and of what they scatter about it."""
    means = [np.abs(member.agreement.mean) for member in comparison.members]
    shares = _relative(means)
    spreads = [
        member.agreement.spread / (float(mean.max()) or 1.0)
        for member, mean in zip(comparison.members, means, strict=True)
    ]
    solid = np.concatenate([a[a > FAINT] for a in shares])
    # one scale for all chains, or they could not be compared; the few worst voxels do not set it
    inside = np.concatenate([s[a > FAINT] for s, a in zip(spreads, shares, strict=True)])
    top = float(np.quantile(inside, 0.99)) if inside.size else 0.0
    return _draw_slices(
        comparison,
        [f"{short(m.label)}: {len(m.finite)} runs" for m in comparison.members],
        shares,
        spreads,
        (
            replace(amplitude_scale(solid), label="|mean| (of its maximum)"),
            ColourScale(
                "spread (of that maximum)", colormaps["inferno"], 0, max(top, 1e-6), beyond="max"
            ),
        ),
    )


def _draw_slices(
    comparison: Comparison,
    titles: Sequence[str],
    left: Sequence[NDArray[Any]],
    right: Sequence[NDArray[Any]],
    scales: tuple[ColourScale, ColourScale],
) -> Figure:
    """Draw a row for each chain: three slices of one volume, three of another, all of one window."""
    rows = len(comparison.members)
    first = np.abs(comparison.members[0].agreement.best)
    # a shift by parts of a voxel leaves a trace everywhere, which is no part of the object
    centre, window = object_window(np.where(first > FAINT / 2 * first.max(), first, 0))
    figure = new_figure(SHEET.width, 2.1 * rows + 0.2)
    with SHEET.letters():
        parts: Any = np.atleast_1d(np.asarray(figure.subfigures(rows, 1, squeeze=True)))
        for part, title, *volumes in zip(parts, titles, left, right, strict=True):
            part.suptitle(title, x=0.01, ha="left")
            grid = part.subplots(1, 6)
            for axes, volume, scale in zip((grid[:3], grid[3:]), volumes, scales, strict=True):
                style: dict[str, Any] = {"cmap": scale.cmap, "norm": scale.norm}
                for ax, plane in zip(axes, PLANES, strict=True):
                    show(ax, volume, plane, centre, window, **style)
                scale.bar(part, ax=axes, shrink=0.85, aspect=18, pad=0.02).set_label(scale.label)
    return settle(figure, SHEET)


def _relative(objects: Sequence[NDArray[Any]]) -> list[NDArray[np.float64]]:
    return [np.abs(obj) / (float(np.abs(obj).max()) or 1.0) for obj in objects]
