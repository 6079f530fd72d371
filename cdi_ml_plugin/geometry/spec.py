"""One scan of a SPEC file, as 34-ID-C writes them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError, ReadError
from .detectors import DETECTORS, off_detector
from .spec_lines import Block, mnemonics, number, parted, read_blocks

ENERGY_MOTOR, CAMERA_MOTOR = "Energy", "camdist"  # keV; mm from the sample to the detector
# Word of the command that holds the number of intervals; a scan that stops at each has one point more.
INTERVALS = {
    "ascan": 4,
    "dscan": 4,
    "lup": 4,
    "a2scan": 7,
    "d2scan": 7,
    "a3scan": 10,
    "d3scan": 10,
}
_HANDLE = re.compile(r"(\d{1,9})(?:\.([1-9]\d{0,8}))?", re.ASCII)


@dataclass(frozen=True, eq=False)
class SpecScan:
    """What a SPEC file says about one scan.

    Attributes
    ----------
    path : str
        The SPEC file.
    number : int
        Number of the scan.
    command : str
        As typed at the beamline, for example ``"ascan th -0.28 0.72 200 0.25"``.
    date : str
        As in the file.
    motor : str
        Name of the scanned motor, ``"Theta"`` for a rocking scan in theta.
    positions : float64 (points,)
        Its position at each point, degrees for a rotation.
    motors : mapping of str to float
        Every motor's position at the start of the scan, by name (degrees, mm; energy in keV). NaN
        where the file has nan, or one name for motors that stand apart.
    counters : mapping of str to float64 (points,)
        Every column of the table by its label: ``Monitor``, ``Seconds``, ``ImageTot``, … Of several
        with one label the first.
    detector : str or None
        From ``#UIMDET``, for example ``"34idcTIM2"``.
    roi : tuple of int or None
        From ``#UIMR5``: (first column, columns, first row, rows) of the saved frames on the
        detector, in pixels.
    occurrence : int or None
        Which of the scans with this number, from 1; None where there is but one.
    calibration : mapping of str to str
        ``name=value`` of the lines ``#UDETCALIB`` and ``#UMONO``, which ESRF ID01 writes.
    """

    path: str
    number: int
    command: str
    date: str
    motor: str
    positions: NDArray[np.float64]
    motors: Mapping[str, float]
    counters: Mapping[str, NDArray[np.float64]]
    detector: str | None
    roi: tuple[int, int, int, int] | None
    occurrence: int | None = None
    calibration: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> int | str:
        """What `read_scan` finds it by: its number, or number and occurrence, as ``"54.2"``."""
        return self.number if self.occurrence is None else f"{self.number}.{self.occurrence}"

    @property
    def points(self) -> int:
        """Number of points of the scan."""
        return len(self.positions)

    @property
    def energy_kev(self) -> float | None:
        """Photon energy in keV, from the motor ``Energy``."""
        return self._finite(ENERGY_MOTOR)

    @property
    def distance_mm(self) -> float | None:
        """Sample to detector in mm, from the motor ``camdist``."""
        return self._finite(CAMERA_MOTOR)

    def region(self, detector: str | None = None) -> tuple[int, int, int, int] | None:
        """`roi`, after checking that it lies on `detector`, by default the scan's own.

        Raises
        ------
        ReadError
            It does not.
        """
        name = detector or self.detector or ""
        if self.roi and (fault := off_detector(self.roi, DETECTORS.get(name))):
            raise ReadError(
                f"{self.path}: scan {self.name}: its #UIMR5 line (detector region) {fault}: "
                f"correct it{f', or the detector {name}' if name in DETECTORS else ''}"
            )
        return self.roi

    def _finite(self, motor: str) -> float | None:
        value = self.motors.get(motor, math.nan)
        return value if math.isfinite(value) else None


def read_scan(spec_file: str | os.PathLike[str], scan: int | str) -> SpecScan:
    """Read scan number `scan` of a SPEC file.

    Parameters
    ----------
    spec_file : path
    scan : int or str
        The number after ``#S``. Where several scans have it, ``"54.2"`` is the second of number 54.

    Returns
    -------
    SpecScan

    Raises
    ------
    ReadError
        No such file, not a SPEC file, no such scan in it or several, numbers that do not belong to the
        names before them, or the file is cut in the middle of the scan: header lines, points, or a
        part of the last line are missing.
    ParameterError
        `scan` is no number.

    Notes
    -----
    A scan with fewer points than its command asked for was stopped where the file goes on after it,
    and is read. One that ends the file was cut short, unless it has a point for each interval, as fly
    scans do.
    """
    if not isinstance(spec_file, str | os.PathLike) or not isinstance(os.fspath(spec_file), str):
        raise ReadError(f"{spec_file!r:.80}: is no path of a SPEC file: give one")
    path = Path(spec_file)
    block, occurrence = _choose(read_blocks(path), path, scan)
    name = block.number if occurrence is None else f"{block.number}.{occurrence}"
    where = f"{path}: scan {name}"
    labels, columns = _table(block, where)
    counters: dict[str, NDArray[np.float64]] = {}
    for label, column in zip(labels, columns, strict=True):
        counters.setdefault(label, column)
    names, motors = _motors(block, where)
    words = block.lines[0].split()[2:]
    motor = mnemonics(block, names).get(words[1], words[1]) if len(words) > 1 else labels[0]
    if motor not in labels:
        motor = labels[0]
    detector = block.after("#UIMDET").rstrip(":").strip()
    return SpecScan(
        path=str(path),
        number=int(block.number or 0),
        command=" ".join(words),
        date=block.after("#D"),
        motor=motor,
        positions=columns[labels.index(motor)],
        motors=MappingProxyType(motors),
        counters=MappingProxyType(counters),
        detector=detector or None,
        roi=_roi(block, where),
        occurrence=occurrence,
        calibration=MappingProxyType(_calibration(block)),
    )


def _calibration(block: Block) -> dict[str, str]:
    items = ",".join(text for tag in ("#UDETCALIB", "#UMONO") for text in block.tagged(tag))
    pairs = (item.partition("=") for item in items.split(",") if "=" in item)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _choose(blocks: list[Block], path: Path, scan: int | str) -> tuple[Block, int | None]:
    """The scan that `scan` stands for, and which of those with its number it is."""
    handle = (
        _HANDLE.fullmatch(str(scan).strip()) if isinstance(scan, int | str | np.integer) else None
    )
    if handle is None or isinstance(scan, bool):
        raise ParameterError(
            f"scan {str(scan)[:40]!r}: give its number, such as 54, or '54.2' for the second of that number"
        )
    wanted, which = int(handle[1]), int(handle[2] or 0)
    found = [block for block in blocks if block.number == wanted]
    if not found:
        numbers = [block.number for block in blocks if block.number is not None]
        raise ReadError(
            f"{path}: no scan {wanted}; the {len(numbers)} scan(s) in it go "
            f"from {min(numbers)} to {max(numbers)}"
        )
    if which > len(found) or (len(found) > 1 and not which):
        each = "; ".join(
            f"{wanted}.{i} ({block.after('#D')[:40] or 'no date'})"
            for i, block in enumerate(found[:9], 1)
        )
        raise ReadError(f"{path}: {len(found)} scan(s) have number {wanted}: give one of {each}")
    return found[(which or 1) - 1], which if len(found) > 1 else None


def _table(block: Block, where: str) -> tuple[list[str], NDArray[np.float64]]:
    """Labels, and a row of the array for each of them; refused where they do not belong together."""
    rows = block.rows()
    ends = block.ends_file and (not rows or rows[-1][0] == len(block.lines) - 1)
    for tag, what in (("#N", "the number of columns"), ("#L", "the column labels")):
        if not block.has(tag):
            raise _incomplete(where, f"it has no {tag} line ({what})", ends)
        if len(list(block.tagged(tag))) > 1:
            raise ReadError(
                f"{where}: has two {tag} lines, as where the #S line of the scan after it is lost: take "
                "an undamaged SPEC file"
            )
    match = re.match(r"\d{1,6}(?=\s|$)", block.after("#N"), re.ASCII)
    count = int(match[0]) if match else 0
    [labels] = parted([block.after("#L")], [count])
    if len(labels) != count or not labels:
        what = f"it has {len(labels)} column labels, two spaces apart, where #N says {count}"
        raise _incomplete(where, what, ends and not rows)
    values = []
    for i, (at, words) in enumerate(rows, 1):
        numbers = [number(word) for word in words]
        if len(words) != count:
            what = f"point {i} has {len(words)} values where #N says {count}"
            raise _incomplete(where, what, ends and i == len(rows))
        if None in numbers:
            raise ReadError(
                f"{where}: {words[numbers.index(None)][:30]!r} in line {block.first + at} is no number: "
                "take an undamaged SPEC file"
            )
        values.append(numbers)
    _check_points(block, len(rows), where, ends)
    return labels, np.array(values, dtype=float).T


def _check_points(block: Block, points: int, where: str, ends: bool) -> None:
    """Refuse a scan that has none, or whose points stop where the file does."""
    words = block.lines[0].split()[2:]
    at = INTERVALS.get(words[0]) if words else None
    digits = at is not None and len(words) > at and re.fullmatch(r"\d{1,9}", words[at], re.ASCII)
    intervals = int(digits[0]) if digits else 0
    if ends and points < max(intervals + block.torn, 1):
        of = f"{points} of {intervals + 1}" if intervals else "no"
        raise _incomplete(where, f"it has {of} points", ends)
    if not points:
        raise ReadError(
            f"{where}: it has no points, SPEC stopped before the first: give another scan"
        )
    aborted = re.search(r"Scan aborted after (\d{1,9}) points", "\n".join(block.lines))
    if aborted and points < int(aborted[1]):
        what = f"it has {points} points, and SPEC says that it was aborted after {aborted[1]}"
        raise _incomplete(where, what, False)


def _motors(block: Block, where: str) -> tuple[dict[int, list[str]], dict[str, float]]:
    """Names on each ``#O`` line, and the position of each motor; {} where the file names none."""
    given = block.numbered("#P")
    if twice := [index for index, texts in given.items() if len(texts) > 1]:
        raise ReadError(
            f"{where}: has two #P{twice[0]} lines that differ: take an undamaged SPEC file"
        )
    if not block.names:
        return {}, {}
    lines = {index: texts[0].split() for index, texts in given.items()}
    order = sorted({*block.names, *lines})
    texts = [block.names.get(index, "") for index in order]
    names = dict(zip(order, parted(texts, [len(lines.get(i, ())) for i in order]), strict=True))
    motors: dict[str, float] = {}
    for index in order:
        words = lines.get(index, [])
        if len(words) != len(names[index]):
            # a motor that was configured without a new file, or a line that was lost or cut
            raise ReadError(
                f"{where}: #P{index} has {len(words)} positions for the {len(names[index])} motors of "
                f"#O{index}, so that it is not known which is which: take a SPEC file whose header fits"
            )
        for name, word in zip(names[index], words, strict=True):
            value = number(word)
            if value is None:
                raise ReadError(
                    f"{where}: motor {name[:40]} stands at {word[:30]!r} in its #P{index} line, which is no "
                    "number: correct it"
                )
            motors[name] = value if motors.get(name, value) == value else math.nan
    return names, motors


def _roi(block: Block, where: str) -> tuple[int, int, int, int] | None:
    if not block.has("#UIMR5"):
        return None
    words = block.after("#UIMR5").split()[:4]
    if len(words) != 4 or not all(re.fullmatch(r"[+-]?\d{1,9}", w, re.ASCII) for w in words):
        raise ReadError(
            f"{where}: its #UIMR5 line (detector region) is incomplete: it needs four whole numbers, "
            "first column, columns, first row and rows; take an undamaged SPEC file"
        )
    column, columns, row, rows = map(int, words)
    return column, columns, row, rows


def _incomplete(where: str, what: str, cut: bool) -> ReadError:
    """Cut short where the file ends there; else something is missing in the middle of it."""
    if cut:
        return ReadError(f"{where} is cut short: {what}; take a complete SPEC file")
    return ReadError(f"{where}: {what}: take an undamaged SPEC file")
