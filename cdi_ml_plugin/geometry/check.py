"""What the numbers of a `Geometry` must be."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ParameterError
from .instruments import DETECTORS, ENERGY, Detector, diffractometer, off_detector

DIRECTION = re.compile("[xyz][+-]")
WIDEST = 45.0  # degrees in a step; more is a mistake
LARGEST = 1e9  # of pixels, voxels and metres
# how many values each keyword besides the circles' angles takes
LENGTHS = {"reference": 3, "roi": 4, "pixel": 2, "beam_zero": 2, "directions": 2, "binning": 3}
KEYWORDS = ("energy", "distance", "step", "motor", "diffractometer", "detector", *LENGTHS)


def check(values: Mapping[str, Any]) -> None:
    """Check every attribute of a `Geometry`.

    Raises
    ------
    ParameterError
        The first that is missing, not finite, out of range or unknown.
    """
    circles = diffractometer(values["diffractometer"])
    angles = values["angles"]
    unknown = [name for name in angles if name not in circles.circles]
    if unknown:
        raise ParameterError(
            f"geometry: unknown keyword {unknown[0]!r}: the circles of {values['diffractometer']} are "
            f"{', '.join(circles.circles)}; other keywords are {', '.join(KEYWORDS)}"
        )
    missing = [name for name in circles.circles if name not in angles]
    if missing:
        raise ParameterError(f"geometry: no angle of {', '.join(missing)}: give it in degrees")
    numbers = {name: values[name] for name in ("energy", "distance", "step")}
    for name, value in {**numbers, **angles}.items():
        # compared, since an integer may be too large for math.isfinite
        if not _real(value) or not -math.inf < value < math.inf:
            raise ParameterError(f"geometry: {name} is {value!r}: a finite number is needed")
    for name, value in angles.items():
        if abs(value) > 360:
            raise ParameterError(f"geometry: {name} is {value}: give degrees from -360 to 360")
    for name, unit, highest in (("energy", "keV", 1000), ("distance", "metres", 200)):
        if not 0 < values[name] < highest:
            raise ParameterError(
                f"geometry: {name} is {values[name]}: it must be > 0 and < {highest}, in {unit}"
            )
    if values["step"] == 0 or abs(values["step"]) > WIDEST:
        raise ParameterError(
            f"geometry: step is {values['step']}: give the scanned motor's step in degrees (energy: keV)"
        )
    if values["motor"] not in (*circles.sample, ENERGY):
        raise ParameterError(
            f"geometry: motor {values['motor']!r} is unknown: use one of "
            f"{', '.join(circles.sample)}, {ENERGY}"
        )
    check_kinds(values)
    if fault := off_detector(values["roi"], DETECTORS.get(values["detector"])):
        raise ParameterError(
            f"geometry: roi {values['roi']} {fault}: give (first column, columns, first row, rows) on "
            f"detector {values['detector']}"
        )
    if min(values["binning"]) < 1 or min(values["pixel"]) <= 0:
        raise ParameterError(
            f"geometry: binning {values['binning']} and pixel {values['pixel']} must be positive"
        )


def check_kinds(given: Mapping[str, Any]) -> None:
    """Check that what takes several values has them, as numbers, or as directions.

    Raises
    ------
    ParameterError
        The first that is not; a keyword that is None or not given is passed over.
    """
    for name, count in LENGTHS.items():
        value = given.get(name)
        if value is None:
            continue
        each = list(value) if isinstance(value, list | tuple | np.ndarray) else []
        if name == "directions":
            right, what = (
                all(isinstance(v, str) and DIRECTION.fullmatch(v) for v in each),
                "x+, y- …",
            )
        else:
            numbers = [_real(v) and -LARGEST < v < LARGEST for v in each]
            right, what = all(numbers), f"finite numbers below {LARGEST:g}"
        if len(each) != count or not right:
            raise ParameterError(f"geometry: {name} is {value!r}: it needs {count} values, {what}")


def _real(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def missing(given: Mapping[str, Any]) -> list[str]:
    """Keywords that a `Geometry` cannot do without, and that are not given."""
    circles = diffractometer(given.get("diffractometer", "34idc")).circles
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
            f"geometry: detector {name!r} is not known: give pixel=(column, row size in metres), "
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
