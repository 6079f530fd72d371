"""Runs from many seeds, a batch of them at once on a GPU, one after the other on a CPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from ..data.result import Run
from ..errors import TooLargeError
from . import loop
from .kept import Kept
from .plan import Job
from .progress import Progress
from .start import Start

BYTES_PER_VOXEL = 100  # of one run: object, what a search keeps, working room of a transform


def batches(
    plan: Job,
    seeds: Sequence[int],
    size: int,
    given: Start,
    kept: Kept,
    checkpoint: float,
    stop: list[bool],
    bar: Progress,
    notes: list[str],
    begun: bool = False,
) -> Iterator[tuple[list[Run], bool]]:
    """Run seeds in batches of `size`, or fewer where memory ends.

    Parameters
    ----------
    checkpoint : float
        Minutes from one kept state to the next.
    stop : list of bool
        Ends the batch that is under way, and the seeds after it, as soon as it holds anything.
    notes : list of str
        Gets what is to be known of it.
    begun : bool
        There are other runs already; without, the first batch is begun however early the interruption, for a result.

    Yields
    ------
    The runs of a batch, and whether a state of theirs is on disk, which is deleted afterwards.
    """
    done = 0
    while done < len(seeds) and not (stop and (done or begun)):
        batch = [*seeds[done : done + size]]
        place = kept.checkpoint(batch, checkpoint)
        if place is not None:
            batch = place.batch(batch, [*seeds[done:]])
        try:
            ended = loop.run(plan, batch, given, stop, bar, place)
        except torch.cuda.OutOfMemoryError as error:
            size = _fewer(len(batch), plan, error)
            if place is not None:
                place.remove()
            notes.append(
                f"out of memory on {plan.device} with {len(batch)} starts at once: "
                f"went on with {size}"
            )
            continue
        done += len(ended)
        interrupted = bool(stop)
        yield ended, place is not None and place.there
        if place is not None:
            if not interrupted:
                place.remove()
            notes += place.notes


def batch_size(plan: Job, wanted: int) -> int:
    """How many seeds run at once: on a CPU one at a time is as fast and takes the least memory."""
    if plan.device.type != "cuda":
        return 1
    free, _ = torch.cuda.mem_get_info(plan.device)
    return max(1, min(wanted, int(0.8 * free / (BYTES_PER_VOXEL * plan.data.amplitude.numel()))))


def _fewer(size: int, plan: Job, error: Exception) -> int:
    """Half as many starts at once, after those did not fit into the memory of the GPU."""
    if size == 1:
        shape = " × ".join(map(str, plan.data.shape))
        raise TooLargeError(
            f"out of memory on {plan.device}: a single start of {shape} voxels does not fit: crop or bin "
            "the data (half the voxels take half the memory), leave REFINE out, or use the CPU"
        ) from error
    torch.cuda.empty_cache()
    return size // 2
