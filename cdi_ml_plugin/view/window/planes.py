"""One quantity in three orthogonal planes with a cross-hair and one colour scale, in silx plots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from silx.gui import icons, qt
from silx.gui.colors import Colormap
from silx.gui.dialog.ColormapDialog import ColormapDialog
from silx.gui.plot import PlotWidget, StackView
from silx.gui.plot.ColorBar import ColorBarWidget

from ..style.volumes import Frame, Volume, colour_table
from .counts import UNKNOWN

CROSS = {"viridis": "#ff5cf0", "magma": "#4dff4d"}  # what stands out against the colours
SLICE, ACROSS, UPWARD = "slice", "across", "upward"  # names of items in a plot
MARGINS = (0.22, 0.09, 0.03, 0.16)  # left, top, right, bottom: shares of a plot


class Planes:
    """A row of three plots that share a colour scale.

    Parameters
    ----------
    backend : str
        Of silx's plots: ``"gl"`` or ``"mpl"``.
    moved : callable(axis, index)
        Called where a click or a drag asks for another voxel along an axis.
    hovered : callable(text)
        Called with what is under the pointer.
    zoomed : callable(planes, number)
        Called when another part is shown in one of the plots.
    """

    def __init__(
        self,
        backend: str,
        moved: Callable[[int, int], None],
        hovered: Callable[[str], None],
        zoomed: Callable[[Planes, int], None],
    ) -> None:
        self.moved, self.hovered, self.zoomed = moved, hovered, zoomed
        self.frame: Frame | None = None
        self.volumes: dict[str, Volume] = {}
        self.colormaps: dict[str, Colormap] = {}
        self.index = (0, 0, 0)
        self.stacks: list[StackView] = []
        self.widget = qt.QWidget()
        self.choice = qt.QComboBox()
        self.choice.setToolTip("Quantity shown in this row")
        self.choice.setSizeAdjustPolicy(qt.QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.choice.currentIndexChanged.connect(self._chosen)
        self.value = qt.QLabel()
        self.value.setToolTip("Value at the cross-hair")
        head = qt.QHBoxLayout()
        head.addWidget(self.choice)
        head.addWidget(self.value)
        head.addStretch(1)
        for text, icon, hint, action in (
            ("Colours…", "colormap", "Colour scale of this row", self._edit_colours),
            ("Stack…", "plot-window-image", "All slices, profiles and saving", self.open_stack),
        ):
            button = qt.QToolButton()
            button.setText(text)
            button.setIcon(icons.getQIcon(icon))
            button.setToolButtonStyle(qt.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setToolTip(hint)
            button.clicked.connect(action)
            head.addWidget(button)
        self.plots = [self._plot(backend, number) for number in range(3)]
        self.crosses = [
            (
                plot.addXMarker(0, legend=ACROSS, draggable=True),
                plot.addYMarker(0, legend=UPWARD, draggable=True),
            )
            for plot in self.plots
        ]
        for marker in sum(self.crosses, ()):
            marker.setLineStyle("--")
        self.bar = ColorBarWidget(plot=self.plots[0])
        self.bar.setSizePolicy(qt.QSizePolicy.Policy.Fixed, qt.QSizePolicy.Policy.Expanding)
        row = qt.QHBoxLayout()
        row.setSpacing(2)
        for plot in self.plots:
            row.addWidget(plot, 1)
        row.addWidget(self.bar)
        layout = qt.QVBoxLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addLayout(row, 1)
        self.dialog: ColormapDialog | None = None

    @property
    def volume(self) -> Volume | None:
        """The quantity that is shown."""
        return self.volumes.get(self.choice.currentText())

    def show(
        self,
        frame: Frame,
        volumes: tuple[Volume, ...],
        index: tuple[int, int, int],
        first: int,
        afresh: bool,
    ) -> None:
        """Take over quantities on one grid.

        Parameters
        ----------
        first : int
            Which of them to show, if what was shown is not among them or `afresh`.
        afresh : bool
            Forget the colour scales that are in use.
        """
        self.frame, self.index = frame, index
        before = self.choice.currentText()
        self.volumes = {volume.label: volume for volume in volumes}
        if afresh:
            self.colormaps.clear()
        names = [*self.volumes]
        shown = before if before in names and not afresh else names[min(first, len(names) - 1)]
        self.choice.blockSignals(True)
        self.choice.clear()
        self.choice.addItems(names)
        self.choice.setCurrentText(shown)
        self.choice.blockSignals(False)
        self._draw()

    def move(self, index: tuple[int, int, int]) -> None:
        """Go to a voxel: only the planes that change are drawn again."""
        before, self.index = self.index, index
        if self.frame is None:
            return
        for number, (normal, _, _) in enumerate(self.frame.planes):
            if index[normal] != before[normal]:
                self._draw_slice(number)
            self._draw_cross(number)
        self._tell()

    def data(self, number: int) -> Any:
        """The slice in plot `number` as an array (vertical, horizontal)."""
        return self.plots[number].getImage(SLICE).getData(copy=False)

    def open_stack(self) -> StackView:
        """Open silx's browser of stacks on this quantity: all slices, profiles, saving."""
        frame, volume = self.frame, self.volume
        assert frame is not None
        assert volume is not None
        view = StackView()
        view.setWindowTitle(volume.label)
        view.setColormap(self._colormap(volume).copy())
        places = [(frame.position(axis, 0), frame.steps[axis]) for axis in range(3)]
        view.setStack(volume.data, calibrations=places)
        view.setLabels([frame.label(axis) for axis in range(3)])
        view.setTitleCallback(lambda at: frame.place(view.getPerspective(), at))
        view.setKeepDataAspectRatio(True)
        view.setYAxisInverted(not frame.upward)
        view.setFrameNumber(self.index[0])
        view.resize(800, 700)
        view.show()
        self.stacks.append(view)
        return view

    def _plot(self, backend: str, number: int) -> PlotWidget:
        plot = PlotWidget(backend=backend)
        plot.setKeepDataAspectRatio(True)
        plot.setAxesMargins(*MARGINS)
        plot.setMinimumSize(180, 160)
        plot.sigPlotSignal.connect(lambda event: self._happened(number, event))
        return plot

    def _chosen(self) -> None:
        if self.frame is not None:
            self._draw()

    def _draw(self) -> None:
        frame, volume = self.frame, self.volume
        assert frame is not None
        assert volume is not None
        self.bar.setLegend(volume.label)
        for number, (_, vertical, horizontal) in enumerate(frame.planes):
            plot = self.plots[number]
            plot.setGraphXLabel(frame.label(horizontal))
            plot.setGraphYLabel(frame.label(vertical))
            plot.getYAxis().setInverted(not frame.upward)
            for marker in self.crosses[number]:
                marker.setColor(CROSS.get(volume.scale.cmap.name, "#111111"))
            self._draw_slice(number)
            self._draw_cross(number)
        if self.dialog is not None:
            self.dialog.setColormap(self._colormap(volume))
        self._tell()

    def _draw_slice(self, number: int) -> None:
        frame, volume, plot = self.frame, self.volume, self.plots[number]
        assert frame is not None
        assert volume is not None
        normal, vertical, horizontal = frame.planes[number]
        plane = volume.data.take(self.index[normal], axis=normal)
        if vertical > horizontal:
            plane = plane.T
        # an image lies between the outer edges of its voxels
        edges = [frame.position(axis, -0.5) for axis in (horizontal, vertical)]
        plot.addImage(
            plane,
            legend=SLICE,
            origin=edges,
            scale=(frame.steps[horizontal], frame.steps[vertical]),
            colormap=self._colormap(volume),
            resetzoom=False,
            copy=False,
        )
        plot.setGraphTitle(frame.place(normal, self.index[normal]))

    def _draw_cross(self, number: int) -> None:
        assert self.frame is not None
        _, vertical, horizontal = self.frame.planes[number]
        across, upward = self.crosses[number]
        across.setPosition(self.frame.position(horizontal, self.index[horizontal]), 0)
        upward.setPosition(0, self.frame.position(vertical, self.index[vertical]))

    def _tell(self) -> None:
        if self.volume is not None:
            self.value.setText(self.volume.value(self.index))

    def _happened(self, number: int, event: dict[str, Any]) -> None:
        """Follow clicks and drags of the cross-hair; say what is under the pointer."""
        if self.frame is None or self.volume is None:
            return
        _, vertical, horizontal = self.frame.planes[number]
        kind = event["event"]
        if kind == "mouseClicked" and event["button"] == "left":
            self.moved(horizontal, self.frame.index(horizontal, event["x"]))
            self.moved(vertical, self.frame.index(vertical, event["y"]))
        elif kind == "markerMoving":
            axis, where = (horizontal, "xdata") if event["label"] == ACROSS else (vertical, "ydata")
            self.moved(axis, self.frame.index(axis, event[where]))
        elif kind == "limitsChanged":
            self.zoomed(self, number)
        elif kind == "mouseMoved":
            index = list(self.index)
            for axis, where in ((horizontal, "x"), (vertical, "y")):
                index[axis] = self.frame.index(axis, event[where])
            places = [self.frame.place(axis, at) for axis, at in enumerate(index)]
            self.hovered(f"{', '.join(places)}:  {self.volume.value(tuple(index))}")

    def _colormap(self, volume: Volume) -> Colormap:
        """The colour scale of a quantity, one object for all plots that show it."""
        if volume.label not in self.colormaps:
            scale = volume.scale
            named = scale.cmap.name in Colormap.getSupportedColormaps()
            colormap = Colormap(
                name=scale.cmap.name if named else None,
                colors=None if named else colour_table(scale.cmap),
                normalization="log" if volume.scale.logarithmic else "linear",
                vmin=scale.low,
                vmax=scale.high,
            )
            colormap.setNaNColor(UNKNOWN)
            self.colormaps[volume.label] = colormap
        return self.colormaps[volume.label]

    def _edit_colours(self) -> None:
        if self.volume is None:
            return
        if self.dialog is None:
            self.dialog = ColormapDialog(self.widget)
            self.dialog.setModal(False)
        self.dialog.setItem(self.plots[0].getImage(SLICE))
        self.dialog.setColormap(self._colormap(self.volume))
        self.dialog.show()
        self.dialog.raise_()
