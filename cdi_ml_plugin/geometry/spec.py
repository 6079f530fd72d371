"""One scan of a SPEC file, as 34-ID-C writes them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from silx.io.specfile import SpecFile

from ..errors import ReadError

ENERGY_MOTOR, CAMERA_MOTOR = "Energy", "camdist"  # keV; mm from the sample to the detector
# Word of the command that holds the number of intervals; the scan has one point more.
_INTERVALS = {"ascan": 4, "dscan": 4, "lup": 4, "a2scan": 7, "d2scan": 7}


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
        Every motor's position at the start of the scan, by name (degrees, mm; energy in keV).
    counters : mapping of str to float64 (points,)
        Every column of the table by its label: ``Monitor``, ``Seconds``, ``ImageTot``, …
    detector : str or None
        From ``#UIMDET``, for example ``"34idcTIM2"``.
    roi : tuple of int or None
        From ``#UIMR5``: (first column, columns, first row, rows) of the saved frames on the
        detector, in pixels.
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

    @property
    def points(self) -> int:
        """Number of points of the scan."""
        return len(self.positions)

    @property
    def energy_kev(self) -> float | None:
        """Photon energy in keV, from the motor ``Energy``."""
        return self.motors.get(ENERGY_MOTOR)

    @property
    def distance_mm(self) -> float | None:
        """Sample to detector in mm, from the motor ``camdist``."""
        return self.motors.get(CAMERA_MOTOR)


def read_scan(spec_file: str | os.PathLike[str], scan: int) -> SpecScan:
    """Read scan number `scan` of a SPEC file.

    Parameters
    ----------
    spec_file : path
    scan : int
        The number after ``#S``.

    Returns
    -------
    SpecScan

    Raises
    ------
    ReadError
        No such file, not a SPEC file, no such scan in it, or the file is cut in the middle of
        the scan: header lines, points, or a part of the last line are missing.

    Notes
    -----
    A scan with fewer points than its command asked for is accepted only where SPEC itself says
    that it was aborted after that many.
    """
    path = Path(spec_file)
    block = _block(path, scan)
    _check_complete(block, path, scan)
    try:
        file = SpecFile(str(path))
        entry = file[file.index(scan)]
        header = entry.scan_header_dict
        labels = list(entry.labels)
        columns = np.asarray(entry.data, dtype=float)
        names = list(entry.motor_names)
        motors = dict(zip(names, map(float, entry.motor_positions), strict=False))
        mnemonics = _mnemonics(entry.file_header_dict, names)
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise ReadError(f"{path}: scan {scan} cannot be read ({error}): check the file") from error
    # silx gives numbers to motors only as far as both #O and #P lines go.
    if len(motors) < len(names):
        raise _cut(path, scan, f"it gives {len(motors)} positions for {len(names)} motors")

    words = header["S"].split()[1:]
    motor = mnemonics.get(words[1], words[1]) if len(words) > 1 else labels[0]
    if motor not in labels:
        motor = labels[0]
    return SpecScan(
        path=str(path),
        number=scan,
        command=" ".join(words),
        date=header.get("D", ""),
        motor=motor,
        positions=columns[labels.index(motor)],
        motors=MappingProxyType(motors),
        counters=MappingProxyType(dict(zip(labels, columns, strict=True))),
        detector=header["UIMDET"].strip().rstrip(":") or None if "UIMDET" in header else None,
        roi=_roi(header["UIMR5"], path, scan) if "UIMR5" in header else None,
    )


def _block(path: Path, scan: int) -> list[str]:
    """The lines of one scan, after checking that file and scan are there."""
    if not path.is_file():
        raise ReadError(f"{path}: no such SPEC file")
    try:
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        raise ReadError(f"{path}: the SPEC file cannot be read ({error.strerror})") from error
    starts = [(int(m[1]), m.start()) for m in re.finditer(r"^#S[ \t]+(\d+)\b", text, re.MULTILINE)]
    if not starts:
        raise ReadError(f"{path}: not a SPEC file with scans (no line begins with '#S')")
    found = [i for i, (number, _) in enumerate(starts) if number == scan]
    if not found:
        numbers = [number for number, _ in starts]
        raise ReadError(
            f"{path}: no scan {scan}; the {len(numbers)} scan(s) in it go "
            f"from {min(numbers)} to {max(numbers)}"
        )
    if len(found) > 1:
        raise ReadError(
            f"{path}: {len(found)} scans have number {scan}: keep one of them in a file of its own"
        )
    first = starts[found[0]][1]
    last = starts[found[0] + 1][1] if found[0] + 1 < len(starts) else len(text)
    return text[first:last].splitlines()


def _check_complete(block: list[str], path: Path, scan: int) -> None:
    """Refuse a scan whose lines stop early; silx would return what is left of it."""
    tags = {line.split(maxsplit=1)[0] for line in block if line.startswith("#")}
    for tag, what in (("#N", "the number of columns"), ("#L", "the column labels")):
        if tag not in tags:
            raise _cut(path, scan, f"it has no {tag} line ({what})")
    columns = _number(_after(block, "#N"))
    labels = re.split(r"\s{2,}", _after(block, "#L").strip())
    if len(labels) != columns:
        raise _cut(path, scan, f"it has {len(labels)} column labels where #N says {columns}")
    # Lines with @ hold the spectra of a multichannel analyser, not points of the scan.
    rows = [line.split() for line in block[1:] if line.strip() and line[0] not in "#@ \t\\"]
    if rows and len(rows[-1]) != columns:
        raise _cut(
            path, scan, f"point {len(rows)} has {len(rows[-1])} values where #N says {columns}"
        )
    words = block[0].split()[2:]
    at = _INTERVALS.get(words[0]) if words else None
    if at is None or len(words) <= at or not words[at].isdigit():
        wanted = max(len(rows), 1)
    else:
        wanted = int(words[at]) + 1
    aborted = re.search(r"Scan aborted after (\d+) points", "\n".join(block))
    if not rows or (len(rows) != wanted and not (aborted and int(aborted[1]) == len(rows))):
        raise _cut(path, scan, f"it has {len(rows)} of {wanted} points")


def _after(block: list[str], tag: str) -> str:
    """The rest of the first line that begins with `tag`."""
    return next(line[len(tag) :] for line in block if line.split(maxsplit=1)[:1] == [tag])


def _number(text: str) -> int:
    match = re.match(r"\s*(\d+)", text)
    return int(match[1]) if match else 0


def _mnemonics(header: Mapping[str, str], names: list[str]) -> dict[str, str]:
    """Motor names by mnemonic, from the #o lines of the file header."""
    short = " ".join(header[k] for k in sorted(header) if re.fullmatch(r"o\d+", k)).split()
    return dict(zip(short, names, strict=True)) if len(short) == len(names) else {}


def _roi(text: str, path: Path, scan: int) -> tuple[int, int, int, int]:
    try:
        column, columns, row, rows = (int(word) for word in text.split()[:4])
    except ValueError as error:
        raise _cut(path, scan, "its #UIMR5 line (detector region) is incomplete") from error
    return column, columns, row, rows


def _cut(path: Path, scan: int, what: str) -> ReadError:
    return ReadError(f"{path}: scan {scan} is cut short: {what}; take a complete SPEC file")
