"""The runs of a comparison: computed in turn, one file each, and none of them twice.

A file holds the object in its support, cropped, and JSON text about the run; it is read without pickle.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from . import metrics
from .engine import interruption
from .errors import ParameterError, ReadError, WriteError
from .io.cxi import plain
from .io.write import staged, versions
from .job import OWN_KEYS, Job, Start
from .measurement import Measurement
from .operators.base import Step
from .parameters import HONOURED, check
from .progress import Progress
from .provenance import data_digest, hardware, weights_digests
from .result import Run
from .sequence import parse

PROGRAM = "cdi-ml compare"
RUNS = "runs"
MARKER = "comparison.json"
# Keys that choose what is compared elsewhere, and change no run.
ELSEWHERE = ("algorithm_sequence", "reconstructions")


@dataclass(frozen=True, eq=False)
class Chain:
    """One of the chains that are compared, ready to run.

    Attributes
    ----------
    label : str
    job : Job
    digest : str
        Of all that its runs depend on, but for their seed.
    """

    label: str
    job: Job
    digest: str

    @property
    def parameters(self) -> dict[str, Any]:
        """Those in force, without `ELSEWHERE`."""
        return {k: v for k, v in self.job.parameters.items() if k not in ELSEWHERE}


def parameters_of(
    named: Mapping[str, str | Step],
    parameters: Mapping[str, Any],
    chain_parameters: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Give each chain its parameters: those for all, then its own.

    A key that only algorithms of other chains know is left out.

    Parameters
    ----------
    named : mapping of str to str or Step
        The chains, by their names.
    parameters : mapping
        For all chains.
    chain_parameters : mapping of str to mapping
        For one chain alone, by its name.

    Raises
    ------
    ParameterError
        A name is that of no chain, or a key is known to none, or not to the chain that it is for.
    """
    for name in chain_parameters:
        if name not in named:
            raise ParameterError(
                f"parameters for {name!r}, which is no chain: give one of {', '.join(named)}"
            )
    known = {label: _keys(sequence) for label, sequence in named.items()}
    anywhere = set().union(*known.values())
    check(parameters, anywhere | OWN_KEYS)
    given: dict[str, dict[str, Any]] = {}
    for label, own in chain_parameters.items():
        try:
            check(own, known[label] | OWN_KEYS)
        except ParameterError as error:
            raise ParameterError(f"chain {label!r}: {error}") from error
    for label, keys in known.items():
        foreign = anywhere - keys - OWN_KEYS - HONOURED.keys()
        common = {key: value for key, value in parameters.items() if key not in foreign}
        given[label] = common | dict(chain_parameters.get(label, {}))
        if given[label].get("init_guess") == "continue":
            raise ParameterError(
                'init_guess = "continue": chains are compared from random starts: leave it out'
            )
    return given


def _keys(sequence: str | Step) -> set[str]:
    if isinstance(sequence, str):
        sequence = parse(sequence)
    if not isinstance(sequence, Step):
        raise ParameterError(f"sequence = {sequence!r}: give a text or a chain of operators")
    return {key for operator in sequence.operators() for key in operator.keys.values()}


def chains_of(
    measurement: Measurement,
    named: Mapping[str, str | Step],
    parameters: Mapping[str, Any],
    chain_parameters: Mapping[str, Mapping[str, Any]],
    held_out: float,
    device: str | torch.device | None,
    precision: str,
) -> list[Chain]:
    """Make the chains ready.

    Raises
    ------
    ParameterError
        Fewer than two chains, or one of them twice; see also `parameters_of`.
    """
    if len(named) < 2:
        raise ParameterError(f"{len(named)} chain(s) given: a comparison needs two or more")
    given = parameters_of(named, parameters, chain_parameters)
    chains: list[Chain] = []
    for label, sequence in named.items():
        job = Job.of(measurement, sequence, given[label], held_out, device, precision)
        if chains:  # one copy of the data is enough
            job = replace(job, data=chains[0].job.data)
        chain = Chain(label, job, "")
        identity = {
            "data": [measurement.shape, data_digest(measurement)],
            "sequence": str(job.step),
            "parameters": chain.parameters,
            "held_out": held_out,
            "weights": weights_digests(job.step),
            "precision": precision,
        }
        text = json.dumps(plain(identity), sort_keys=True)
        chain = replace(chain, digest=hashlib.sha256(text.encode()).hexdigest())
        for other in chains:
            if other.digest == chain.digest:
                raise ParameterError(
                    f"chains {other.label!r} and {label!r} are the same ({job.step}): give another"
                )
        chains.append(chain)
    return chains


@dataclass(frozen=True, eq=False)
class Kept:
    """A finished run on disk.

    Attributes
    ----------
    path : Path
    about : dict
        ``seed``, ``metrics``, ``reason``, ``notes``, ``seconds``, ``hardware``, ``versions``; ``first``
        and ``shape`` of the cropped object in the array, ``centre`` its voxel at the centre of mass.
    """

    path: Path
    about: Mapping[str, Any]

    @classmethod
    def of(cls, path: Path, digest: str) -> Kept:
        """Read what is known about a run; the object follows when it is asked for."""
        about = json.loads(str(_member(path, "about")))
        if about.get("program") != PROGRAM or about.get("digest") != digest:
            raise ReadError(f"{path}: holds another run than its name says: delete it")
        return cls(path, about)

    @property
    def finite(self) -> bool:
        """Whether it ended with an object."""
        return bool(self.about["reason"] == "completed")

    def object(self) -> NDArray[np.complex64]:
        """The object, cropped: complex64, √counts; 0 outside its support."""
        return _member(self.path, "object")


