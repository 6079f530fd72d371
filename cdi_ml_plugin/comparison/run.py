"""``cdi-ml compare``: many seeds of several chains on the same data, as a page and as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ..data.measurement import Measurement
from ..data.result import Result
from ..engine.progress import Progress
from ..engine.run import MOST_SEEDS
from ..errors import AlgorithmError, ParameterError
from ..fourier import diffraction
from ..operators.base import Step
from ..physics.alignment import align
from ..physics.metrics import best
from ..physics.moduli import HELD_OUT
from ..physics.shells import Shells, prtf, shells, spectral_weight
from ..utils.memory import enough
from ..utils.values import instance, path, whole
from ..utils.workers.alone import Alone
from ..utils.workers.cluster import cluster, needed
from ..utils.workers.wanted import Wanted
from .apart import Asked, apart
from .chains import Contender, contenders, parameters_of
from .comparison import Comparison, Member
from .finished import Finished, finished
from .runs import Folder, Kept, compute, keep_finished, missing
from .statistics import agreement, common_shape, in_array, placed


@enough("comparing", "crop or bin the data")
def compare(
    measurement: Measurement,
    chains: Mapping[str, str | Step],
    out: str | Path,
    *,
    seeds: int = 100,
    parameters: Mapping[str, Any] | None = None,
    chain_parameters: Mapping[str, Mapping[str, Any]] | None = None,
    results: Mapping[str, Result] | None = None,
    held_out: float = HELD_OUT,
    device: str | torch.device | None = None,
    precision: str = "single",
    basis: ArrayLike | None = None,
    command: str = "",
    progress: bool = False,
    workers: Wanted | None = None,
) -> Comparison:
    """Run several chains from the same seeds and compare what they come to.

    Parameters
    ----------
    measurement : Measurement
    chains : mapping of str to str or Step
        By the name that figures and tables call them; the first is compared with. Two or more, with the results.
    out : path
        Folder that keeps the runs. Those that are there already, of the same data, chain, parameters,
        weights and seed, are not computed again. `save_comparison` adds the pages.
    seeds : int
        Runs of each chain, two or more: seeds 0, 1, …
    parameters : mapping, optional
        See `reconstruct`; for all chains. A key of an algorithm that only some of them have is for those.
    chain_parameters : mapping of str to mapping, optional
        Parameters of one chain alone, by its name; they override those for all.
    results : mapping of str to Result, optional
        What was phased before on the same data, by this package or others (see `read_any_result`), by the names
        that they are called by. They stand after the chains; nothing of them is run.
    held_out, device, precision, progress
        See `reconstruct`; the same for all chains.
    basis : float (3, 3), optional
        See `shells.shells`.
    command : str
        How to make this again, for the page.
    workers : Wanted, optional
        Who does the runs beside each other, where Dask distributed is installed; see `reconstruct`. Default this
        process.

    Returns
    -------
    Comparison
        Of what is there after an interruption (Ctrl-C), if each chain has a finished run.

    Raises
    ------
    ParameterError, SequenceError
        Fewer than two seeds, or chains and results, one twice, a result of other data, parameters for a name
        that is no chain, or what `reconstruct` refuses.
    TooLargeError
        A run needs more memory than is free.
    WriteError, ReadError
        The folder holds something else; a run in it is damaged.
    AlgorithmError
        All runs of a chain ended in NaN or infinity.
    ClusterError
        The workers cannot be had, or are gone; what is finished is kept.
    KeyboardInterrupt
        Interrupted before each chain had a run; what is finished is kept.
    """
    whole("seeds", seeds, 2, MOST_SEEDS)
    instance(
        "measurement", measurement, Measurement, "a Measurement; `prepare` makes one of counts"
    )
    instance("command", command, str, "a text")
    instance("chains", chains, Mapping, "two or more chains by their names")
    for name, given in (("parameters", parameters), ("chain_parameters", chain_parameters)):
        if given is not None:
            instance(name, given, Mapping, "a mapping")
    instance("results", results or {}, Mapping, "results by their names")
    for name in (*chains, *(results or {})):
        instance("the name of a chain", name, str, "a text")
    if twice := sorted({*chains} & {*(results or {})}):
        raise ParameterError(f"{twice[0]!r} is a chain and a result: name one otherwise")
    steps = None if basis is None else _regular(basis)
    out = path("out", out)
    others = finished(measurement, results or {})
    ready = contenders(
        measurement,
        chains,
        parameters or {},
        chain_parameters or {},
        held_out,
        device,
        precision,
        len(others),
    )
    folder = Folder(out, measurement)
    keep_finished(others, folder)
    complete = _done(
        missing(ready, seeds, folder),
        Asked(
            measurement,
            chains,
            parameters_of(chains, parameters or {}, chain_parameters or {}),
            held_out,
            None if device is None else str(device),
            precision,
            folder,
        ),
        workers,
        progress,
    )
    runs = [folder.kept(contender, seeds) for contender in ready]
    runs += [folder.kept(one, len(one.result.runs)) for one in others]
    if not all(runs):
        raise KeyboardInterrupt
    every: list[Contender | Finished] = [*ready, *others]
    for contender, own in zip(every, runs, strict=True):
        if not any(run.finite for run in own):
            reason = (own[0].about["notes"] or ["it was read so"])[-1]
            raise AlgorithmError(f"every run of {contender.label} became NaN or infinite: {reason}")
    parts = shells(measurement.shape, steps)
    return Comparison(
        measurement=measurement,
        members=_members(measurement, every, runs, parts),
        seeds=seeds,
        complete=complete,
        shells=parts,
        measured=spectral_weight(np.sqrt(measurement.intensity), parts, measurement.mask),
        options={
            "command": command,
            "parameters": dict(parameters or {}),
            "held_out": held_out,
            "precision": precision,
        },
    )


def _done(
    runs: Sequence[tuple[Contender, int]], asked: Asked, wanted: Wanted | None, progress: bool
) -> bool:
    """Do runs, here or by workers; False where it was interrupted."""
    if wanted is None or not runs:
        return compute(runs, asked.folder, progress)
    plans = [contender.plan for contender, _ in runs]
    each = max(plan.bytes_per_voxel(asked.precision) for plan in plans)
    with cluster(wanted, len(runs), needed(each, asked.measurement.mask.size)) as lent:
        if isinstance(lent, Alone):
            return compute(runs, asked.folder, progress)
        with Progress(progress, sum(plan.step.iterations for plan in plans)) as bar:
            bar.say(lent.about)
            try:
                for contender, ended in apart(lent, asked, runs):
                    asked.folder.keep(contender, ended.run, ended.seconds, ended.hardware)
                    bar.count(contender.plan.step.iterations)
            except KeyboardInterrupt:  # what is under way elsewhere is given up
                return False
    return True


def _regular(basis: ArrayLike) -> NDArray[np.float64]:
    """Steps of Q that span all three directions."""
    try:
        steps = np.asarray(basis)
        steps = steps if np.iscomplexobj(steps) else steps.astype(float)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"basis is no matrix of numbers: {error}") from error
    regular = steps.shape == (3, 3) and steps.dtype == float and bool(np.isfinite(steps).all())
    if not regular or np.linalg.matrix_rank(steps) < 3:
        raise ParameterError(f"basis {steps.tolist()!r:.80}: give a regular (3, 3) matrix in 1/nm")
    return steps


def _members(
    measurement: Measurement,
    ready: Sequence[Contender | Finished],
    runs: Sequence[Sequence[Kept]],
    parts: Shells,
) -> list[Member]:
    """Align all finite runs in a box that holds each of them, and sum them up."""
    finite = [[run for run in own if run.finite] for own in runs]
    shape, mask = measurement.shape, measurement.mask
    room = common_shape([run for own in finite for run in own], shape)
    reference = placed(_best(finite[0]), room)
    members = []
    for contender, all_runs, good in zip(ready, runs, finite, strict=True):
        chosen = _best(good)
        agreed = agreement(good, chosen, align(placed(chosen, room), reference))
        whole = np.sqrt(diffraction(in_array(placed(chosen, room), shape)))
        coherent = np.sqrt(diffraction(in_array(agreed.coherent, shape)))
        transfer = prtf(coherent, measurement.intensity, parts, mask)
        members.append(
            Member(
                contender=contender,
                runs=all_runs,
                finite=good,
                best=chosen,
                agreement=agreed,
                transfer=transfer if len(good) > 1 else np.full_like(transfer, np.nan),
                weight=spectral_weight(whole, parts, mask),
            )
        )
    return members


def _best(runs: Sequence[Kept]) -> Kept:
    return runs[best([run.about["metrics"] for run in runs])]
