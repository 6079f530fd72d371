"""What a SPEC file says of the geometry of a scan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from silx.io.specfile import Scan, SfErrColNotFound, SfErrMotorNotFound, SpecFile

from ..errors import ReadError
from .instruments import DETECTORS, ENERGY, Diffractometer

_MACHINE = {"energy": "Energy", "distance": "camdist"}  # our name → SPEC's motor; keV, mm


def read_spec(
    path: Path,
    number: int,
    reference: tuple[int, int, int] | None,
    given: Mapping[str, Any],
    diffractometer: Diffractometer,
) -> dict[str, Any]:
    """Read from one scan what `given` lacks of the parameters of `Geometry`.

    Raises
    ------
    ReadError
        No such file or scan, no rocking scan, or a number that neither holds; all of those are listed.
    """
    try:
        scan = SpecFile(str(path))[f"{number}.1"]
    except OSError as error:
        raise ReadError(f"{path}: cannot be opened as a SPEC file: check the path") from error
    except (KeyError, IndexError) as error:
        raise ReadError(f"{path}: holds no scan {number}: check the scan number") from error
    where = f"{path}, scan {number}"
    values: dict[str, Any] = {}
    if "motor" not in given or "step" not in given:
        values |= _scanned(scan, where, diffractometer)
    values["motor"] = given.get("motor", values.get("motor"))
    values["detector"] = given.get("detector") or _detector(scan, where, given, diffractometer)
    values["roi"] = roi = given["roi"] if "roi" in given else _region(scan.scan_header, where)
    points = scan.data.shape[1] if scan.data.ndim == 2 else 0
    if reference is None:
        reference = (points // 2, roi[3] // 2, roi[1] // 2)
    if not 0 <= reference[0] < points:
        raise ReadError(
            f"{where}: has {points} points, the reference frame is {reference[0]}: "
            "give a frame of the scan"
        )
    values["reference"] = reference
    missing: list[str] = []
    for name in (*_MACHINE, *diffractometer.circles):
        if name in given:
            continue
        names = [_title(n) for n in (name, *diffractometer.names.get(name, ()))]
        if name in _MACHINE:
            names = [_MACHINE[name]]
        found = _position(scan, names, reference[0] if name == values["motor"] else None)
        if found is None:
            missing.append(f"{name} ({' or '.join(names)})")
        else:
            values[name] = found / 1000.0 if name == "distance" else found
    if missing:
        raise ReadError(
            f"{where}: has no {', '.join(missing)}: give what is missing by keyword, or an undamaged file"
        )
    return values


def _scanned(scan: Scan, where: str, diffractometer: Diffractometer) -> dict[str, Any]:
    """Motor and step from the command, as ``ascan th -0.28 0.72 200 0.25``."""
    words = scan.scan_header_dict.get("S", "").split()
    try:
        motor = diffractometer.circle(words[2])
        if motor is None and words[2].lower() in ENERGY:
            motor = "energy"
        if motor not in (*diffractometer.sample, "energy"):
            raise ValueError
        step = (float(words[4]) - float(words[3])) / int(words[5])
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise ReadError(
            f"{where}: '#S {' '.join(words)}' is no scan of {', '.join(diffractometer.sample)} or "
            "energy: give motor and step by keyword"
        ) from error
    return {"motor": motor, "step": step}


def _position(scan: Scan, names: Sequence[str], point: int | None) -> float | None:
    """Where a motor stood: at that point of the scan, or at its start; None where it is not in the file."""
    for name in {n: None for base in names for n in (base, base.lower())}:
        try:
            if point is not None:
                value = float(scan.data_column_by_name(name)[point])
            else:
                value = float(scan.motor_position_by_name(name))
        except (SfErrMotorNotFound, SfErrColNotFound):
            continue
        if math.isfinite(value):  # silx gives infinity for a motor whose #P line is not there
            return value
    return None


def _title(name: str) -> str:
    return name[:1].upper() + name[1:]


def _detector(
    scan: Scan, where: str, given: Mapping[str, Any], diffractometer: Diffractometer
) -> str:
    """The detector in ``#UIMDET``; without that line the diffractometer's."""
    name = scan.scan_header_dict.get("UIMDET", "").strip().rstrip(":")
    if name and name not in DETECTORS and "pixel" not in given:
        raise ReadError(
            f"{where}: detector {name!r} is not known: give pixel=(column, row size in metres) and "
            f"beam_zero by keyword, or detector as one of {', '.join(DETECTORS)}"
        )
    return name or diffractometer.default_detector


def _region(header: list[str], where: str) -> tuple[int, int, int, int]:
    for line in header:
        if line.startswith("#UIMR5"):
            numbers = [word for word in line.split()[1:5] if word.lstrip("-").isdigit()]
            if len(numbers) == 4:
                first_column, columns, first_row, rows = map(int, numbers)
                return first_column, columns, first_row, rows
    raise ReadError(f"{where}: has no region of interest (#UIMR5): give roi by keyword")
