"""Read a `result.cxi` back: the `Result` that was written, with all its runs and the measurement."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ...data.measurement import Measurement
from ...data.result import Result, Run
from ...errors import MeasurementError, ReadError
from ...utils import jsonable
from ...utils.inputs import check_name
from ...utils.values import path as named
from ..hdf5_links import check_whole
from ..hdf5_links import is_one as is_hdf5
from . import tree
from .writer import ABOUT_RUN, DETECTOR, FORM, GROUPS, KIND, PROCESS, PROGRAM, WORDS

# What h5py and a record that was tampered with raise.
_DAMAGE = (OSError, RuntimeError, ValueError, KeyError, IndexError, TypeError, AttributeError)
KINDS: dict[str, Any] = {
    **{"best": int, "sequence": str, "parameters": dict, "device": str},
    **{"seconds": int | float, "notes": tuple, "analysis": dict},
}

BESIDE = {
    "series": "points to the results of a series: give one of them, as scan_NAME/result.cxi beside it; "
    "`silx view` shows this file",
    "aligned": "is the object of a result as the reference of its series has it: give the result.cxi beside it",
}


def read_result(path: str | os.PathLike[str]) -> Result:
    """Read a result of this package.

    Parameters
    ----------
    path : path
        A ``result.cxi``, or the folder that holds it.

    Returns
    -------
    Result
        Equal to the one that was written: arrays and numbers to the bit, provenance and parameters with
        their types.

    Raises
    ------
    ReadError
        No such file, not HDF5, of another program, without the runs (older releases), or damaged.
    """
    path = named("result", path)
    check_name(path)
    try:
        folder = path.is_dir()
    except OSError as error:  # a name that is too long
        raise ReadError(f"{path}: cannot be read: {error.strerror}") from error
    if folder:
        path = path / "result.cxi"
    if not path.is_file():
        raise ReadError(f"{path}: no such file: give a result.cxi, or the folder that holds it")
    if not h5py.is_hdf5(path):
        raise ReadError(f"{path}: not an HDF5 file, or damaged: give a result.cxi")
    check_kind(path)
    try:
        with h5py.File(path, "r") as file:
            check_whole(file, path)
            return _result(file, _record(file, path))
    except ReadError as error:
        raise error if str(path) in str(error) else _damaged(path, error) from error
    except (MeasurementError, *_DAMAGE) as error:
        raise _damaged(path, error) from error


def is_one(path: Path) -> bool:
    """Whether a path is a result of this package, or a folder with its ``result.cxi``."""
    file = path / "result.cxi" if path.is_dir() else path
    return is_hdf5(file, lambda held: bool(held.attrs.get("creator") == PROGRAM))


def check_kind(path: Path) -> None:
    """Refuse files that this package writes beside results.

    Raises
    ------
    ReadError
        It is one of them.
    """
    for kind, says in BESIDE.items():
        if is_hdf5(path, partial(_is_of, kind)):
            raise ReadError(f"{path}: {says}")


def _is_of(kind: str, file: h5py.File) -> bool:
    return bool(file.attrs.get(KIND) == kind)


def earlier_provenance(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Provenance of the measurement of a result of this package; empty for every other file.

    Raises
    ------
    ReadError
        The file says that it is one, and its record is damaged, foreign or in another file.
    """
    if not os.path.isfile(path) or not h5py.is_hdf5(path):
        return {}
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("creator") != PROGRAM or not _has_record(file):
                return {}
            provenance = _provenance(file, Path(path))
            _check_provenance(provenance)
    except (ReadError, *_DAMAGE) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ReadError(
            f"{path}: says that {PROGRAM} wrote it, and its record of the measurement is damaged or "
            f"foreign ({reason}): give the measured data themselves"
        ) from error
    return dict(provenance)


def _check_provenance(provenance: Any) -> None:
    """Refuse what the steps of preprocessing could not go on from: a foreign record may hold anything."""
    if not isinstance(provenance, dict) or not all(isinstance(key, str) for key in provenance):
        raise ReadError("its provenance is no mapping of names")
    for key, lowest in (("origin", None), ("binning", 1), ("peak", None)):
        numbers = provenance.get(key, (1, 1, 1))
        if (
            not isinstance(numbers, list | tuple)
            or len(numbers) != 3
            or not all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in numbers)
            or (lowest is not None and min(numbers) < lowest)
        ):
            raise ReadError(f"its {key} is {numbers!r:.40}")
    for key in ("steps", "notes"):
        texts = provenance.get(key, ())
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            raise ReadError(f"its {key} are {texts!r:.40}")
    for key, kind in (
        ("geometry", dict),
        ("acquisition", dict),
        ("spec", str),
        ("scan", int | np.integer | str),
    ):
        if not isinstance(provenance.get(key), kind | None):
            raise ReadError(f"its {key} is {provenance[key]!r:.40}")
    scan = provenance.get("scan")
    if isinstance(scan, str) and not re.fullmatch(r"[0-9]+\.[0-9]+", scan):
        raise ReadError(f"its scan is {scan!r:.40}")


