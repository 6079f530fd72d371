"""What a scan of a SPEC file says of the geometry."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ReadError
from .detectors import DETECTORS
from .instruments import ENERGY, ENERGY_NAMES, Diffractometer
from .spec import CAMERA_MOTOR, ENERGY_MOTOR, SpecScan

_MACHINE = {"energy": ENERGY_MOTOR, "distance": CAMERA_MOTOR}  # our name → SPEC's motor


def from_scan(
    scan: SpecScan,
    reference: tuple[int, int, int] | None,
    given: Mapping[str, Any],
    diffractometer: Diffractometer,
) -> dict[str, Any]:
    """What `given` lacks of the parameters of `Geometry`.

    Raises
    ------
    ReadError
        No rocking scan, or a number that neither holds; all of those are listed.
    """
    where = f"{scan.path}, scan {scan.name}"
    values: dict[str, Any] = {}
    if "motor" not in given or "step" not in given:
        values |= _scanned(scan, where, diffractometer)
    values["motor"] = given.get("motor", values.get("motor"))
    values["detector"] = given.get("detector") or _detector(scan, where, given, diffractometer)
    values["roi"] = roi = given["roi"] if "roi" in given else _region(scan, values["detector"])
    if reference is None:
        reference = (scan.points // 2, roi[3] // 2, roi[1] // 2)
    if not 0 <= reference[0] < scan.points:
        raise ReadError(
            f"{where}: has {scan.points} points, the reference frame is {reference[0]}: "
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


def _scanned(scan: SpecScan, where: str, diffractometer: Diffractometer) -> dict[str, Any]:
    """Motor and step from the command, as ``ascan th -0.28 0.72 200 0.25``."""
    words = scan.command.split()
    try:
        motor = diffractometer.circle(words[1])
        if motor is None and words[1].lower() in ENERGY_NAMES:
            motor = ENERGY
        if motor not in (*diffractometer.sample, ENERGY):
            raise ValueError
        step = (float(words[3]) - float(words[2])) / int(words[4])
    except (IndexError, ValueError, ArithmeticError) as error:
        raise ReadError(
            f"{where}: '#S {scan.number} {scan.command[:80]}' is no scan of "
            f"{', '.join(diffractometer.sample)} or energy: give motor and step by keyword"
        ) from error
    return {"motor": motor, "step": step}


def _position(scan: SpecScan, names: Sequence[str], point: int | None) -> float | None:
    """Where a motor stood: at that point of the scan, or at its start; None where it is not in the file."""
    for name in {n: None for base in names for n in (base, base.lower())}:
        if point is None:
            value = scan.motors.get(name, math.nan)
        else:
            value = float(scan.counters[name][point]) if name in scan.counters else math.nan
        if math.isfinite(value):
            return value
    return None


def _title(name: str) -> str:
    return name[:1].upper() + name[1:]


def _detector(
    scan: SpecScan, where: str, given: Mapping[str, Any], diffractometer: Diffractometer
) -> str:
    """The scan's detector; where it names none the diffractometer's."""
    name = scan.detector
    if name and name not in DETECTORS and "pixel" not in given:
        raise ReadError(
            f"{where}: detector {name[:40]!r} is not known: give pixel=(column, row size in metres) and "
            f"beam_zero by keyword, or detector as one of {', '.join(DETECTORS)}"
        )
    return name or diffractometer.default_detector


def _region(scan: SpecScan, detector: str) -> tuple[int, int, int, int]:
    roi = scan.region(detector)
    if roi is None:
        raise ReadError(
            f"{scan.path}, scan {scan.name}: has no region of interest (#UIMR5): give roi by keyword"
        )
    return roi
