"""The angle of the scanned circle at the reference, from the positions along the scan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .instruments import ENERGY, ENERGY_NAMES, diffractometer


def angle_at(about: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Angle of the scanned circle (or the energy) at the reference frame, by its name.

    Parameters
    ----------
    about : mapping
        Provenance: ``acquisition`` there has a position for each frame under ``motors``.
    given : mapping
        Parameters of `Geometry`; what they hold already is left alone.

    Returns
    -------
    dict
        Empty where the angle is given, or the positions or the reference are not.
    """
    circle, place = given.get("motor"), given.get("reference")
    if not isinstance(circle, str) or circle in given or not isinstance(place, list | tuple):
        return {}
    scan = about.get("acquisition")
    motors = scan.get("motors") if isinstance(scan, Mapping) else None
    circles = diffractometer(given.get("diffractometer") or "34idc")
    for name, positions in motors.items() if isinstance(motors, Mapping) else ():
        same = name in ENERGY_NAMES if circle == ENERGY else circles.circle(str(name)) == circle
        if not same or not isinstance(positions, list | tuple):
            continue
        if place and isinstance(place[0], int | np.integer) and 0 <= place[0] < len(positions):
            return {circle: positions[place[0]]}
    return {}