def _has_record(file: h5py.File) -> bool:
    return f"{PROCESS}/{FORM}" in file or (PROCESS in file and FORM in file[PROCESS].attrs)


def _provenance(file: h5py.File, path: Path) -> Any:
    if f"{PROCESS}/{FORM}" in file:
        return _text(file, path)["measurement"]["provenance"]
    return tree.read(_process(file)["provenance"])


def _record(file: h5py.File, path: Path) -> dict[str, Any]:
    """All that is known of a result but its arrays."""
    author = file.attrs.get("creator")
    if author != PROGRAM:
        whose = f"written by {author}" if isinstance(author, str) else "of another program"
        raise ReadError(f"{path}: {whose}: give a result.cxi that {PROGRAM} wrote")
    if not _has_record(file):
        raise ReadError(
            f"{path}: of an older release, which kept only the chosen run: reconstruct again"
        )
    if f"{PROCESS}/{FORM}" in file:
        return _text(file, path)
    process = _process(file)
    groups = process["runs"]
    runs, best = groups.attrs["number"], groups.attrs["best"]
    if not isinstance(runs, np.integer) or not isinstance(best, np.integer) or runs != len(groups):
        raise ReadError(f"{groups.name}: holds {len(groups)} runs where {runs} belong to it")
    return {
        "measurement": {"provenance": tree.read(process["provenance"])},
        "runs": [
            {key: tree.read(groups[f"run_{number:04d}"][key]) for key in ABOUT_RUN}
            for number in range(1, int(runs) + 1)
        ],
        "best": int(best),
        "parameters": tree.read(process["configuration"]),
        "analysis": tree.read(process["analysis"]),
        **{key: tree.read(process[name]) for name, key in WORDS.items()},
    }


def _process(file: h5py.File) -> h5py.Group:
    process = file[PROCESS]
    if process.attrs[FORM] != GROUPS:
        raise ReadError(f"{process.name}: its {FORM} is of a form that this release does not know")
    for name in ("provenance", "configuration", "analysis", "runs", *WORDS):
        if not isinstance(process.get(name, getlink=True), h5py.HardLink):
            raise ReadError(f"{process.name}/{name}: is missing, or a link")
    return process


def _text(file: h5py.File, path: Path) -> dict[str, Any]:
    """The same of a file of 0.1, which has it as one text."""
    held = file[f"{PROCESS}/{FORM}"]
    if held.file != file:  # a link to another file, whose record is of other data
        raise ReadError(f"{path}: its record lies in another file: give a result.cxi that is whole")
    record: dict[str, Any] = jsonable.loads(held.asstr()[()])
    return {"analysis": {}, **record}


def _result(file: h5py.File, record: dict[str, Any]) -> Result:
    detector = file[DETECTOR]
    measurement = Measurement(
        detector["data"][()], detector["mask"][()] != 0, record["measurement"]["provenance"]
    )
    groups = file[f"{PROCESS}/runs"]
    runs = tuple(
        _run(groups[f"run_{number:04d}"], about, measurement.shape)
        for number, about in enumerate(record["runs"], start=1)
    )
    if not 0 <= record["best"] < len(runs):
        raise ReadError(f"run {record['best']} is the best of {len(runs)}")
    about = {key: record[key] for key in ("best", "sequence", "parameters", "device", "seconds")}
    for key, kind in KINDS.items():
        if not isinstance(record[key], kind):
            raise ReadError(f"its {key} is {record[key]!r:.40}")
    return Result(
        measurement=measurement,
        runs=runs,
        notes=record["notes"],
        analysis=record["analysis"],
        **about,
    )


def _run(group: h5py.Group, about: Mapping[str, Any], shape: tuple[int, int, int]) -> Run:
    obj: NDArray[np.complex64] = group["object"][()]
    support: NDArray[np.bool_] = group["support"][()] != 0
    if obj.shape != shape or support.shape != shape or obj.dtype.kind != "c":
        raise ReadError(f"{group.name}: object and support do not fit the measurement's {shape}")
    kinds = {"seed": int, "metrics": dict, "reason": str, "notes": tuple}
    for key, kind in kinds.items():
        if not isinstance(about.get(key), kind):
            raise ReadError(f"{group.name}: its {key} is {about.get(key)!r}")
    history = {name: values[()] for name, values in group["history"].items()}
    for name, curve in history.items():
        if np.ndim(curve) != 1 or np.asarray(curve).dtype.kind != "f":
            raise ReadError(f"{group.name}: its history of {name!r:.40} is no curve")
    return Run(object=obj, support=support, history=history, **about)


def _damaged(path: Path, error: Exception) -> ReadError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return ReadError(f"{path}: damaged ({reason}): copy the file again, or reconstruct again")
