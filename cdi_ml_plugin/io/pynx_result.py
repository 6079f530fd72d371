"""What PyNX wrote: the CXI file of a run, a folder of several, the modes of many (``pynx-cdi-analysis``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..data.result import Result
from ..errors import ReadError
from ..fourier import from_pynx
from ..utils.inputs import check_memory, printable
from .contents import guarded
from .foreign import Found, as_result, data_of, fitted, likeness
from .hdf5_links import check_whole
from .hdf5_links import is_one as is_hdf5

RUN = "*Run*.cxi"  # as its runner names them
LONGEST = 20  # numbers of a parameter
MODES = 4  # axes of an array of modes


def is_one(path: Path) -> bool:
    """Whether a path is a file of PyNX with an object, or a folder of runs."""
    if path.is_dir():
        return any(is_hdf5(one, _by_pynx) for one in _runs(path))
    return is_hdf5(path, _by_pynx)


def _by_pynx(file: h5py.File) -> bool:
    if file.attrs.get("creator") != "PyNX":
        return False
    held = _entry(file).get("image_1/data")
    return isinstance(held, h5py.Dataset) and held.dtype.kind == "c" and held.ndim in (3, MODES)


def _runs(folder: Path) -> list[Path]:
    return sorted(one for one in folder.glob(RUN) if one.is_file() and not one.is_symlink())


def read_pynx_result(path: Path, data: Measurement | None = None) -> Result:
    """Read one run of PyNX, those of a folder, or the first of the modes of several.

    Parameters
    ----------
    path : Path
    data : Measurement, optional
        Default what a pipeline of cdiutils keeps beside it, or the file that the run names as its data.

    Raises
    ------
    ReadError
        Damaged, with arrays in other files, without data, or of another shape than these.
    """
    files = _runs(path) if path.is_dir() else [path]
    held = [guarded(file, _read) for file in files]
    config, algorithm = held[0][1:]
    measurement = data_of(path, data, [*_prepared(files[0]), *_named(files[0], config)])
    found = [ramped(one, measurement) for one, _, _ in held]
    return as_result(measurement, found, "PyNX", algorithm or "chain not known", config)


def ramped(found: Found, measurement: Measurement) -> Found:
    """The object with its origin where it is here: on odd axes it depends on how the data were shifted."""
    if all(n % 2 == 0 for n in measurement.shape):
        return found
    obj, support = fitted(found, measurement.shape)
    other = from_pynx(obj)
    if likeness(other, measurement) > likeness(obj, measurement):
        obj = other
    kept = support if found.support is not None else None
    return Found(**{**vars(found), "object": obj, "support": kept})


def _prepared(path: Path) -> list[tuple[Path, Mapping[str, Any]]]:
    """Where a pipeline of cdiutils, which runs PyNX in a folder of its own, keeps the data of that scan."""
    scan = re.match(r"S(\d+)_|.*_S(\d+)_", path.name)
    if scan is None:
        return []
    name = f"S{scan[1] or scan[2]}_preprocessed_data.cxi"
    return [
        (folder / name, {"reader": "cdiutils"})
        for folder in [*path.absolute().parents][:2]
        if (folder / name).is_file()
    ]


def _named(path: Path, config: Mapping[str, Any]) -> list[tuple[Path, Mapping[str, Any]]]:
    """The data that the configuration of a run names, with its mask."""

    def found(key: str) -> Path | None:
        name = config.get(key)
        if not isinstance(name, str) or not name or "\0" in name:
            return None
        places = [folder / name for folder in [Path(), *path.absolute().parents][:3]]
        return next((place for place in places if place.is_file()), places[-2])

    data, mask = found("data"), found("mask")
    if data is None:
        return []
    return [(data, {"mask": mask} if mask is not None and mask.is_file() else {})]


def _entry(file: h5py.File) -> h5py.Group:
    """The entry that was written last."""
    entries = [name for name in file if re.fullmatch(r"entry_\d{1,9}", name)]
    return file[max(entries, key=lambda name: int(name[6:]))]


def _read(path: Path) -> tuple[Found, dict[str, Any], str]:
    """Object, configuration, and algorithm of one file."""
    with h5py.File(path, "r") as file:
        check_whole(file, path)
        image = _entry(file)["image_1"]
        obj, notes = first_mode(image["data"], path, _weights(file))
        config = image.get("process_1/configuration")
        history = image.get("process_1/results/cycle_history")
        algorithm = image.get("process_1/algorithm")
        free = None if config is None else config.get("free_pixel_mask")
        support = image.get("support", image.get("mask"))
        curves, seconds = ({}, 0.0) if history is None else _history(history)
        found = Found(
            path=path,
            object=obj,
            support=None if support is None else taken(support, path) != 0,
            history=curves,
            free=None if free is None else taken(free, path) != 0,
            cropped=True,
            seconds=seconds,
            notes=notes,
        )
        settings = {} if config is None else _settings(config)
        return found, settings, "" if algorithm is None else _text(algorithm[()])


def taken(node: h5py.Dataset, path: Path) -> NDArray[Any]:
    """The values of a dataset, where they fit into memory.

    Raises
    ------
    ReadError
        It is no array of numbers.
    """
    if not isinstance(node, h5py.Dataset) or node.shape is None or node.dtype.kind not in "biufc":
        raise ReadError(f"{path}: {printable(node.name)} is no array: copy the file again")
    check_memory(path, node.size, node.dtype.itemsize)
    return np.asarray(node[()])


def first_mode(
    node: h5py.Dataset, path: Path, weights: NDArray[Any] | None = None
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The object, or the first of several modes, and what to say of these.

    Raises
    ------
    ReadError
        No complex array of three axes, or four with the modes along the first.
    """
    if getattr(node, "ndim", 0) not in (3, MODES) or node.dtype.kind != "c" or not node.shape[0]:
        raise ReadError(
            f"{path}: {printable(node.name)} is no complex object (z, y, x) or of modes"
        )
    obj = taken(node, path)
    if obj.ndim == 3:
        return obj, ()
    words = f"the first of {len(obj)} modes is shown"
    if weights is not None and weights.ndim == 1 and len(weights) >= len(obj) and weights.sum() > 0:
        words += f", with {weights[0] / weights.sum():.3g} of their weight"
    return obj[0], (words,)


