"""What cohere's ``config_instr`` says of the geometry of a scan, at each beamline that cohere_beamlines knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ParameterError
from .detectors import detector_key
from .instruments import ENERGY, ENERGY_NAMES

_MM = 1e-3
FARTHEST = 50.0  # metres


@dataclass(frozen=True)
class Beamline:
    """Keys of a ``config_instr``; those of cohere_beamlines 4.5.6.

    Attributes
    ----------
    diffractometer : str
    circles : mapping of str to str
        Its key → our circle, in degrees.
    moved : mapping of str to tuple
        Its key → our parameter and its unit in metres. Several keys of one parameter add up.
    region : bool
        Whether ``det_roi`` is what was read out of the detector.
    """

    diffractometer: str
    circles: Mapping[str, str]
    moved: Mapping[str, tuple[str, float]] = field(
        default_factory=lambda: {"detdist": ("distance", _MM)}
    )
    region: bool = False


_34IDC = Beamline(
    "34idc",
    {"th": "theta", "chi": "chi", "phi": "phi", "delta": "delta", "gamma": "gamma"},
    region=True,
)
BEAMLINES = {
    "aps_34idc": _34IDC,
    "simple": _34IDC,
    "aps_28idb": Beamline(  # its form asks for delta, its diffractometer for del
        "chex",
        {
            **{name: name for name in ("mu", "eta", "chi", "phi", "nu", "delta")},
            "del": "delta",
        },
    ),
    "aps_7idd": Beamline(
        "7idd",
        {
            **{name: name for name in ("wedge", "chi", "phi", "yaw", "pitch")},
            "th": "theta",
        },
        {"radius": ("distance", _MM)},
    ),
    "aps_1ide": Beamline(
        "1ide",
        {"aero": "aero", "vff_eta": "vff_eta"},
        {
            "detdist": ("distance", _MM),
            "vff_r": ("vff_r", _MM),
            "vff_r_offset": ("vff_r", 1.0),
            "vff_eta_offset": ("vff_eta_offset", 1.0),  # a way across, in spite of its name
        },
    ),
    "aps_20ide": Beamline(
        "20ide",
        {"samRy": "samry"},
        {"DetZ": ("distance", _MM), "DetX": ("detx", _MM), "DetY": ("dety", _MM)},
    ),
    "esrf_id01": Beamline(  # its form says mm, and it computes with metres: see below
        "id01",
        {name: name for name in ("mu", "eta", "phi", "nu", "delta")},
        {"detdist": ("distance", 1.0)},
    ),
    "Petra3_P10": Beamline(
        "p10",
        {
            **{name: name for name in ("mu", "om", "chi", "phi")},
            **{"gam": "gamma", "del": "delta"},
        },
    ),
}
# What config_instr calls its diffractometer, where it does.
_DIFFRACTOMETERS = {"34idc": "aps_34idc", "huber": "aps_28idb", "tower": "aps_28idb"}


def beamline_of(config: Mapping[str, Any], name: str | None = None) -> Beamline:
    """The beamline by the name that cohere's ``config`` gives it, else by its diffractometer, else 34-ID-C.

    Raises
    ------
    ParameterError
        An unknown one; the message lists the known ones.
    """
    if name is not None:
        if not isinstance(name, str) or name not in BEAMLINES:
            raise ParameterError(
                f"config: beamline {name!r:.60} is unknown: use one of {', '.join(BEAMLINES)}, or give the "
                "geometry as --geometry FILE"
            )
        return BEAMLINES[name]
    given = config.get("diffractometer", "34idc")
    if not isinstance(given, str) or given not in _DIFFRACTOMETERS:
        raise ParameterError(
            f"config_instr: diffractometer {given!r:.60}: {', '.join(_DIFFRACTOMETERS)} are read, give others "
            "as Geometry(diffractometer=…), or name the beamline in config"
        )
    return BEAMLINES[_DIFFRACTOMETERS[given]]


def from_config_instr(config: Mapping[str, Any], beamline: str | None = None) -> dict[str, Any]:
    """Parameters of `Geometry` that a cohere ``config_instr`` holds itself.

    Parameters
    ----------
    config : mapping
    beamline : str, optional
        One of `BEAMLINES`; see `beamline_of`.

    Raises
    ------
    ParameterError
        An unknown beamline or diffractometer, or a value that is no number.
    """
    if not isinstance(config, Mapping):
        raise ParameterError(f"config_instr is {config!r:.80}: give what `read_config` returns")
    known = beamline_of(config, beamline)
    given: dict[str, Any] = {}
    if known.diffractometer != "34idc":
        given["diffractometer"] = known.diffractometer
    try:
        for theirs, ours in known.circles.items():
            if theirs in config:
                given[ours] = float(config[theirs])
        for theirs, (ours, unit) in known.moved.items():
            if theirs in config:
                given[ours] = given.get(ours, 0.0) + float(config[theirs]) * unit
        if "energy" in config:  # cohere takes what is 1000 or more as eV
            energy = float(config["energy"])
            given["energy"] = energy / 1000 if energy >= 1000 else energy
        if "scan_step" in config:
            given["step"] = float(config["scan_step"])
        if known.region and "det_roi" in config:
            given["roi"] = tuple(config["det_roi"][:4])
        if "beam_zero" in config:
            given["beam_zero"] = tuple(config["beam_zero"][:2])
    except (TypeError, ValueError) as error:
        raise ParameterError(f"config_instr: a value is no number ({error}): correct it") from error
    if given.get("distance", 0.0) > FARTHEST:  # of ID01: no detector stands there
        given["distance"] *= _MM
    if "scanmot" in config:
        motor = str(config["scanmot"]).strip()
        given["motor"] = ENERGY if motor in ENERGY_NAMES else known.circles.get(motor, motor)
    if "detector" in config:
        given["detector"] = detector_key(str(config["detector"]), known.diffractometer)
    return given
