"""A scan of a series as a worker gets it: what is done with it, where it goes, what it came to before."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...engine.kept import forget
from ...engine.plan import Plan
from ...errors import CdiMlError
from ...io.readers import choose
from ...utils.swap import beside
from ...utils.versions import versions
from ..earlier import RESULT_FILES
from . import warm
from .outcome import Outcome, digest, stamp
from .recipe import FILES, Recipe
from .scans import SeriesScan, of_scan

KEPT = ".cdi-runs"  # where runs that have ended are kept, beside the folder of the result


@dataclass(frozen=True)
class Task:
    """A scan, what is done with it, and where it goes.

    Attributes
    ----------
    scan : SeriesScan
    recipe : Recipe
        With what the table changes of it.
    out : Path
        Folder of the series.
    starts : tuple of str
        Folders of the scans that it begins from, the nearest first; empty for a cold start.
    lost : tuple of str
        Folders of those that it would have begun from, and that have no result.
    versions : mapping
        Of the process that asks; a worker of other versions refuses.
    reference : SeriesScan, optional
        What it will be held against.
    """

    scan: SeriesScan
    recipe: Recipe
    out: Path
    starts: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=versions)
    reference: SeriesScan | None = None

    @property
    def folder(self) -> Path:
        """Where its result goes."""
        return self.out / self.scan.folder

    def check(self) -> None:
        """Make sure that its recipe can be run.

        Raises
        ------
        SequenceError, ParameterError, AlgorithmError, WeightsError
            The chain or a parameter is not valid.
        """
        try:
            self.recipe.identity()
        except CdiMlError as error:
            if not self.scan.given:
                raise
            raise type(error)(f"scan {self.scan.name}, by the table: {error}") from error

    def stamp(self) -> str:
        """Digest of names, sizes and times of its files, and of how they are read; "" where one is missing."""
        reading = of_scan(self.recipe.reading, self.scan.number)
        files = stamp(self.scan.data, *(reading[key] for key in FILES if key in reading))
        return files and digest([files, {key: str(value) for key, value in reading.items()}])

    def identity(self, anchors: Mapping[str, str]) -> str:
        """Digest of what a result hangs on beside the data; `anchors`: see `Outcome.anchors`."""
        own = self.recipe.identity()
        return digest(own | {"warm": [warm.CHAIN, anchors]} if anchors else own)

    def earlier(self) -> Outcome | None:
        """What it came to before, of the same recipe and versions, and of anchors that are still the same."""
        before = Outcome.read(self.folder) if holds(self.folder) else None
        if before is None or before.identity != self.identity(before.anchors):
            return None
        if before.anchors and not self.starts:
            return None
        anchors = (
            (Outcome.read(self.out / name), origin) for name, origin in before.anchors.items()
        )
        same = all(anchor is not None and anchor.origin == origin for anchor, origin in anchors)
        return before if same else None

    def finished(self) -> Outcome | None:
        """What it came to before, where its files too are the same."""
        before = self.earlier()
        if before is None or before.stamp != self.stamp():
            return None
        forget(beside(self.folder, KEPT))  # a process that was killed may have left them
        return before


def holds(folder: Path) -> bool:
    """Whether the files of a result are there."""
    return all((folder / name).is_file() for name in RESULT_FILES)


def reading(task: Task) -> dict[str, Any]:
    """Options of `read_prepared` for its scan."""
    told = of_scan(task.recipe.reading, task.scan.number)
    if task.scan.number is not None:
        reader = choose(task.scan.data, told.get("reader"))[0]
        if "scan" in reader.takes:
            told["scan"] = task.scan.number
    return told


def bytes_of(task: Task) -> int:
    """Bytes that a voxel takes in the chain of a task: the plan's own estimate."""
    plan = Plan.of(task.recipe.sequence, task.recipe.parameters)
    seeds = task.recipe.seeds or plan.parameters.get("reconstructions", 1)
    return plan.bytes_per_voxel(runs=int(seeds))


def command(task: Task, start: str = "") -> str:
    """The command that does this scan alone, from random phases; `start` says what it began from in the series."""
    recipe = task.recipe
    words = ["cdi-ml", "reconstruct", str(task.scan.data)]
    options: dict[str, Any] = dict(of_scan(recipe.reading, task.scan.number))
    if task.scan.number is not None:
        options["scan"] = task.scan.number
    options |= {"algorithm": recipe.sequence, "seeds": recipe.seeds, "device": recipe.device}
    for name, value in options.items():
        if value in (None, (), False):
            continue
        words.append(f"--{name}")
        if value is not True:
            words += map(str, value if isinstance(value, tuple) else (value,))
    for key, value in recipe.parameters.items():
        words += ["--set", f"{key}={value!r}"]
    words += ["--held-out", f"{recipe.held_out:g}", "--out", task.scan.folder]
    return shlex.join(words) + (f"  # cold; in its series {start}" if start else "")
