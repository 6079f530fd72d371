"""The text files ``.fio`` of DESY's beamlines: the command, where motors stood, and a row for each point."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ReadError
from ..utils.inputs import printable
from .contents import guarded
from .recorded import Column

_COLUMN = re.compile(r"Col\s+\d+\s+(\S+)(?:\s+\S+)?")
_VALUE = re.compile(r"(\S+)\s*=\s*(.*)")
_STARTED = re.compile(r"started at (.+)")


@dataclass(frozen=True, eq=False)
class Fio:
    """What a ``.fio`` file says.

    Attributes
    ----------
    path : Path
    command, date : str
        As they stand there; empty without.
    parameters : mapping of str to str
        Name → what stands behind the ``=``.
    columns : mapping of str to array
        Name → a value for each point.
    """

    path: Path
    command: str
    date: str
    parameters: Mapping[str, str]
    columns: Mapping[str, Column]

    @property
    def points(self) -> int:
        return min(map(len, self.columns.values()), default=0)

    def number(self, name: str) -> float | None:
        """A parameter as a number; None where it is not there, or is none."""
        try:
            value = float(self.parameters[name])
        except (KeyError, ValueError):
            return None
        return value if math.isfinite(value) else None


def read_fio(path: Path) -> Fio:
    """Read a ``.fio`` file.

    Raises
    ------
    ReadError
        No such file, or a row that does not fit the columns.
    """
    return guarded(path, _read)


def _read(path: Path) -> Fio:
    section, comments, parameters = "", [], {}
    names: list[str] = []
    rows: list[list[float]] = []
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), start=1):
        text = printable(line.strip())
        if not text or text.startswith("!"):
            continue
        if text.startswith("%"):
            section = text[1:2]
        elif section == "c":
            comments.append(text)
        elif section == "p" and (match := _VALUE.fullmatch(text)):
            parameters[match[1]] = match[2].strip()
        elif section == "d" and (match := _COLUMN.fullmatch(text)):
            names.append(match[1])
        elif section == "d":
            rows.append(_row(path, number, text, len(names)))
    table = np.array(rows, dtype=float).reshape(len(rows), len(names))
    started = (match[1].strip() for each in comments if (match := _STARTED.search(each)))
    command = comments[0] if comments and not _STARTED.search(comments[0]) else ""
    columns: dict[str, Column] = {}
    for name, column in zip(names, table.T, strict=True):
        if name in columns and not np.array_equal(columns[name], column, equal_nan=True):
            raise ReadError(
                f"{path}: has two columns {name[:40]} that differ: take one of them out"
            )
        columns[name] = column
    return Fio(path, command, next(started, ""), parameters, columns)


def _row(path: Path, number: int, text: str, columns: int) -> list[float]:
    words = text.split()
    try:
        row = [float(word) for word in words]
    except ValueError:
        row = []
    if len(row) != columns:
        raise ReadError(
            f"{path}: line {number}, {text[:30]!r}, is no row of {columns} numbers: cut short or damaged, "
            "copy it again"
        )
    return row
