"""A chain made ready, and its loop: the one driver of every algorithm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ..data.measurement import Measurement
from ..data.result import Run
from ..errors import ParameterError
from ..fourier import to_direct
from ..operators.base import Operator, Step
from ..operators.sequence import check_length, parse
from ..operators.support import ASW, AUTO, SW
from ..physics import metrics
from ..physics.moduli import Moduli
from ..physics.state import Seed, State
from ..physics.supports import box
from ..utils.device import find_device
from .parameters import check
from .progress import Progress
from .triggers import Trigger, all_triggers, in_coheres_way, search_length

DEFAULT_SEQUENCE = "CNN + 3*(20*ER + 180*HIO) + 20*ER"
NOISE_TOLERANCE = 2.0  # standard deviations; 0 where the support is updated in cohere's way
DTYPES = {"single": torch.complex64, "double": torch.complex128}
OWN_KEYS = {*AUTO.keys.values(), *ASW.keys.values()}  # of the steps that a bare sequence gets


@dataclass(frozen=True, eq=False)
class Start:
    """What to start from instead of random phases, in the scale of the data."""

    object: torch.Tensor | None = None
    support: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class Job:
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
    ) -> Job:
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
        parameters, notes = check(given, extra | OWN_KEYS)
        step = tree.bind(parameters)
        for operator in step.operators():
            operator.check()
        place = find_device(device)
        dtype = DTYPES[precision]
        data = Moduli.of(measurement, held_out, place, dtype.to_real())
        if held_out and not len(data.held_out):
            notes.append("nothing is held out: no measured voxel is dimmer than 1 % of the maximum")
        return cls(step, parameters, data, place, dtype, notes)

    @torch.no_grad()
    def run(self, seeds: Sequence[int], start: Start, stop: list[bool], bar: Progress) -> list[Run]:
        """Run the whole chain for a batch of seeds."""
        triggers = all_triggers(self.step, self.parameters, self.data)
        state = self.fresh_state(seeds, start)
        searching = search_length(self.step)
        # written in place: thousands of small tensors among the large ones would scatter the heap
        history = torch.full((state.iterations, len(seeds)), torch.nan, device=self.device)
        lost: dict[int, str] = {}
        centred = start.object is None and start.support is None

        def snapshot(index: int, figures: Mapping[str, float]) -> Run:
            obj, support = state.object[index], state.support[index]
            if centred:
                obj, support = _centre(obj, support)
            chi2 = history[: state.iteration, index]
            return self._run(state, index, obj, support, figures, chi2, "running")

        for block in self.step.blocks():
            operator = block.operator
            operator.begin(state, self.data, block.times)
            for _ in range(block.times):
                if stop or len(lost) == len(seeds):
                    break
                self._iterate(operator, state, triggers)
                if operator.counts:
                    history[state.iteration] = state.chi2
                    self._watch(state, operator, lost)
                    state.iteration += 1
                    state.progress = min(1.0, state.progress + operator.triggered / searching)
                    if bar.advance(state, self.data, snapshot):
                        stop.append(True)
            operator.end(state, self.data)
            if operator.counts:
                for seed in state.seeds:
                    seed.fresh = False
            if stop or len(lost) == len(seeds):
                break
        if centred:
            for index in range(len(seeds)):
                state.object[index], state.support[index] = _centre(
                    state.object[index], state.support[index]
                )
        return self._finish(state, history[: state.iteration], lost, bool(stop))

    def _iterate(self, operator: Operator, state: State, triggers: list[Trigger]) -> None:
        active = triggers if operator.triggered and operator.counts else []
        for trigger in active:
            if trigger.before and state.iteration in trigger.rows:
                trigger.act(state, self.data, trigger.rows[state.iteration])
        operator.step(state, self.data)
        for trigger in active:
            if not trigger.before and state.iteration in trigger.rows:
                trigger.act(state, self.data, trigger.rows[state.iteration])

    def fresh_state(self, seeds: Sequence[int], start: Start | None = None) -> State:
        """Start objects and supports for a batch of seeds."""
        start = start or Start()
        shape = (len(seeds), *self.data.shape)
        state = State(
            object=torch.empty(shape, dtype=self.dtype, device=self.device),
            support=torch.ones(shape, dtype=torch.bool, device=self.device),
            seeds=[Seed.of(number, start.object is not None) for number in seeds],
            iterations=self.step.iterations,
            noise_tolerance=self.parameters.get(
                "noise_tolerance", 0.0 if in_coheres_way(self.parameters) else NOISE_TOLERANCE
            ),
        )
        if start.support is not None:
            state.support[:] = start.support.to(self.device)
        elif "initial_support_area" in self.parameters:
            state.support[:] = box(self.data.shape, self.parameters["initial_support_area"]).to(
                self.device
            )
        elif start.object is not None:
            state.object[:] = start.object.to(self.device)
            SW(0.05, 1.0).step(state, self.data)  # where the object is
        else:
            state.object.zero_()
            AUTO().bind(self.parameters).step(state, self.data)
        for index, seed in enumerate(state.seeds):
            if start.object is not None:
                state.object[index] = start.object.to(self.device)
            else:
                angle = torch.rand(self.data.shape, generator=seed.generator) * (2 * torch.pi)
                wave = torch.polar(self.data.amplitude, angle.to(self.data.amplitude))
                state.object[index] = to_direct(wave) * state.support[index]
        return state

    def _watch(self, state: State, operator: Operator, lost: dict[int, str]) -> None:
        """Set a run that is no longer finite to zero, so that the others of its batch go on."""
        if state.iteration % 10 and self.device.type != "cpu":
            return  # each look waits for the GPU
        for index in (~torch.isfinite(state.chi2)).nonzero()[:, 0].tolist():
            if index not in lost and operator.defines_chi2:
                lost[index] = f"not finite at iteration {state.iteration} in {operator}"
                state.seeds[index].note(lost[index])
                state.object[index] = 0

    def _finish(
        self, state: State, history: torch.Tensor, lost: dict[int, str], stopped: bool
    ) -> list[Run]:
        if stopped:
            state.object.mul_(state.support)  # an HIO iterate is no object outside its support
        runs = []
        for index in range(len(state.seeds)):
            if not bool(torch.isfinite(state.object[index]).all()) and index not in lost:
                lost[index] = "not finite at the end"
                state.seeds[index].note(lost[index])
                state.object[index] = 0
            figures = metrics.figures(state.object[index][None], self.data)[0]
            if index in lost:
                figures = dict.fromkeys(figures, float("nan"))
            reason = "not finite" if index in lost else "interrupted" if stopped else "completed"
            obj, support = state.object[index], state.support[index]
            runs.append(self._run(state, index, obj, support, figures, history[:, index], reason))
        return runs

    def _run(
        self,
        state: State,
        index: int,
        obj: torch.Tensor,
        support: torch.Tensor,
        figures: Mapping[str, float],
        chi2: torch.Tensor,
        reason: str,
    ) -> Run:
        """The run at `index` of the batch as a `Run` of its own memory."""
        seed = state.seeds[index]
        return Run(
            seed=seed.number,
            object=(obj * self.data.scale).to(torch.complex64).cpu().numpy(),
            support=support.cpu().numpy().copy(),
            metrics={**figures, **seed.figures},
            history={"chi2": chi2.float().cpu().numpy().copy()},
            reason=reason,
            notes=tuple(seed.notes),
        )


def _centre(obj: torch.Tensor, support: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Roll an object, and its support, so that its centre of mass is at the centre of the array.

    A start from random phases may come to rest anywhere: a shift leaves the moduli as they are.
    """
    weight = (obj.abs() * support).double()
    total = weight.sum()
    if not bool(torch.isfinite(total)) or float(total) == 0:
        return obj, support
    shift = []
    for axis, n in enumerate(obj.shape):
        others = [a for a in range(3) if a != axis]
        angle = torch.arange(n, device=obj.device) * (2 * torch.pi / n)
        # a mean on the circle, for the object may lie across the edge of the array
        mean = (weight.sum(others) * torch.polar(torch.ones_like(angle), angle)).sum().angle()
        shift.append(n // 2 - round(float(mean) * n / (2 * torch.pi)))
    return obj.roll(shift, (0, 1, 2)), support.roll(shift, (0, 1, 2))
