"""Which scans have come in and are complete: each is handed over once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import ParameterError
from ...io.arrays import SUFFIXES
from ...utils.values import path as named
from ...utils.workers.alone import PAUSE
from .complete import lacking, mark
from .outcome import Outcome
from .phase import failed
from .recipe import Recipe
from .scans import SeriesScan, distinct, known, name_of, names, natural
from .task import Task
from .watch import OFTEN, Coming, Watch


@dataclass
class _Seen:
    """What was seen of a scan.

    Attributes
    ----------
    mark : str
        Of its files when they were last looked at.
    since : float
        When they were first so, or were last found incomplete; s.
    taken : str
        Mark with which it was taken, or found to be no scan.
    closed : bool
        It runs, or has a result.
    lacks : str
        What it lacked when it had settled.
    """

    mark: str
    since: float
    taken: str = ""
    closed: bool = False
    lacks: str = ""


class Arrivals:
    """Scans as they become complete, for `Workers.run`: None where there is none at the moment.

    Parameters
    ----------
    data : sequence of path or SeriesScan
        Files and scans that are or will be there. A folder, or a path without a suffix where nothing is yet, stands
        for what comes into it, unless a reader knows it as one scan.
    out : Path
        Folder of the series.
    recipe : Recipe
    watch : Watch
    say : callable
        Is told of scans that are ``waiting`` and ``arrived``.
    reference : str, optional
        Name or number of the scan that the others are held against; default the first that has a result.

    Attributes
    ----------
    taken : list of Coming
        In the order in which they were.
    outcomes : dict of str to Outcome
        By the names of the scans.
    wanted : str, optional
        Name of the scan that was asked for as the reference.
    running : int
        How many were taken and have not ended.
    """

    def __init__(
        self,
        data: Sequence[str | Path | SeriesScan],
        out: Path,
        recipe: Recipe,
        watch: Watch,
        say: Callable[[dict[str, Any]], None],
        reference: str | None = None,
    ) -> None:
        self._out, self._recipe, self._watch, self._say = out, recipe, watch, say
        self.wanted = reference
        recipe.identity()  # before any data, which take longer
        self._fixed, self._folders = _sorted(data, recipe.reading.get("reader"))
        fixed = [scan.name for scan in self._fixed]
        if not (reference is None or self._folders or reference in fixed):
            self.wanted = name_of(reference, self._fixed)
        there = [scan.data for scan in self._fixed if scan.number is not None]
        self._shared = {path for path in there if there.count(path) > 1}
        self.taken: list[Coming] = []
        self.outcomes: dict[str, Outcome] = {}
        self.running = 0
        self._reference: Coming | None = None
        self._seen: dict[tuple[Path, str | None], _Seen] = {}
        self._named: dict[Path, SeriesScan] = {}  # of folders
        self._ready: list[Task] = []
        self._looked = -math.inf
        self._news = time.monotonic()
        for scan in self._fixed:
            task = self._task(scan)
            task.check()
            if (before := task.finished()) is not None:
                self._keep(task, before)
                self._seen[_key(scan)] = _Seen("", 0.0, closed=True)

    @property
    def reference(self) -> str:
        """Name of the scan that is held against; empty before one has a result."""
        return "" if self._reference is None else self._reference.scan.name

    @property
    def absent(self) -> list[Path]:
        """Folders that others come into and that are not there."""
        return [folder for folder in self._folders if not folder.exists()]

    @property
    def most(self) -> int | None:
        """How many can come; None where nothing says."""
        return None if self._folders else len(self._fixed)

    def first(self) -> Task | None:
        """Wait for the first that is complete; None where none comes."""
        while not self._ready:
            if self._over():
                return None
            self._look()
            time.sleep(PAUSE)
        return self._ready[0]

    def __iter__(self) -> Iterator[Coming | None]:
        while not self._over():
            self._look()
            if not self._ready:
                yield None
                continue
            made = Coming(self._ready.pop(0))
            if (held_against := self._reference) is not None:
                mark = self.outcomes[held_against.scan.name].mark
                made = replace(made, reference=held_against.task, mark=mark)
            self.taken.append(made)
            self.running += 1
            yield made

    def ended(self, which: int, outcome: Outcome) -> None:
        """Note what became of a scan; one that failed is taken again when its files have changed."""
        task = self.taken[which].task
        self.running -= 1
        self._keep(task, outcome)
        self._seen[_key(task.scan)].closed = outcome.done
        self._news = time.monotonic()

    def results(self) -> tuple[list[Task], list[Outcome]]:
        """What became of those that have ended, in their order."""
        scans = [scan for scan in self._every() if scan.name in self.outcomes]
        return list(map(self._task, scans)), [self.outcomes[scan.name] for scan in scans]

    def give_up(self) -> None:
        """Say of each that has not ended why."""
        for (path, _), one in self._seen.items():
            if path.parent in self._folders and one.mark != one.taken and _may_be_scan(path):
                self._name(path)
        for scan in self._every():
            if scan.name not in self.outcomes:
                seen = self._seen.get(_key(scan))
                why = "it has not come"
                if seen is not None:
                    why = f"not complete: {seen.lacks or 'its files still changed'}"
                    why = "it was stopped" if seen.closed else why
                self.outcomes[scan.name] = failed(scan.name, f"{why}: the same command goes on")

    def _keep(self, task: Task, outcome: Outcome) -> None:
        self.outcomes[task.scan.name] = outcome
        if outcome.done and (self._reference is None or task.scan.name == self.wanted):
            self._reference = Coming(task)

    def _task(self, scan: SeriesScan) -> Task:
        return Task(scan, self._recipe.changed(scan.given), self._out)

    def _every(self) -> list[SeriesScan]:
        """All scans that there are, in their order."""
        of_folders = sorted(self._named, key=lambda path: (path.parent, natural(path)))
        return [*self._fixed, *(self._named[path] for path in of_folders)]

    def _over(self) -> bool:
        if self.running or self._ready:
            return False
        done = all(
            (outcome := self.outcomes.get(scan.name)) is not None and outcome.done
            for scan in self._fixed
        )
        if done and not self._folders:
            return True
        # by the last look, not by the clock: this process may have been held up
        return self._looked - self._news > 60 * self._watch.minutes

    def _look(self) -> None:
        """Look at all that has not been taken, every now and then."""
        if time.monotonic() - self._looked < OFTEN * self._watch.settled:
            return
        for scan in self._fixed:
            self._look_at(scan)
        for folder in list(self._folders):
            for path in _inside(folder, self._out):
                self._look_at(self._named.get(path) or SeriesScan(names([path])[0], path), folder)
        self._looked = time.monotonic()

    def _look_at(self, scan: SeriesScan, folder: Path | None = None) -> None:
        seen = self._seen.get(_key(scan))
        if seen is not None and seen.closed:
            return
        task, shared = self._task(scan), scan.data in self._shared
        now = time.monotonic()
        found = mark(task, shared)
        if not found:
            return
        if seen is None or found != seen.mark:
            if folder is None or _may_be_scan(scan.data):  # a log would never end
                self._news = now
                if seen is None:
                    self._wait(scan, "its files come in")
            self._seen[_key(scan)] = _Seen(found, now, seen.taken if seen else "")
            return
        if found == seen.taken or now - seen.since < self._watch.settled:
            return
        seen.since = now  # what is not complete is looked at again after as long
        if lack := lacking(task, shared):
            if lack != seen.lacks:
                self._wait(scan, lack)
            seen.lacks = lack
            return
        if folder is not None and not self._is_scan(scan, folder):
            seen.taken = found
            return
        self._take(self._named.get(scan.data, scan), seen, found)

    def _is_scan(self, scan: SeriesScan, folder: Path) -> bool:
        """Whether a reader knows what came into a folder; it gets its name then."""
        reader = self._recipe.reading.get("reader")
        if folder not in self._folders:
            return False
        if scan.data in self._named:
            return True
        if not self._named and known(folder, reader):  # frames came into it: it is a scan itself
            self._folders.remove(folder)
            self._fixed.append(SeriesScan(names([folder])[0], folder))
            return False
        if not known(scan.data, reader):
            return False
        self._name(scan.data)
        return True

    def _name(self, path: Path) -> None:
        """Name a scan of a folder; those before it keep theirs."""
        if path in self._named:
            return
        name = names([*self._named, path])[-1]
        if name in [other.name for other in self._every()]:
            name = f"{len(self._named) + 1:04d}_{name}"
        self._named[path] = SeriesScan(name, path)

    def _take(self, scan: SeriesScan, seen: _Seen, found: str) -> None:
        seen.taken, seen.closed = found, True
        task = self._task(scan)
        before = task.finished()
        self._say({"event": "arrived", "scan": scan.name, "finished": before is not None})
        if before is not None:
            self._keep(task, before)
        else:
            self._ready.append(task)
        self._news = time.monotonic()

    def _wait(self, scan: SeriesScan, reason: str) -> None:
        self._say({"event": "waiting", "scan": scan.name, "reason": reason})


def _key(scan: SeriesScan) -> tuple[Path, str | None]:
    return scan.data, scan.number


def _sorted(
    data: Sequence[str | Path | SeriesScan], reader: str | None
) -> tuple[list[SeriesScan], list[Path]]:
    """Scans that are known by name, and folders that others come into.

    Raises
    ------
    ParameterError
        There is none, or one is twice there.
    """
    if not data:
        raise ParameterError("a series of no scans: give data, or a table with a column data")
    ready = [one for one in data if isinstance(one, SeriesScan)]
    paths = [named("data", one) for one in data if not isinstance(one, SeriesScan)]
    folders = [
        p
        for p in paths
        if (not p.suffix if not p.exists() else p.is_dir() and not known(p, reader))
    ]
    files = [path for path in paths if path not in folders]
    return distinct([*ready, *map(SeriesScan, names(files), files)]), folders


def _may_be_scan(path: Path) -> bool:
    """Whether it looks like one from outside."""
    return path.is_dir() or path.suffix.lower() in SUFFIXES


def _inside(folder: Path, out: Path) -> list[Path]:
    """What lies in a folder, the folder of the series left out."""
    try:
        found = sorted(folder.iterdir(), key=natural)
        return [p for p in found if p.name[0] != "." and p.resolve() != out.resolve()]
    except OSError:  # it is yet to come
        return []
