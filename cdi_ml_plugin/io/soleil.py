"""NeXus files of SOLEIL: one group for each scan, its columns in ``scan_data`` under numbered names.

A column says in its attribute ``long_name`` which device it was read from; devices that stood still are groups
beside it. Upper and lower case of the names changed over the years.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..errors import ParameterError, ReadError
from ..geometry.detectors import DETECTORS
from ..utils.inputs import printable
from . import hdf5_scan
from .contents import MOST, Shape, choose
from .hdf5_links import is_one, resolve, stacks
from .hdf5_values import Values
from .recorded import DRIVEN, Column, Recorded

DATA = "scan_data"
ACTUATOR = "actuator_1_1"  # of the first and only axis of a scan
NAME = "scan_config/name"
ARM = ("gamma", "delta")  # of the detector
NONE = "SOLEIL's files do not have it"
_EXPOSURES = f"{DATA}/integration_times"
_BY_SHAPE = ("maxipix", "merlin", "merlin512")
_STILL = 0.05  # of the longest travel: less is what an encoder says of a motor at rest
_STEADY = 1e-4  # of an energy: what is left of it where it is not scanned


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of a scan by their names in ``scan_data``, and what `long_name` says of each."""

    values: dict[str, Column]
    titles: dict[str, str]

    @classmethod
    def of(cls, values: Values) -> Columns:
        group = resolve(values.file, f"{values.entry}/{place(values, DATA)}", values.path)
        columns, titles = {}, {}
        for name in group if isinstance(group, h5py.Group) else ():
            node = resolve(group, name, values.path)
            if not isinstance(node, h5py.Dataset) or node.ndim != 1 or node.dtype.kind not in "iuf":
                continue
            columns[name] = np.asarray(node[()], dtype=float)
            titles[name] = _text(node.attrs.get("long_name"))
        return cls(columns, titles)

    def about(self, motor: str) -> str | None:
        """Name of the column of a motor, what was driven before what was read back; None without one."""
        found = [n for n in self.values if is_motor(self.titles[n] or n, motor)]
        return min(found, key=lambda name: (not name.startswith("actuator"), name), default=None)


def is_motor(name: str, motor: str) -> bool:
    """Whether the name of a device, or of a scan, is about a motor: ``mu`` in ``i14-c-cx1-ex-mu-med-v``.

    Others are ``mu-a`` and so on, of an analyser; those of a kappa goniometer; and those in ultra-high vacuum.
    """
    if "uhv" in name.lower():
        return False
    pattern = rf"(?<![a-z0-9])(?:mg_?)?{motor}(?![a-z0-9])(?![-_]a(?![a-z0-9]))"
    return re.search(pattern, name.lower()) is not None


def place(values: Values, key: str) -> str:
    """A name as the file spells it, whatever the case; as it is where the file has none."""
    spelt: list[str] = []
    for part in key.split("/"):
        there = values.names("/".join(spelt))
        alike = [name for name in there if name.lower() == part.lower()]
        spelt.append(part if part in there or not alike else alike[0])
    return "/".join(spelt)


def entries(file: h5py.File, path: Path, beamline: str) -> list[str]:
    """Names of the scans of a beamline, as they lie in the file.

    Raises
    ------
    ReadError
        A link leads nowhere.
    """
    wanted = {DATA, beamline.lower()}
    held = {name: Values(file, name, path).names("") for name in file}
    return [name for name, inside in held.items() if wanted <= {each.lower() for each in inside}]


def knows(path: Path, beamline: str) -> bool:
    """Whether a file holds a scan of that beamline; whatever is wrong with it, no."""
    return is_one(path, lambda file: bool(entries(file, path, beamline)))


def read_scan(
    path: Path,
    beamline: str,
    recorded: Callable[[Values, str, int], Recorded],
    scan: int | str | None,
    dataset: str | None,
    mask: NDArray[np.bool_] | None,
) -> Measurement:
    """Read a scan of one of the beamlines.

    Parameters
    ----------
    recorded : callable
        What the file says of the scan, given its values, its detector and its number of frames.

    Raises
    ------
    ReadError
        No such scan or several; no frames; damaged.
    MeasurementError
        The values cannot be a measurement.
    """

    def describe(file: h5py.File) -> tuple[str, str, Recorded]:
        values = Values(file, choose_entry(file, path, beamline, scan), path)
        shapes = frames(values)
        name = choose(path, shapes, dataset, "detectors")
        found = recorded(values, detector(name, shapes[name]), shapes[name][0])
        return f"{values.entry}/{place(values, DATA)}/{name}", values.entry, found

    return hdf5_scan.read_scan(path, f"SOLEIL {beamline}", describe, mask)


