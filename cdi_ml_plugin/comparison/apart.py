"""The runs of a comparison that workers do, whichever of them is free."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..data.measurement import Measurement
from ..data.result import Run
from ..engine import loop
from ..engine.progress import Progress
from ..engine.start import Start
from ..operators.base import Step
from ..utils.workers.alone import Workers, taken
from .chains import Contender, ready
from .runs import Folder


@dataclass(frozen=True, eq=False)
class Asked:
    """What all runs of a comparison share; see `compare`. `parameters` are those of each chain, by its name."""

    measurement: Measurement
    chains: Mapping[str, str | Step]
    parameters: Mapping[str, Mapping[str, Any]]
    held_out: float
    device: str | None
    precision: str
    folder: Folder


@dataclass(frozen=True, eq=False)
class Ended:
    """A run, the seconds that it took, and on what."""

    run: Run
    seconds: float
    hardware: str


def one(asked: Asked, what: tuple[str, int]) -> Ended:
    """Run a chain from a seed, on a worker; the state of a long run is kept, where it sees the folder."""
    label, seed = what
    contender = ready(
        label,
        asked.chains[label],
        asked.parameters[label],
        asked.measurement,
        asked.held_out,
        asked.device,
        asked.precision,
    )
    began = time.perf_counter()
    place = asked.folder.checkpoint(contender, seed)
    bar = Progress(False, 0)
    (run,) = loop.run(contender.plan, [seed], Start(), [], bar, place, bounded=True)
    seconds = time.perf_counter() - began
    place.remove()
    return Ended(run, seconds, contender.hardware)


def apart(
    workers: Workers, asked: Asked, missing: Sequence[tuple[Contender, int]]
) -> Iterator[tuple[Contender, Ended]]:
    """Have runs done by workers; each as it ends.

    Raises
    ------
    CdiMlError
        As from this process, of the first that fails.
    ClusterError
        The workers are gone.
    """
    items = [(contender.label, seed) for contender, seed in missing]
    for which, came in workers.run(one, items, shared=asked):
        contender, seed = missing[which]
        yield contender, taken(came, Ended, f"{contender.label}, seed {seed}")
