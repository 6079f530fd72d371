"""cohere's triggers: what happens beside the algorithms, and in which iterations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import ParameterError
from ..fourier import phase_in_cohere, to_centre, to_corner
from ..operators.base import Operator, Step
from ..operators.support import ASW, SW, TWIN
from ..physics.moduli import Moduli
from ..physics.projections import blur, modulus
from ..physics.state import State

# Name of a sub-trigger in a sequence (HIO.SW0) → the parameter that lists its triggers.
SUB_TRIGGERS = {"SW": "shrink_wrap_trigger", "PHC": "phc_trigger"}
IDLE = "GM"  # cohere's global_min_trigger, which is taken and not done


@dataclass(frozen=True, eq=False)
class Trigger:
    """An action and the iterations it acts in.

    `rows` maps an iteration to the number of the sub-trigger in force there (0 for a plain
    trigger). `act` is called with state, data and that number; `before` the algorithm or after it.
    """

    name: str
    rows: Mapping[int, int]
    act: Callable[[State, Moduli, int], None]
    before: bool = True


def rows(trigger: Sequence[int], iterations: int, name: str = "trigger") -> list[int]:
    """Iterations in which ``[at]``, ``[start, step]`` or ``[start, step, stop]`` acts.

    As in cohere, a negative start or stop counts from the end, and `stop` itself is excluded.
    """
    if not trigger:
        return []
    start, *rest = (t + iterations if i != 1 and t < 0 else t for i, t in enumerate(trigger))
    if not rest:
        chosen = [start]
    else:
        _check_step(rest, trigger, name)
        chosen = list(range(start, min([*rest[1:], iterations]), rest[0]))
    return [i for i in chosen if 0 <= i < iterations]


def with_triggers(step: Step) -> list[int]:
    """Iterations in which triggers act: all but the epochs of a network."""
    found: list[int] = []
    start = 0
    for block in step.blocks():
        if block.operator.counts:
            if block.operator.triggered:
                found += range(start, start + block.times)
            start += block.times
    return found


def _check_step(rest: Sequence[int], trigger: Sequence[int], name: str) -> None:
    if rest and rest[0] < 1:
        raise ParameterError(f"{name} = {list(trigger)}: the step is {rest[0]}, give 1 or more")


def _per_block(step: Step, kind: str, triggers: Any, name: str) -> dict[int, int]:
    """Rows of sub-triggers: ``HIO.SW1`` acts by ``triggers[1]``, counted from the block's start."""
    found: dict[int, int] = {}
    start = 0
    for block in step.blocks():
        stop = start + block.times if block.operator.counts else start
        for number in _numbers(block.triggers, kind):
            if not triggers or not isinstance(triggers[0], list | tuple) or number >= len(triggers):
                raise ParameterError(
                    f"the sequence names {kind}{number}, but {name} = {triggers} does not list "
                    f"{number + 1} trigger(s): give a list of triggers"
                )
            if not triggers[number]:
                continue
            first, *rest = triggers[number]
            _check_step(rest, triggers[number], name)
            # Count the stop from the sub-trigger's own start, as cohere does.
            last = min(stop, start + first + rest[1]) if len(rest) == 2 else stop
            chosen = [start + first] if not rest else range(start + first, last, rest[0])
            found.update(dict.fromkeys((i for i in chosen if i < stop), number))
        start = stop
    return found


def _numbers(triggers: Sequence[str], kind: str) -> list[int]:
    numbers = []
    for text in triggers:
        letters = text.rstrip("0123456789")
        if letters == IDLE and letters != text:
            continue
        if letters not in SUB_TRIGGERS or letters == text:
            raise ParameterError(
                f"sub-trigger {text}: give one of {', '.join(k + '0' for k in SUB_TRIGGERS)} "
                "(the number picks the entry of the list)"
            )
        if letters == kind:
            numbers.append(int(text[len(letters) :]))
    return numbers


def _iterations_of(step: Step, kind: str, parameters: Mapping[str, Any]) -> dict[int, int]:
    name = SUB_TRIGGERS[kind]
    trigger = parameters.get(name, [])
    found = _per_block(step, kind, trigger, name)
    if found or (trigger and isinstance(trigger[0], list | tuple)):
        return found
    return dict.fromkeys(rows(trigger, step.iterations, name), 0)


