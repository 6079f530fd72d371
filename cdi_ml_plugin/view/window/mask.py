"""The mask editor: silx's tools on the sum over frames, and on single frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from silx.gui import qt
from silx.gui.plot import PlotWindow
from silx.gui.plot.items import ImageData
from silx.gui.plot.MaskToolsWidget import MaskToolsWidget
from silx.gui.widgets.FrameBrowser import HorizontalSliderWithBrowser

from ...data.measurement import Measurement
from ...errors import CdiMlError
from ...io.mask_files import write_mask
from .counts import all_along, counts_colours, known
from .fit import Fit

SUM, MAXIMUM, FRAME = "Sum over frames", "Maximum over frames", "Single frame"
DRAWN = "#00e5ff"  # stands out against the colours of counts, and is not the grey of what is masked
KINDS = "NumPy (*.npy);;NumPy, compressed (*.npz);;TIFF (*.tif)"
SILX_FILES = ("Load", "Save")  # silx's own buttons: of one frame, and what is there goes first
Plane = NDArray[np.bool_]


class MaskEditor:
    """Draw what is to be excluded: in all frames, or in one.

    What the data mask themselves is grey and stays masked.

    Parameters
    ----------
    backend : str
        Of silx's plots.
    measurement : Measurement
        As recorded.
    given : bool array (z, y, x), optional
        The part of its mask that did not come with the data, and can be changed.
    say : callable(text)
        Shows a line.
    saved : callable(file)
        Called when a mask has been written.
    """

    def __init__(
        self,
        backend: str,
        measurement: Measurement,
        given: NDArray[np.bool_] | None,
        say: Callable[[str], None],
        saved: Callable[[Path], None],
    ) -> None:
        self.measurement, self.say, self.saved = measurement, say, saved
        self.item: ImageData | None = None
        self._at: int | None = None  # the frame that is shown; None: their sum or maximum
        self._drawn: dict[int | None, Plane]  # by frame; None: in all
        self.fixed, self._drawn = parts(measurement.mask, given)
        self._sums = {
            SUM: measurement.intensity.sum(0, dtype=np.float64),
            MAXIMUM: measurement.intensity.max(0),
        }
        self._colours = {name: counts_colours(float(s.max())) for name, s in self._sums.items()}
        self._colours[FRAME] = counts_colours(float(measurement.intensity.max()))
        self._build(backend)
        self._draw()
        self._fit = Fit(self.plot)
        self.reset_zoom()
        self._kept = self.content()

    def _build(self, backend: str) -> None:
        readings: dict[str, Callable[[float, float], str]] = {
            "column": _voxel,
            "row": lambda x, y: _voxel(y),
            "counts": self._counts,
        }
        self.plot = PlotWindow(
            backend=backend, autoScale=False, logScale=False, grid=False, curveStyle=False,
            aspectRatio=False, yInverted=False, copy=False, save=False, print_=False, roi=False,
            mask=False, position=list(readings.items()),
        )  # fmt: skip
        self.plot.setKeepDataAspectRatio(True)
        self.plot.getYAxis().setInverted(True)
        self.plot.setGraphXLabel("column (voxel)")
        self.plot.setGraphYLabel("row (voxel)")
        self.plot.getColorBarWidget().setVisible(True)
        self.tools = MaskToolsWidget(plot=self.plot)
        self.tools.setDirection(qt.QBoxLayout.Direction.TopToBottom)
        self.tools.setMultipleMasks("single")
        self.tools.setItemMaskUpdated(True)
        self.tools.setMaskColors(DRAWN)
        self.tools.otherToolGroup.hide()  # what is not finite is masked anyway
        for button in self.tools.findChildren(qt.QToolButton):
            if button.text().rstrip(".…") in SILX_FILES:
                button.hide()
        self.choice = qt.QComboBox()
        self.choice.addItems([SUM, MAXIMUM, FRAME])
        self.choice.currentIndexChanged.connect(self._draw)
        self.frame = HorizontalSliderWithBrowser()
        self.frame.setRange(0, len(self.measurement.intensity) - 1)
        self.frame.setValue(int(self.measurement.intensity.max((1, 2)).argmax()))
        self.frame.valueChanged[int].connect(self._draw)
        self.hint, self.account = qt.QLabel(), qt.QLabel()
        self.account.setWordWrap(True)
        self.button = qt.QPushButton("Save mask…")
        self.button.clicked.connect(self.ask_and_save)
        self.widget = qt.QWidget()
        head = qt.QHBoxLayout()
        for part, stretch in ((self.choice, 0), (self.hint, 0), (self.frame, 1)):
            head.addWidget(part, stretch)
        head.addStretch(0)
        side = qt.QVBoxLayout()
        for part in (self.tools, self.account, self.button):
            side.addWidget(part)
        side.addStretch(1)
        grid = qt.QGridLayout(self.widget)
        grid.addLayout(head, 0, 0, 1, 2)
        grid.addWidget(self.plot, 1, 0)
        grid.addLayout(side, 1, 1)
        grid.setColumnStretch(0, 1)

    def reset_zoom(self) -> None:
        """Show all of the image."""
        self._fit.now()

    def content(self) -> NDArray[np.bool_]:
        """What is excluded, as it is written: of one frame where that holds for all."""
        self._take()
        everywhere = self._drawn[None]
        frames = {at: plane for at, plane in self._drawn.items() if at is not None and plane.any()}
        if not frames:
            return everywhere | all_along(self.fixed)
        mask = self.fixed | everywhere
        for at, plane in frames.items():
            mask[at] |= plane
        return mask

    @property
    def changed(self) -> bool:
        """Whether there is something that is not saved."""
        return not np.array_equal(self.content(), self._kept)

    def save(self, file: Path, force: bool = False) -> None:
        """Write the mask, as `write_mask` does, and tell it."""
        mask = self.content()
        write_mask(file, mask, force)
        self._kept = mask
        self.say(f"written: {file}")
        self.saved(file)

    def ask_and_save(self) -> bool:
        """Ask for a file and write it; whether that was done."""
        name, kind = qt.QFileDialog.getSaveFileName(
            self.widget, "Save the mask", "mask.npy", KINDS,
            options=qt.QFileDialog.Option.DontConfirmOverwrite,
        )  # fmt: skip
        if not name:
            return False
        file = Path(name)
        if not file.suffix:  # it may be another file then, so asked here and not by Qt
            file = file.with_suffix(kind.rpartition("*")[2].rstrip(")") or ".npy")
        there = file.exists()
        if there and not _yes(self.widget, f"{file} is there already. Replace it?"):
            return False
        try:
            self.save(file, force=there)
        except CdiMlError as error:
            self.say(str(error))
            return False
        return True

    def may_close(self) -> bool:
        """Ask what becomes of what is not saved; False where the window is to stay."""
        if not self.changed:
            return True
        kinds = qt.QMessageBox.StandardButton
        answer = qt.QMessageBox.question(
            self.widget, "cdi-ml", "The mask has changed and is not saved.",
            kinds.Save | kinds.Discard | kinds.Cancel, kinds.Save,
        )  # fmt: skip
        return self.ask_and_save() if answer == kinds.Save else bool(answer == kinds.Discard)

    def _draw(self) -> None:
        """Show another image, with what was drawn on it before."""
        self._take()
        name = self.choice.currentText()
        single = name == FRAME
        self.frame.setVisible(single)
        self.hint.setText(
            f"What is drawn is masked in {'this frame only' if single else 'all frames'}"
        )
        self._at = self.frame.value() if single else None
        everywhere = self._drawn[None]
        if self._at is None:
            image = known(self._sums[name], all_along(self.fixed))
        else:
            masked = self.fixed[self._at] | everywhere
            image = known(self.measurement.intensity[self._at], masked)
        before, self.item = self.item, ImageData()
        self.item.setName(f"{name} {self._at}")
        self.item.setData(image, copy=False)
        self.item.setColormap(self._colours[name])
        drawn = self._drawn.get(self._at, np.zeros_like(everywhere))
        self.item.setMaskData(drawn.astype(np.uint8))
        self.item.sigItemChanged.connect(self._tell)
        self.plot.addItem(self.item)
        self.plot.setActiveImage(self.item)  # the tools take over its mask, and forget what to undo
        if before is not None:
            self.plot.removeItem(before)
        self._tell()

    def _take(self) -> None:
        """Keep what is drawn on the image that is shown: the tools put it into the item."""
        if self.item is not None:
            self._drawn[self._at] = self.item.getMaskData(copy=True) != 0

    def _tell(self, *_: Any) -> None:
        self._take()
        count = int(self._drawn[None].sum())
        frames = sorted(at for at, plane in self._drawn.items() if at is not None and plane.any())
        words = f"Drawn: {count} pixels in all frames"
        if frames:
            more = sum(int(self._drawn[at].sum()) for at in frames)
            words += f", {more} voxels in {len(frames)} single frame(s)"
        grey = "Grey is masked already" if self.fixed.any() or frames else ""
        self.account.setText(". ".join(filter(None, (words, grey))) + ".")

    def _counts(self, x: float, y: float) -> str:
        if self.item is None:
            return "–"
        image = self.item.getData(copy=False)
        row, column = int(np.floor(y)), int(np.floor(x))
        if not (0 <= row < image.shape[0] and 0 <= column < image.shape[1]):
            return "–"
        value = float(image[row, column])
        return "masked" if np.isnan(value) else f"{value:.4g}"


def parts(
    mask: NDArray[np.bool_], given: NDArray[np.bool_] | None
) -> tuple[NDArray[np.bool_], dict[int | None, Plane]]:
    """What stays masked, and what can be changed: in all frames (None), and more in single ones."""
    if given is None:
        return mask, {None: np.zeros(mask.shape[1:], dtype=bool)}
    everywhere = all_along(given)
    more = given & ~everywhere
    frames = map(int, np.flatnonzero(more.any((1, 2))))
    return mask & ~given, {None: everywhere, **{at: more[at] for at in frames}}


class Door(qt.QObject):  # type: ignore[misc] # Qt has no types here
    """Keeps a window open while `may_close` says so."""

    def __init__(self, window: Any, may_close: Callable[[], bool]) -> None:
        super().__init__(window)
        self._may_close = may_close
        window.installEventFilter(self)

    def eventFilter(self, source: object, event: Any) -> bool:
        """As Qt wants it."""
        if event.type() == qt.QEvent.Type.Close and not self._may_close():
            event.ignore()
            return True
        return False


def _yes(widget: Any, question: str) -> bool:
    yes = qt.QMessageBox.StandardButton.Yes
    return bool(qt.QMessageBox.question(widget, "cdi-ml", question) == yes)


def _voxel(x: float, _: float = 0) -> str:
    return f"{np.floor(x):.0f}"
