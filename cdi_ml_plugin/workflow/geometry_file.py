"""A JSON file with parameters of `Geometry`: read, and a template to fill in."""

from __future__ import annotations

import json
from pathlib import Path
from reprlib import repr as shown
from typing import Any

from ..errors import ParameterError, ReadError
from ..geometry.check import check_given
from ..geometry.detectors import DETECTORS
from ..geometry.instruments import DIFFRACTOMETERS, diffractometer
from ..utils.inputs import check_file

_EXAMPLE = '{"energy": 9.0, …}'


def read_geometry(path: Path) -> dict[str, Any]:
    """Parameters of `Geometry` from a JSON file, all of them or some.

    What is null is left out, so that a template may be filled in by and by.

    Raises
    ------
    ReadError
        No JSON object.
    ParameterError
        An unknown name, or a value of another kind.
    """
    check_file(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        raise ReadError(
            f"{path}: cannot be read as JSON ({error}): write one object, as {_EXAMPLE}"
        ) from error
    if not isinstance(content, dict):
        raise ReadError(f"{path}: must hold one JSON object, as {_EXAMPLE}")
    content = {name: value for name, value in content.items() if value is not None}
    # without a diffractometer it is the data's, whose circles are not known here
    known = {circle for each in DIFFRACTOMETERS.values() for circle in each.circles}
    later = known if "diffractometer" not in content else set()
    try:
        check_given({name: value for name, value in content.items() if name not in later})
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from error
    return content


def template(name: str) -> dict[str, Any]:
    """Parameters of `Geometry` of a diffractometer, in the order in which one thinks of them; unknown ones None.

    Parameters
    ----------
    name : str
        One of `instruments.DIFFRACTOMETERS`.

    Raises
    ------
    ParameterError
        Another.
    """
    circles = diffractometer(name)
    detector = circles.default_detector
    known = DETECTORS[detector]
    columns, rows = known.size
    return {
        "diffractometer": name,
        "energy": None,
        "distance": None,
        "motor": next(iter(circles.sample)) if len(circles.sample) == 1 else None,
        "step": None,
        **dict.fromkeys(circles.circles),
        "detector": detector,
        "pixel": [known.pixel, known.pixel],
        "beam_zero": known.beam_zero
        and list(known.beam_zero),  # one in the middle would win over the data's
        "roi": [0, columns, 0, rows],
        "directions": list(circles.directions),
        "binning": [1, 1, 1],
    }


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of a name that is there twice JSON would take the last without a word."""
    names = [name for name, _ in pairs]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ValueError(f"{shown(twice[0])} is there twice")
    return dict(pairs)