def _pick(value: Any, number: int, name: str) -> Any:
    """The entry of a parameter that belongs to a sub-trigger; one value serves them all."""
    if not isinstance(value, list | tuple):
        return value
    if number >= len(value):
        raise ParameterError(f"{name} = {value}: sub-trigger {number} needs {number + 1} entries")
    return value[number]


def _apply(operator: Operator) -> Callable[[State, Moduli, int], None]:
    return lambda state, data, number: operator.step(state, data)


def in_coheres_way(parameters: Mapping[str, Any]) -> bool:
    """Whether the support is to be updated as cohere does it: any of its keys is given."""
    return any(key.startswith("shrink_wrap_") for key in parameters)


def shrink_wrap(step: Step, parameters: Mapping[str, Any]) -> Trigger | None:
    """Support update: cohere's where any of its keys is given, else an adaptive one.

    None where the sequence itself holds a step that updates the support. The adaptive one acts in the
    closing once and no more: ER settles what is left, and a support that follows it would lose its
    edge voxel by voxel.
    """
    if in_coheres_way(parameters):
        chosen = _iterations_of(step, "SW", {"shrink_wrap_trigger": [1, 1], **parameters})
        wraps = {
            number: SW(
                _pick(parameters.get("shrink_wrap_threshold"), number, "shrink_wrap_threshold"),
                _pick(parameters.get("shrink_wrap_gauss_sigma"), number, "shrink_wrap_gauss_sigma"),
            ).bind({})
            for number in set(chosen.values())
        }
        return Trigger("shrink_wrap", chosen, lambda s, d, number: wraps[number].step(s, d))
    if any(operator.updates_support for operator in step.operators()):
        return None
    update = ASW().bind(parameters)
    every = rows([update.every, update.every], step.iterations)
    last = closing(step)
    kept = [i for i in every if i < last] + [i for i in every if i >= last][:1]
    return Trigger("adaptive support", dict.fromkeys(kept, 0), _apply(update))


def closing(step: Step) -> int:
    """First iteration of what settles the object at the end (ER); the number of all where none does."""
    first = start = 0
    for block in step.blocks():
        if block.operator.counts:
            start += block.times
            operator = block.operator
            if operator.searches or (operator.triggered and not operator.settles):
                first = start
    return first or step.iterations


def search_length(step: Step) -> int:
    """Iterations in which triggers act, but for the ER that ends a chain; of ER alone all."""
    last = closing(step)
    return max(1, sum(i < last for i in with_triggers(step)))


def phase_constraint(step: Step, parameters: Mapping[str, Any]) -> list[Trigger]:
    """cohere's ``phc``: voxels whose phase leaves the range are out, until the trigger's stop."""
    if "phc_trigger" not in parameters:
        return []
    chosen = _iterations_of(step, "PHC", parameters)
    low, high = parameters.get("phc_phase_min"), parameters.get("phc_phase_max")
    if low is None or high is None:
        raise ParameterError("phc_trigger needs phc_phase_min and phc_phase_max (rad): give both")

    def constrain(state: State, data: Moduli, number: int) -> None:
        phase = phase_in_cohere(state.object)
        state.phase_allowed = (phase > _pick(low, number, "phc_phase_min")) & (
            phase < _pick(high, number, "phc_phase_max")
        )
        for index, seed in enumerate(state.seeds):
            if seed.passed_by("phc_trigger"):
                state.phase_allowed[index] = True

    def release(state: State, data: Moduli, number: int) -> None:
        state.phase_allowed = None

    resets = {i + 1: 0 for i in chosen if i + 1 not in chosen}
    trigger = parameters["phc_trigger"]
    if trigger and not isinstance(trigger[0], list | tuple):
        stop = trigger[2] if len(trigger) == 3 else step.iterations - 1
        stop += step.iterations if stop < 0 else 0
        resets = {min(step.iterations - 1, stop + 1): 0}
    return [
        Trigger("phase release", resets, release),
        Trigger("phase constraint", chosen, constrain),
    ]


