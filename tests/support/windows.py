"""A window in a Qt application without a screen, what it shows, and hands that use it."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip(
    "silx.gui.plot", reason="silx's plots and Qt: the extra gui", exc_type=ImportError
)

from silx.gui import qt
from silx.gui.utils.testutils import QTest

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.view.window.window import Window

SHAPE = (24, 28, 32)
CHAIN = "4*ER + 4*HIO + 4*ER"


def make_measurement():
    """A small particle, and a gap of the detector."""
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in SHAPE], indexing="ij")
    crystal = (abs(z) < 4) & (abs(y) < 5) & (abs(x + y / 2) < 4)
    obj = (crystal * np.exp(0.05j * x * y)).astype(np.complex64)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 20:22, :] = True
    return Measurement(np.random.default_rng(0).poisson(1e4 * diffraction(obj)), mask)


@contextmanager
def opened():
    """A window that is closed again; what Qt calls must not fail."""
    errors, hook = [], sys.excepthook
    sys.excepthook = lambda kind, error, trace: errors.append(error)  # else Qt ends the process
    window = Window("test")
    window.widget.resize(1500, 900)
    window.open()
    try:
        yield window
        window.widget.close()
        window.widget.deleteLater()
        window.application.processEvents()
    finally:
        sys.excepthook = hook
    assert not errors


def settle(window):
    """Let Qt draw, and set the zoom once plots have their size."""
    end = time.monotonic() + 0.1
    while time.monotonic() < end:
        window.application.processEvents()


def page(window, name):
    window.tabs.setCurrentIndex(window.tabs.indexOf(window.pages[name]))
    settle(window)


def pixel(plot, x, y):
    return qt.QPoint(*(round(float(n)) for n in plot.dataToPixel(x, y)))


BUTTON = (qt.Qt.MouseButton.LeftButton, qt.Qt.KeyboardModifier.NoModifier)


def click(plot, x, y):
    """Press and release the left button at a place of a plot."""
    QTest.mouseClick(plot.getWidgetHandle(), *BUTTON, pixel(plot, x, y))


def drag(plot, start, end):
    """Press the left button at one place of a plot, and release it at another."""
    canvas = plot.getWidgetHandle()
    QTest.mouseMove(canvas, pixel(plot, *start))
    QTest.mousePress(canvas, *BUTTON, pixel(plot, *start))
    QTest.mouseMove(canvas, pixel(plot, *end))
    QTest.mouseRelease(canvas, *BUTTON, pixel(plot, *end))


def same(shown, volume):
    np.testing.assert_array_equal(shown, np.asarray(volume))


def three(volume, index):
    z, y, x = index
    return volume[z], volume[:, y], volume[:, :, x]


def assert_shows(row, volume, index):
    for number, plane in enumerate(three(volume, index)):
        same(row.data(number), plane)
