"""A reconstruction with a window in front of it: shown, stopped, left alone, and the same to the bit."""

from __future__ import annotations

import signal

import pytest

from cdi_ml_plugin import reconstruct
from cdi_ml_plugin.engine import progress
from cdi_ml_plugin.view.style.volumes import relative_amplitude
from cdi_ml_plugin.view.window.live import Live
from support.windows import CHAIN, assert_shows, make_measurement, opened, same, settle


@pytest.fixture(scope="module")
def measurement():
    return make_measurement()


@pytest.fixture(scope="module")
def result(measurement):
    return reconstruct(measurement, CHAIN, seeds=3, device="cpu")


@pytest.fixture
def window():
    with opened() as window:
        yield window


@pytest.fixture
def often(monkeypatch):
    """Every iteration is drawn."""
    monkeypatch.setattr(progress.Progress, "_pause", lambda *_: 0.0)


def phase(measurement, seeds=1, chain=CHAIN):
    return lambda watch: reconstruct(measurement, chain, seeds=seeds, device="cpu", watch=watch)


@pytest.mark.usefixtures("often")
def test_live(window, measurement, result, monkeypatch):
    monkeypatch.setattr("cdi_ml_plugin.view.window.live.PATIENCE", 60.0)  # on a busy machine too
    shown = []
    show = window.show_running
    monkeypatch.setattr(
        window,
        "show_running",
        lambda measured, runs: (shown.append(runs[-1]), show(measured, runs)),
    )
    window.show_data(measurement)
    live = Live(window, measurement, phase(measurement, seeds=2))
    found = live.run()
    for one, other in zip(found.runs, result.runs[:2], strict=True):
        same(one.object, other.object)
        same(one.support, other.support)
        assert one.metrics == other.metrics
    assert window.is_open
    # every iteration was there, and the last one still is
    assert live.drawings == len(shown) == 2 * (12 + 1)
    assert [len(run.history["chi2"]) for run in shown[:13]] == [*range(1, 13), 12]
    assert window.run is found.runs[-1]
    index = window.objects.index
    assert_shows(window.objects.rows[0], relative_amplitude(found.runs[-1]), index)
    message = window.widget.statusBar().currentMessage()
    assert message.startswith(f"seed {found.runs[-1].seed}, iteration 12, χ² ")
    assert "Stop" not in [action.text() for action in window.tools.actions()]


@pytest.mark.usefixtures("often")
def test_another_run_may_be_looked_at_meanwhile(window, measurement, monkeypatch):
    show = window.show_running

    def look_back(measured, runs):
        show(measured, runs)
        if len(runs) == 2:
            window.runs.table.setCurrentCell(0, 0)

    monkeypatch.setattr(window, "show_running", look_back)
    found = Live(window, measurement, phase(measurement, seeds=2)).run()
    assert window.runs.row == 0
    assert window.run is found.runs[0]


@pytest.mark.usefixtures("often")
def test_stop(window, measurement, monkeypatch):
    show = window.show_running

    def press(measured, runs):
        show(measured, runs)
        if len(runs[-1].history["chi2"]) == 5:
            (button,) = [a for a in window.tools.actions() if a.text() == "Stop"]
            button.trigger()
            assert not button.isEnabled()

    monkeypatch.setattr(window, "show_running", press)
    found = Live(window, measurement, phase(measurement, seeds=3)).run()
    assert [run.reason for run in found.runs] == ["interrupted"]
    assert 5 <= len(found.run.history["chi2"]) <= 6


@pytest.mark.usefixtures("often")
def test_closing_the_window_does_not_stop(window, measurement, result, monkeypatch):
    show = window.show_running
    monkeypatch.setattr(
        window, "show_running", lambda *given: (show(*given), window.widget.close())
    )
    live = Live(window, measurement, phase(measurement, seeds=3))
    found = live.run()
    assert live.drawings == 1
    assert [run.reason for run in found.runs] == ["completed"] * 3
    same(found.object, result.object)
    assert not window.is_open
    window.wait()  # returns at once


def test_an_error_comes_out(window, measurement):
    with pytest.raises(LookupError, match="mine"):
        Live(window, measurement, lambda watch: {}["mine"]).run()


def test_an_error_in_drawing_is_told_and_harms_nothing(window, measurement, monkeypatch, capsys):
    def broken(*_):
        raise LookupError("of the window")

    monkeypatch.setattr("cdi_ml_plugin.view.window.live.PATIENCE", 0.5)
    monkeypatch.setattr(window, "show_running", broken)
    settle(window)
    found = Live(window, measurement, phase(measurement)).run()
    assert found.run.reason == "completed"
    assert "LookupError: of the window" in capsys.readouterr().err


def test_ctrl_c(window, measurement, monkeypatch):
    sent = []
    show = window.show_running

    def interrupt(measured, runs):
        show(measured, runs)
        if runs[-1].reason == "running" and len(sent) == 0:  # a second one would end the process
            sent.append(signal.raise_signal(signal.SIGINT))

    monkeypatch.setattr(window, "show_running", interrupt)
    before = signal.getsignal(signal.SIGINT)
    found = Live(window, measurement, phase(measurement, seeds=2, chain="20000*ER")).run()
    assert [run.reason for run in found.runs] == ["interrupted"]
    assert signal.getsignal(signal.SIGINT) is before
