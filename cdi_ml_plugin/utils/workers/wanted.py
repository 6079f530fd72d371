"""Which workers are wanted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import ParameterError
from ..values import whole

MOST = 10_000  # workers
SYSTEMS = {"slurm": "SLURMCluster", "lsf": "LSFCluster", "pbs": "PBSCluster"}  # of dask-jobqueue
ADDRESS = re.compile(r"([a-z]+://)?[\w.\-\[\]:]+:\d{1,5}")


@dataclass(frozen=True)
class Wanted:
    """Which workers are wanted.

    Attributes
    ----------
    workers : int, optional
        How many; default as many as this machine feeds, or as the batch system is asked for by its configuration.
    scheduler : str, optional
        Address of one that runs, as ``tcp://node12:8786``.
    system : {"slurm", "lsf", "pbs"}, optional
    gpus : bool
        One worker a card of this machine.
    """

    workers: int | None = None
    scheduler: str | None = None
    system: str | None = None
    gpus: bool = False

    def __post_init__(self) -> None:
        if self.workers is not None:
            whole("workers", self.workers, 1, MOST)
        if self.system is not None and self.system not in SYSTEMS:
            raise ParameterError(f"cluster {self.system!r:.40}: give one of {', '.join(SYSTEMS)}")
        if sum((self.scheduler is not None, self.system is not None, self.gpus)) > 1:
            raise ParameterError("give one of --scheduler, --cluster and --gpus")
        if self.scheduler is not None and self.workers is not None:
            raise ParameterError(
                "--workers: a scheduler that runs has workers of its own: leave it out"
            )
        if self.system is not None and self.workers is None:
            raise ParameterError(
                f"--cluster {self.system}: say with --workers how many workers to ask for"
            )
        if self.scheduler is not None and ADDRESS.fullmatch(self.scheduler) is None:
            raise ParameterError(
                f"--scheduler {self.scheduler!r:.60}: is no address, as tcp://node12:8786"
            )
