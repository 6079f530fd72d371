"""A chain and its parameters, checked and bound once; and the same with the data that it is to run on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import torch

from ..data.measurement import Measurement
from ..errors import ParameterError
from ..operators.base import Step
from ..operators.sequence import check_length, parse
from ..physics.moduli import Moduli
from ..utils import memory
from ..utils.device import find_device
from ..utils.values import instance, number
from .coherence import partial_coherence
from .parameters import DEFAULT_SEQUENCE, GLOBAL_MIN, check
from .triggers import IDLE, Trigger, all_triggers

DTYPES = {"single": torch.complex64, "double": torch.complex128}
KEPT = 12  # bytes a voxel of a run that has ended: its object, its support, its history
SMALLER = "crop or bin the data (half the voxels take half the memory), or leave REFINE and MLE out"
FEWER = "ask for fewer seeds, or crop or bin the data"


@dataclass(frozen=True, eq=False)
class Plan:
    """A chain whose operators are bound to their parameters, and what was given and is not done."""

    step: Step
    parameters: dict[str, Any]
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, sequence: str | Step | None, given: Mapping[str, Any]) -> Self:
        """Check a chain and its parameters; no data are needed, and none are looked at.

        Raises
        ------
        SequenceError, ParameterError, AlgorithmError, WeightsError
            The chain or a parameter is not valid, or an algorithm cannot run here.
        """
        instance("parameters", given, Mapping, "a mapping of keys as in config_rec")
        chosen = sequence if sequence is not None else given.get("algorithm_sequence")
        if chosen is None:
            chosen = DEFAULT_SEQUENCE
        if not isinstance(chosen, str | Step):
            raise ParameterError(
                f"algorithm sequence = {chosen!r}: give a text or a chain of operators"
            )
        tree = chosen if isinstance(chosen, Step) else parse(chosen)
        check_length(tree)
        extra = {key for o in tree.operators() for key in o.keys.values()}
        parameters, notes = check(given, extra)
        if any(one.startswith(IDLE) for block in tree.blocks() for one in block.triggers):
            notes = list(dict.fromkeys([*notes, GLOBAL_MIN]))
        step = tree.bind(parameters)
        for operator in step.operators():
            operator.check()
        plan = cls(step, parameters, notes)
        plan.triggers()
        return plan

    def triggers(self) -> list[Trigger]:
        """What acts beside the algorithms."""
        coherence = partial_coherence(self.step, self.parameters)
        found = all_triggers(self.step, self.parameters)
        return found if coherence is None else [*found, coherence]

    def bytes_per_voxel(self, precision: str = "single", runs: int = 1) -> int:
        """Memory that runs take one after the other, without the data.

        Of one run the most that a step takes (`Operator.bytes_per_voxel`), and of each that has ended its
        object and support. Double precision takes half as much again.
        """
        each = max(operator.bytes_per_voxel() for operator in self.step.operators())
        each += KEPT * (runs - 1)
        return each * 3 // 2 if precision == "double" else each

    def on(
        self,
        measurement: Measurement,
        held_out: float,
        device: str | torch.device | None,
        precision: str,
        runs: int = 1,
    ) -> Job:
        """Bring data to a device for this plan, and for so many runs one after the other.

        Raises
        ------
        ParameterError
            The precision, the share or the device cannot be.
        TooLargeError
            A run needs more memory than is free there, or what all of them leave does.
        """
        instance(
            "measurement", measurement, Measurement, "a Measurement; `prepare` makes one of counts"
        )
        if not isinstance(precision, str) or precision not in DTYPES:
            raise ParameterError(f"precision = {precision!r}: give one of {', '.join(DTYPES)}")
        number("held_out", held_out, 0, 0.5)
        place = find_device(device)
        dtype = DTYPES[precision]
        voxels = measurement.mask.size
        memory.check(f"phasing on {place}", voxels, self.bytes_per_voxel(precision), SMALLER, place)
        if runs > 1:
            each = self.bytes_per_voxel(precision, runs)
            memory.check(f"phasing from {runs} seeds", voxels, each, FEWER)
        data = Moduli.of(measurement, held_out, place, dtype.to_real())
        notes = [*measurement.notes, *self.notes]
        if held_out and not len(data.held_out):
            notes.append("nothing is held out: no measured voxel is dimmer than 1 % of the maximum")
        return Job(self.step, self.parameters, notes, data=data, device=place, dtype=dtype)


@dataclass(frozen=True, eq=False)
class Job(Plan):
    """A plan with the data that it runs on."""

    data: Moduli = field(kw_only=True)
    device: torch.device = field(kw_only=True)
    dtype: torch.dtype = field(kw_only=True)
