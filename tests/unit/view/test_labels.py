"""Names that users give stand in figures as they are."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cdi_ml_plugin.view.style.slices import LONGEST, short, verbatim


@pytest.mark.parametrize(
    "name", ["n$\\frac{$", "$x$", "a$", "_hidden", "\\$5", "a\\$b$c$", "%s {0}", "$$$", "_$"]
)
def test_a_name_is_no_formula(name: str) -> None:
    figure = Figure()
    FigureCanvasAgg(figure)
    legend = figure.legend(handles=[Line2D([], [], label=short(name))])
    figure.suptitle(f"{short(name)}: best run, seed 0")
    figure.canvas.draw()
    (text,) = legend.get_texts()
    shown, math = text._preprocess_math(text.get_text())
    assert not math
    assert shown.strip() == name


def test_a_long_name_is_cut() -> None:
    assert len(short("word " * 20)) <= LONGEST
    assert verbatim("plain") == "plain"
