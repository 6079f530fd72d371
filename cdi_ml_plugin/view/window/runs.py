"""The runs of a result: a list to choose from, their χ² over the iterations, figures of the crystal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import numpy as np
from silx.gui import qt
from silx.gui.plot import Plot1D

from ...crystal.account import Entry
from ...data.quantities import QUANTITIES, RANKED
from ...data.result import Run
from ..style.colours import CHOSEN, OTHERS

CHI2 = QUANTITIES["chi2"]
SHOWN = [QUANTITIES[key] for key in reversed(RANKED)]
COLUMNS = ("seed", *(what.name for what in SHOWN), "")
HINTS = (
    "What its random numbers came from",
    *(what.says.capitalize() for what in SHOWN),
    f"The chosen run has the lowest {SHOWN[-1].name}, where there is one",
)
LINE = 24  # pixels


class RunTable:
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
        self.curves.setGraphTitle(f"{CHI2.name} over the iterations")
        self.curves.setGraphXLabel("iteration")
        self.curves.setGraphYLabel(CHI2.name)
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
            figures = [what.text(run.metrics.get(what.key)) for what in SHOWN]
            cells = (f"{run.seed}", *figures, _state(run, number == chosen))
            for column, text in enumerate(cells):
                item = qt.QTableWidgetItem(text)
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

    def show_figures(self, entries: Sequence[Entry]) -> None:
        """Write figures of the result below; none hides them."""
        self.figures.setVisible(bool(entries))
        table = "".join(
            f"<tr><td>{escape(entry.what.name)}&nbsp;</td><td>{escape(entry.text)}</td></tr>"
            for entry in entries
        )
        self.figures.setText(f"<table>{table}</table>")

    def _clicked(self, row: int, *_: Any) -> None:
        if 0 <= row < len(self.runs):
            self.draw()
            self.selected(row)


def _state(run: Run, chosen: bool) -> str:
    if run.reason == "running":
        return f"iteration {len(run.history.get('chi2', ()))}"
    if chosen:
        return "chosen" if run.reason == "completed" else f"chosen, {run.reason}"
    return "" if run.reason == "completed" else run.reason
