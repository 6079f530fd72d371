"""`series`: many scans by one recipe, each a result of its own, and what they say together."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import ParameterError, WriteError
from ...utils.files import check_folder
from ...utils.swap import writer
from ...utils.values import instance, path
from ...utils.workers.alone import Alone, Workers
from ...utils.workers.cluster import cluster, needed
from ...utils.workers.wanted import Wanted
from . import warm as warming
from .arrivals import Arrivals
from .content import Series, content
from .look import look
from .outcome import DONE, Outcome
from .phase import failed, parts, phase, some_seeds
from .recipe import Recipe
from .scans import MOST, SeriesScan, listed, name_of
from .task import Task, bytes_of
from .together import Held, held
from .watch import Watch, phased
from .write import write

Say = Callable[[dict[str, Any]], None]


def series(
    scans: Sequence[str | Path | SeriesScan],
    out: str | Path,
    recipe: Recipe | None = None,
    *,
    workers: Wanted | None = None,
    reference: str | None = None,
    along: Sequence[str] = (),
    watch: Watch | None = None,
    warm: int | None = None,
    say: Say | None = None,
) -> Series:
    """Phase many scans by one recipe; what is finished already is not done again.

    Parameters
    ----------
    scans : sequence of path or SeriesScan
        See `scans.listed`.
    out : path
        Gets a folder ``scan_NAME`` for each scan, with the files of `save`, and the tables and the page of the series.
    recipe : Recipe, optional
        What is done with each.
    workers : Wanted, optional
        Who does it, where Dask distributed is installed: ``Wanted()`` is as many processes of this machine as it
        feeds, for which a script needs ``if __name__ == "__main__":``. Default this process.
    reference : str, optional
        Name or number of the scan that the others are held against; default the first that has a result.
    along : sequence of str
        Columns, motors or numbers of the geometry that figures are shown over.
    watch : Watch, optional
        Take scans as they come in and are complete; pages and tables are written anew with each result. An
        interruption ends it as its minutes do.
    warm : int, optional
        Phase one in so many scans from random phases, and start the others from the object of the nearest of
        those, in the order of the scans or of a table's first column of `along`. Where that foretells the held-out
        voxels worse than is to be expected, the scan is phased from random phases as well, and the better is kept.
    say : callable, optional
        Called with a mapping of each event: ``event``, ``scan``, ``done`` …

    Returns
    -------
    Series
        A scan that failed says why, and has stopped no other.

    Raises
    ------
    SequenceError, ParameterError, AlgorithmError, WeightsError
        The recipe is not valid.
    ReadError, ParameterError
        A scan is not there; none has a column of `along`.
    WriteError
        The folder cannot be written to, or another process writes there.
    ClusterError
        The workers are gone; what is finished is kept.
    """
    recipe = Recipe() if recipe is None else recipe
    instance("recipe", recipe, Recipe, "a Recipe")
    out = path("out", out)
    say = (lambda _: None) if say is None else say
    if watch is not None:
        if warm is not None:
            raise ParameterError("warm: takes scans that are all there: leave it or watch out")
        arrivals = Arrivals(scans, out, recipe, watch, say, reference)
        return _watched(arrivals, out, workers, along, say)
    chosen = listed(scans)
    if reference is not None:
        reference = name_of(reference, chosen)
    others = next((scan for scan in chosen if scan.name == reference), chosen[0])
    begins = [()] * len(chosen) if warm is None else warming.starts(chosen, warm, along)
    tasks = [
        Task(scan, recipe.changed(scan.given), out, starts, reference=others)
        for scan, starts in zip(chosen, begins, strict=True)
    ]
    for task in tasks:  # before any data, which take longer
        task.recipe.identity()
        if task.starts:
            warming.check(task.recipe)
    check_folder(out)
    first = look(tasks, along)
    with writer(out):
        found: list[Outcome | None] = [task.finished() for task in tasks]
        missing = [task for task, outcome in zip(tasks, found, strict=True) if outcome is None]
        say({"event": "begin", "scans": len(tasks), "finished": len(tasks) - len(missing)})
        with ExitStack() as stack:
            lent: Workers = Alone()
            if missing and workers is not None:
                voxels = 0 if first is None else first.mask.size
                warmed = [warming.bytes_per_voxel()] if warm is not None else []
                each = needed(max([*map(bytes_of, missing), *warmed]), voxels)
                lent = stack.enter_context(cluster(workers, len(parts(missing)), each))
            if missing:
                say({"event": "workers", "about": lent.about})
            outcomes = _phased(tasks, found, lent, say)
            outcomes, chosen_reference = _together(tasks, outcomes, lent, reference, say)
        made = Series(out, tuple(chosen), tuple(outcomes), chosen_reference, tuple(along))
        _write(made)
    return made


def _watched(
    arrivals: Arrivals,
    out: Path,
    workers: Wanted | None,
    along: Sequence[str],
    say: Say,
) -> Series:
    """The same with scans that come in."""
    check_folder(out)

    def made() -> Series:
        tasks, outcomes = arrivals.results()
        scans = tuple(task.scan for task in tasks)
        return Series(out, scans, tuple(outcomes), chosen, tuple(along))

    with writer(out), ExitStack() as stack:
        lent: Workers = Alone()
        ready = len(arrivals.outcomes)
        say({"event": "begin", "scans": arrivals.most, "finished": ready})
        chosen = arrivals.reference
        try:
            first = arrivals.first()
            if first is not None and workers is not None:
                seen = look([first], along)
                each = needed(bytes_of(first), 0 if seen is None else seen.mask.size)
                lent = stack.enter_context(cluster(workers, arrivals.most or MOST, each))
            if first is not None:
                say({"event": "workers", "about": lent.about})
            for which, outcome in _outcomes(lent, phased, arrivals, arrivals.taken):
                arrivals.ended(which, outcome)
                chosen = arrivals.reference
                so_far = made()
                say(_event(outcome, so_far.outcomes, min(arrivals.running, lent.count)))
                try:
                    _write(so_far, film=False)
                except WriteError as error:  # a full disk, for one: at the end it is an error
                    say({"event": "unwritten", "reason": str(error)})
            tasks, outcomes = arrivals.results()
            together, chosen = _together(tasks, outcomes, lent, arrivals.wanted, say)
            arrivals.outcomes |= {outcome.name: outcome for outcome in together}
        except KeyboardInterrupt:
            if not arrivals.reference:  # there is nothing to write
                raise
            say({"event": "stopped"})
        arrivals.give_up()
        whole = made()
        _write(whole)
    return whole


def _write(made: Series, film: bool = True) -> None:
    if made.done:
        write(content(made), shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]), film)


def _phased(
    tasks: Sequence[Task], before: Sequence[Outcome | None], workers: Workers, say: Say
) -> list[Outcome]:
    """What becomes of each scan: what is finished, and what is done now."""
    found = list(before)
    missing = [place for place, outcome in enumerate(found) if outcome is None]
    cold = [tasks[place] for place in missing if not tasks[place].starts]
    if workers.count >= 2 * len(cold) > 0:  # some would have nothing to do: seeds beside each other
        for _ in workers.run(some_seeds, parts(cold)):
            pass  # what went wrong is said when the scan's turn comes
    for place, outcome in _in_turn(tasks, found, workers):
        found[place] = outcome
        left = sum(one is None for one in found)
        count = workers.count
        say(_event(outcome, found, min(left, count), left, seconds_left(tasks, found, count)))
    return [outcome for outcome in found if outcome is not None]


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


def _event(
    outcome: Outcome,
    found: Sequence[Outcome | None],
    running: int,
    left: int = 0,
    seconds_left: float | None = 0.0,
) -> dict[str, Any]:
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
    for which, outcome in _outcomes(workers, phase, [tasks[place] for place in first]):
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
    for which, outcome in _outcomes(workers, phase, [task for _, task in items]):
        yield items[which][0], outcome


def _outcomes(
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


def _together(
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
    for which, outcome in _outcomes(workers, held, items):
        if outcome.done:
            outcomes[places[which]] = outcome
        else:
            say({"event": "alone", "scan": outcome.name, "reason": outcome.reason})
    return outcomes, found[first].name
