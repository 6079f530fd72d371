"""The state of a run that is under way, on disk, so that a kill costs minutes and not the run.

A file holds tensors, and JSON text about them; it is read without pickle.
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import ReadError, WriteError
from ..physics.state import NotKept
from ..utils.files import staged
from ..utils.jsonable import dumps, loads

EVERY = 5.0  # minutes
SUFFIX = ".state.npz"
DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, ReadError)


class Checkpoint:
    """The file of a batch of runs: what an earlier process left in it, and what this one writes.

    Parameters
    ----------
    path : Path
    digest : str
        Of all that the bits of the runs depend on, but for their seeds.
    minutes : float
        Between two writings; before the first of them nothing is written.
    device : torch.device
        Of the tensors that are read.

    Attributes
    ----------
    taken : dict or None
        What an earlier process came to, as it was handed to `offer`; None where there is nothing, or
        nothing that belongs here.
    notes : list of str
        What is to be known of reading and writing.
    """

    def __init__(self, path: Path, digest: str, minutes: float, device: torch.device) -> None:
        self.path, self.digest, self.seconds = path, digest, 60 * minutes
        self.notes: list[str] = []
        self.taken: dict[str, Any] | None = None
        self.there = False
        try:
            self.taken = self._read(device)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except DAMAGE as error:
            self.notes.append(
                f"{path}: the checkpoint is not used, it is damaged or foreign ({error})"
            )
        self.due = time.monotonic() + self.seconds

    def batch(self, planned: list[int], left: list[int]) -> list[int]:
        """The seeds to run next: those of what was read, where that is what is `left`; else those `planned`."""
        if self.taken is None:
            return planned
        seeds: list[int] = self.taken["seeds"]
        if seeds == left[: len(seeds)]:
            done = self.taken["state"]["iteration"]
            self.notes.append(f"seed {seeds[0]} went on from iteration {done} of an earlier run")
            return seeds
        self.taken = None
        return planned

    def offer(self, parts: Callable[[], dict[str, Any]]) -> None:
        """Write what `parts` gives, if it is time: nested dicts and lists of tensors and plain values."""
        if time.monotonic() < self.due:
            return
        arrays: dict[str, Any] = {}
        try:
            about = dumps({"digest": self.digest, "parts": _packed(parts(), arrays)})
            with staged(self.path.parent, [self.path.name], force=True) as stage:
                np.savez(stage / self.path.name, about=np.array(about), **arrays)
            self.there = True
        except NotKept:  # an algorithm's memory is its own: at its end there is none
            return
        except WriteError as error:  # no reason to lose what was computed
            self.notes.append(f"no checkpoint could be written: {error}")
            self.seconds = float("inf")
        self.due = time.monotonic() + self.seconds

    def remove(self) -> None:
        """Delete the file, when what it is for is kept elsewhere."""
        if self.there:
            self.path.unlink(missing_ok=True)
            self.there = False

    def _read(self, device: torch.device) -> dict[str, Any]:
        # opened here, for NumPy leaves a damaged file open
        with self.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            about = loads(str(file["about"]))
            if about["digest"] != self.digest:
                raise ReadError("of other data, chain, parameters or versions")
            parts: dict[str, Any] = _unpacked(about["parts"], file, device)
        self.there = True
        return parts


def _packed(value: Any, arrays: dict[str, Any]) -> Any:
    """Put tensors among `arrays`; in their places stand their names."""
    if torch.is_tensor(value):
        name = f"{len(arrays)}"
        arrays[name] = value.detach().cpu().numpy()
        # the same order in memory, and so the same order of sums
        return {
            "tensor": name,
            "stride": [*torch.empty_like(value).stride()],
            "cpu": not value.is_cuda,
        }
    if isinstance(value, Mapping):
        return {"mapping": {key: _packed(item, arrays) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        parts = [_packed(item, arrays) for item in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    return value


def _unpacked(value: Any, arrays: Mapping[str, Any], device: torch.device) -> Any:
    if isinstance(value, Mapping) and "mapping" in value:
        return {key: _unpacked(item, arrays, device) for key, item in value["mapping"].items()}
    if isinstance(value, Mapping):
        array = torch.from_numpy(arrays[value["tensor"]])
        place = torch.device("cpu") if value["cpu"] else device
        return torch.empty_strided(
            array.shape, value["stride"], dtype=array.dtype, device=place
        ).copy_(array)
    if isinstance(value, list | tuple):
        parts = [_unpacked(item, arrays, device) for item in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    return value
