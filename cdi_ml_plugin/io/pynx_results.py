"""Results under the names that PyNX's commands give them, where cdiutils' pipeline looks for those."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ..data.result import Result, Run
from ..errors import ParameterError, WriteError
from ..physics.alignment import align
from ..physics.metrics import ranked_by
from ..physics.modes import modes
from ..utils.files import staged
from .cdiutils import modes_bytes
from .contents import guarded
from .cxi.writer import cxi_bytes


def write_runs(result: Result, folder: Path, stem: str, keep: int) -> tuple[Path, ...]:
    """Write runs under the names that a runner of PyNX gives them, beside those that are there.

    Parameters
    ----------
    result : Result
        A run of seed n becomes ``…_Run{n + 1}``.
    folder : Path
    stem : str
        What each name begins with.
    keep : int
        How many, the best by held-out likelihood; a run that did not stay finite is none.

    Returns
    -------
    The paths written, the best first.

    Raises
    ------
    WriteError
        Writing failed: then nothing has changed on disk.
    """
    sound = [run for run in result.runs if run.reason != "not finite"]
    figure = ranked_by([run.metrics for run in sound])
    ranked = sorted(sound, key=lambda run: run.metrics.get(figure, np.inf))[:keep]
    names = {_run_name(stem, run): run for run in ranked}
    with staged(folder, tuple(names), False, set()) as stage:
        for name, run in names.items():
            (stage / name).write_bytes(cxi_bytes(replace(result, runs=(run,), best=0)))
    return tuple(folder / name for name in names)


def _run_name(stem: str, run: Run) -> str:
    # PyNX has 0 where nothing is free
    free, fitted = (np.nan_to_num(run.metrics.get(key, 0.0)) for key in ("free_llk", "llk"))
    return f"{stem}_Run{run.seed + 1:04d}_LLKf{free:08.4f}_LLK{fitted:08.4f}.cxi"


def last_run(folder: Path) -> int:
    """Highest number of a run in a folder of results; 0 where there is none."""
    found = (re.search(r"Run(\d+)", path.name) for path in folder.glob("*Run*.cxi"))
    return max((int(match[1]) for match in found if match), default=0)


def write_modes(files: Sequence[Path], out: Path) -> NDArray[np.float64]:
    """Write the modes of results, of this package or of PyNX, as ``pynx-cdi-analysis --modes`` does.

    Parameters
    ----------
    files : sequence of Path
        The objects are brought onto that of the first.
    out : Path
        Replaced where it is an HDF5 file already.

    Returns
    -------
    Relative weights of the modes, the heaviest first.

    Raises
    ------
    ReadError
        A file holds no object and support.
    ParameterError
        The objects have several shapes, or none is there.
    WriteError
        Writing failed, or another file is there.
    """
    if out.exists() and not (out.is_file() and h5py.is_hdf5(out)):
        raise WriteError(f"{out} is there already, and holds no modes: give another name with -o")
    held = [guarded(path, _object) for path in files]
    (first, support), *others = held
    shapes = {obj.shape for obj, _ in held}
    if len(shapes) > 1:
        raise ParameterError(
            f"the objects have shapes {', '.join(map(str, sorted(shapes)))}: give results of one shape"
        )
    if not np.any(first):
        raise ParameterError(f"{files[0]}: its object is 0 everywhere: give others")
    found, weights = modes([first, *(align(obj, first) for obj, _ in others)])
    with staged(out.parent, (out.name,), True, set()) as stage:
        (stage / out.name).write_bytes(modes_bytes(found, weights, support))
    return weights


def _object(path: Path) -> tuple[NDArray[np.complex64], NDArray[np.int8]]:
    with h5py.File(path, "r") as file:
        return file["entry_1/data_1/data"][()], file["entry_1/image_1/support"][()]
