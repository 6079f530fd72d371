"""Quantities on one grid, browsed together: rows of planes, one position, three sliders."""

from __future__ import annotations

from collections.abc import Callable

from silx.gui import qt
from silx.gui.plot.utils.axis import SyncAxes

from .planes import Planes
from .volumes import Frame, Volume

Index = tuple[int, int, int]
ROWS = 2


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
        self.rows = [Planes(backend, self._moved, hovered) for _ in range(ROWS)]
        self.widget = qt.QWidget()
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(6, 6, 6, 6)
        for row in self.rows:
            layout.addWidget(row.widget, 1)
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
        self.links: list[SyncAxes] = []

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
        """Show a part of the grid in all planes."""
        frame = self.frame
        assert frame is not None
        self.links.clear()
        for row in self.rows:
            for plot, (_, vertical, horizontal) in zip(row.plots, frame.planes, strict=True):
                limits = [
                    frame.position(axis, edge - 0.5)
                    for axis in (horizontal, vertical)
                    for edge in (window[axis].start, window[axis].stop)
                ]
                plot.setLimits(*limits)
        self._link()

    def reset_zoom(self) -> None:
        """Show all of the grid in all planes."""
        if self.frame is not None:
            self.zoom(self.frame.whole)

    def set_mode(self, mode: str) -> None:
        """What dragging does: ``"zoom"`` or ``"pan"``."""
        for row in self.rows:
            for plot in row.plots:
                plot.setInteractiveMode(mode)

    def _link(self) -> None:
        """Zoom the plots of a column together."""
        for column in zip(*(row.plots for row in self.rows), strict=True):
            for axes in ([p.getXAxis() for p in column], [p.getYAxis() for p in column]):
                self.links.append(SyncAxes(axes, syncScale=False, syncDirection=False))

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
