"""What the scheduler takes for a task: many workers that do nothing, and very short tasks."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import operator
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing.context import SpawnProcess
from typing import Any

from ..errors import ClusterError
from ..utils.workers.behind import Dask
from ..utils.workers.cluster import NEEDS, installed

PROCESSES = 2  # that the workers live in
AT_ONCE = 25  # workers that are started beside each other
PATIENCE = 300  # s, for all of them to be there


def overhead(workers: int, tasks: int) -> Iterator[str]:
    """Have tasks done that take no time, by workers that live in two processes; lines of a table.

    The seconds of the processor tell the scheduler's and the client's from those of the workers, which would be spread
    over a cluster.

    Raises
    ------
    ClusterError
        Dask distributed is not installed.
    """
    if not installed():
        raise ClusterError(f"the scheduler is that of Dask distributed: {NEEDS}")
    from distributed import Client

    context = multiprocessing.get_context("spawn")
    addresses: Any = context.Queue()
    with ExitStack() as stack:

        def started(function: Any, *given: Any) -> SpawnProcess:
            process = context.Process(target=function, args=given, daemon=True)
            process.start()
            stack.callback(process.kill)
            return process

        scheduler = started(_scheduler, addresses)
        address = addresses.get(timeout=PATIENCE)
        share = -(-workers // PROCESSES)
        theirs = [started(_workers, address, share) for _ in range(PROCESSES)]
        client = stack.enter_context(Client(address, timeout=PATIENCE))
        dask = Dask(client, 1, 0)
        until = time.monotonic() + PATIENCE
        while dask.count < share * PROCESSES:
            if time.monotonic() > until:
                raise ClusterError(f"{dask.count} of {workers} workers have come: ask for fewer")
            time.sleep(0.2)
        for _ in dask.run(operator.neg, range(2 * workers)):
            pass  # the first has them import what they need
        before = [_used(scheduler), time.process_time(), sum(map(_used, theirs))]
        began = time.perf_counter()
        done = sum(found == -place for place, found in dask.run(operator.neg, range(tasks)))
        wall = time.perf_counter() - began
        after = [_used(scheduler), time.process_time(), sum(map(_used, theirs))]
        each = [1e3 * (b - a) / tasks for a, b in zip(before, after, strict=True)]
        yield (
            f"{share * PROCESSES} workers, {done} tasks: {1e3 * wall / tasks:.2f} ms a task; of the processor: "
            f"scheduler {each[0]:.2f} ms, client {each[1]:.2f} ms, all the workers {each[2]:.2f} ms"
        )


def _used(process: SpawnProcess) -> float:
    """Processor seconds of a process that goes on."""
    import psutil  # comes with Dask distributed

    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def _scheduler(addresses: Any) -> None:
    from distributed import Scheduler

    async def run() -> None:
        async with Scheduler(host="127.0.0.1", port=0, dashboard_address="localhost:0") as made:
            addresses.put(made.address)
            await made.finished()

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    asyncio.run(run())


def _workers(address: str, count: int) -> None:
    import dask
    from distributed import Worker

    async def run() -> None:
        thread = ThreadPoolExecutor(1)  # for all of them: hundreds would wait for each other
        made = [
            Worker(address, nthreads=1, memory_limit=0, dashboard=False, executor=thread)
            for _ in range(count)
        ]
        for first in range(0, count, AT_ONCE):
            await asyncio.gather(*made[first : first + AT_ONCE])
        await asyncio.gather(*(worker.finished() for worker in made))

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    settings = {
        # of a machine, of which these many have one
        "distributed.admin.system-monitor.interval": "1h",
        "distributed.admin.tick.interval": "1h",
        "distributed.worker.profile.enabled": False,
        "distributed.comm.timeouts.connect": f"{PATIENCE}s",
    }
    with dask.config.set(settings):
        asyncio.run(run())
