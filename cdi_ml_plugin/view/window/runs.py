"""The runs of a result: a list to choose from, their χ² over the iterations, figures of the crystal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from silx.gui import qt
from silx.gui.plot import Plot1D

from ...data.result import Run
from ..style.colours import CHOSEN, OTHERS

COLUMNS = ("seed", "χ²", "held-out χ²", "")
HINTS = (
    "What its random numbers came from",
    "Over all measured voxels",
    "Over the voxels that no algorithm saw; the chosen run has the lowest",
    "",
)
LINE = 24  # pixels
KEYS = ("chi2", "chi2_held_out")


class Runs:
    """Table and curves of runs.

    Parameters
    ----------
    backend : str
        Of silx's plots.
    selected : callable(row)
        Called when another run is selected.
    """

    def __init__(self, backend: str, selected: Callable[[int], None]) -> None:
        self.runs: Sequence[Run] = ()
        self.chosen: int | None = None
        self.selected = selected
        self.widget = qt.QSplitter(qt.Qt.Orientation.Vertical)
        self.table = qt.QTableWidget(0, len(COLUMNS))
        self.table.setHorizontalHeaderLabels(COLUMNS)
        for column, hint in enumerate(HINTS):
            self.table.horizontalHeaderItem(column).setToolTip(hint)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(LINE)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.setEditTriggers(qt.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(qt.QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(qt.QAbstractItemView.SelectionMode.SingleSelection)
        self.table.currentCellChanged.connect(self._clicked)
        self.curves = Plot1D(backend=backend)
        self.curves.setGraphTitle("χ² over the iterations")
        self.curves.setGraphXLabel("iteration")
        self.curves.setGraphYLabel("χ²")
        self.curves.getYAxis().setScale("log")
        self.curves.setActiveCurveSelectionMode("none")
        self.curves.setMinimumHeight(220)
        self.curves.setAxesMargins(0.17, 0.1, 0.05, 0.15)
        for bar in self.curves.findChildren(qt.QToolBar):
            bar.hide()  # the mouse zooms, and a right click zooms back
        self.figures = qt.QLabel()
        self.figures.setTextInteractionFlags(qt.Qt.TextInteractionFlag.TextSelectableByMouse)
        self.figures.setMargin(6)
        for widget in (self.table, self.curves, self.figures):
            self.widget.addWidget(widget)
        self.widget.setSizes([8 * LINE, 12 * LINE, 6 * LINE])
        self.widget.setStretchFactor(0, 1)
        self.widget.setStretchFactor(1, 2)
        self.widget.setStretchFactor(2, 0)

    @property
    def row(self) -> int:
        """The selected one."""
        return int(self.table.currentRow())

    def show(self, runs: Sequence[Run], chosen: int | None, row: int) -> None:
        """List runs.

        Parameters
        ----------
        chosen : int, optional
            The run that the result stands for.
        row : int
            Which one is selected.
        """
        self.runs, self.chosen = runs, chosen
        self.table.blockSignals(True)
        self.table.setRowCount(len(runs))
        for number, run in enumerate(runs):
            figures = [f"{run.metrics.get(key, np.nan):.4g}" for key in KEYS]
            cells = (f"{run.seed}", *figures, _state(run, number == chosen))
            for column, text in enumerate(cells):
                item = qt.QTableWidgetItem(text.replace("nan", "–"))
                font = item.font()
                font.setBold(number == chosen)
                item.setFont(font)
                self.table.setItem(number, column, item)
        self.table.setCurrentCell(row, 0)
        self.table.blockSignals(False)
        self.table.resizeColumnsToContents()
        self.draw()

    def draw(self) -> None:
        """Draw χ² of all runs, the selected one in front."""
        self.curves.clearCurves()
        order = [n for n in range(len(self.runs)) if n != self.row]
        for number in [*order, self.row]:
            if not 0 <= number < len(self.runs):
                continue
            run = self.runs[number]
            chi2 = np.asarray(run.history.get("chi2", ()), dtype=float)
            known = np.isfinite(chi2) & (chi2 > 0)
            if not known.any():
                continue
            here = number == self.row
            self.curves.addCurve(
                np.flatnonzero(known) + 1,
                chi2[known],
                legend=f"seed {run.seed}",
                color=CHOSEN if here else OTHERS,
                linewidth=2 if here else 1,
                z=2 if here else 1,
                symbol="",
                resetzoom=False,
            )
        self.curves.resetZoom()

    def tell(self, figures: Mapping[str, float] | None) -> None:
        """Write the figures of a crystal below."""
        self.figures.setVisible(figures is not None)
        if figures is not None:
            rows = "".join(
                f"<tr><td>{name}&nbsp;</td><td>{v}</td></tr>" for name, v in words(figures)
            )
            self.figures.setText(f"<table>{rows}</table>")

    def _clicked(self, row: int, *_: Any) -> None:
        if 0 <= row < len(self.runs):
            self.draw()
            self.selected(row)


def words(figures: Mapping[str, float]) -> list[tuple[str, str]]:
    """Figures of a crystal as a beamline's logbook has them."""
    size = " × ".join(f"{figures[f'size_{axis}_nm']:.0f}" for axis in "xyz")
    lines = [
        ("size x × y × z", f"{size} nm"),
        ("voxel", f"{figures['voxel_nm']:.2f} nm"),
        ("lattice spacing", f"{figures['d_spacing_nm']:.5f} nm"),
        ("displacement, range", f"{1e3 * figures['displacement_range_nm']:.0f} pm"),
        ("strain, rms", f"{1e4 * figures['strain_rms']:.2f} × 10⁻⁴"),
        ("edge, 90 to 10 %", f"{figures['edge_width_nm']:.1f} nm"),
    ]
    return [(name, text.replace("nan", "–")) for name, text in lines]


def _state(run: Run, chosen: bool) -> str:
    if run.reason == "running":
        return f"iteration {len(run.history.get('chi2', ()))}"
    if chosen:
        return "chosen" if run.reason == "completed" else f"chosen, {run.reason}"
    return "" if run.reason == "completed" else run.reason