def choose_entry(file: h5py.File, path: Path, beamline: str, scan: int | str | None) -> str:
    """Name of the scan that was asked for, else of the only one.

    Raises
    ------
    ParameterError
        `scan` is no number and no name.
    ReadError
        It is not there, or there are several and none was asked for; the message lists them.
    """
    every = entries(file, path, beamline)
    text = "" if scan is None else str(scan).strip()
    several = every
    if scan is not None:
        if isinstance(scan, bool) or not re.fullmatch(r"\w+", text):
            raise ParameterError(f"scan {text[:40]!r}: give its number, such as 12, or its name")
        several = [n for n in every if n == text]
        if not several and text.isdecimal():
            several = [n for n in every if number(n, path) == str(int(text))]
    if len(several) != 1:
        listed = ", ".join(printable(f"{n} (scan {number(n, path)})") for n in every[:MOST])
        more = ", …" if len(every) > MOST else ""
        what = "one scan is needed" if scan is None or several else f"holds no scan {text}"
        raise ReadError(f"{path}: {what}: it holds {listed or 'none'}{more}: choose with --scan")
    return several[0]


def number(entry: str, path: Path) -> str:
    """Number of a scan: that of its group, exp_0012, else that of the file, else the group's name."""
    for name in (entry, path.stem):
        if match := re.search(r"(\d{1,9})$", name):
            return str(int(match[1]))
    return entry


def frames(values: Values) -> dict[str, Shape]:
    """Stacks of frames of a scan by their names in ``scan_data``."""
    found = stacks(values.file, f"{values.entry}/{place(values, DATA)}", values.path)
    if not found:
        raise ReadError(
            f"{values.path}: scan {printable(values.entry)} has no frames: choose another with --scan"
        )
    return found


def detector(name: str, shape: Shape) -> str:
    """The detector of frames of that size, else the name of their dataset."""
    _, rows, columns = shape
    alike = [each for each in _BY_SHAPE if DETECTORS[each].size == (columns, rows)]
    return alike[0] if alike else name


def stood(
    values: Values, columns: Columns, circles: Iterable[str], groups: Iterable[str]
) -> dict[str, float | Column]:
    """Where each circle stood: of the first group that has a device of its name, else the mean of its column.

    Where the detector was driven, its position for each frame.
    """
    found: dict[str, float | Column] = {}
    named = {circle: name for circle in ARM if (name := columns.about(circle)) is not None}
    driven = {
        circle: columns.values[name]
        for circle, name in named.items()
        if np.ptp(columns.values[name]) > DRIVEN
    }
    for circle in circles:
        keys = [
            f"{here}/{device}{leaf}"
            for here in (place(values, group) for group in groups)
            for device in values.names(here)
            if is_motor(device, circle)
            for leaf in ("/position", "/position_pre", "")
        ]
        position = values.position(circle, *keys) if circle not in driven else None
        if position is None and (name := columns.about(circle)) is not None:
            position = columns.values[name]
            values.note(circle, f"{place(values, DATA)}/{name}")
        if position is not None:
            found[circle] = driven.get(circle, float(np.mean(position)))
    return found


def moved(values: Values, columns: Columns, sample: Iterable[str]) -> dict[str, Column]:
    """Circles of the sample that were scanned, and the energy: a position for each frame.

    Of a continuous scan every encoder is recorded, of motors that stood still too.
    """
    found = {motor: name for motor in sample if (name := columns.about(motor)) is not None}
    travel = {motor: float(np.ptp(columns.values[name])) for motor, name in found.items()}
    widest = max(travel.values(), default=0.0)
    result = {
        motor: columns.values[found[motor]]
        for motor, way in travel.items()
        if way > 0 and way >= _STILL * widest
    }
    name = columns.about("energy")
    if name is not None:
        energy = columns.values[name]
        if np.ptp(energy) > _STEADY * abs(energy.mean()):
            result["energy"] = energy / 1000 if energy.mean() >= 1000 else energy
            found["energy"] = name
    for motor in result:
        values.note(motor, f"{place(values, DATA)}/{found[motor]}")
    return result


def exposure(values: Values, *keys: str) -> float | None:
    """Seconds a frame: mean of those of the frames, else of the first key that has it."""
    times = values.column(key := place(values, _EXPOSURES))
    if times is not None and times.size and np.isfinite(times).all() and times.mean() > 0:
        values.note("exposure", key)
        return float(times.mean())
    return values.number("exposure", *(place(values, each) for each in keys))


def _text(value: object) -> str:
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
