"""χ² over the iterations: what was done when, where a run rested, and axes that show it."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.data.result import Result, Run
from cdi_ml_plugin.engine.course import stages, support_updates
from cdi_ml_plugin.view.figures.history import draw_history
from cdi_ml_plugin.view.style.slices import new_figure

CHAIN = "CNN + 2*(20*ER + 30*HIO) + 10*ER"


def result(chi2, sequence=CHAIN, parameters=None, held_out=0.02) -> Result:
    obj = np.ones((8, 8, 8), np.complex64)
    runs = tuple(
        Run(seed, obj, obj.real > 0, {"chi2_held_out": held_out}, {"chi2": curve}, "completed")
        for seed, curve in enumerate(chi2)
    )
    return Result(Measurement(np.ones(obj.shape)), runs, 0, sequence, parameters or {}, "cpu", 1.0)


def axes(made: Result):
    figure = new_figure(8, 3)
    draw_history(figure, made)
    figure.canvas.draw()
    return figure.axes[0], figure


def test_the_course_of_a_chain():
    found = [(stage.name, stage.start, stage.stop) for stage in stages(result([]))]
    expected = [("ER", 0, 20), ("HIO", 20, 50), ("ER", 50, 70), ("HIO", 70, 100), ("ER", 100, 110)]
    assert found == expected
    assert stages(result([], "30*OF_ANOTHER_PROGRAM")) == ()
    assert support_updates(result([], "30*OF_ANOTHER_PROGRAM")) == ()
    given = {"shrink_wrap_trigger": [10, 40]}
    assert support_updates(result([], parameters=given)) == (10, 50, 90)
    assert support_updates(result([], "20*ER + SW + 5*ER")) == ()  # the chain says where


def test_bands_and_names_lie_where_the_algorithms_ran():
    ax, _ = axes(result([np.geomspace(1, 0.01, 110)]))
    names = {text.get_text(): text.xy[0] for text in ax.texts}
    assert names["HIO"] in (35.5, 85.5)
    assert len([text for text in ax.texts if text.get_text() == "HIO"]) == 2


def test_the_axis_shows_the_values_and_no_more():
    curve = np.concatenate([np.full(5, 0.03), np.geomspace(0.03, 0.02, 105)])
    ax, figure = axes(result([curve]))
    low, high = ax.get_ylim()
    assert 0.01 < low < 0.02
    assert 0.03 < high < 0.05
    shown = [label.get_text() for label in ax.get_yticklabels() if label.get_text()]
    inside = [tick for tick in ax.get_yticks() if low <= tick <= high]
    assert inside
    assert shown
    assert all(text.startswith("0.0") for text in shown)  # numbers, and no powers of ten
    assert figure.legends


@pytest.mark.parametrize("rest", [5, 40])
def test_a_rest_is_dotted(rest):
    curve = np.concatenate(
        [np.geomspace(1, 0.1, 60), np.full(rest, 0.1), np.geomspace(0.09, 0.05, 20)]
    )
    ax, _ = axes(result([curve]))
    dotted = [line for line in ax.lines if line.get_linestyle() == ":"]
    drawn = sum(int(np.isfinite(line.get_ydata()).sum()) for line in dotted)
    assert (drawn >= rest) == (rest > 10)
    solid = [line for line in ax.lines if line.get_linestyle() == "-"]
    known = sum(int(np.isfinite(line.get_ydata()).sum()) for line in solid)
    assert known == len(curve) - (rest if rest > 10 else 0)


def test_held_out_is_a_ring_at_the_end():
    ax, _ = axes(result([np.geomspace(1, 0.01, 110)] * 2, held_out=0.04))
    rings = [line for line in ax.lines if line.get_marker() == "o"]
    assert [float(ring.get_ydata()[0]) for ring in rings] == [0.04, 0.04]
    assert all(ring.get_xdata()[0] > 110 for ring in rings)


def test_nothing_recorded_is_said():
    ax, _ = axes(result([np.full(10, np.nan)], held_out=np.nan))
    assert "no χ² was recorded" in [text.get_text() for text in ax.texts]
