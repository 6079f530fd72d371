"""The one driver of every algorithm: runs a plan for a batch of seeds."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ..data.result import Run
from ..operators.base import Operator
from ..physics import metrics
from ..physics.alignment import centre_shift
from ..physics.state import State
from .checkpoint import Checkpoint
from .plan import Job
from .progress import Progress
from .start import Start, fresh_state
from .triggers import Trigger, closing, search_length
from .verdict import Verdict


@torch.no_grad()
def run(
    plan: Job,
    seeds: Sequence[int],
    start: Start,
    stop: list[bool],
    bar: Progress,
    checkpoint: Checkpoint | None = None,
    bounded: bool = False,
) -> list[Run]:
    """Run the whole chain for a batch of seeds, or what is left of it after a checkpoint.

    `bounded` by their supports, objects and figures of merit are so whatever the chain ends with.
    """
    triggers = plan.triggers()
    state = fresh_state(plan, seeds, start)
    searching, found = search_length(plan.step), closing(plan.step)
    # Write in place: thousands of small tensors among the large ones would scatter the heap.
    history = torch.full((state.iterations, len(seeds)), torch.nan, device=plan.device)
    lost: dict[int, str] = {}
    verdict = Verdict(len(seeds))
    centred = start.object is None and start.support is None

    def snapshot(index: int, figures: Mapping[str, float]) -> Run:
        obj, support = state.object[index], state.support[index]
        if centred:
            obj, support = _centre(obj, support)
        chi2 = history[: state.iteration, index]
        return _run(plan, state, index, obj, support, figures, chi2, "running")

    def parts() -> dict[str, Any]:
        now = {"state": state.state_dict(), "history": history[: state.iteration]}
        place = {"seeds": [*seeds], "block": number, "done": done, "lost": lost}
        return {**now, **place, "best": verdict.best}

    taken = None if checkpoint is None else checkpoint.taken
    if taken is not None:
        # a copy, for `begin` may change it in place
        state.load_state_dict({**copy.deepcopy(taken["state"]), "memory": {}})
        history[: state.iteration] = taken["history"]
        lost, verdict.best = taken["lost"], taken["best"]
        bar.count(state.iteration)
    for number, block in enumerate(plan.step.blocks()):
        if taken is not None and number < taken["block"]:
            continue
        operator, done = block.operator, 0
        operator.begin(state, plan.data, block.times)
        if taken is not None:
            state.load_state_dict(taken["state"])  # what `begin` changes it had changed before
            done, taken = taken["done"], None
        while done < block.times and not stop and len(lost) < len(seeds):
            _iterate(plan, operator, state, triggers)
            done += 1
            if operator.counts:
                history[state.iteration] = state.chi2
                _watch(plan, state, operator, lost)
                state.iteration += 1
                state.progress = min(1.0, state.progress + operator.triggered / searching)
                if state.iteration >= found:
                    state.progress = 1.0
                if bar.advance(state, plan.data, snapshot):
                    stop.append(True)
            if checkpoint is not None:
                checkpoint.offer(parts)
        operator.end(state, plan.data)
        verdict.after(block, state, plan.data)
        if operator.counts:
            for seed in state.seeds:
                seed.fresh = False
        if stop or len(lost) == len(seeds):
            break
    if not stop:
        verdict.end(state, plan.data)
    if centred:
        for index in range(len(seeds)):
            state.object[index], state.support[index] = _centre(
                state.object[index], state.support[index]
            )
    return _finish(plan, state, history[: state.iteration], lost, bool(stop), bounded)


def _iterate(plan: Job, operator: Operator, state: State, triggers: list[Trigger]) -> None:
    active = triggers if operator.triggered and operator.counts else []
    for trigger in active:
        if trigger.before and state.iteration in trigger.rows:
            trigger.act(state, plan.data, trigger.rows[state.iteration])
    operator.step(state, plan.data)
    for trigger in active:
        if not trigger.before and state.iteration in trigger.rows:
            trigger.act(state, plan.data, trigger.rows[state.iteration])


def _watch(plan: Job, state: State, operator: Operator, lost: dict[int, str]) -> None:
    """Set a run that is no longer finite to zero, so that the others of its batch go on."""
    if state.iteration % 10 and plan.device.type != "cpu":
        return  # each look waits for the GPU
    for index in (~torch.isfinite(state.chi2)).nonzero()[:, 0].tolist():
        if index not in lost and operator.defines_chi2:
            lost[index] = f"not finite at iteration {state.iteration} in {operator}"
            state.seeds[index].note(lost[index])
            state.object[index] = 0


def _finish(
    plan: Job,
    state: State,
    history: torch.Tensor,
    lost: dict[int, str],
    stopped: bool,
    bounded: bool,
) -> list[Run]:
    if stopped or bounded:
        state.object.mul_(state.support)  # an HIO iterate is no object outside its support
    runs = []
    for index in range(len(state.seeds)):
        if not bool(torch.isfinite(state.object[index]).all()) and index not in lost:
            lost[index] = "not finite at the end"
            state.seeds[index].note(lost[index])
            state.object[index] = 0
        obj, support = state.object[index], state.support[index]
        figures = metrics.figures(obj[None], plan.data, support[None], [state.transfer[index]])[0]
        if index in lost:
            figures = dict.fromkeys(figures, float("nan"))
        reason = "not finite" if index in lost else "interrupted" if stopped else "completed"
        runs.append(_run(plan, state, index, obj, support, figures, history[:, index], reason))
    return runs


def _run(
    plan: Job,
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
        object=(obj * plan.data.scale).to(torch.complex64).cpu().numpy(),
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
    shift = centre_shift(obj, support)
    return obj.roll(shift, (0, 1, 2)), support.roll(shift, (0, 1, 2))
