"""What the workers are given of a series, in which order, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ...utils.workers.alone import Workers
from .outcome import DONE, Outcome
from .phase import failed, parts, phase, some_seeds
from .task import Task
from .together import Held, held

Say = Callable[[dict[str, Any]], None]


def phase_all(
    tasks: Sequence[Task], found: list[Outcome | None], workers: Workers, say: Say
) -> None:
    """Do the scans that have not been found finished, and note in `found` what becomes of each."""
    missing = [place for place, outcome in enumerate(found) if outcome is None]
    cold = [tasks[place] for place in missing if not tasks[place].starts]
    if workers.count >= 2 * len(cold) > 0:  # some would have nothing to do: seeds beside each other
        for _ in workers.run(some_seeds, parts(cold)):
            pass  # what went wrong is said when the scan's turn comes
    for place, outcome in _in_turn(tasks, found, workers):
        found[place] = outcome
        left = sum(one is None for one in found)
        count = workers.count
        say(event(outcome, found, min(left, count), left, seconds_left(tasks, found, count)))


def seconds_left(
    tasks: Sequence[Task], found: Sequence[Outcome | None], workers: int
) -> float | None:
    """How long the others will take; None where none of their kind, cold or warm, has ended yet."""
    total = 0.0
    for kind in (False, True):
        same = [o for task, o in zip(tasks, found, strict=True) if bool(task.starts) is kind]
        left = sum(one is None for one in same)
        spent = [one.seconds for one in same if one is not None]
        lasted = [one.seconds for one in same if one is not None and one.done] or spent
        if left and not lasted:
            return None
        total += left * sum(lasted) / max(1, len(lasted))
    return total / max(1, workers)


def event(
    outcome: Outcome,
    found: Sequence[Outcome | None],
    running: int,
    left: int = 0,
    seconds_left: float | None = 0.0,
) -> dict[str, Any]:
    """What is said of a scan that has ended, and of how far the series is."""
    return {
        "event": outcome.state,
        "scan": outcome.name,
        "reason": outcome.reason,
        "seconds": outcome.seconds,
        "start": outcome.start,
        "figures": outcome.figures,
        "done": sum(o is not None and o.done for o in found),
        "failed": sum(o is not None and not o.done for o in found),
        "running": running,
        "left": left,
        "seconds_left": seconds_left,
    }


def _in_turn(
    tasks: Sequence[Task], found: list[Outcome | None], workers: Workers
) -> Iterator[tuple[int, Outcome]]:
    """Do what is missing, the scans that others begin from before those; yield each one's place and what came of it."""
    first = [place for place, one in enumerate(found) if one is None and not tasks[place].starts]
    for which, outcome in outcomes_of(workers, phase, [tasks[place] for place in first]):
        yield first[which], outcome
    there = {task.scan.folder for task, one in zip(tasks, found, strict=True) if one and one.done}
    items = []
    for place, task in enumerate(tasks):
        if not task.starts:
            continue
        if found[place] is None or task.finished() is None:  # an anchor may have changed
            found[place] = None
            starts = tuple(name for name in task.starts if name in there)
            lost = tuple(name for name in task.starts if name not in there)
            items.append((place, replace(task, starts=starts, lost=lost)))
    for which, outcome in outcomes_of(workers, phase, [task for _, task in items]):
        yield items[which][0], outcome


def outcomes_of(
    workers: Workers,
    function: Callable[[Any], Outcome],
    items: Iterable[Any],
    taken: Sequence[Any] | None = None,
) -> Iterator[tuple[int, Outcome]]:
    """What becomes of each; `taken` are the items that have come, where they come in bit by bit."""
    every = list(items) if taken is None else taken
    for which, outcome in workers.run(function, every if taken is None else items):
        if isinstance(outcome, Outcome):
            yield which, outcome
        else:
            yield which, failed(every[which].scan.name, f"the worker died: {outcome}")


def hold_all(
    tasks: Sequence[Task],
    found: Sequence[Outcome],
    workers: Workers,
    reference: str | None,
    say: Say,
) -> tuple[list[Outcome], str]:
    """Hold every result against that of the reference, in the twin of which all are."""
    there = [place for place, outcome in enumerate(found) if outcome.state == DONE]
    named = [place for place in there if found[place].name == reference]
    outcomes = list(found)
    if not there:
        return outcomes, ""
    first = (named or there)[0]
    mark = found[first].mark
    places = [place for place in there if not found[place].held(tasks[place].folder, mark)]
    items = [Held(tasks[place], tasks[first], mark) for place in places]
    say({"event": "together", "scans": len(items), "reference": found[first].name})
    for which, outcome in outcomes_of(workers, held, items):
        if outcome.done:
            outcomes[places[which]] = outcome
        else:
            say({"event": "alone", "scan": outcome.name, "reason": outcome.reason})
    return outcomes, found[first].name
