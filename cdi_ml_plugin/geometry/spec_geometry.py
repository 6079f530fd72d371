"""What a scan of a SPEC file says of the geometry."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ReadError
from .detectors import DETECTORS, detector_key
from .instruments import DIFFRACTOMETERS, ENERGY, ENERGY_NAMES, Diffractometer, diffractometer
from .spec import CAMERA_MOTOR, ENERGY_MOTOR, SpecScan

_MACHINE = {"energy": ENERGY_MOTOR, "distance": CAMERA_MOTOR}  # our name → SPEC's motor
# Diffractometers of the stations whose SPEC files are read → the station's name.
STATIONS = {"34idc": "34-ID-C", "chex": "28-ID-B", "7idd": "7-ID-D", "1ide": "1-ID-E"}


def station(scan: SpecScan) -> str:
    """The one of `STATIONS` whose circles the file names best; 34-ID-C where it names half of them or fewer."""

    def lacking(name: str) -> int:
        circles = DIFFRACTOMETERS[name]
        each = [_spellings(spelled(circle, circles)) for circle in circles.circles]
        return sum(not any(word in scan.motors for word in words) for words in each)

    best = min(STATIONS, key=lacking)
    return best if 2 * lacking(best) < len(DIFFRACTOMETERS[best].circles) else next(iter(STATIONS))


def from_scan(
    scan: SpecScan, reference: tuple[int, int, int] | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    """What `given`, which names the diffractometer, lacks of the parameters of `Geometry`.

    Raises
    ------
    ReadError
        No rocking scan, or a number that neither holds; all of those are listed.
    """
    where = f"{scan.path}, scan {scan.name}"
    circles = diffractometer(given["diffractometer"])
    values: dict[str, Any] = {}
    if "motor" not in given or "step" not in given:
        values |= _scanned(scan, where, circles)
    values["motor"] = given.get("motor", values.get("motor"))
    values["detector"] = given.get("detector") or _detector(scan, where, given, circles)
    values["roi"] = roi = (
        given["roi"] if "roi" in given else _region(scan, given, values["detector"])
    )
    if reference is None:
        reference = (scan.points // 2, roi[3] // 2, roi[1] // 2)
    if not 0 <= reference[0] < scan.points:
        raise ReadError(
            f"{where}: has {scan.points} points, the reference frame is {reference[0]}: "
            "give a frame of the scan"
        )
    values["reference"] = reference
    missing: list[str] = []
    for name in (*_MACHINE, *circles.circles):
        if name in given:
            continue
        found = position(scan, name, circles, reference[0] if name == values["motor"] else None)
        if found is None:
            missing.append(f"{name} ({' or '.join(spelled(name, circles))})")
        else:
            values[name] = found
    if missing:
        raise ReadError(
            f"{where}: has no {', '.join(missing)}: give what is missing by keyword, or an undamaged file"
        )
    return values


def spelled(name: str, circles: Diffractometer) -> list[str]:
    """What SPEC calls a circle, the energy or the distance."""
    if name in _MACHINE:
        return list(circles.names.get(name, (_MACHINE[name],)))
    return [n[:1].upper() + n[1:] for n in (name, *circles.names.get(name, ()))]


def position(
    scan: SpecScan, name: str, circles: Diffractometer, point: int | None = None
) -> float | None:
    """Energy in keV, distance in metres, a circle in degrees, a detector that is moved in metres.

    It is that at the start of the scan, or at one of its points; None where it is not in the file.
    """
    unit = 1e-3 if name == "distance" or circles.moves(name) else 1.0  # SPEC has mm
    for word in _spellings(spelled(name, circles)):
        if point is None:
            value = scan.motors.get(word, math.nan)
        else:
            value = float(scan.counters[word][point]) if word in scan.counters else math.nan
        if math.isfinite(value):
            return value * unit
    return None


def _spellings(words: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(word for base in words for word in (base, base.lower())))


def _scanned(scan: SpecScan, where: str, circles: Diffractometer) -> dict[str, Any]:
    """Motor and step from the command, as ``ascan th -0.28 0.72 200 0.25``."""
    words = scan.command.split()
    try:
        motor = circles.circle(words[1])
        if motor is None and words[1].lower() in ENERGY_NAMES:
            motor = ENERGY
        if motor not in (*circles.sample, ENERGY):
            raise ValueError
        step = (float(words[3]) - float(words[2])) / int(words[4])
    except (IndexError, ValueError, ArithmeticError) as error:
        raise ReadError(
            f"{where}: '#S {scan.number} {scan.command[:80]}' is no scan of "
            f"{', '.join(circles.sample)} or energy: give motor and step by keyword"
        ) from error
    return {"motor": motor, "step": step}


def _detector(scan: SpecScan, where: str, given: Mapping[str, Any], circles: Diffractometer) -> str:
    """The scan's detector; where it names none the diffractometer's."""
    name = detector_key(scan.detector or "", str(given["diffractometer"]))
    if name and name not in DETECTORS and "pixel" not in given:
        raise ReadError(
            f"{where}: detector {name[:40]!r} is not known: give pixel=(column, row size in metres) and "
            f"beam_zero by keyword, or detector as one of {', '.join(DETECTORS)}"
        )
    return name or circles.default_detector


def _region(scan: SpecScan, given: Mapping[str, Any], detector: str) -> tuple[int, int, int, int]:
    """What was read out of the detector: as SPEC says, which 34-ID-C's always does, else all of it."""
    roi = scan.region(detector)
    if roi is None and given["diffractometer"] != "34idc" and detector in DETECTORS:
        columns, rows = DETECTORS[detector].size
        return 0, columns, 0, rows
    if roi is None:
        raise ReadError(
            f"{scan.path}, scan {scan.name}: has no region of interest (#UIMR5): give roi by keyword"
        )
    return roi
