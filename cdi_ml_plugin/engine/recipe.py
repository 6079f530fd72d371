"""What a result was made by, with every default written out."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch

from ..data.result import Result
from ..operators.base import Operator
from ..operators.support import ASW, AUTO, SW
from ..utils.device import hardware
from .course import chain_of
from .parameters import NOISE_TOLERANCE
from .triggers import in_coheres_way


def algorithms(result: Result) -> list[tuple[str, dict[str, Any]]]:
    """Each algorithm of the chain once, and what the engine adds to it: all parameters in force.

    Empty where the chain names an algorithm that is not installed here.
    """
    given = result.parameters
    chain = chain_of(result)
    if chain is None:
        return []
    operators = list(chain.operators())
    found = [(operator.name, _values(operator)) for operator in dict.fromkeys(operators)]
    if given.get("init_guess") != "continue" and "initial_support_area" not in given:
        found.insert(0, ("AUTO, start support", _values(AUTO().bind(given))))
    if in_coheres_way(given):
        wrap = {name: given.get(key, SW.defaults[name]) for name, key in SW.keys.items()}
        trigger = given.get("shrink_wrap_trigger", [1, 1])
        found.append(("SW, between iterations", {**wrap, "trigger": trigger}))
    elif not any(operator.updates_support for operator in operators):
        found.append(("ASW, between iterations", _values(ASW().bind(given))))
    default = 0.0 if in_coheres_way(given) else NOISE_TOLERANCE
    found.append(("all", {"noise_tolerance": given.get("noise_tolerance", default)}))
    return found


def machine(result: Result) -> str:
    """Where it ran, as far as this process can tell."""
    try:
        device = torch.device(result.device)
    except RuntimeError:  # where another program ran, nobody noted
        return result.device
    if device.type == "cuda" and not torch.cuda.is_available():
        return result.device  # was read back on another machine
    return f"{result.device}: {hardware(device, 1)}"


def _values(operator: Operator) -> dict[str, Any]:
    return {item.name: getattr(operator, item.name) for item in fields(operator)}