class Folder:
    """The folder of a comparison: its pages, and its runs in ``runs/``."""

    def __init__(self, path: Path, measurement: Measurement) -> None:
        """Take a folder that is new, empty, or of a comparison of the same data.

        Raises
        ------
        WriteError
            It holds something else, or cannot be written to.
        """
        check_foreign(path)
        self.path = path
        self.runs = path / RUNS
        marker = self.runs / MARKER
        data = {"program": PROGRAM, "data": [*measurement.shape, data_digest(measurement)]}
        if not marker.exists():
            with staged(self.runs, [MARKER], force=True) as stage:
                (stage / MARKER).write_text(json.dumps(data) + "\n", encoding="utf-8")
        elif json.loads(marker.read_text(encoding="utf-8"))["data"] != data["data"]:
            raise WriteError(
                f"{path}: holds a comparison of other data, or of these prepared otherwise: "
                "name another folder"
            )

    def file(self, chain: Chain, seed: int) -> Path:
        """Where a run is kept."""
        return self.runs / f"{chain.digest[:16]}-{seed:04d}.npz"

    def kept(self, chain: Chain, seeds: int) -> list[Kept]:
        """The finished runs of a chain, in the order of their seeds."""
        paths = (self.file(chain, seed) for seed in range(seeds))
        return [Kept.of(path, chain.digest) for path in paths if path.exists()]

    def keep(self, chain: Chain, run: Run, seconds: float) -> None:
        """Write a finished run, whole or not at all."""
        # an HIO iterate is no object outside its support
        obj = np.where(run.support, run.object, 0)
        figures = dict(run.metrics)
        if run.reason == "completed":
            scaled = torch.from_numpy(obj / np.float32(chain.job.data.scale))
            (inside,) = metrics.figures(scaled[None].to(chain.job.device), chain.job.data)
            figures |= inside
        window, centre = _extent(obj)
        about = {
            "program": PROGRAM,
            "digest": chain.digest,
            "seed": run.seed,
            "metrics": figures,
            "reason": run.reason,
            "notes": run.notes,
            "seconds": seconds,
            "hardware": hardware(chain.job.device, 1),
            "versions": versions(),
            "first": [piece.start for piece in window],
            "shape": [piece.stop - piece.start for piece in window],
            "centre": centre,
        }
        buffer = BytesIO()
        np.savez_compressed(buffer, object=obj[window], about=np.array(json.dumps(plain(about))))
        path = self.file(chain, run.seed)
        with staged(self.runs, [path.name], force=True) as stage:
            (stage / path.name).write_bytes(buffer.getvalue())


def check_foreign(path: Path) -> None:
    """Raise WriteError where a folder holds anything, and that is no comparison."""
    try:
        names = [name for name in os.listdir(path) if not name.startswith(".")]
    except FileNotFoundError:
        return
    except OSError as error:
        raise WriteError(f"{path}: is no folder to write to: {error.strerror}") from error
    marker = path / RUNS / MARKER
    try:
        ours = marker.exists() and json.loads(marker.read_text("utf-8"))["program"] == PROGRAM
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if names and not ours:
        raise WriteError(f"{path}: holds other files ({sorted(names)[0]}): name another folder")


def compute(chains: Sequence[Chain], seeds: int, folder: Folder, progress: bool) -> bool:
    """Run what is not kept yet, the chains in turn for each seed; False where it was interrupted.

    Ctrl-C ends the current iteration; the run that it belongs to is not kept.
    """
    missing = [
        (chain, seed)
        for seed in range(seeds)
        for chain in chains
        if not folder.file(chain, seed).exists()
    ]
    iterations = sum(chain.job.step.iterations for chain, _ in missing)
    with interruption() as stop, Progress(progress, iterations) as bar:
        for chain, seed in missing:
            if stop:
                break
            began = time.perf_counter()
            (run,) = chain.job.run([seed], Start(), stop, bar)
            if run.reason == "interrupted":
                break
            folder.keep(chain, run, time.perf_counter() - began)
        else:
            return True
    return False


def _extent(obj: NDArray[np.complex64]) -> tuple[tuple[slice, ...], list[int]]:
    """Window about what is not 0, and the voxel of the array at the centre of mass."""
    amplitude = np.abs(obj)
    total = float(amplitude.sum(dtype=np.float64))
    if not total > 0:  # one voxel stands for nothing
        return tuple(slice(n // 2, n // 2 + 1) for n in obj.shape), [n // 2 for n in obj.shape]
    window, centre = [], []
    for profile in _profiles(amplitude):
        occupied = np.flatnonzero(profile)
        window.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
        centre.append(round(float(profile @ np.arange(len(profile))) / total))
    return tuple(window), centre


def _profiles(amplitude: NDArray[np.float32]) -> Iterator[NDArray[np.float64]]:
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        yield amplitude.sum(axis=others, dtype=np.float64)


def _member(path: Path, name: str) -> NDArray[Any]:
    try:
        # opened here, for NumPy leaves a damaged file open
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return file[name]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ReadError(
            f"{path}: is damaged: delete it, and the run will be computed again"
        ) from error
