"""The window: slices of object and diffraction, isosurface, the runs and their χ²."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from silx.gui import icons, qt

from ...crystal.account import Entry, account_of
from ...crystal.crystal import Crystal
from ...data.measurement import Measurement
from ...data.result import Result, Run
from ..probe import no_opengl_in_a_window
from ..style.volumes import (
    Frame,
    Volume,
    crystal_volumes,
    diffraction_volumes,
    object_volumes,
    solid_window,
)
from .before import OVERVIEW, Before
from .browser import Browser
from .crystals import Crystals
from .display import application, going
from .isosurface import Isosurface
from .mask import Door
from .recorded import Recorded
from .runs import RunTable

OBJECT, DIFFRACTION, SURFACE = "Object", "Diffraction", "Isosurface"
LABORATORY, DETECTOR = "Laboratory frame, nm", "Detector frame, voxels"
SIZE = (1500, 900)
ON_SCREEN = 0.92  # of the screen, at most


class Window:
    """A measurement, and what was made of it.

    Parameters
    ----------
    title : str

    Attributes
    ----------
    widget : QMainWindow
    objects, diffraction : Browser
    isosurface : Isosurface
    runs : RunTable
    before : Before or None
        Pages on data before they are phased.
    """

    def __init__(self, title: str) -> None:
        self.application = application()
        self._no_opengl = no_opengl_in_a_window()
        self._backend = backend = "mpl" if self._no_opengl else "gl"
        self.measurement: Measurement | None = None
        self.before: Before | None = None
        self.shown: tuple[Run, ...] = ()
        self.chosen: int | None = None
        self.result: Result | None = None
        self._crystals = Crystals(self.show_message)
        self._stale: set[str] = set()
        self._seen: dict[str, Frame] = {}
        self.widget = qt.QMainWindow()
        self.widget.setWindowTitle(title)
        self.objects = Browser(backend, self.show_message)
        self.diffraction = Browser(backend, self.show_message)
        self.isosurface = Isosurface(lambda: self._no_opengl)
        self.tabs = qt.QTabWidget()
        self.pages = {
            OBJECT: self.objects.widget,
            DIFFRACTION: self.diffraction.widget,
            SURFACE: self.isosurface.widget,
        }
        for name, page in self.pages.items():
            self.tabs.addTab(page, name)
        self.tabs.currentChanged.connect(self._draw)
        self.runs = RunTable(backend, self._selected)
        split = qt.QSplitter()
        self.panel = qt.QStackedWidget()
        self.panel.addWidget(self.runs.widget)
        split.addWidget(self.tabs)
        split.addWidget(self.panel)
        split.setStretchFactor(0, 1)
        self.widget.setCentralWidget(split)
        self.frames = qt.QComboBox()
        self.frames.addItems([LABORATORY, DETECTOR])
        self.frames.setToolTip(
            "In the laboratory z is along the beam, y is up, x makes a right hand"
        )
        self.frames.currentIndexChanged.connect(self._frame_chosen)
        self.tools = self._tools()
        screen = self.application.primaryScreen().availableGeometry()
        limits = (screen.width() * ON_SCREEN, screen.height() * ON_SCREEN)
        width, height = (int(min(n, most)) for n, most in zip(SIZE, limits, strict=True))
        self.widget.resize(width, height)
        panel = min(430, width // 3)
        split.setSizes([width - panel, panel])

    # what it shows

    def show_data(self, measurement: Measurement) -> None:
        """Show a measured pattern."""
        self.measurement, self.shown, self.chosen = measurement, (), None
        self.result = None
        self._show(afresh=True)

    def show_recorded(self, recorded: Recorded) -> Before:
        """Show data before they are phased, with an editor of their mask; once in a window."""
        self.before = before = Before(
            self._backend, recorded, self.show_message, lambda new: self.show_data(new.prepared)
        )
        self._door = Door(self.widget, before.mask.may_close)
        for place, (name, page) in enumerate(before.pages.items()):
            self.tabs.insertTab(place, page, name)
        self.pages |= before.pages
        self.panel.addWidget(before.sheet.widget)
        self.show_data(recorded.prepared)
        self.tabs.setCurrentWidget(before.pages[OVERVIEW])
        return before

    def show_result(self, result: Result) -> None:
        """Show all runs of a result, the chosen one first."""
        self.measurement, self.chosen, self.result = result.measurement, result.best, result
        self.show_message("")
        self._crystals.begin(result)
        self.shown = result.runs
        self.runs.show(self.shown, self.chosen, result.best)
        self._show(afresh=True)

    def show_running(self, measurement: Measurement, runs: Sequence[Run]) -> None:
        """Show runs of a reconstruction that is under way; the last one, unless another is selected."""
        first = not self.shown
        following = self.runs.row in (-1, len(self.shown) - 1)
        self.measurement, self.shown = measurement, tuple(runs)
        self.runs.show(self.shown, None, len(runs) - 1 if following else self.runs.row)
        if following:
            self._show(afresh=first)

    def open(self) -> None:
        """Put it on the screen."""
        self.widget.show()

    @property
    def is_open(self) -> bool:
        """Whether the user has not closed it."""
        return bool(self.widget.isVisible())

    def wait(self) -> None:
        """Return when all windows are closed."""
        if self.is_open:
            self.application.lastWindowClosed.connect(self.application.quit)
            with going(signal.SIG_DFL):  # nothing is lost any more
                self.application.exec()

    def show_message(self, text: str) -> None:
        """Write a line below."""
        self.widget.statusBar().showMessage(text)

    @property
    def run(self) -> Run | None:
        """The run that is shown."""
        return self.shown[self.runs.row] if 0 <= self.runs.row < len(self.shown) else None

    @property
    def in_laboratory(self) -> bool:
        """Whether the object is shown in the laboratory."""
        return bool(self.frames.currentText() == LABORATORY) and self.crystal is not None

    @property
    def crystal(self) -> Crystal | None:
        """Crystal of the run that is shown; None without a geometry, or where there is none."""
        return None if self.run is None else self._crystals.of(self.runs.row, self.run)

    @property
    def figures(self) -> list[Entry]:
        """What is said of the run that is shown: of the chosen one what every file of the result says."""
        if self.result is None or not 0 <= self.runs.row < len(self.shown):
            return []
        return account_of(replace(self.result, best=self.runs.row), self.crystal).headline()

    # how it does that

    def _tools(self) -> Any:
        bar = self.widget.addToolBar("View")
        bar.setMovable(False)
        bar.setToolButtonStyle(qt.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        for text, icon, action in (
            ("Reset zoom", "zoom-original", self._reset_zoom),
            ("Save picture…", "document-save", self._save_picture),
        ):
            bar.addAction(icons.getQIcon(icon), text).triggered.connect(action)
        pan = bar.addAction(icons.getQIcon("pan"), "Drag to move")
        pan.setCheckable(True)
        pan.toggled.connect(self._set_mode)
        bar.addSeparator()
        self._frames_action = bar.addWidget(self.frames)
        return bar

    def _show(self, afresh: bool) -> None:
        """Draw what is visible now, and the rest when it is looked at."""
        has_runs = self.run is not None
        self.panel.setVisible(has_runs or self.before is not None)
        self.panel.setCurrentIndex(0 if has_runs else self.panel.count() - 1)
        place = self.tabs.indexOf(self.pages[OBJECT])
        appears = has_runs and not self.tabs.isTabVisible(place)
        self.tabs.setTabVisible(place, has_runs)
        self._frames_action.setVisible(self.crystal is not None)
        self.runs.show_figures(self.figures)
        if afresh:
            self._seen.clear()
        self._stale = {OBJECT, DIFFRACTION, SURFACE}
        if appears:
            self.tabs.setCurrentIndex(place)
        self._draw()

    def _draw(self) -> None:
        name = self.tabs.tabText(self.tabs.currentIndex())
        if name not in self._stale or self.measurement is None:
            return
        self._stale.discard(name)
        if name == DIFFRACTION:
            volumes = diffraction_volumes(self.measurement, self.run)
            frame = Frame.detector(self.measurement.shape, self._crystals.geometry)
            middle: Any = tuple(n // 2 for n in frame.shape)
            self._browse(self.diffraction, name, frame, volumes, middle, frame.whole)
        elif name == OBJECT:
            frame, volumes = self._object()
            centre, window = solid_window(volumes[0])
            self._browse(self.objects, name, frame, volumes, centre, window)
        elif self.run is None:
            (volume,) = diffraction_volumes(self.measurement, None)
            frame = Frame.detector(self.measurement.shape, self._crystals.geometry)
            self.isosurface.show(frame, volume, (), tuple(frame.whole))
        elif self.isosurface.works:
            frame, (solid, *colours) = self._object()
            _, window = solid_window(solid)
            self.isosurface.show(frame, solid, tuple(colours), tuple(window))

    def _object(self) -> tuple[Frame, tuple[Volume, ...]]:
        run, crystal = self.run, self.crystal
        assert run is not None
        if crystal is not None and self.in_laboratory:
            return Frame.laboratory(crystal), crystal_volumes(crystal)
        return Frame.detector(run.object.shape), object_volumes(run)

    def _browse(
        self,
        browser: Browser,
        name: str,
        frame: Frame,
        volumes: tuple[Volume, ...],
        centre: Any,
        window: list[slice],
    ) -> None:
        """Keep place, zoom and colours as long as the grid stays the same."""
        before = self._seen.get(name)
        self._seen[name] = frame
        other = before is None or before.axes != frame.axes
        browser.show(frame, volumes, (centre, window) if other else None, afresh=other)

    def _selected(self, row: int) -> None:
        self._show(afresh=False)

    def _frame_chosen(self) -> None:
        self._stale |= {OBJECT, SURFACE}
        self._draw()

    def _reset_zoom(self) -> None:
        for browser in (self.objects, self.diffraction):
            browser.reset_zoom()
        self.runs.curves.resetZoom()
        if self.before is not None:
            self.before.reset_zoom()

    def _set_mode(self, pan: bool) -> None:
        for part in (self.objects, self.diffraction, self.before):
            if part is not None:
                part.set_mode("pan" if pan else "zoom")

    def _save_picture(self) -> None:
        picture = self.widget.grab()
        name, _ = qt.QFileDialog.getSaveFileName(
            self.widget, "Save a picture of this window", "window.png", "PNG (*.png)"
        )
        if name and not picture.save(name):
            self.show_message(f"{name}: cannot be written")
