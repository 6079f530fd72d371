"""The runs of a comparison: computed in turn, one file each, and none of them twice.

A file holds the object in its support, cropped, and JSON text about the run; it is read without pickle.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement, data_digest
from ..data.result import Run
from ..engine import loop
from ..engine.checkpoint import EVERY, SUFFIX, Checkpoint
from ..engine.progress import Progress
from ..engine.start import Start
from ..errors import ReadError, WriteError
from ..io.numpy_files import read_members
from ..physics.windows import extent
from ..utils.device import hardware
from ..utils.files import staged
from ..utils.interrupt import interruption
from ..utils.jsonable import plain
from ..utils.versions import versions
from .chains import Contender
from .finished import Finished

PROGRAM = "cdi-ml compare"
RUNS = "runs"
MARKER = "comparison.json"


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
        try:
            about = json.loads(str(_member(path, "about")))
        except (ValueError, RecursionError) as error:
            raise _damaged(path) from error
        if not isinstance(about, dict):
            raise _damaged(path)
        if about.get("program") != PROGRAM or about.get("digest") != digest:
            raise ReadError(f"{path}: holds another run than its name says: delete it")
        if not all(fits(about.get(key)) for key, fits in _ABOUT.items()):
            raise _damaged(path)
        return cls(path, about)

    @property
    def finite(self) -> bool:
        """Whether it ended with an object."""
        return bool(self.about["reason"] == "completed")

    def object(self) -> NDArray[np.complex64]:
        """The object, cropped: complex64, √counts; 0 outside its support."""
        obj = _member(self.path, "object")
        if obj.dtype != np.complex64 or obj.shape != tuple(self.about["shape"]):
            raise _damaged(self.path)
        if self.finite and not np.isfinite(obj).all():
            raise _damaged(self.path)
        return obj


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
        self.shape = measurement.shape
        self.runs = Path(os.path.abspath(path)) / RUNS  # a worker may stand elsewhere
        marker = self.runs / MARKER
        data = {"program": PROGRAM, "data": [*measurement.shape, data_digest(measurement)]}
        if not marker.exists():
            with staged(self.runs, [MARKER], force=True) as stage:
                (stage / MARKER).write_text(json.dumps(data) + "\n", encoding="utf-8")
        elif _content(marker).get("data") != data["data"]:
            raise WriteError(
                f"{path}: holds a comparison of other data, or of these prepared otherwise: "
                "name another folder"
            )

    def file(self, contender: Contender | Finished, seed: int) -> Path:
        """Where a run is kept."""
        return self.runs / f"{contender.digest[:16]}-{seed:04d}.npz"

    def checkpoint(self, contender: Contender, seed: int) -> Checkpoint:
        """Of a run that is under way; other machines and versions give other bits."""
        device = contender.plan.device
        digest = json.dumps([contender.digest, plain(hardware(device, 1)), plain(versions())])
        path = self.file(contender, seed).with_suffix(SUFFIX)
        return Checkpoint(path, digest, EVERY, device)

    def kept(self, contender: Contender | Finished, seeds: int) -> list[Kept]:
        """The finished runs of a chain, in the order of their seeds."""
        paths = (self.file(contender, seed) for seed in range(seeds))
        runs = [Kept.of(path, contender.digest) for path in paths if path.exists()]
        for run in runs:
            box = zip(*(run.about[key] for key in _PLACE), self.shape, strict=True)
            if not all(first + size <= n and centre <= n for first, size, centre, n in box):
                raise _damaged(run.path)
        return runs

    def keep(
        self,
        contender: Contender | Finished,
        run: Run,
        seconds: float | None,
        hardware: str | None = None,
    ) -> None:
        """Write a finished run, whole or not at all; it ran on that of its contender, unless another is named."""
        obj = run.object
        # One voxel stands for an object that is 0 or not finite.
        middle = tuple(n // 2 for n in obj.shape)
        nothing = tuple(slice(n, n + 1) for n in middle), middle
        window, centre = extent(np.abs(obj)) or nothing
        about = {
            "program": PROGRAM,
            "digest": contender.digest,
            "seed": run.seed,
            "metrics": dict(run.metrics),
            "reason": run.reason,
            "notes": run.notes,
            "seconds": seconds,
            "hardware": hardware or contender.hardware,
            "versions": versions(),
            "first": [piece.start for piece in window],
            "shape": [piece.stop - piece.start for piece in window],
            "centre": centre,
        }
        buffer = BytesIO()
        np.savez_compressed(buffer, object=obj[window], about=np.array(json.dumps(plain(about))))
        path = self.file(contender, run.seed)
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
    if names and _content(marker).get("program") != PROGRAM:
        raise WriteError(f"{path}: holds other files ({sorted(names)[0]}): name another folder")


def missing(
    contenders: Sequence[Contender], seeds: int, folder: Folder
) -> list[tuple[Contender, int]]:
    """What is not kept yet, the chains in turn for each seed."""
    return [
        (contender, seed)
        for seed in range(seeds)
        for contender in contenders
        if not folder.file(contender, seed).exists()
    ]


def compute(runs: Sequence[tuple[Contender, int]], folder: Folder, progress: bool) -> bool:
    """Do runs; False where it was interrupted.

    Ctrl-C ends the current iteration; the run that it belongs to is not kept.
    """
    iterations = sum(contender.plan.step.iterations for contender, _ in runs)
    with interruption() as stop, Progress(progress, iterations) as bar:
        for contender, seed in runs:
            if stop:
                break
            began = time.perf_counter()
            place = folder.checkpoint(contender, seed)
            (run,) = loop.run(contender.plan, [seed], Start(), stop, bar, place, bounded=True)
            if run.reason == "interrupted":
                break
            folder.keep(contender, run, time.perf_counter() - began)
            place.remove()
        else:
            return True
    return False


def keep_finished(finished: Sequence[Finished], folder: Folder) -> None:
    """Keep the runs of results among those of the chains."""
    for one in finished:
        for run in one.runs():
            if not folder.file(one, run.seed).exists():
                folder.keep(one, run, one.seconds)


def _member(path: Path, name: str) -> NDArray[Any]:
    try:
        return read_members(path, name)[name]
    except ReadError as error:
        raise _damaged(path) from error


def _content(marker: Path) -> dict[str, Any]:
    """What a marker says; nothing where there is none, or it is damaged."""
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _three(lowest: int) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, list)
        and len(value) == 3
        and all(isinstance(n, int) and n >= lowest for n in value)
    )


_PLACE = ("first", "shape", "centre")  # of the cropped object in the array
# What is known about a run, and what it must be.
_ABOUT: dict[str, Callable[[Any], bool]] = {
    "seed": lambda value: isinstance(value, int),
    "metrics": lambda value: (
        isinstance(value, dict) and all(one is None or _number(one) for one in value.values())
    ),
    "reason": lambda value: isinstance(value, str),
    "notes": _texts,
    "seconds": lambda value: value is None or _number(value),
    "hardware": lambda value: isinstance(value, str),
    "first": _three(0),
    "shape": _three(1),
    "centre": _three(0),
}


def _damaged(path: Path) -> ReadError:
    return ReadError(f"{path}: is damaged: delete it, and the run will be computed again")
