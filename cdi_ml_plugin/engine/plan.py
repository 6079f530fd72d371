"""A chain and its parameters, checked and bound, with the data that it is to run on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ..data.measurement import Measurement
from ..errors import ParameterError
from ..operators.base import Step
from ..operators.sequence import check_length, parse
from ..physics.moduli import Moduli
from ..utils.device import find_device
from .parameters import DEFAULT_SEQUENCE, check

DTYPES = {"single": torch.complex64, "double": torch.complex128}


@dataclass(frozen=True, eq=False)
class Plan:
    """A chain made ready: operators bound to their parameters, data on the device."""

    step: Step
    parameters: dict[str, Any]
    data: Moduli
    device: torch.device
    dtype: torch.dtype
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        measurement: Measurement,
        sequence: str | Step | None,
        given: Mapping[str, Any],
        held_out: float,
        device: str | torch.device | None,
        precision: str,
    ) -> Plan:
        if precision not in DTYPES:
            raise ParameterError(f"precision = {precision!r}: give one of {', '.join(DTYPES)}")
        if not 0 <= held_out <= 0.5:
            raise ParameterError(f"held_out = {held_out!r}: give a share from 0 to 0.5")
        chosen = sequence if sequence is not None else given.get("algorithm_sequence")
        if chosen is None:
            chosen = DEFAULT_SEQUENCE
        if not isinstance(chosen, str | Step):
            raise ParameterError(f"sequence = {chosen!r}: give a text or a chain of operators")
        tree = chosen if isinstance(chosen, Step) else parse(chosen)
        check_length(tree)
        extra = {key for o in tree.operators() for key in o.keys.values()}
        parameters, notes = check(given, extra)
        step = tree.bind(parameters)
        for operator in step.operators():
            operator.check()
        place = find_device(device)
        dtype = DTYPES[precision]
        data = Moduli.of(measurement, held_out, place, dtype.to_real())
        if held_out and not len(data.held_out):
            notes.append("nothing is held out: no measured voxel is dimmer than 1 % of the maximum")
        return cls(step, parameters, data, place, dtype, notes)
