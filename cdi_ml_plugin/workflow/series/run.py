"""`series`: many scans by one recipe, each a result of its own, and what they say together."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ...errors import ClusterError, ParameterError, WriteError
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
from .outcome import Outcome
from .phase import failed, parts
from .recipe import Recipe
from .scans import MOST, SeriesScan, listed, name_of
from .task import Task, bytes_of
from .turns import Say, event, hold_all, outcomes_of, phase_all
from .watch import Watch, phased
from .write import write


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
        task.check()
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
            try:
                phase_all(tasks, found, lent, say)
                outcomes, first_of = hold_all(tasks, known(tasks, found), lent, reference, say)
            except (KeyboardInterrupt, ClusterError):
                _write_stopped(tasks, found, reference, along, say)
                raise
        made = Series(out, tuple(chosen), tuple(outcomes), first_of, tuple(along))
        _write(made)
    return made


def known(tasks: Sequence[Task], found: Sequence[Outcome | None]) -> list[Outcome]:
    """What became of each scan; of one that has nothing, that it was stopped."""
    stopped = "stopped before it had a result: the same command goes on"
    return [
        failed(task.scan.name, stopped) if outcome is None else outcome
        for task, outcome in zip(tasks, found, strict=True)
    ]


def _write_stopped(
    tasks: Sequence[Task],
    found: Sequence[Outcome | None],
    reference: str | None,
    along: Sequence[str],
    say: Say,
) -> None:
    """Write page and tables of what there is, for those of an earlier time would contradict it."""
    outcomes = known(tasks, found)
    done = [outcome.name for outcome in outcomes if outcome.done]
    say({"event": "stopped", "done": len(done), "scans": len(tasks)})
    if not done:  # nothing is written
        return
    first_of = reference if reference in done else done[0]
    scans = tuple(task.scan for task in tasks)
    try:
        _write(Series(tasks[0].out, scans, tuple(outcomes), first_of, tuple(along)), film=False)
    except WriteError as error:
        say({"event": "unwritten", "reason": str(error)})


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
        absent = [str(folder) for folder in arrivals.absent]
        say({"event": "begin", "scans": arrivals.most, "finished": ready, "absent": absent})
        chosen = arrivals.reference
        try:
            first = arrivals.first()
            if first is not None and workers is not None:
                seen = look([first], along)
                each = needed(bytes_of(first), 0 if seen is None else seen.mask.size)
                lent = stack.enter_context(cluster(workers, arrivals.most or MOST, each))
            if first is not None:
                say({"event": "workers", "about": lent.about})
            for which, outcome in outcomes_of(lent, phased, arrivals, arrivals.taken):
                arrivals.ended(which, outcome)
                chosen = arrivals.reference
                so_far = made()
                say(event(outcome, so_far.outcomes, min(arrivals.running, lent.count)))
                try:
                    _write(so_far, film=False)
                except WriteError as error:  # a full disk, for one: at the end it is an error
                    say({"event": "unwritten", "reason": str(error)})
            tasks, outcomes = arrivals.results()
            together, chosen = hold_all(tasks, outcomes, lent, arrivals.wanted, say)
            arrivals.outcomes |= {outcome.name: outcome for outcome in together}
        except KeyboardInterrupt:
            if not arrivals.reference:  # there is nothing to write
                raise
            say({"event": "stopped", "done": made().done, "scans": arrivals.most})
        arrivals.give_up()
        whole = made()
        _write(whole)
    return whole


def _write(made: Series, film: bool = True) -> None:
    if made.done:
        write(content(made), shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]), film)
