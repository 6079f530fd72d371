"""Workers behind a scheduler of Dask, and what each of them does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from ...errors import ClusterError
from .alone import PAUSE

SCAN = "scan"  # resource of Dask: a worker does one task at a time, with all of its threads


class Dask:
    """Workers behind a scheduler; see `Workers`."""

    def __init__(self, client: Any, each: int, gpus: int, jobs: bool = False) -> None:
        self.client = client
        self.gpus = gpus
        self.each = each
        link = client.dashboard_link if find_spec("bokeh") else None
        where = client.scheduler.address
        self.about = (
            f"{self.count} {'worker' if self.count == 1 else 'workers'} of Dask at {where}"
            + (f", dashboard {link}" if link else "")
        )
        if not self.count and not jobs:  # nobody has asked for any
            self.about += f": waits for `dask worker {where} --nthreads 1 --resources {SCAN}=1`"

    @property
    def count(self) -> int:
        """How many tasks at once."""
        return int(self._about(0)["n_workers"])

    def run(
        self, function: Callable[..., Any], items: Iterable[Any], shared: Any = None
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
        given: dict[str, Any] = {}
        try:
            waiting = as_completed()
            while more or places:
                new, more = _there(function, coming, self.gpus) if more else ([], False)
                if new:
                    if not self.count:  # jobs of a batch system may be pending for long
                        self.client.wait_for_workers(1)
                    if shared is not None and not given:
                        given["shared"] = self.client.scatter(shared, broadcast=True, hash=False)
                    futures = self.client.map(
                        do, new, pure=False, resources=self._resources(), **given
                    )
                    places |= {future.key: at for at, future in enumerate(futures, count)}
                    count += len(new)
                    waiting.update(futures)
                    # what has been yielded is not held by workers and scheduler any longer
                    del futures
                if not places or (more and not waiting.has_ready()):
                    time.sleep(PAUSE)
                    continue
                ended = waiting.next_batch(block=True)
                if any(future.status in ("cancelled", "lost") for future in ended):
                    raise _gone(self.client)
                fine = [future for future in ended if future.status == "finished"]
                results = dict(zip(fine, self.client.gather(fine), strict=True))
                for future in ended:
                    error = None if future in results else future.exception()
                    yield places.pop(future.key), results.get(future) if error is None else error
        except (OSError, TimeoutError) as error:
            raise _gone(self.client) from error

    def _resources(self) -> dict[str, float]:
        """What a task takes of a worker, where all workers say what they have.

        Nothing where each worker has one thread, and so one task at a time: of a task with resources the
        scheduler asks every worker, which takes it milliseconds where there are a thousand.
        """
        totals = self._about(0)
        if totals["total_threads"] == totals["n_workers"]:
            return {}
        there = [worker.get("resources", {}) for worker in self._about(-1)["workers"].values()]
        wanted = {SCAN: 1.0, "memory": float(self.each)}
        return {
            name: value
            for name, value in wanted.items()
            if there and all(worker.get(name, 0) >= value for worker in there)
        }

    def _about(self, workers: int) -> Any:
        """What the scheduler says of all workers together, and of so many of them; -1 for each."""
        return self.client.scheduler_info(n_workers=workers)


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

    function: Callable[..., Any]
    item: Any
    gpus: int = 0


def do(work: Work, shared: Any = None) -> Any:
    """Do it on a worker: with its threads, and on its card."""
    import torch
    from distributed import get_worker

    worker = get_worker()
    alone = SCAN in worker.state.total_resources
    torch.set_num_threads(worker.state.nthreads if alone else 1)
    if work.gpus:
        torch.cuda.set_device(int(worker.name) % work.gpus)
    return work.function(work.item) if shared is None else work.function(shared, work.item)
