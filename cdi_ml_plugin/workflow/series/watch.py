"""How scans are waited for that come in while a series runs, and what a worker does with one."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import ParameterError
from ...utils.values import above_0, number
from .outcome import Outcome
from .phase import phase
from .scans import SeriesScan
from .task import Task
from .together import Held, held

# Longer than the longest usual exposure of a frame, and than network disks keep what they know of a folder.
SETTLED = 30.0  # s
OFTEN = 0.1  # of that time between two looks


@dataclass(frozen=True)
class Watch:
    """How scans are waited for.

    Attributes
    ----------
    minutes : float
        With nothing new for so long the watch ends.
    settled : float
        Seconds for which nothing of a scan may have changed: more than its longest pause between two frames.
    """

    minutes: float
    settled: float = SETTLED

    def __post_init__(self) -> None:
        above_0("watch: minutes", self.minutes)
        number("watch: settled", self.settled, 0)
        if self.settled >= 60 * self.minutes:
            raise ParameterError(
                f"watch: nothing settles for {self.settled:g} s within {self.minutes:g} minutes: give more minutes, "
                "or fewer seconds"
            )


@dataclass(frozen=True)
class Coming:
    """A scan that is complete, and the result that it is held against, where there is one."""

    task: Task
    reference: Task | None = None
    mark: str = ""

    @property
    def scan(self) -> SeriesScan:
        """The scan."""
        return self.task.scan


def phased(coming: Coming) -> Outcome:
    """Do one scan, and hold it against the reference."""
    made = phase(coming.task)
    if not made.done or coming.reference is None:
        return made
    beside = held(Held(coming.task, coming.reference, coming.mark))
    return beside if beside.done else made  # it is tried again when the watch ends
