"""Plots that show all they have, whatever their size, until the user zooms."""

from __future__ import annotations

from typing import Any

from silx.gui import qt

from .browser import SETTLED, Hand


class Fit(qt.QObject):  # type: ignore[misc] # Qt has no types here
    """Fits a plot of kept aspect again when its size changes; silx would leave margins.

    Parameters
    ----------
    plot : PlotWidget
    """

    def __init__(self, plot: Any) -> None:
        super().__init__(plot)
        self._plot = plot
        self._fitted = True
        self._soon = qt.QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SETTLED)
        self._soon.timeout.connect(self.now)
        self._hand = Hand(self._touched)
        plot.installEventFilter(self)
        plot.getWidgetHandle().installEventFilter(self._hand)

    def now(self) -> None:
        """Show all."""
        self._plot.resetZoom()
        self._fitted = True

    def eventFilter(self, source: object, event: Any) -> bool:
        """As Qt wants it; nothing is held back."""
        if event.type() == qt.QEvent.Type.Resize and self._fitted:
            self._soon.start()
        return False

    def _touched(self) -> None:
        self._fitted = False
