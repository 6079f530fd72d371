"""Seeds of a reconstruction that are run apart from each other, each by whichever worker is free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from ..data.measurement import Measurement
from ..data.result import Run
from ..operators.base import Step
from ..utils.workers.alone import Workers, taken
from .batches import batch_size, batches
from .kept import Kept
from .plan import Plan
from .progress import Progress
from .start import given_start


@dataclass(frozen=True, eq=False)
class Asked:
    """What all seeds of a reconstruction share; see `reconstruct`."""

    measurement: Measurement
    sequence: str | Step | None
    parameters: Mapping[str, Any]
    held_out: float
    device: str | None
    precision: str
    start: ArrayLike | None
    support: ArrayLike | None
    keep: Path | None
    checkpoint: float


@dataclass(frozen=True, eq=False)
class Came:
    """What a worker sends back: runs, what is to be known of them, and the device that they ran on."""

    runs: list[Run]
    notes: list[str]
    device: str


def some(asked: Asked, seeds: Sequence[int]) -> Came:
    """Run some seeds, on a worker; the state of a long run is kept there too, where it sees the folder."""
    plan = Plan.of(asked.sequence, asked.parameters)
    data = asked.measurement
    job = plan.on(data, asked.held_out, asked.device, asked.precision, len(seeds))
    given = given_start(data, asked.start, asked.support, job.data)
    kept = Kept(asked.keep, job, data, asked.held_out, given)
    runs: list[Run] = []
    notes: list[str] = []
    size = batch_size(job, len(seeds))
    bar = Progress(False, 0)
    for ended, _ in batches(job, seeds, size, given, kept, asked.checkpoint, [], bar, notes):
        runs += ended
    return Came(runs, notes, str(job.device))


def apart(workers: Workers, asked: Asked, seeds: Sequence[int], at_once: int) -> Iterator[Came]:
    """Have seeds run by workers, `at_once` by each; what each of them sends back, as it comes.

    Raises
    ------
    CdiMlError
        As from this process, of the first that fails.
    ClusterError
        The workers are gone.
    """
    parts = [tuple(seeds[at : at + at_once]) for at in range(0, len(seeds), at_once)]
    for which, came in workers.run(some, parts, shared=asked):
        yield taken(came, Came, f"seed {parts[which][0]}")
