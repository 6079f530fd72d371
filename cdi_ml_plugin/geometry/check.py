"""What the numbers of a `Geometry` must be."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from reprlib import repr as shown
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import ParameterError
from .detectors import DETECTORS, Detector, off_detector
from .instruments import ENERGY, diffractometer

DIRECTION = re.compile("[xy][+-]")
LARGEST = 1e9  # of pixels and voxels
# What lies beyond is another unit: eV, wavelengths, mm, µm, radians.
RANGES = {"energy": (0.1, 200.0, "keV"), "distance": (1e-3, 50.0, "metres")}
PIXEL = (1e-7, 5e-3)  # metres
WIDEST = 10.0  # degrees in a step
WIDEST_ENERGY = 0.05  # of the energy, in a step
# how many values each keyword besides the circles' angles takes, and whether they are whole
LENGTHS = {"reference": 3, "roi": 4, "pixel": 2, "beam_zero": 2, "directions": 2, "binning": 3}
WHOLE = ("reference", "roi", "binning")
NUMBERS = ("energy", "distance", "step")
WORDS = ("motor", "diffractometer", "detector")
FARTHEST = 50.0  # metres that a detector is moved
KEYWORDS = (*NUMBERS, *WORDS, *LENGTHS)


def check_given(given: Mapping[str, Any]) -> None:
    """Check that names are known and that each value is of its kind, whatever is still missing.

    Raises
    ------
    ParameterError
        All unknown names, or the first value of another kind; optional ones may be None.
    """
    name = given.get("diffractometer") or "34idc"
    circles = diffractometer(name).circles
    name = name if isinstance(name, str) else "this diffractometer"
    if taken := [circle for circle in circles if circle in KEYWORDS]:
        raise ParameterError(
            f"geometry: diffractometer: a circle is called {taken[0]}, as a parameter is: give it another name"
        )
    if unknown := [key for key in given if key not in (*KEYWORDS, *circles)]:
        raise ParameterError(
            f"geometry: unknown parameter {', '.join(map(shown, unknown[:5]))}: the circles of {name} are "
            f"{', '.join(circles)}; the others are {', '.join(KEYWORDS)}"
        )
    for key in (*NUMBERS, *circles):
        if key in given and not _finite(given[key]):
            raise ParameterError(
                f"geometry: {key} is {shown(given[key])}: a finite number is needed"
            )
    for key in WORDS:
        if key != "diffractometer" and not isinstance(given.get(key), str | None):
            raise ParameterError(f"geometry: {key} is {shown(given[key])}: a name is needed")
    for key, count in LENGTHS.items():
        if given.get(key) is not None:
            _check_several(key, given[key], count)


def validated(given: Mapping[str, Any], angles: Mapping[str, Any]) -> dict[str, Any]:
    """Every attribute of a `Geometry`, checked, with defaults: what its constructor keeps.

    Parameters
    ----------
    given : mapping
        All of `KEYWORDS`; optional ones may be None.
    angles : mapping
        Of the circles.

    Raises
    ------
    ParameterError
        As `Geometry`.
    """
    check_given({**given, **angles})
    values = {**with_defaults(given), "angles": MappingProxyType(dict(angles))}
    check(values)
    return values


def with_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter besides the angles, with the default of what is None.

    Raises
    ------
    ParameterError
        See `known_detector`.
    """
    circles = diffractometer(given["diffractometer"])
    detector = given["detector"] or circles.default_detector
    known = known_detector(detector, given["pixel"], given["roi"])
    columns, rows = known.size
    defaults = {
        "motor": next(iter(circles.sample)),
        "detector": detector,
        "roi": (0, columns, 0, rows),
        "pixel": (known.pixel, known.pixel),
        "beam_zero": known.beam_zero or (columns / 2, rows / 2),
        "directions": circles.directions,
    }
    values = {name: defaults[name] if value is None else value for name, value in given.items()}
    for name in LENGTHS:
        values[name] = tuple(map(int, values[name]) if name in WHOLE else values[name])
    return values


def check(values: Mapping[str, Any]) -> None:
    """Check every attribute of a `Geometry`, each of its kind (`check_given`).

    Raises
    ------
    ParameterError
        The first that is missing, out of range or unknown.
    """
    circles, angles = diffractometer(values["diffractometer"]), values["angles"]
    if missing := [name for name in circles.circles if name not in angles]:
        raise ParameterError(
            f"geometry: no angle of {', '.join(missing)}: give it in degrees"
            if not all(map(circles.moves, missing))
            else f"geometry: no position of {', '.join(missing)}: give it in metres"
        )
    turned = {name: value for name, value in angles.items() if not circles.moves(name)}
    for name, value in angles.items():
        if name in turned and abs(value) > 360:
            raise ParameterError(
                f"geometry: {name} is {shown(value)}: give degrees from -360 to 360"
            )
        if name not in turned and abs(value) > FARTHEST:
            raise ParameterError(
                f"geometry: {name} is {shown(value)}: give it in metres, up to {FARTHEST:g}"
            )
    right_angles = [n for n, a in turned.items() if abs(abs(a) - math.pi / 2) < 1e-4]
    if right_angles and max(map(abs, turned.values())) <= 2 * math.pi:
        raise ParameterError(
            f"geometry: {right_angles[0]} is {angles[right_angles[0]]}, π/2, and no angle is above 2π: "
            "give degrees, not radians"
        )
    for name, (low, high, unit) in RANGES.items():
        if not low <= values[name] <= high:
            raise ParameterError(
                f"geometry: {name} is {shown(values[name])}: give it in {unit}, from {low:g} to {high:g}"
            )
    scanned = values["motor"]
    if scanned not in (*circles.sample, ENERGY):
        raise ParameterError(
            f"geometry: motor {shown(scanned)} is unknown: use one of "
            f"{', '.join(circles.sample)}, {ENERGY}"
        )
    widest, unit = (
        (WIDEST_ENERGY * values["energy"], "keV") if scanned == ENERGY else (WIDEST, "degrees")
    )
    if not 0 < abs(values["step"]) <= widest:
        raise ParameterError(
            f"geometry: step is {values['step']}: give the step of {scanned} in {unit}, other than 0 and "
            f"up to {widest:g}"
        )
    if not all(PIXEL[0] <= edge <= PIXEL[1] for edge in values["pixel"]):
        raise ParameterError(
            f"geometry: pixel is {values['pixel']}: give it in metres, from {PIXEL[0]:g} to {PIXEL[1]:g}"
        )
    if min(values["binning"]) < 1:
        raise ParameterError(f"geometry: binning {values['binning']} must be positive")
    if values["directions"][0][0] == values["directions"][1][0]:
        raise ParameterError(
            f"geometry: directions {values['directions']} are along one axis: one is along x, one along y"
        )
    _check_place(values)


