"""The isosurface of a volume, coloured by another one, where OpenGL is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from silx.gui import qt
from silx.gui.colors import Colormap
from silx.gui.plot.ColorBar import ColorBarWidget

from ...utils.nearest import fill_unknown
from ..style.volumes import Frame, Volume, colour_table

PLAIN = "one colour"
STEEL = "#7f9fc4"
LEVEL = 0.3  # of the colours of what has no surface of its own
STEPS = 1000  # of the slider
TURN = 0.999 * np.pi  # of the angle that stands for the end of a colour scale


class Isosurface:
    """A silx 3-D window with a slider for the level, or a line that says why there is none.

    Parameters
    ----------
    trouble : callable
        Says why there is no OpenGL; None where it works. Asked when the scene is first shown.
    """

    def __init__(self, trouble: Callable[[], str | None]) -> None:
        self.trouble = trouble
        self.widget = qt.QWidget()
        self.layout = qt.QVBoxLayout(self.widget)
        self.window: Any = None
        self.message: Any = None
        self.shown: tuple[Frame, Volume, tuple[Volume, ...], tuple[slice, ...]] | None = None
        self.surface: Any = None

    @property
    def works(self) -> bool:
        """Whether there is something to draw with; asks on the first call, and says it if not."""
        if self.window is None and self.message is None:
            reason = self.trouble()
            if reason is None:
                self._build()
            else:
                self.message = qt.QLabel(f"No isosurface without OpenGL ({reason}).")
                self.message.setAlignment(qt.Qt.AlignmentFlag.AlignCenter)
                self.message.setWordWrap(True)
                self.layout.addWidget(self.message)
        return self.window is not None

    def show(
        self,
        frame: Frame,
        solid: Volume,
        colours: tuple[Volume, ...],
        window: tuple[slice, ...],
    ) -> None:
        """Draw the surface of `solid` within a window, coloured by one of `colours` or by none."""
        if not self.works:
            return
        again = self.shown is not None and self.shown[0].axes == frame.axes
        self.shown = (frame, solid, colours, window)
        names = [volume.label for volume in colours]
        before = self.choice.currentText()
        self.choice.blockSignals(True)
        self.choice.clear()
        self.choice.addItems([*names, PLAIN])
        self.choice.setCurrentText(before if before in (*names, PLAIN) else (*names, PLAIN)[0])
        self.choice.blockSignals(False)
        self._draw()
        if not again:  # the user's point of view stays
            self.window.getSceneWidget().resetZoom(face="side")

    def _build(self) -> None:
        from silx.gui.plot3d.SceneWindow import SceneWindow

        self.window = SceneWindow()
        for dock in self.window.findChildren(qt.QDockWidget):
            dock.hide()  # silx's tree of parameters comes back by a right click on the tool bar
        scene = self.window.getSceneWidget()
        scene.setBackgroundColor("white")
        scene.setForegroundColor("#505050")
        scene.setTextColor("#202020")
        self.choice = qt.QComboBox()
        self.choice.setSizeAdjustPolicy(qt.QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.choice.currentIndexChanged.connect(self._draw)
        self.level = qt.QSlider(qt.Qt.Orientation.Horizontal)
        self.level.setRange(STEPS // 20, STEPS - STEPS // 20)
        self.by_hand = False
        self.level.valueChanged.connect(self._set_level)
        self.level_text = qt.QLabel()
        head = qt.QHBoxLayout()
        for widget in (
            qt.QLabel("Colour:"),
            self.choice,
            qt.QLabel("Surface at:"),
            self.level_text,
        ):
            head.addWidget(widget)
        head.addWidget(self.level, 1)
        self.bar = ColorBarWidget()
        body = qt.QHBoxLayout()
        body.addWidget(self.window, 1)
        body.addWidget(self.bar)
        self.layout.addLayout(head)
        self.layout.addLayout(body, 1)

    def _draw(self) -> None:
        from silx.gui.plot3d.items import ComplexField3D

        if self.shown is None:
            return
        frame, solid, colours, window = self.shown
        if not self.by_hand:
            self.level.blockSignals(True)
            self.level.setValue(round(STEPS * own_level(solid)))
            self.level.blockSignals(False)
        chosen = {volume.label: volume for volume in colours}.get(self.choice.currentText())
        scene = self.window.getSceneWidget()
        scene.clearItems()
        field = ComplexField3D()
        field.setLabel(solid.label)
        height = share(solid, window)
        # silx colours a surface by the phase of a complex field: let any quantity be that phase
        angle = np.zeros(height.shape) if chosen is None else angles(chosen, window)
        field.setData(height * np.exp(1j * angle))
        field.setComplexMode(field.ComplexMode.ABSOLUTE)
        field.setScale(*frame.steps[::-1])
        corner = [frame.position(axis, window[axis].start - 0.5) for axis in (2, 1, 0)]
        field.setTranslation(*corner)
        scene.addItem(field)
        for plane in field.getCutPlanes():
            plane.setVisible(False)
        z, y, x = (frame.label(axis) for axis in range(3))
        scene.getSceneGroup().setAxesLabels(x, y, z)
        self.surface = field.addIsosurface(self.level.value() / STEPS, STEEL)
        self.bar.setVisible(chosen is not None)
        if chosen is not None:
            scale = chosen.scale
            table = colour_table(scale.cmap)
            self.surface.setComplexMode(self.surface.ComplexMode.PHASE)
            self.surface.setColormap(Colormap(colors=table, vmin=-TURN, vmax=TURN))
            self.bar.setColormap(Colormap(colors=table, vmin=scale.low, vmax=scale.high))
            self.bar.setLegend(chosen.label)
        self._show_level()

    def _set_level(self) -> None:
        self.by_hand = True
        if self.surface is not None:
            self.surface.setLevel(self.level.value() / STEPS)
            self._show_level()

    def _show_level(self) -> None:
        assert self.shown is not None
        solid, at = self.shown[1], self.level.value() / STEPS
        value = float(solid.scale.norm.inverse(at))
        self.level_text.setText(f"{value:.{3 if solid.scale.logarithmic else 2}g} {solid.unit}")


def own_level(solid: Volume) -> float:
    """Where the surface of a volume is between the ends of its colour scale."""
    level = (solid.level - solid.scale.low) / (solid.scale.high - solid.scale.low)
    return min(max(level, 0.05), 0.95) if np.isfinite(level) else LEVEL


def share(volume: Volume, window: tuple[slice, ...]) -> NDArray[np.float32]:
    """A volume between the ends of its colour scale as numbers from 0 to 1; 0 where unknown."""
    data = np.nan_to_num(volume.data[window], nan=volume.scale.low)
    return np.asarray(volume.scale.norm(data), dtype=np.float32)


def angles(volume: Volume, window: tuple[slice, ...]) -> NDArray[np.floating]:
    """A signed volume as angles; what is unknown takes the value of the nearest voxel that is known."""
    data = volume.data[window]
    if not np.isfinite(data).any():
        return np.zeros(data.shape)
    return TURN * (fill_unknown(data) / volume.scale.high).clip(-1, 1)
