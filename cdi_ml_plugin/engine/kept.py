"""Runs that have ended, and checkpoints of those that have not, so that a reconstruction that was killed goes on.

A file holds the arrays of a run, and JSON text about it; it is read without pickle.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..data.measurement import Measurement, data_digest
from ..data.result import Run
from ..errors import ReadError
from ..io.numpy_files import read_members
from ..nn import weights
from ..operators.base import Step
from ..utils.device import hardware
from ..utils.files import staged
from ..utils.jsonable import plain
from ..utils.swap import recover
from ..utils.versions import versions
from .checkpoint import SUFFIX, Checkpoint
from .plan import Job
from .start import Start

NAME = re.compile(r"[0-9a-f]{16}-\d+(\.state)?\.npz")


class Kept:
    """The folder of the runs of a plan; without a folder nothing is kept.

    Parameters
    ----------
    folder : path, optional
    plan : Job
    measurement : Measurement
    held_out : float
    start : Start
    """

    def __init__(
        self,
        folder: str | Path | None,
        plan: Job,
        measurement: Measurement,
        held_out: float,
        start: Start,
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.device = plan.device
        if self.folder is None:
            return
        self.shape = measurement.shape
        given = [
            None if one is None else one.cpu().numpy() for one in (start.object, start.support)
        ]
        identity = {
            "data": [measurement.shape, data_digest(measurement)],
            "sequence": str(plan.step),
            "parameters": plan.parameters,
            "held_out": held_out,
            "weights": weights_digests(plan.step),
            "precision": str(plan.dtype),
            "start": [
                None if o is None else hashlib.sha256(o.tobytes()).hexdigest() for o in given
            ],
            # other machines and versions give other bits
            "hardware": hardware(plan.device, 1),
            "versions": versions(),
        }
        text = json.dumps(plain(identity), sort_keys=True)
        self.digest = hashlib.sha256(text.encode()).hexdigest()

    def found(self, seeds: Sequence[int]) -> list[Run]:
        """Those that are there, in the order of the seeds; what is damaged is computed again."""
        if self.folder is None:
            return []
        runs = [run for seed in seeds if (run := self._read(seed)) is not None]
        for run in runs:  # its process was killed before it could
            (self.folder / self._name(run.seed)).with_suffix(SUFFIX).unlink(missing_ok=True)
        return runs

    def others(self) -> int:
        """How many files there are of other chains, parameters or data."""
        if self.folder is None or not self.folder.is_dir():
            return 0
        names = (path.name for path in self.folder.iterdir())
        return sum(bool(NAME.fullmatch(n)) and not n.startswith(self.digest[:16]) for n in names)

    def keep(self, runs: Sequence[Run]) -> None:
        """Write runs that came to their end.

        Raises
        ------
        WriteError
            No permission, no space.
        """
        for run in runs:
            if self.folder is None or run.reason != "completed":
                continue
            about = {
                "digest": self.digest,
                "metrics": {key: _number(value) for key, value in run.metrics.items()},
                "reason": run.reason,
                "notes": [*run.notes],
            }
            arrays: dict[str, Any] = {"object": run.object, "support": run.support}
            arrays |= {f"history/{name}": values for name, values in run.history.items()}
            buffer = BytesIO()
            np.savez(buffer, about=np.array(json.dumps(about)), **arrays)
            name = self._name(run.seed)
            with staged(self.folder, [name], force=True) as stage:
                (stage / name).write_bytes(buffer.getvalue())

    def checkpoint(self, seeds: Sequence[int], minutes: float) -> Checkpoint | None:
        """Of the batch that begins with the first of these seeds; None where nothing is kept."""
        if self.folder is None:
            return None
        path = (self.folder / self._name(seeds[0])).with_suffix(SUFFIX)
        return Checkpoint(path, self.digest, minutes, self.device)

    def _name(self, seed: int) -> str:
        return f"{self.digest[:16]}-{seed}.npz"

    def _read(self, seed: int) -> Run | None:
        assert self.folder is not None
        try:
            arrays = read_members(self.folder / self._name(seed))
            about = json.loads(str(arrays["about"]))
            if about["digest"] != self.digest:
                return None
            run = Run(
                seed,
                arrays["object"],
                arrays["support"],
                about["metrics"],
                {n.partition("/")[2]: a for n, a in arrays.items() if n.startswith("history/")},
                about["reason"],
                tuple(about["notes"]),
            )
        except (ReadError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return run if self._fits(run) else None

    def _fits(self, run: Run) -> bool:
        """Whether a run is one of this plan, as `keep` writes it."""
        curves = run.history.values()
        return (
            run.object.shape == run.support.shape == self.shape
            and run.object.dtype == np.complex64
            and run.support.dtype == bool
            and bool(np.isfinite(run.object).all())
            and all(curve.ndim == 1 and curve.dtype.kind == "f" for curve in curves)
            and isinstance(run.metrics, dict)
            and all(isinstance(v, int | float) for v in run.metrics.values())
            and run.reason == "completed"
            and all(isinstance(note, str) for note in run.notes)
        )


def forget(folder: Path) -> None:
    """Delete the runs that were kept in a folder, of whatever plan, and the folder if nothing else is in it."""
    recover(folder)
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if NAME.fullmatch(path.name):
                path.unlink()
        folder.rmdir()


def _number(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value


def weights_digests(step: Step) -> list[str]:
    """Twelve hexadecimal digits of the weights of each trained network in a chain, which is bound.

    Raises
    ------
    WeightsError
        They cannot be read.
    """
    sources = [getattr(operator, "weights", None) for operator in step.operators()]
    named = sorted({source for source in sources if isinstance(source, str)} - {"", "none"})
    return [weights.load(source)[1].checksum[:12] for source in named]
