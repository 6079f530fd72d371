"""Single values of a group of an HDF5 file, with the place where each lies."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..utils.inputs import printable
from .hdf5_links import resolve

# What a unit is in metres, degrees, keV or seconds.
UNITS = {
    **{"m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "μm": 1e-6, "nm": 1e-9},
    **dict.fromkeys(("metre", "metres", "meter", "meters"), 1.0),
    **dict.fromkeys(("millimetre", "millimetres", "millimeter", "millimeters"), 1e-3),
    **dict.fromkeys(("micron", "microns", "micrometre", "micrometer", "micrometers"), 1e-6),
    **dict.fromkeys(("deg", "degree", "degrees", "Deg", "Degree", "Degrees", "°"), 1.0),
    **dict.fromkeys(("rad", "radian", "radians"), math.degrees(1)),
    **dict.fromkeys(("mrad", "millirad", "milliradian", "milliradians"), math.degrees(1e-3)),
    **{"keV": 1.0, "kev": 1.0, "KeV": 1.0, "eV": 1e-3, "ev": 1e-3, "MeV": 1e3},
    **{"s": 1.0, "ms": 1e-3},
}


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

    def text(self, what: str, *keys: str) -> str:
        """The first of some keys that holds a text; empty where there is none."""
        for key in keys:
            value = self._value(key)
            if isinstance(value, np.ndarray) and value.size == 1:
                value = value.item()
            if isinstance(value, bytes):
                value = value.decode("utf-8", "replace")
            if isinstance(value, str) and value.strip():
                self.note(what, key)
                return printable(value.strip())
        return ""

    def number(self, what: str, *keys: str, unit: str = "") -> float | None:
        """The first of some keys that holds one finite number; None without any.

        It is in metres, degrees, keV or seconds, where the file says its unit, else as if it said `unit`.
        """
        for key in keys:
            column = self.column(key, unit)
            if column is not None and column.size == 1 and math.isfinite(column[0]):
                self.note(what, key)
                return float(column[0])
        return None

    def pair(self, x: str, y: str) -> tuple[float, float] | None:
        """Numbers of two keys; None unless both are there. Their places are noted by the keys' last words."""
        found = [self.number(key.rpartition("/")[2], key) for key in (x, y)]
        return None if found[0] is None or found[1] is None else (found[0], found[1])

    def column(self, key: str, unit: str = "") -> np.ndarray[Any, np.dtype[np.float64]] | None:
        """A scalar or a column of real numbers, as an array of one axis, in units as `number`; None without."""
        value = self._value(key)
        if isinstance(value, bytes | str | type(None)) or np.asarray(value).dtype.kind not in "iuf":
            return None
        scale = UNITS.get(self._unit(key) or unit, 1.0)
        column = np.ravel(value).astype(float)
        return column * scale if scale >= 1 else column / round(1 / scale)  # 700 mm are 0.7 m

    def position(
        self, what: str, *keys: str
    ) -> float | np.ndarray[Any, np.dtype[np.float64]] | None:
        """The first of some keys that holds where a motor stood, or its position for each frame."""
        for key in keys:
            column = self.column(key)
            if column is not None and column.size and np.isfinite(column).all():
                self.note(what, key)
                return float(column[0]) if column.size == 1 else column
        return None

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
        if isinstance(unit, np.ndarray) and unit.size == 1:
            unit = unit.item()
        unit = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else unit
        return unit.strip() if isinstance(unit, str) else ""
