"""Workers of Dask distributed: those of this machine, those behind a scheduler that runs, or jobs of a batch system."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any

from ...errors import ClusterError
from .. import memory
from ..interrupt import held_back
from ..values import instance
from ..versions import differences, versions
from .alone import Alone, Workers
from .behind import SCAN, Dask
from .wanted import SYSTEMS, Wanted

BASE = 0.7e9  # bytes of a worker that has done nothing yet: Python, torch, h5py, Matplotlib
READ = 25  # bytes that a voxel takes while it is read and prepared
PATIENCE = 10  # s, for a scheduler or a first worker to answer
# Dask has its workers give memory back at once, and arrays of a few megabytes then cost twice the time of phasing.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": 2**28, "MALLOC_MMAP_THRESHOLD_": 2**25}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
NEEDS = "pip install 'cdi-ml-plugin[cluster]'"


def installed() -> bool:
    """Whether Dask distributed is."""
    return find_spec("distributed") is not None


def needed(recipe_bytes: int, voxels: int) -> int:
    """Bytes that a worker takes for a scan of so many voxels."""
    return int(BASE + voxels * (recipe_bytes + READ))


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def fed(tasks: int, each: int, free: float | None = None) -> int:
    """How many workers this machine feeds: with a core and `each` bytes, and no more than there are tasks."""
    free = memory.free() if free is None else free
    return max(1, min(cores(), tasks, int(0.8 * free / each) if free < memory.UNKNOWN else tasks))


@contextmanager
def cluster(wanted: Wanted, tasks: int, each: int) -> Iterator[Workers]:
    """Lend workers.

    Parameters
    ----------
    wanted : Wanted
    tasks : int
        How many there are to do.
    each : int
        Bytes that one takes.

    Raises
    ------
    ClusterError
        They cannot be had, or have other versions.
    """
    instance("workers", wanted, Wanted, "a Wanted")
    if not installed():
        if wanted != Wanted():
            raise ClusterError(f"more than one process takes Dask distributed: {NEEDS}")
        yield Alone()
        return
    if wanted.scheduler is None and wanted.system is None and not wanted.gpus:
        count = wanted.workers or fed(tasks, each)
        if count == 1 and wanted.workers is None:
            yield Alone()
            return
    with _dask(wanted, tasks, each) as lent:
        yield lent


@contextmanager
def _dask(wanted: Wanted, tasks: int, each: int) -> Iterator[Workers]:
    from distributed import Client
    from distributed.comm.core import CommClosedError

    with ExitStack() as stack:
        gpus = 0
        try:
            if wanted.scheduler is not None:
                client = stack.enter_context(Client(wanted.scheduler, timeout=PATIENCE))
            else:
                if wanted.system is not None:
                    made = stack.enter_context(batch(wanted))
                    made.scale(wanted.workers)
                else:
                    made, gpus = _local(wanted, tasks, each)
                    stack.enter_context(made)
                client = stack.enter_context(Client(made, timeout=PATIENCE))
            _check_versions(client)
        except (OSError, TimeoutError, CommClosedError, ValueError, RuntimeError) as error:
            if wanted.scheduler is None:
                where = f"--cluster {wanted.system}" if wanted.system else "workers of this machine"
                raise ClusterError(f"{where}: do not start ({_line(error)}): try again") from error
            raise ClusterError(
                f"{wanted.scheduler}: no scheduler answers there ({_line(error)}): start `dask scheduler`, "
                "or give the address that it says"
            ) from error
        yield Dask(client, each, gpus, wanted.system is not None)


def _local(wanted: Wanted, tasks: int, each: int) -> tuple[Any, int]:
    """A cluster of this machine, and how many cards its workers share, 0 for none."""
    import dask
    from distributed import LocalCluster

    gpus = 0
    if wanted.gpus:
        import torch

        gpus = torch.cuda.device_count()
        if not gpus:
            raise ClusterError("--gpus: there is no CUDA device here: leave it out")
    count = wanted.workers or gpus or fed(tasks, each)
    # more than one only where memory leaves cores idle: two that wait for each other lose more than they gain
    threads = max(1, cores() // count) if count < min(cores(), tasks) and not wanted.workers else 1
    free = memory.free()
    limit = int(free / count) if free < memory.UNKNOWN else 0
    environ = {**MALLOC, **dict.fromkeys(THREADS, threads)}
    with dask.config.set({"distributed.nanny.pre-spawn-environ": environ}), held_back():
        made = LocalCluster(
            n_workers=count,
            threads_per_worker=threads,
            processes=True,
            resources={SCAN: 1, "memory": limit or each},
            memory_limit=max(limit, each) if limit else None,
            dashboard_address="localhost:0",
            silence_logs=logging.CRITICAL,
        )
    return made, gpus


def batch(wanted: Wanted) -> Any:
    """A cluster of jobs of a batch system, by the configuration of dask-jobqueue; none of them is submitted yet.

    Raises
    ------
    ClusterError
        dask-jobqueue is missing, or its configuration lacks something.
    """
    if find_spec("dask_jobqueue") is None:
        raise ClusterError(f"--cluster takes dask-jobqueue: {NEEDS}")
    import dask
    import dask_jobqueue

    prologue = dask.config.get(f"jobqueue.{wanted.system}.job-script-prologue", None) or []
    kind = getattr(dask_jobqueue, SYSTEMS[str(wanted.system)])
    try:
        made = kind(
            worker_extra_args=["--resources", f"{SCAN}=1"],
            job_script_prologue=[*prologue, *(f"export {k}={v}" for k, v in MALLOC.items())],
            scheduler_options={"dashboard_address": "localhost:0"},
            silence_logs=logging.CRITICAL,
        )
    except (ValueError, TypeError, OSError) as error:
        raise ClusterError(
            f"--cluster {wanted.system}: dask-jobqueue's configuration, ~/.config/dask/jobqueue.yaml, "
            f"does not do: {_line(error)}"
        ) from error
    return made


def _check_versions(client: Any) -> None:
    """Compare what this process and the workers are made of.

    Raises
    ------
    ClusterError
        They differ, or a worker has not this package.
    """
    ours = versions()
    try:
        theirs: Mapping[str, Mapping[str, str]] = client.run(versions)
    except ModuleNotFoundError as error:
        raise ClusterError(
            f"a worker lacks {error.name}: install the same there as here"
        ) from error
    for address, found in theirs.items():
        if differing := differences(ours, found):
            raise ClusterError(
                f"worker {address} has other versions ({differing}): install the same there"
            )


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def script(wanted: Wanted) -> str:
    """The job script that a batch system would be given for each worker."""
    with batch(wanted) as made:
        text: str = made.job_script()
    return text
