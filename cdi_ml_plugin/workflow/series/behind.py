"""Workers behind a scheduler of Dask, and what each of them does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from ...errors import ClusterError
from .workers import PAUSE

SCAN = "scan"  # resource of Dask: a worker does one scan at a time, with all of its threads


class Dask:
    """Workers behind a scheduler; see `Workers`."""

    def __init__(
        self, client: Any, each: int, gpus: int, resources: dict[str, float] | None
    ) -> None:
        self.client = client
        self.gpus = gpus
        self.each = each
        self.resources = resources  # of workers that are yet to come
        link = client.dashboard_link if find_spec("bokeh") else None
        where = client.scheduler.address
        self.about = f"{self.count} worker(s) of Dask at {where}" + (
            f", dashboard {link}" if link else ""
        )
        if not self.count and resources is None:  # nobody has asked for any
            self.about += f": waits for `dask worker {where} --nthreads 1 --resources {SCAN}=1`"

    @property
    def count(self) -> int:
        """How many tasks at once."""
        return len(self.client.scheduler_info(n_workers=-1)["workers"])

    def run(
        self, function: Callable[[Any], Any], items: Iterable[Any]
    ) -> Iterator[tuple[int, Any]]:
        """See `Workers`.

        Raises
        ------
        ClusterError
            The scheduler is gone.
        """
        from distributed import as_completed

        coming, count, more = iter(items), 0, True
        places: dict[Any, int] = {}
        try:
            ended = as_completed()
            while more or places:
                new: list[Work] = []
                if more:
                    new, more = _there(function, coming, self.gpus)
                if new:
                    futures = self.client.map(do, new, pure=False, resources=self._resources())
                    places |= {future.key: at for at, future in enumerate(futures, count)}
                    count += len(new)
                    ended.update(futures)
                if not places or (more and not ended.has_ready()):
                    time.sleep(PAUSE)
                    continue
                future = next(ended)
                if future.status in ("cancelled", "lost"):
                    raise _gone(self.client)
                error = future.exception()
                yield places.pop(future.key), future.result() if error is None else error
        except (OSError, TimeoutError) as error:
            raise _gone(self.client) from error

    def _resources(self) -> dict[str, float]:
        """What a task takes of a worker, where all workers say what they have."""
        if self.resources is not None:
            return self.resources
        info = self.client.scheduler_info(n_workers=-1)["workers"].values()
        there = [worker.get("resources", {}) for worker in info]
        wanted = {SCAN: 1.0, "memory": float(self.each)}
        return {
            name: value
            for name, value in wanted.items()
            if there and all(worker.get(name, 0) >= value for worker in there)
        }


def _there(
    function: Callable[[Any], Any], coming: Iterator[Any], gpus: int
) -> tuple[list[Work], bool]:
    """What is there now, and whether more may come."""
    found: list[Work] = []
    for item in coming:
        if item is None:
            return found, True
        found.append(Work(function, item, gpus))
    return found, False


def _gone(client: Any) -> ClusterError:
    return ClusterError(
        f"the scheduler at {client.scheduler.address if client.scheduler else '?'} is gone; what is finished is kept: "
        "the same command goes on"
    )


@dataclass(frozen=True)
class Work:
    """A function of a module, and what it is called with."""

    function: Callable[[Any], Any]
    item: Any
    gpus: int = 0


def do(work: Work) -> Any:
    """Do it on a worker: with its threads, and on its card."""
    import torch
    from distributed import get_worker

    worker = get_worker()
    alone = SCAN in worker.state.total_resources
    torch.set_num_threads(worker.state.nthreads if alone else 1)
    if work.gpus:
        torch.cuda.set_device(int(worker.name) % work.gpus)
    return work.function(work.item)