def _weights(file: h5py.File) -> NDArray[Any] | None:
    node = _entry(file).get("data_2/data")
    return None if node is None or node.ndim != 1 else np.asarray(node[()], dtype=float)


def _history(node: h5py.Dataset) -> tuple[dict[str, NDArray[np.float32]], float]:
    """Likelihoods over the cycles, by our names, and the seconds that they took."""
    names = {"llk": "llk_poisson", "free_llk": "llk_poisson_free"}
    there = node.dtype.names or ()
    values = node[()]
    curves = {
        name: values[key].astype(np.float32)
        for name, key in names.items()
        if key in there and values.ndim == 1
    }
    time = values["time"] if "time" in there and len(values) else np.zeros(1)
    seconds = float(np.max(time))
    return curves, seconds if np.isfinite(seconds) and seconds >= 0 else 0.0


def _settings(config: h5py.Group) -> dict[str, Any]:
    """Numbers and texts of a configuration."""
    found: dict[str, Any] = {}
    for name, node in config.items():
        if not isinstance(node, h5py.Dataset) or node.shape is None or node.size > LONGEST:
            continue
        if node.ndim == 0 and node.dtype.kind in "OS":
            found[printable(name)] = _text(node[()])
        elif node.ndim < 2 and node.dtype.kind in "biuf":
            found[printable(name)] = node[()].tolist()
    return found


def _text(value: Any) -> str:
    return printable(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))
