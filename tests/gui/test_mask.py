"""Data before they are phased, in the window: what is found in them, the mask that is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cdi_ml_plugin.cli.inspect import look
from cdi_ml_plugin.errors import WriteError
from cdi_ml_plugin.io.readers import load
from cdi_ml_plugin.workflow.load import read_inspected
from support.windows import SHAPE, drag, make_measurement, opened, page, same, settle

from cdi_ml_plugin.view.window.mask import FRAME, MAXIMUM, SUM  # isort: skip # needs Qt
from cdi_ml_plugin.view.window.before import MASK, OVERVIEW  # isort: skip
from cdi_ml_plugin.view.window.window import DIFFRACTION  # isort: skip
from silx.gui import qt  # isort: skip

NOTHING = dict.fromkeys(
    ("reader", "spec", "scan", "dark", "white", "geometry", "mask", "dataset", "threshold")
) | {"monitor": False, "crop": (), "binning": ()}
ANSWERS = qt.QMessageBox.StandardButton


@pytest.fixture(scope="module")
def measurement():
    """A gap in all frames, and a voxel that is masked in one."""
    whole = make_measurement()
    mask = whole.mask.copy()
    mask[3, 5, 6] = True
    return type(whole)(whole.intensity, mask)


@pytest.fixture
def data(measurement, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", data=measurement.intensity, mask=measurement.mask)
    return Path("data.npz")


@pytest.fixture
def window(monkeypatch):
    with opened() as window:
        yield window
        monkeypatch.setattr(qt.QMessageBox, "question", lambda *_: ANSWERS.Discard)


@pytest.fixture
def answers(monkeypatch):
    """What is answered to questions, from the last on; and to where a file is saved."""
    given = []
    monkeypatch.setattr(qt.QMessageBox, "question", lambda *_: given.pop())
    monkeypatch.setattr(
        qt.QFileDialog, "getSaveFileName", lambda *_, **__: (given.pop(), "(*.npz)")
    )
    return given


def show(window, path, **options):
    reading = {**NOTHING, **options}
    recorded = look(path, reading, *read_inspected(path, **reading))
    window.show_recorded(recorded)
    page(window, MASK if recorded.again else OVERVIEW)
    return recorded


def draw(window, rows, columns):
    """Draw a rectangle from the first to the last of these rows and columns, with the mouse."""
    window.before.mask.tools.rectAction.trigger()
    (top, bottom), (left, right) = rows, columns
    drag(window.before.mask.plot, (left + 0.3, top + 0.3), (right + 0.7, bottom + 0.7))
    settle(window)


def rectangle(rows, columns):
    mask = np.zeros(SHAPE[1:], dtype=bool)
    mask[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = True
    return mask


def single(window, frame):
    window.before.mask.choice.setCurrentText(FRAME)
    window.before.mask.frame.setValue(frame)
    settle(window)


ONE, OTHER = ((2, 7), (4, 11)), ((9, 12), (20, 26))


def test_what_is_found(window, data, measurement):
    recorded = show(window, data)
    page(window, OVERVIEW)
    for axis, plot in enumerate(window.before.overview.projections):
        unseen = measurement.mask.all(axis)
        total = np.where(unseen, np.nan, measurement.intensity.sum(axis, dtype=float))
        np.testing.assert_allclose(plot.getActiveImage().getData(), total, rtol=1e-6)
    curves = {
        curve.getName(): curve.getYData() for curve in window.before.overview.curve.getAllCurves()
    }
    np.testing.assert_allclose(curves["sum"], recorded.found.frame_counts)
    np.testing.assert_allclose(curves["brightest voxel"], recorded.found.frame_highest)
    words = window.before.sheet.words.toPlainText()
    for name, value in recorded.rows:
        assert name in words
        assert value in words
    for check in recorded.found.checks:
        assert (str(check) in words) == (check.level != "green")
    assert window.before.sheet.command.toPlainText() == recorded.command
    window.before.sheet.copy.click()
    assert window.application.clipboard().text() == recorded.command
    same(window.measurement.intensity, recorded.prepared.intensity)
    page(window, DIFFRACTION)
    assert window.diffraction.rows[0].volume is not None


@pytest.mark.parametrize("view", [SUM, MAXIMUM])
def test_drawn_once_it_holds_for_all_frames(window, data, measurement, view):
    show(window, data)
    window.before.mask.choice.setCurrentText(view)
    draw(window, *ONE)
    window.before.mask.save(Path("mask.npy"))
    assert np.load("mask.npy").shape == SHAPE[1:]
    same(load(data, mask="mask.npy").mask, measurement.mask | rectangle(*ONE))
    words = window.before.sheet.command.toPlainText().split()
    assert words[words.index("--mask") + 1] == "mask.npy"
    same(window.before.recorded.measurement.mask, measurement.mask | rectangle(*ONE))


@pytest.mark.parametrize("name", ["mask.npy", "mask.npz", "mask.tif"])
def test_drawn_in_one_frame(window, data, measurement, name):
    show(window, data)
    draw(window, *ONE)
    single(window, 8)
    draw(window, *OTHER)
    single(window, 9)
    page(window, OVERVIEW)
    page(window, MASK)
    window.before.mask.save(Path(name))
    expected = measurement.mask | rectangle(*ONE)
    expected[8] |= rectangle(*OTHER)
    same(load(data, mask=name).mask, expected)
    single(window, 8)
    same(window.before.mask.tools.getSelectionMask(), rectangle(*OTHER))  # still to be seen there
    shown = window.before.mask.item.getData()
    same(np.isnan(shown), measurement.mask[8] | rectangle(*ONE))  # grey


def action(window, name):
    (found,) = [a for a in window.before.mask.tools.findChildren(qt.QAction) if a.text() == name]
    return found


def test_undo(window, data, measurement):
    show(window, data)
    assert not window.before.mask.changed
    draw(window, *ONE)
    draw(window, *OTHER)
    action(window, "Undo").trigger()
    gap = measurement.mask.all(0)
    same(window.before.mask.content(), gap | rectangle(*ONE))
    action(window, "Redo").trigger()
    same(window.before.mask.content(), gap | rectangle(*ONE) | rectangle(*OTHER))
    action(window, "Undo").trigger()
    action(window, "Undo").trigger()
    assert not window.before.mask.changed


def test_another_image_undoes_nothing_of_the_first(window, data):
    show(window, data)
    draw(window, *ONE)
    single(window, 8)
    action(window, "Undo").trigger()
    assert window.before.mask.content()[rectangle(*ONE)].all()


def test_a_mask_that_was_given_can_be_changed(window, data, measurement):
    given = np.zeros(SHAPE, dtype=bool)
    given |= rectangle(*ONE)
    given[4] |= rectangle(*OTHER)
    np.save("old.npy", given)
    show(window, data, mask=Path("old.npy"))
    assert not window.before.mask.changed
    same(window.before.mask.content(), measurement.mask | given)
    action(window, "Clear").trigger()
    window.before.mask.save(Path("new.npy"))
    expected = measurement.mask.copy()
    expected[4] |= rectangle(*OTHER)
    same(load(data, mask="new.npy").mask, expected)
    assert window.before.sheet.command.toPlainText().count("--mask") == 1


def test_the_mask_of_the_data_stays(window, data, measurement):
    show(window, data)
    draw(window, (18, 23), (4, 11))  # over the gap
    action(window, "Clear").trigger()
    same(window.before.mask.content(), measurement.mask.all(0))


def test_what_is_there_is_asked_for(window, data, answers):
    show(window, data)
    draw(window, *ONE)
    Path("mask.npz").write_text("precious")
    with pytest.raises(WriteError, match="already"):
        window.before.mask.save(Path("mask.npz"))
    answers[:] = [ANSWERS.No, "mask"]  # without its suffix
    assert not window.before.mask.ask_and_save()
    assert Path("mask.npz").read_text() == "precious"
    answers[:] = [ANSWERS.Yes, "mask"]
    assert window.before.mask.ask_and_save()
    same(np.load("mask.npz")["mask"], window.before.mask.content())
    assert not answers


def test_what_cannot_be_written_is_one_line(window, data, answers):
    show(window, data)
    draw(window, *ONE)
    answers[:] = ["mask.txt"]
    assert not window.before.mask.ask_and_save()
    said = window.widget.statusBar().currentMessage()
    assert said.startswith("mask.txt: unknown suffix")
    assert window.before.mask.changed
    answers[:] = [""]  # no file was chosen
    assert not window.before.mask.ask_and_save()


def test_a_mask_that_leaves_nothing_is_said(window, data):
    before = show(window, data)
    action(window, "Invert").trigger()
    window.before.mask.save(Path("mask.npy"))
    said = window.widget.statusBar().currentMessage()
    assert said.startswith("mask.npy is written, but: ")
    assert "\n" not in said
    assert window.before.recorded is before


def test_closing_asks(window, data, answers):
    show(window, data)
    draw(window, *ONE)
    answers[:] = [ANSWERS.Cancel]
    window.widget.close()
    assert window.is_open
    answers[:] = ["", ANSWERS.Save]  # and no file is chosen
    window.widget.close()
    assert window.is_open
    answers[:] = ["mask.npy", ANSWERS.Save]
    window.widget.close()
    assert not window.is_open
    same(np.load("mask.npy"), window.before.mask.content())
    window.open()
    window.widget.close()  # nothing to ask
    assert not answers
    window.open()
    page(window, MASK)
    draw(window, *OTHER)
    answers[:] = [ANSWERS.Discard]
    window.widget.close()
    assert not window.is_open


def test_files_are_written_by_one_button(window, data):
    """silx's own would remove what is there, then write."""
    show(window, data)
    shown = {
        b.text() for b in window.before.mask.tools.findChildren(qt.QToolButton) if b.isVisible()
    }
    assert {"Undo", "Redo", "Invert", "Clear"} <= shown
    assert not any(text.startswith(("Save", "Load")) for text in shown)


def test_without_a_reader_that_takes_masks(window, data, monkeypatch):
    monkeypatch.setattr("cdi_ml_plugin.io.built_in.Arrays.takes", ())
    show(window, data)
    assert MASK not in window.pages