def twin(step: Step, parameters: Mapping[str, Any]) -> Trigger | None:
    """cohere's twin removal: after the iteration, half the array is zeroed along x and along y."""
    chosen = rows(parameters.get("twin_trigger", []), step.iterations, "twin_trigger")
    x, y = parameters.get("twin_halves", (0, 0))
    twin_removal = TWIN(x=x, y=y)

    def cut(state: State, data: Moduli, number: int) -> None:
        for index, seed in enumerate(state.seeds):
            if not seed.passed_by("twin_trigger"):
                twin_removal.cut(state.object[index])

    return Trigger("twin", dict.fromkeys(chosen, 0), cut, before=False) if chosen else None


def low_pass(step: Step, parameters: Mapping[str, Any]) -> list[Trigger]:
    """cohere's low resolution start: the measured modulus blurred by a σ that falls linearly.

    What takes no notice of `State.filtered`, such as a network, sees what was measured.
    """
    if "lowpass_filter_trigger" not in parameters:
        return []
    given = parameters["lowpass_filter_trigger"]
    start, every, stop = (
        t + step.iterations if i != 1 and t < 0 else t for i, t in enumerate(given)
    )
    sigmas = [*parameters.get("lowpass_filter_range", [2.0]), 1.0]
    chosen = rows([start, every, stop], step.iterations, "lowpass_filter_trigger")

    def filtered(state: State, data: Moduli, number: int) -> None:
        done = (state.iteration - start) / max(1, stop - start)
        sigma = sigmas[0] + (sigmas[1] - sigmas[0]) * done
        blurred = to_corner(blur(to_centre(data.amplitude)[None], sigma))
        if data.unfitted is not None:
            blurred.masked_fill_(data.unfitted > 0, 0)
        late = [seed.passed_by("lowpass_filter_trigger") for seed in state.seeds]
        if any(late):
            full = torch.tensor(late, device=blurred.device)[:, None, None, None]
            blurred = torch.where(full, data.amplitude, blurred)
        state.filtered = blurred

    def restore(state: State, data: Moduli, number: int) -> None:
        state.filtered = None

    # Restore before the iteration `stop`; where that has no triggers, before the last that has.
    last = max((i for i in with_triggers(step) if i <= stop), default=0)
    return [
        Trigger("low pass", dict.fromkeys(chosen, 0), filtered),
        Trigger("full resolution", {last: 0}, restore),
    ]


def _average(state: State, data: Moduli, number: int) -> None:
    """cohere's average: the final modulus is the mean of the moduli in the iterations triggered."""
    size = modulus(state.object)
    total, count = size, 1
    if state.averaged is not None:
        total, count = state.averaged[0] + size, state.averaged[1] + 1
    state.averaged = total, count
    if state.iteration == state.iterations - 1:
        state.object.mul_(total / count / size)


def average(step: Step, parameters: Mapping[str, Any]) -> Trigger | None:
    """Averaging trigger, or None."""
    chosen = rows(parameters.get("average_trigger", []), step.iterations, "average_trigger")
    if chosen and (chosen[-1] != step.iterations - 1 or chosen[-1] not in with_triggers(step)):
        raise ParameterError(
            f"average_trigger = {parameters['average_trigger']}: let it act in the last iteration too, "
            "where the mean replaces the modulus, and let that be none of a network"
        )
    return Trigger("average", dict.fromkeys(chosen, 0), _average, before=False) if chosen else None


def all_triggers(step: Step, parameters: Mapping[str, Any]) -> list[Trigger]:
    """Every trigger that the parameters ask for, in cohere's order within an iteration."""
    for block in step.blocks():
        _numbers(block.triggers, "")
        for kind, name in SUB_TRIGGERS.items():
            if _numbers(block.triggers, kind) and name not in parameters:
                raise ParameterError(
                    f"the sequence names {'.'.join(block.triggers)}, but there is no {name}: give it as "
                    "a list of triggers"
                )
    found: list[Trigger | None] = [
        *low_pass(step, parameters),
        shrink_wrap(step, parameters),
        *phase_constraint(step, parameters),
        twin(step, parameters),
        average(step, parameters),
    ]
    return [trigger for trigger in found if trigger is not None]
