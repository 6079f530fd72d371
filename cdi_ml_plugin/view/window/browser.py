"""Quantities on one grid, browsed together: rows of planes, one position, three sliders."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from silx.gui import qt

from ..style.volumes import Frame, Volume
from .planes import Planes

Index = tuple[int, int, int]
ROWS = 2
SETTLED = 50  # ms without a change of size, after which plots are fitted again
SAME = 0.01  # of a plot's width, by which limits may differ


class Browser:
    """Two rows of planes (one, where there is one quantity) that go to the same voxel.

    Parameters
    ----------
    backend : str
        Of silx's plots.
    hovered : callable(text)
        Called with what is under the pointer.

    Attributes
    ----------
    index : (int, int, int)
        The voxel that all planes go through.
    """

    def __init__(self, backend: str, hovered: Callable[[str], None]) -> None:
        self.frame: Frame | None = None
        self.index: Index = (0, 0, 0)
        self._zooming = False
        self._zoomed_to: list[slice] | None = None
        self._soon = qt.QTimer()
        self._soon.setSingleShot(True)
        self._soon.setInterval(SETTLED)
        self._soon.timeout.connect(self._fit)
        self._hand = Hand(self._touched)
        self.rows = [Planes(backend, self._moved, hovered, self._zoomed) for _ in range(ROWS)]
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(6, 6, 6, 6)
        for row in self.rows:
            layout.addWidget(row.widget, 1)
            for plot in row.plots:
                plot.getWidgetHandle().installEventFilter(self._hand)
        strip = qt.QHBoxLayout()
        strip.setSpacing(12)
        self.names, self.sliders = [], []
        for number in range(3):
            name, slider = qt.QLabel(), qt.QSlider(qt.Qt.Orientation.Horizontal)
            slider.valueChanged.connect(lambda value, at=number: self._slid(at, value))
            part = qt.QHBoxLayout()
            part.addWidget(name)
            part.addWidget(slider, 1)
            strip.addLayout(part, 1)
            self.names.append(name)
            self.sliders.append(slider)
        layout.addLayout(strip)
        self._zooming = False

    def show(
        self,
        frame: Frame,
        volumes: tuple[Volume, ...],
        start: tuple[Index, list[slice]] | None = None,
        afresh: bool = False,
    ) -> None:
        """Take over quantities on one grid.

        Parameters
        ----------
        start : voxel and windows, optional
            Where to go, and what to zoom to; needed where the axes are others than before.
            Without, position and zoom stay as they are, though the grid be larger or smaller.
        afresh : bool
            Forget the quantities that are shown and their colour scales.
        """
        before, self.frame = self.frame, frame
        if start is not None:
            self.index = start[0]
        elif before is not None and before != frame:
            z, y, x = (frame.index(a, before.position(a, self.index[a])) for a in range(3))
            self.index = (z, y, x)
        for number, row in enumerate(self.rows):
            row.widget.setVisible(number < len(volumes))
            if number < len(volumes):
                row.show(frame, volumes, self.index, number, afresh)
        self._set_sliders()
        if start is not None:
            self.zoom(start[1])

    def move(self, index: Index) -> None:
        """Go to a voxel."""
        self.index = index
        for row in self.rows:
            row.move(index)
        self._set_sliders()

    def zoom(self, window: list[slice]) -> None:
        """Show a part of the grid in all planes, until the user zooms; also when plots change size."""
        self._zoomed_to = window
        self._fit()

    def reset_zoom(self) -> None:
        """Show all of the grid in all planes."""
        if self.frame is not None:
            self.zoom(self.frame.whole)

    def set_mode(self, mode: str) -> None:
        """What dragging does: ``"zoom"`` or ``"pan"``."""
        for row in self.rows:
            for plot in row.plots:
                plot.setInteractiveMode(mode)

    def _fit(self) -> None:
        """Set the limits of all plots, with the aspect that they have."""
        frame, window = self.frame, self._zoomed_to
        if frame is None or window is None:
            return
        self._zooming = True
        for row in self.rows:
            for plot, (_, vertical, horizontal) in zip(row.plots, frame.planes, strict=True):
                _, _, width, height = plot.getPlotBoundsInPixels()
                edges = [
                    [frame.position(axis, edge - 0.5) for edge in (part.start, part.stop)]
                    for axis in (horizontal, vertical)
                    for part in [window[axis]]
                ]
                wanted = fill(edges, max(width, 1), max(height, 1))
                limits = (*plot.getXAxis().getLimits(), *plot.getYAxis().getLimits())
                if not np.allclose(limits, wanted, rtol=0, atol=SAME * (wanted[1] - wanted[0])):
                    plot.setLimits(*wanted)
        self._zooming = False

    def _touched(self) -> None:
        self._zoomed_to = None

    def _zoomed(self, source: Planes, number: int) -> None:
        """Zoom the plots of a column together.

        silx's own link sets one axis after the other, and each would pull at the aspect.
        """
        if self._zooming:
            return
        if (
            self._zoomed_to is not None
        ):  # a plot keeps its aspect when its size changes, not its limits
            self._soon.start()
            return
        self._zooming = True
        plot = source.plots[number]
        limits = (*plot.getXAxis().getLimits(), *plot.getYAxis().getLimits())
        for row in self.rows:
            if row is not source:
                row.plots[number].setLimits(*limits)
        self._zooming = False

    def _moved(self, axis: int, at: int) -> None:
        if at != self.index[axis]:
            z, y, x = (at if a == axis else old for a, old in enumerate(self.index))
            self.move((z, y, x))

    def _slid(self, number: int, value: int) -> None:
        if self.frame is not None:
            self._moved(self.frame.planes[number][0], value)

    def _set_sliders(self) -> None:
        """A slider below each column moves its plane."""
        assert self.frame is not None
        for number, (normal, _, _) in enumerate(self.frame.planes):
            slider = self.sliders[number]
            slider.blockSignals(True)
            slider.setRange(0, self.frame.shape[normal] - 1)
            slider.setValue(self.index[normal])
            slider.blockSignals(False)
            self.names[number].setText(self.frame.axes[normal])


def fill(
    edges: list[list[float]], width: float, height: float
) -> tuple[float, float, float, float]:
    """Limits (x0, x1, y0, y1) of the aspect of a plot that hold a part of the plane, in its middle."""
    (x0, x1), (y0, y1) = edges
    scale = max((x1 - x0) / width, (y1 - y0) / height)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    across, upward = scale * width / 2, scale * height / 2
    return x - across, x + across, y - upward, y + upward


class Hand(qt.QObject):  # type: ignore[misc] # Qt has no types here
    """Tells that the user presses a button or turns the wheel over a plot."""

    def __init__(self, touched: Callable[[], None]) -> None:
        super().__init__()
        self._touched = touched

    def eventFilter(self, source: object, event: object) -> bool:
        """As Qt wants it; nothing is held back."""
        kinds = (qt.QEvent.Type.Wheel, qt.QEvent.Type.MouseButtonPress)
        if event.type() in kinds:  # type: ignore[attr-defined]
            self._touched()
        return False
