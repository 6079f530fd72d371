"""What a notebook shows of an object whose name is the last line of a cell."""

from __future__ import annotations

from functools import singledispatch
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from ..comparison.comparison import Comparison
from ..crystal.account import Entry, account_of, entries_of, shown
from ..crystal.crystal import Crystal
from ..crystal.of_result import crystal_or_note
from ..data.measurement import Measurement
from ..data.quantities import number, quantity
from ..data.result import Result
from ..utils.files import staged
from .figures.comparison_slices import draw_best
from .figures.crystal import draw_crystal_slices
from .figures.detector import draw_object
from .figures.pattern import draw_pattern
from .pages import report
from .pages.html import picture, render, spread
from .style.slices import new_figure

Rows = list[tuple[str, str, str]]
HEIGHT = 720  # pixels of a page within a notebook
SMALL = 80  # dots per inch


class Page:
    """A page within a notebook, which needs no other file and no network.

    Attributes
    ----------
    html : str
        All of it.
    """

    def __init__(self, html: str) -> None:
        self.html = html

    def __repr__(self) -> str:
        return f"Page({len(self.html) / 1e6:.1f} MB of HTML; .save(path) writes it)"

    def _repr_html_(self) -> str:
        inside = escape(self.html, quote=True)
        style = f"width: 100%; height: {HEIGHT}px; border: 1px solid #d0d7de"
        return f'<iframe srcdoc="{inside}" style="{style}"></iframe>'

    def save(self, path: str | Path, force: bool = False) -> Path:
        """Write the page into a file.

        Raises
        ------
        WriteError
            It is there already and `force` is not set, or cannot be written.
        """
        target = Path(path)
        with staged(target.parent, (target.name,), force) as stage:
            (stage / target.name).write_text(self.html, encoding="utf-8")
        return target


def report_of(result: Result) -> Page:
    """The report of a result, as `save` writes it."""
    crystal, result = crystal_or_note(result)
    return Page(report.page(account_of(result, crystal), crystal))


@singledispatch
def html_of(asked: object) -> str:
    """A few figures of an object and a picture, as HTML."""
    raise TypeError(f"no HTML is known of {type(asked).__name__}")


@html_of.register
def _measurement(measurement: Measurement) -> str:
    rows = [
        ("shape", " × ".join(map(str, measurement.shape)), "rocking, row, column"),
        ("counts", number(float(measurement.intensity.sum())), ""),
        ("masked", f"{number(int(measurement.mask.sum()))} voxels", ""),
        *(("note", note, "") for note in measurement.notes),
    ]
    return _cell("Measurement", rows, draw_pattern(measurement))


@html_of.register
def _result(result: Result) -> str:
    found = account_of(result)
    title = f"{result.sequence}: {len(result.runs)} run{'s' if len(result.runs) > 1 else ''}"
    figure = None
    if result.support.any():
        figure = new_figure(8.4, 5.4)
        draw_object(figure, result)
    note = "crystal_of(result) says what it is in nm; result.report() shows the whole page."
    return _cell(title, _rows(found.headline()), figure, note)


@html_of.register
def _crystal(crystal: Crystal) -> str:
    rows = _rows(shown(entries_of(crystal)))
    return _cell("Crystal in the laboratory", rows, draw_crystal_slices(crystal))


@html_of.register
def _comparison(comparison: Comparison) -> str:
    rows = []
    for chain in comparison.content()["chains"]:
        figures = [f"{quantity(k).name} {spread(v)}" for k, v in chain["figures"].items()]
        rows.append((chain["label"], f"{chain['finished']} runs", "; ".join(figures)))
    note = "Medians, and where 10 to 90 % lie. save_comparison writes the whole page."
    return _cell("Comparison of chains", rows, draw_best(comparison), note)


def _rows(entries: list[Entry]) -> Rows:
    return [(entry.what.name, entry.text, entry.what.says) for entry in entries]


def _cell(title: str, rows: Rows, figure: Figure | None, note: str = "") -> str:
    image = None if figure is None else picture(figure, SMALL)
    return render("notebook.html", title=title, rows=rows, image=image, note=note)
