"""Width and letters of a figure: all text in it is of one size, and lines follow it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from ...errors import ParameterError
from ...utils.values import number
from .slices import new_figure

POINTS = 72  # in an inch
UNITS = {"mm": 1 / 25.4, "cm": 1 / 2.54, "in": 1.0}
WIDTHS = (1.0, 40.0)  # inches
FONTS = (4.0, 40.0)  # points
LEAST = 24  # letters' heights that a figure needs in width
NARROW = 48  # letters' heights below which panels stand below each other: a journal's column


@dataclass(frozen=True)
class Sheet:
    """What a figure is drawn on.

    Attributes
    ----------
    width : float
        inches.
    font : float
        Size of the letters, points.

    Raises
    ------
    ParameterError
        Out of range, or letters too large for that width.
    """

    width: float
    font: float

    def __post_init__(self) -> None:
        number("width in inches", self.width, *WIDTHS)
        number("font size", self.font, *FONTS)
        if self.ems < LEAST:
            most = self.width * POINTS / LEAST
            raise ParameterError(
                f"font size {self.font:g} in a figure {self.width:.3g} in wide: give at most {most:.1f}"
            )

    @property
    def em(self) -> float:
        """The height of the letters in inches."""
        return self.font / POINTS

    @property
    def ems(self) -> float:
        """The width in heights of the letters."""
        return self.width / self.em

    @property
    def narrow(self) -> bool:
        """Whether panels have to stand below each other."""
        return self.ems < NARROW

    def figure(self, height: float) -> Figure:
        """An empty figure, its height in heights of the letters; layout is left to who draws."""
        figure = new_figure(self.width, height * self.em)
        figure.set_layout_engine("none")
        return figure

    @contextmanager
    def letters(self) -> Iterator[None]:
        """What is drawn meanwhile has letters of this size and lines that fit them."""
        names = ("axes.title", "axes.label", "xtick.label", "ytick.label", "figure.title")
        unit = self.font / 10
        style: Any = {  # Matplotlib types the names
            "font.size": self.font,
            "legend.fontsize": self.font,
            **{f"{name}size": self.font for name in names},
            "lines.linewidth": 1.4 * unit,
            "axes.linewidth": 0.7 * unit,
            "axes.titlepad": 3 * unit,
            "axes.labelpad": 1.5 * unit,
        }
        for axis in ("xtick", "ytick"):
            style |= {
                f"{axis}.major.size": 2.5 * unit,
                f"{axis}.major.width": 0.6 * unit,
                f"{axis}.major.pad": 2 * unit,
                f"{axis}.minor.size": 1.5 * unit,
                f"{axis}.minor.width": 0.4 * unit,
            }
        with mpl.rc_context(style):
            yield


def settle(figure: Figure, sheet: Sheet) -> Figure:
    """Give the ticks that Matplotlib has yet to make the letters of the sheet, too."""
    unit = sheet.font / 10
    for ax in figure.axes:
        ax.tick_params(labelsize=sheet.font, length=2.5 * unit, width=0.6 * unit, pad=2 * unit)
    return figure


def save(figure: Figure, path: Path, sheet: Sheet) -> None:
    """Write a figure as it is, in the format that the name ends with; text stays text in SVG and PDF."""
    with sheet.letters(), mpl.rc_context({"svg.fonttype": "none", "pdf.fonttype": 42}):
        quick: dict[str, Any] = (
            {"pil_kwargs": {"compress_level": 3}} if path.suffix.lower() == ".png" else {}
        )
        figure.savefig(path, dpi=figure.dpi, **quick)  # "figure" would be the one it was made with


def inches(text: str) -> float:
    """A length such as ``85mm``, ``17.8cm`` or ``3.4in`` in inches.

    Raises
    ------
    ParameterError
        It is none.
    """
    found = re.fullmatch(r"\s*(\d{1,6}(?:\.\d{0,6})?)\s*(mm|cm|in)\s*", text)
    if found is None:
        raise ParameterError(f"width {text}: give a number and its unit, such as 85mm or 3.4in")
    return float(found[1]) * UNITS[found[2]]
