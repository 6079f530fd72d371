"""The CXI file, laid out as PyNX does, so that its tools, cdiutils and silx open it.

The measured counts are where CXI keeps them, below `DETECTOR`; every run is below `PROCESS`. What is neither
array nor number is there twice: as text to look at, and in ``record``, which `result_file` reads back.

References
----------
Maia, Nature Methods 9, 854 (2012), the CXI format; the PyNX layout is that of release 2025.1.
"""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from .. import __version__
from ..result import Result
from . import exact

PROGRAM = "cdi_ml_plugin"
CXI_VERSION = 150
DETECTOR = "entry_1/instrument_1/detector_1"
PROCESS = "entry_1/image_1/process_1"
AXES = ("rocking", "row", "column")
PACKED: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def cxi_bytes(result: Result, command: str = "") -> bytes:
    """Return the whole file as bytes.

    It is built in memory: HDF5 that runs out of disk cannot even close its file cleanly, while
    bytes are written, or not, in one call.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        _fill(file, result, command)
    return buffer.getvalue()


def _fill(file: h5py.File, result: Result, command: str) -> None:
    file.attrs["default"] = "entry_1"
    file.attrs["creator"] = PROGRAM
    file.attrs["HDF5_Version"] = h5py.version.hdf5_version
    file["cxi_version"] = CXI_VERSION
    entry = _group(file, "entry_1", "NXentry", default="data_1")
    entry["program_name"] = PROGRAM
    entry["start_time"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")

    instrument = _group(entry, "instrument_1", "NXinstrument")
    detector = _group(instrument, "detector_1", "NXdetector")
    detector.create_dataset("data", data=result.measurement.intensity, **PACKED)
    detector.create_dataset("mask", data=result.measurement.mask.astype(np.int8), **PACKED)
    detector["data"].attrs["units"] = "counts"

    image = _group(entry, "image_1", "NXdata", signal="data", interpretation="scaler")
    image.create_dataset("data", data=result.object, **PACKED)
    image.create_dataset("support", data=result.support.astype(np.int8), **PACKED)
    image["mask"] = detector["mask"]  # a hard link, as all that is there already
    image["data_type"] = "electron density"
    image["data_space"] = "real"
    image["data"].attrs["long_name"] = "object (square root of counts)"
    _group(image, "instrument_1", "NXinstrument")
    process = _group(image, "process_1", "NXprocess")
    _process(process, result, command)
    _runs(process, image, result)

    data = _group(entry, "data_1", "NXdata", signal="data", axes=list(AXES))
    data["data"] = h5py.SoftLink("/entry_1/image_1/data")
    for axis, size in zip(AXES, result.object.shape, strict=True):
        data[axis] = np.arange(size, dtype=np.float32) - size // 2
        data[axis].attrs["units"] = "voxel"


def _process(process: h5py.Group, result: Result, command: str) -> None:
    process["program"] = PROGRAM
    process["version"] = __version__
    process["command"] = command
    process["algorithm"] = result.sequence
    configuration = _group(process, "configuration", "NXcollection")
    for key, value in result.parameters.items():
        _store(configuration, str(key), value)
    _store(configuration, "device", result.device)
    provenance = _group(process, "provenance", "NXcollection")
    for key, value in result.measurement.provenance.items():
        _store(provenance, str(key), value)

    results = _group(process, "results", "NXcollection")
    for key, value in {"chi2_held_out": np.nan, **result.metrics}.items():
        _store(results, key, value)
    results["nb_point_support"] = int(result.support.sum())
    results["seed"] = result.run.seed
    results["seconds"] = result.seconds
    process["record"] = exact.dumps(_record(result))


def _record(result: Result) -> dict[str, Any]:
    """All of a result but its arrays."""
    return {
        "measurement": {"provenance": result.measurement.provenance},
        "runs": [
            {"seed": run.seed, "metrics": run.metrics, "reason": run.reason, "notes": run.notes}
            for run in result.runs
        ],
        "best": result.best,
        "sequence": result.sequence,
        "parameters": result.parameters,
        "device": result.device,
        "seconds": result.seconds,
        "notes": result.notes,
    }


def _runs(process: h5py.Group, image: h5py.Group, result: Result) -> None:
    runs = _group(process, "runs", "NXcollection", best=result.best)
    for number, run in enumerate(result.runs, start=1):
        group = _group(runs, f"run_{number:04d}", "NXcollection")
        if number == result.best + 1:
            group["object"], group["support"] = image["data"], image["support"]
        else:
            group.create_dataset("object", data=run.object, **PACKED)
            group.create_dataset("support", data=run.support.astype(np.int8), **PACKED)
        group["seed"] = run.seed
        group["reason"] = run.reason
        _store(group, "notes", list(run.notes))
        for key, value in run.metrics.items():
            _store(group, key, value)
        history = _group(group, "history", "NXcollection")
        for key, values in run.history.items():
            history.create_dataset(key, data=np.asarray(values, dtype=np.float32))


def _group(parent: h5py.Group, name: str, nx_class: str, **attributes: Any) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nx_class
    for key, value in attributes.items():
        group.attrs[key] = value
    return group


def plain(value: Any) -> Any:
    """Reduce to what JSON knows; it has no NaN, so that becomes null."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range):
        return [plain(item) for item in value]
    return str(value)


def _store(group: h5py.Group, name: str, value: Any) -> None:
    """Store numbers as numbers, everything else as the text that JSON makes of it."""
    array = np.asarray(value) if isinstance(value, np.ndarray | np.generic | int | float) else None
    if array is not None and array.dtype.kind in "biuf":
        stored: Any = array
    else:
        stored = value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
    group[name.replace("/", "_")] = stored  # HDF5 would nest
