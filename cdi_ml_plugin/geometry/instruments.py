"""Diffractometers as data: adding one is adding a row.

Laboratory frame: z along the beam, y up, x completes a right-handed frame (CXI's). Axes are in
xrayutilities' notation: ``"y+"`` turns right-handed about y; ``"ty"`` moves a detector along y, in metres. Circles
are listed from the outermost on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ParameterError

Directions = tuple[str, str]
ENERGY = "energy"  # as a scanned motor
KEV_NM = 1.239841984  # h·c/e, exact in the SI of 2019
ENERGY_NAMES = ("energy", "en")  # as SPEC calls it


@dataclass(frozen=True)
class Diffractometer:
    """Circles of a diffractometer, by the names that `Geometry` takes for their angles.

    Attributes
    ----------
    sample, detector : mapping of str to str
        Circle → axis. A circle in both carries sample and detector.
    directions : (str, str)
        Along which way column and row numbers grow at zero detector angles.
    default_detector : str
    names : mapping of str to tuple of str
        Circle → what SPEC calls it (motor name, mnemonics), where that differs from the circle's name;
        ``energy`` and ``distance``, where the motor is another than 34-ID-C's.
    """

    sample: Mapping[str, str]
    detector: Mapping[str, str]
    directions: Directions
    default_detector: str
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def circles(self) -> tuple[str, ...]:
        """Every circle once, sample first."""
        return tuple(dict.fromkeys([*self.sample, *self.detector]))

    def moves(self, circle: str) -> bool:
        """Whether a circle of that name is none, but moves the detector along an axis."""
        return self.detector.get(circle, "").startswith("t")

    def circle(self, motor: str) -> str | None:
        """The circle that SPEC calls `motor`, whatever the case."""
        wanted = motor.lower()
        for name in self.circles:
            if wanted in (name, *(other.lower() for other in self.names.get(name, ()))):
                return name
        return None


# Circles and detectors' directions of the APS stations, where they are mounted, are those of cohere_beamlines 4.5.6,
# which has the beam along y at 28-ID-B: its x, y, z are our -x, z, y. ID01 and P10 are those of
# cohere_beamlines and bcdi 0.2.3, where cohere_beamlines has columns along "x-" at ID01 and "x+" at P10; CRISTAL,
# NanoMAX and ID27 are those of cdiutils 0.2.1. SIXS has the circles of SOLEIL's library hkl, MED1+2 (sample flat:
# "sixs", which is bcdi's too) and MED2+2 (upright: "sixs2022"). For the latter cdiutils turns the laboratory by 90°
# about the beam (mu, gamma about "x-"; omega, delta about "y+", delta outermost): with omega = delta = 0 it is the
# same, turned; of omega and delta it has the other sense. Directions are those of cdiutils in our laboratory.
# bcdi has columns along "x+" at NanoMAX.
DIFFRACTOMETERS: dict[str, Diffractometer] = {
    "34idc": Diffractometer(
        sample={"theta": "y+", "chi": "z-", "phi": "y+"},
        detector={"delta": "y+", "gamma": "x-"},
        directions=("x+", "y-"),
        default_detector="34idcTIM2",
        names={"theta": ("th",), "delta": ("del",), "gamma": ("gam",)},
    ),
    "chex": Diffractometer(
        sample={"mu": "y-", "eta": "x-", "chi": "z+", "phi": "y-"},
        detector={"nu": "y-", "delta": "x-"},
        directions=("x+", "y-"),
        default_detector="s28eiger2-si",
        names={"delta": ("del",)},
    ),
    "1ide": Diffractometer(  # the detector is turned about the beam, and moved across
        sample={"aero": "y-"},
        detector={"vff_eta": "z+", "vff_r": "ty", "vff_eta_offset": "tx"},
        directions=("x+", "y-"),
        default_detector="1ideASI",
        names={"aero": ("AeroTech",), "distance": ("detdist",)},
    ),
    "7idd": Diffractometer(
        sample={"wedge": "x-", "chi": "z-", "theta": "x-", "phi": "y+"},
        detector={"yaw": "y+", "pitch": "x-"},
        directions=("y+", "x+"),
        default_detector="7iddrobot",
        names={"theta": ("th", "ThetaN"), "distance": ("Radius",)},
    ),
    "20ide": Diffractometer(  # the detector is moved across alone
        sample={"samry": "y+"},
        detector={"detx": "tx", "dety": "ty"},
        directions=("x+", "y-"),
        default_detector="20ideASI",
        names={"samry": ("LabMotion",)},
    ),
    "id01": Diffractometer(
        sample={"mu": "y-", "eta": "x-", "phi": "y-"},
        detector={"nu": "y-", "delta": "x-"},
        directions=("x+", "y-"),
        default_detector="maxipix",
        names={"delta": ("del",)},
    ),
    "id27": Diffractometer(  # the detector stands still
        sample={"nath": "y-"},
        detector={},
        directions=("x-", "y-"),
        default_detector="eiger9m",
    ),
    "p10": Diffractometer(
        sample={"mu": "y+", "om": "x-", "chi": "z+", "phi": "y-"},
        detector={"gamma": "y+", "delta": "x-"},
        directions=("x-", "y-"),
        default_detector="eiger4m",
        names={"om": ("omega", "samth"), "gamma": ("gam",), "delta": ("del",)},
    ),
    "sixs": Diffractometer(
        sample={"beta": "x-", "mu": "y+"},
        detector={"beta": "x-", "gamma": "y+", "delta": "x-"},
        directions=("x+", "y-"),
        default_detector="merlin",
        names={"gamma": ("gam",), "delta": ("del",)},
    ),
    "sixs2022": Diffractometer(  # upright sample: mu and gamma are theta and two-theta
        sample={"beta": "x-", "mu": "y+", "omega": "x-"},
        detector={"beta": "x-", "gamma": "y+", "delta": "x-"},
        directions=("x-", "y+"),
        default_detector="maxipix",
        names={"gamma": ("gam",), "delta": ("del",)},
    ),
    "cristal": Diffractometer(
        sample={"omega": "x-", "phi": "y+"},
        detector={"gamma": "y+", "delta": "x-"},
        directions=("x+", "y-"),
        default_detector="maxipix",
        names={"omega": ("mgomega",), "phi": ("mgphi",)},
    ),
    "nanomax": Diffractometer(
        sample={"theta": "x-", "phi": "y-"},
        detector={"gamma": "y-", "delta": "x-"},
        directions=("x-", "y-"),
        default_detector="eiger500k",
        names={"theta": ("gontheta",), "phi": ("gonphi",)},
    ),
    # You, J. Appl. Cryst. 32, 614 (1999), with his x (up), y (beam), z as our y, z, x
    "sixcircle": Diffractometer(
        sample={"mu": "y+", "eta": "x-", "chi": "z+", "phi": "x-"},
        detector={"nu": "y+", "delta": "x-"},
        directions=("x+", "y-"),
        default_detector="eiger2m",
        names={"delta": ("del",), "nu": ("gam", "gamma")},
    ),
}
DIRECTION = re.compile("[xy][+-]")
AXIS = re.compile("[xyz][+-]|t[xyz]")


def diffractometer(given: str | Mapping[str, Any]) -> Diffractometer:
    """Look a diffractometer up by its name, or make one of a mapping.

    Parameters
    ----------
    given : str or mapping
        A name in `DIFFRACTOMETERS`, or ``sample`` and ``detector`` (circle → axis) and ``directions``, as
        `Diffractometer` has them, for one that is not there.

    Raises
    ------
    ParameterError
        An unknown name; the message lists the known ones. A mapping that is none of a diffractometer.
    """
    if isinstance(given, Mapping):
        return _described(given)
    if not isinstance(given, str) or given not in DIFFRACTOMETERS:
        raise ParameterError(
            f"geometry: diffractometer {given!r:.60} is unknown: use one of {', '.join(DIFFRACTOMETERS)}, or "
            "describe it as {sample: {circle: axis}, detector: {circle: axis}, directions: [x+, y-]}"
        )
    return DIFFRACTOMETERS[given]


def _described(given: Mapping[str, Any]) -> Diffractometer:
    parts = ("sample", "detector", "directions")
    if set(given) != set(parts):
        raise ParameterError(
            f"geometry: diffractometer has {', '.join(map(str, given)) or 'nothing'}: give {', '.join(parts)}"
        )
    for part in parts[:2]:
        circles = given[part]
        if not isinstance(circles, Mapping) or not (circles or part == "detector"):
            raise ParameterError(
                f"geometry: diffractometer: {part} is {circles!r:.60}: give circle: axis, from the outermost on"
            )
        for name, axis in circles.items():
            turns = isinstance(axis, str) and AXIS.fullmatch(axis) and not axis.startswith("t")
            moves = part == "detector" and axis in ("tx", "ty", "tz")
            if not isinstance(name, str) or not name.isidentifier() or not (turns or moves):
                raise ParameterError(
                    f"geometry: diffractometer: {part} circle {name!r:.40} turns about {axis!r:.20}: axes are x+, "
                    "x-, y+ … z-, and tx, ty, tz of a detector that is moved; names are those of variables"
                )
    directions = given["directions"]
    right = isinstance(directions, list | tuple) and len(directions) == 2
    if not right or not all(
        isinstance(each, str) and DIRECTION.fullmatch(each) for each in directions
    ):
        raise ParameterError(
            f"geometry: diffractometer: directions is {directions!r:.60}: give two, of columns and of rows: x+, y- …"
        )
    both = set(given["sample"]) & set(given["detector"])
    if other := [name for name in both if given["sample"][name] != given["detector"][name]]:
        raise ParameterError(
            f"geometry: diffractometer: {other[0]:.40} turns sample and detector about two axes: give it two names"
        )
    return Diffractometer(
        sample=dict(given["sample"]),
        detector=dict(given["detector"]),
        directions=(directions[0], directions[1]),
        default_detector="",
    )
