"""A reconstructed crystal beside the true one, where that is known."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from matplotlib.figure import Figure

from ...crystal.beside import Beside, Real
from ..style.colours import ColourScale, difference_scale, phase_scale, strain_scale
from ..style.quantities import Drawn, quantities_of
from ..style.sheet import Sheet, settle
from .crystal import PLANES, axes_at, bar_of_scale, show_plane, window_of

SHEET = Sheet(10.5, 11)
PLANE = PLANES[2]  # across the beam
SHORT = 14  # letters in a line beside a picture
LEFT, RIGHT, BELOW, ABOVE, GAP, BAR, HIGH = 2.0, 6.4, 2.2, 2.2, 1.2, 7.6, 1.1


def draw_truth(pair: Beside, sheet: Sheet = SHEET) -> Figure:
    """Draw truth, result and their difference: amplitude, phase and strain across the beam.

    Truth and result have the colours of the truth. The line is the surface of each, in the difference that
    of the truth.

    Parameters
    ----------
    pair : Beside
    sheet : Sheet
    """
    with sheet.letters():
        return settle(_draw(pair, sheet), sheet)


def _draw(pair: Beside, sheet: Sheet) -> Figure:
    truth, found = quantities_of(pair.truth), quantities_of(pair.found)
    differences: tuple[tuple[str, Real, Callable[..., ColourScale]], ...] = (
        ("amplitude", pair.amplitude, difference_scale),
        ("phase", pair.phase, phase_scale),
        ("strain", pair.strain, strain_scale),
    )
    side = (sheet.ems - LEFT - RIGHT - GAP - BAR) / 3
    height = ABOVE + BELOW + 3 * side + 2 * HIGH
    figure = sheet.figure(height)
    place = window_of(pair.truth)
    for row, (key, data, scale_of) in enumerate(differences):
        base = BELOW + (2 - row) * (side + HIGH)
        common = truth[key].scale
        scale = scale_of(data)
        shown = (
            ("truth", pair.truth, truth[key]),
            ("result", pair.found, Drawn(common.wrapped(found[key].data), common)),
            ("result − truth", pair.truth, Drawn(data, scale)),
        )
        for column, (title, crystal, what) in enumerate(shown):
            left = LEFT + column * side + (0, GAP, GAP + BAR)[column]
            ax = axes_at(figure, sheet, height, left, base, side, side)
            show_plane(ax, crystal, what, PLANE, *place)
            ax.set(xticks=[], yticks=[], title=title if row == 0 else "")
            ax.set_xlabel("x" if row == len(differences) - 1 else "")
            ax.set_ylabel("" if column else "y", rotation=0, ha="right", va="center")
            if column == 0 and row == 0:
                bar_of_scale(ax, sheet, side)
            if column:
                room = axes_at(figure, sheet, height, left + side + 0.6, base, 0.7, side)
                bar = what.scale.bar(figure, cax=room)
                bar.set_label(textwrap.fill(what.scale.label, SHORT))
    return figure
