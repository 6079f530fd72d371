"""`reconstruct`: many starts of one chain, interrupted or not, as one `Result`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from ..data.measurement import Measurement
from ..data.result import Result, Run
from ..errors import AlgorithmError, ParameterError, WriteError
from ..operators.base import Step
from ..physics import metrics
from ..physics.moduli import HELD_OUT
from ..utils import memory
from ..utils.interrupt import interruption
from ..utils.values import number, path
from ..utils.workers.alone import Alone, Workers
from ..utils.workers.cluster import cluster, needed
from ..utils.workers.wanted import Wanted
from .apart import Asked, apart
from .batches import batch_size, batches
from .checkpoint import EVERY
from .kept import Kept
from .plan import SMALLER, Plan
from .progress import Progress, Watch
from .start import given_start

MOST_SEEDS = 100_000  # starts of one reconstruction


@memory.enough("phasing", SMALLER)
def reconstruct(
    measurement: Measurement,
    sequence: str | Step | None = None,
    *,
    seeds: int | Sequence[int] | None = None,
    parameters: Mapping[str, Any] | None = None,
    held_out: float = HELD_OUT,
    device: str | torch.device | None = None,
    precision: str = "single",
    start: ArrayLike | None = None,
    support: ArrayLike | None = None,
    progress: bool = False,
    watch: Watch | None = None,
    keep: str | Path | None = None,
    checkpoint: float = EVERY,
    workers: Wanted | None = None,
) -> Result:
    """Phase a measurement.

    Parameters
    ----------
    measurement : Measurement
    sequence : str or Step, optional
        A chain such as ``"3*(20*ER + 180*HIO) + 20*ER"`` or ``3 * (20 * ER() + 180 * HIO())``;
        without one, ``parameters["algorithm_sequence"]`` or the default chain.
    seeds : int or sequence of int, optional
        How many starts, or the seed of each. Default: ``parameters["reconstructions"]`` or one.
    parameters : mapping, optional
        Keys of cohere's ``config_rec``. Without ``initial_support_area`` the start support comes
        from the autocorrelation (`AUTO`); without ``shrink_wrap_…`` keys the support is updated
        by `ASW`, unless the sequence does it.
    held_out : float
        Share of the measured voxels that no algorithm sees; the best run is chosen by them.
    device : str or torch.device, optional
        Default: a CUDA device where there is one, else the CPU.
    precision : {"single", "double"}
    start : complex (z, y, x), optional
        An object to start from, centred, instead of random phases; without one, what
        ``parameters["init_guess"] = "continue"`` finds in ``parameters["continue_dir"]``.
    support : bool (z, y, x), optional
        The start support, centred; without one, where `start` is above a twentieth of its maximum.
        `CNN` and the support updates of the chain replace it.
    progress : bool
        Show a progress bar with χ² and r_p.
    watch : callable, optional
        Called with a `Run` as it stands, a few times a second at most (its ``reason`` is
        ``"running"``; of several at once on a GPU, the one that leads), and with each run that has
        ended. Where it returns something true, the reconstruction ends as by Ctrl-C.
    keep : path, optional
        A folder in which each of several runs that has ended is kept, and the state of one that goes on for
        long. What is there of the same data, chain, parameters, start, machine and versions is not computed
        again. `kept.forget` deletes it.
    checkpoint : float
        Minutes from one state to the next that is kept of a run: so much a kill costs at the most.
    workers : Wanted, optional
        Who runs the seeds beside each other, where Dask distributed is installed: ``Wanted(workers=4)`` is four
        processes of this machine, for which a script needs ``if __name__ == "__main__":``. Default this process.

    Returns
    -------
    Result

    Raises
    ------
    SequenceError, ParameterError, AlgorithmError
        The chain or a parameter is not valid; every run went to NaN.
    ReadError
        ``continue_dir`` does not hold an object.
    TooLargeError
        More memory is needed than is free, or it ended on the way.
    ClusterError
        The workers cannot be had, or are gone; what is finished is in `keep`.

    Notes
    -----
    One seed gives the same object to the bit on one device, whatever other seeds run beside it, here or by workers
    with as many threads as here.
    An interruption (Ctrl-C, SIGTERM) ends the current iteration and returns what there is; of workers, the runs that
    have ended.
    """
    if watch is not None and not callable(watch):
        raise ParameterError(f"watch is of type {type(watch).__name__}: give a function of a Run")
    keep = None if keep is None else path("keep", keep)
    number("checkpoint", checkpoint, 0)
    checked = Plan.of(sequence, {} if parameters is None else parameters)
    numbers = _seeds(seeds, checked.parameters)
    plan = checked.on(measurement, held_out, device, precision, len(numbers))
    if start is None and plan.parameters.get("init_guess") == "continue":
        from ..io.cohere import read_continue

        counts = float(measurement.intensity.sum())
        start, support = read_continue(plan.parameters.get("continue_dir", "."), counts)
    given = given_start(measurement, start, support, plan.data)
    kept = Kept(keep, plan, measurement, held_out, given)
    found = kept.found(numbers)
    missing = [seed for seed in numbers if seed not in {run.seed for run in found}]
    runs: list[Run] = []
    notes: list[str] = []
    if others := kept.others():
        notes.append(
            f"{others} file(s) in {kept.folder} are of a killed run of another chain, parameters or data: "
            "not gone on with, and cleared when a result is written"
        )
    began = time.perf_counter()
    where = str(plan.device)

    def take(ended: list[Run], keeping: bool) -> bool:
        """Keep runs that have ended, and show them; whether it is enough."""
        runs.extend(ended)
        try:
            if keeping:
                kept.keep(ended)
        except WriteError as error:  # no reason to lose what was computed
            notes.append(f"runs are no longer kept for another time: {error}")
            kept.folder = None
        return bar.ended(ended)

    with ExitStack() as stack:
        lent: Workers = Alone()
        if workers is not None and missing:
            each = needed(plan.bytes_per_voxel(precision), measurement.mask.size)
            lent = stack.enter_context(cluster(workers, len(missing), each))
        alone = isinstance(lent, Alone)
        size = batch_size(plan, max(1, len(missing))) if alone else 1
        total = plan.step.iterations * -(-len(missing) // size)
        bar = stack.enter_context(Progress(progress, total, watch))
        if alone:
            stop = stack.enter_context(interruption())
            for ended, there in batches(
                plan, missing, size, given, kept, checkpoint, stop, bar, notes, bool(found)
            ):
                if take(ended, len(numbers) > 1 or there):
                    stop.append(True)
        else:
            bar.say(lent.about)
            asked = Asked(
                measurement, sequence, parameters or {}, held_out, None if device is None else str(device),
                precision, start, support, None if keep is None else keep.absolute(), checkpoint,
            )  # fmt: skip
            at_once = -(-len(missing) // lent.count) if workers is not None and workers.gpus else 1
            try:
                for came in apart(lent, asked, missing, at_once):
                    where = came.device
                    notes += came.notes
                    bar.count(plan.step.iterations * len(came.runs))
                    if take(came.runs, True):
                        break
            except KeyboardInterrupt:  # what is under way elsewhere is given up
                if not runs and not found:
                    raise
    seconds = time.perf_counter() - began
    notes += plan.notes
    runs = sorted([*found, *runs], key=lambda run: numbers.index(run.seed))
    if found:
        notes.append(
            f"{len(found)} of {len(numbers)} starts are those of an earlier run that was ended"
        )
    if len(runs) < len(numbers):
        notes.append(f"interrupted: {len(runs)} of {len(numbers)} starts were run")
    if all(run.reason == "not finite" for run in runs):
        raise AlgorithmError(f"every run became NaN or infinite: {runs[0].notes[-1]}")
    return Result(
        measurement=measurement,
        runs=tuple(runs),
        best=metrics.best([run.metrics for run in runs]),
        sequence=str(plan.step),
        parameters=plan.parameters,
        device=where,
        seconds=seconds,
        notes=tuple(notes),
    )


def _seeds(seeds: Any, parameters: Mapping[str, Any]) -> list[int]:
    if seeds is None:
        seeds = parameters.get("reconstructions", 1)
    one = isinstance(seeds, Integral) and not isinstance(seeds, bool)
    numbers = list(range(int(seeds))) if one and seeds <= MOST_SEEDS else _listed(seeds)
    right = (
        type(n) is not bool and isinstance(n, Integral) and 0 <= int(n) < 2**63 for n in numbers
    )
    if not numbers or not all(right) or len(set(numbers)) < len(numbers):
        raise ParameterError(
            f"seeds = {seeds!r:.80}: give how many (1 to {MOST_SEEDS}), or whole numbers from 0, each once"
        )
    return [int(number) for number in numbers]


def _listed(seeds: Any) -> list[Any]:
    several = isinstance(seeds, Sequence | np.ndarray) and len(seeds) <= MOST_SEEDS
    return list(seeds) if several else []
