"""What cohere's ``config_instr`` says of the geometry of a scan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ParameterError
from .instruments import ENERGY, ENERGY_NAMES

# cohere's name → ours
_CONFIG = {"th": "theta", "chi": "chi", "phi": "phi", "delta": "delta", "gamma": "gamma"}


def from_config_instr(config: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of `Geometry` that a cohere ``config_instr`` of 34-ID-C holds itself.

    Raises
    ------
    ParameterError
        A diffractometer of another beamline, or a value that is no number.
    """
    if not isinstance(config, Mapping):
        raise ParameterError(f"config_instr is {config!r:.80}: give what `read_config` returns")
    if config.get("diffractometer", "34idc") != "34idc":
        raise ParameterError(
            f"config_instr: diffractometer {config['diffractometer']!r}: only 34idc is read from "
            "config_instr, give others as Geometry(diffractometer=…)"
        )
    given: dict[str, Any] = {}
    try:
        for theirs, ours in _CONFIG.items():
            if theirs in config:
                given[ours] = float(config[theirs])
        if "energy" in config:  # cohere takes what is 1000 or more as eV
            energy = float(config["energy"])
            given["energy"] = energy / 1000 if energy >= 1000 else energy
        if "detdist" in config:
            given["distance"] = float(config["detdist"]) / 1000
        if "scan_step" in config:
            given["step"] = float(config["scan_step"])
        for theirs, ours, count in (("det_roi", "roi", 4), ("beam_zero", "beam_zero", 2)):
            if theirs in config:
                given[ours] = tuple(config[theirs][:count])
    except (TypeError, ValueError) as error:
        raise ParameterError(f"config_instr: a value is no number ({error}): correct it") from error
    if "scanmot" in config:
        motor = str(config["scanmot"]).strip()
        given["motor"] = ENERGY if motor in ENERGY_NAMES else _CONFIG.get(motor, motor)
    if "detector" in config:
        given["detector"] = str(config["detector"])
    return given
