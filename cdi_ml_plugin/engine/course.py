"""The course of a chain that has run: which algorithm each iteration belongs to, and where the support moved."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from ..data.result import Result
from ..errors import CdiMlError
from ..operators.base import Step
from ..operators.sequence import parse
from .triggers import shrink_wrap, with_triggers


@dataclass(frozen=True)
class Stage:
    """Iterations of one algorithm in a row: from `start`, which is the first of the chain's at 0, to before `stop`."""

    name: str
    start: int
    stop: int


def stages(result: Result) -> tuple[Stage, ...]:
    """The algorithms of a chain over its iterations; none where it names one that is not installed here."""
    step = chain_of(result)
    if step is None:
        return ()
    names = [
        block.operator.name
        for block in step.blocks()
        if block.operator.counts
        for _ in range(block.times)
    ]
    found, start = [], 0
    for name, same in groupby(names):
        stop = start + len(list(same))
        found.append(Stage(name, start, stop))
        start = stop
    return tuple(found)


def support_updates(result: Result) -> tuple[int, ...]:
    """Iterations before which shrink-wrap, or the package's own update, set the support."""
    step = chain_of(result)
    if step is None:
        return ()
    try:
        trigger = shrink_wrap(step, result.parameters)
    except CdiMlError:
        return ()
    if trigger is None:
        return ()
    return tuple(sorted(set(with_triggers(step)).intersection(trigger.rows)))


def chain_of(result: Result) -> Step | None:
    """The chain with its parameters in force; None where it names an algorithm that is not installed here."""
    try:
        return parse(result.sequence).bind(result.parameters)
    except CdiMlError:
        return None
