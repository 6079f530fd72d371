"""Files of ESRF's BLISS: which scans they hold, and values of one of them with the place where they lie."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..errors import ParameterError, ReadError
from ..utils.inputs import printable
from .contents import MOST, Shape
from .hdf5_links import resolve

ENTRY = re.compile(
    r"(?:.*_)?(\d{1,9})\.(\d{1,9})", re.DOTALL
)  # 12.1, or sample_12.1 in a sample's file
MEASUREMENT, POSITIONERS = "measurement", "instrument/positioners"
_UNITS = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "nm": 1e-9}


def entries(file: h5py.File) -> list[str]:
    """Names of the scans, in the order of their numbers."""
    found = [(ENTRY.fullmatch(name), name) for name in file]
    numbers = [(int(m[1]), int(m[2]), name) for m, name in found if m]
    return [name for _, _, name in sorted(numbers)]


def detectors(file: h5py.File, entry: str, path: Path) -> dict[str, Shape]:
    """Area detectors of a scan, and the shapes of their stacks of frames.

    Raises
    ------
    ReadError
        A link leads nowhere.
    """
    group = resolve(file, f"{entry}/{MEASUREMENT}", path)
    found = {}
    for name in group if isinstance(group, h5py.Group) else ():
        node = resolve(group, name, path)
        if isinstance(node, h5py.Dataset) and node.ndim == 3:
            found[name] = node.shape
    return found


def choose_entry(file: h5py.File, path: Path, scan: int | str | None) -> str:
    """Name of the scan that was asked for, else of the only one with frames.

    Raises
    ------
    ParameterError
        `scan` is no number and no name.
    ReadError
        There is none of that number, or several and none was asked for; the message lists those there are.
    """
    every = entries(file)
    if scan is None:
        several = [entry for entry in every if detectors(file, entry, path)]
        what = "scan with frames is needed"
    else:
        text = str(scan).strip()
        if isinstance(scan, bool) or not (text.isdecimal() or ENTRY.fullmatch(text)):
            raise ParameterError(
                f"scan {text[:40]!r}: give its number, such as 12, or its name, 12.1"
            )
        if text in every:
            return text
        wanted = (int(text), 1) if text.isdecimal() else None
        several = [e for e in every if _numbers(e) == (wanted or _numbers(text))]
        what = f"scan {text} is needed"
        if not several:
            raise ReadError(f"{path}: holds no scan {text}: it holds {_listed(file, every, path)}")
    if len(several) != 1:
        raise ReadError(
            f"{path}: one {what}, and it holds {_listed(file, several, path)}: choose with --scan NUMBER or NAME"
        )
    return several[0]


def _numbers(entry: str) -> tuple[int, int]:
    match = ENTRY.fullmatch(entry)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _listed(file: h5py.File, names: list[str], path: Path) -> str:
    """Scans with their commands where they are few, else with their names alone."""
    if not names:
        return "none"
    if len(names) > MOST:
        return f"{len(names)}: {', '.join(map(printable, names[:20]))}{', …' if len(names) > 20 else ''}"
    titles = [Values(file, name, path).text("title") for name in names]
    return ", ".join(
        f"{printable(n)} ({t[:30]})" if t else n for n, t in zip(names, titles, strict=True)
    )


@dataclass(eq=False)
class Values:
    """Values of one scan, by their names in it; `sources` notes where each came from.

    Attributes
    ----------
    file : h5py.File
    entry : str
    path : Path
    sources : dict of str to str
        What a value is for → file and key.
    """

    file: h5py.File
    entry: str
    path: Path
    sources: dict[str, str] = field(default_factory=dict)

    def text(self, key: str) -> str:
        """A text; empty where there is none."""
        value = self._value(key)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if not isinstance(value, str):
            return ""
        self.note(key.rpartition("/")[2], key)
        return printable(value)

    def number(self, what: str, *keys: str) -> float | None:
        """The first of some keys that holds one finite number, lengths in metres; None without any."""
        for key in keys:
            column = self.column(key)
            if column is not None and column.size == 1 and math.isfinite(column[0]):
                self.note(what, key)
                return float(column[0]) * _UNITS.get(self._unit(key), 1.0)
        return None

    def column(self, key: str) -> np.ndarray[Any, np.dtype[np.float64]] | None:
        """A scalar or a column of real numbers, as an array of one axis; None where there is none."""
        value = self._value(key)
        if isinstance(value, bytes | str | type(None)) or np.asarray(value).dtype.kind not in "iuf":
            return None
        return np.ravel(value).astype(float)

    def names(self, key: str) -> list[str]:
        """What a group holds."""
        node = resolve(self.file, f"{self.entry}/{key}", self.path)
        return list(node) if isinstance(node, h5py.Group) else []

    def note(self, what: str, key: str) -> None:
        """Note where a value came from."""
        self.sources[what] = f"{self.path}: {printable(self.entry)}/{printable(key)}"

    def _node(self, key: str) -> h5py.Dataset | None:
        node = resolve(self.file, f"{self.entry}/{key}", self.path)
        return (
            node
            if isinstance(node, h5py.Dataset) and node.ndim < 2 and node.shape is not None
            else None
        )

    def _value(self, key: str) -> Any:
        node = self._node(key)
        value = None if node is None else node[()]
        return (
            value[0]
            if isinstance(value, np.ndarray) and value.dtype == object and value.size
            else value
        )

    def _unit(self, key: str) -> str:
        node = self._node(key)
        unit = None if node is None else node.attrs.get("units")
        return unit if isinstance(unit, str) else ""