def _check_place(values: Mapping[str, Any]) -> None:
    """Whether the region is on the detector, and the reference in the region."""
    roi, name = values["roi"], shown(values["detector"])
    detector = DETECTORS.get(values["detector"])
    if fault := off_detector(roi, detector):
        raise ParameterError(
            f"geometry: roi {roi} {fault}: give (first column, columns, first row, rows) on "
            f"detector {name}"
        )
    columns, rows = frame_size(roi, detector)
    frame, row, column = values["reference"]
    if frame < 0 or not (0 <= row < rows and 0 <= column < columns):
        raise ParameterError(
            f"geometry: reference (frame, row, column) {values['reference']} is off the {rows} rows and "
            f"{columns} columns that were read out: give roi and, of another detector than {name}, detector "
            "or pixel and beam_zero"
        )


def frame_size(roi: Sequence[int], detector: Detector | None) -> tuple[int, int]:
    """(columns, rows) of frames of a region, with the gap between the chips where the region crosses it."""
    sizes = []
    for first, count, axis in ((roi[0], roi[1], 0), (roi[2], roi[3], 1)):
        crosses = detector is not None and first < detector.seam_start < first + count
        sizes.append(count + detector.seam[axis] if detector is not None and crosses else count)
    return sizes[0], sizes[1]


def _finite(value: Any) -> bool:
    # compared, since an integer may be too large for math.isfinite
    right = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return right and bool(-math.inf < value < math.inf)


def _check_several(name: str, value: Any, count: int) -> None:
    """What takes several values has them, as numbers, or as directions."""
    each = list(value) if isinstance(value, list | tuple | np.ndarray) else []
    if name == "directions":
        right, what = all(isinstance(v, str) and DIRECTION.fullmatch(v) for v in each), "x+, y- …"
    else:
        right = all(_finite(v) and abs(v) < LARGEST for v in each)
        what = f"finite numbers below {LARGEST:g}"
        if name in WHOLE and right:
            right, what = all(v == int(v) for v in each), "whole numbers"
    if len(each) != count or not right:
        raise ParameterError(f"geometry: {name} is {shown(value)}: it needs {count} values, {what}")


def missing(given: Mapping[str, Any]) -> list[str]:
    """Keywords that a `Geometry` cannot do without, and that are not given."""
    circles = diffractometer(given.get("diffractometer") or "34idc").circles
    return [
        name for name in ("energy", "distance", "step", "reference", *circles) if name not in given
    ]


def complete(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """`given` itself, where nothing is missing.

    Raises
    ------
    ParameterError
        Something is; the message lists it.
    """
    if lacking := missing(given):
        raise ParameterError(
            f"geometry: no {', '.join(lacking)}: give them too, or a SPEC file that has them"
        )
    return given


def known_detector(
    name: str, pixel: tuple[float, float] | None, roi: tuple[int, int, int, int] | None
) -> Detector:
    """A known detector, or what is given of an unknown one.

    Raises
    ------
    ParameterError
        It is unknown, and pixel size or region are not given.
    """
    if not isinstance(name, str):
        raise ParameterError(f"geometry: detector is {name!r}: give one of {', '.join(DETECTORS)}")
    if name in DETECTORS:
        return DETECTORS[name]
    if pixel is None or roi is None:
        raise ParameterError(
            f"geometry: detector {shown(name)} is not known: give pixel=(column, row size in metres), "
            f"roi and beam_zero, or one of {', '.join(DETECTORS)}"
        )
    return Detector((roi[0] + roi[1], roi[2] + roi[3]), pixel[0])


def voxels(shape: Any) -> tuple[int, int, int]:
    """Shape of an array.

    Raises
    ------
    ParameterError
        It is not three positive numbers.
    """
    each = list(shape) if isinstance(shape, list | tuple | np.ndarray) else []
    whole = (isinstance(n, int | np.integer) and not isinstance(n, bool) for n in each)
    if len(each) != 3 or not all(whole) or min(each) < 1:
        raise ParameterError(
            f"geometry: shape {shape!r:.80} is not three positive numbers of voxels"
        )
    z, y, x = map(int, each)
    return z, y, x


def mapping(given: Any) -> Mapping[str, Any]:
    """What is given, where it is a mapping; else ParameterError."""
    if not isinstance(given, Mapping):
        raise ParameterError(f"geometry: {given!r:.80} is no mapping of parameters")
    return given
