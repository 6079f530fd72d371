"""The CXI file, laid out as PyNX does, so that its tools, cdiutils and silx open it.

The measured counts are where CXI keeps them, below `DETECTOR`; every run is below `PROCESS`, as is all that is
known about them: groups and values that any program shows, and that `tree` reads back as they were.

References
----------
Maia, Nature Methods 9, 854 (2012), the CXI format; the PyNX layout is that of release 2025.1.
"""

from __future__ import annotations

import io
import time
from collections.abc import Sequence

import h5py
import numpy as np

from ...crystal.account import Entry
from ...crystal.crystal import Crystal
from ...data.quantities import MERITS
from ...data.result import Result
from ...version import __version__
from . import tree
from .groups import PACKED, add_group, store
from .laboratory import add_laboratory, units_of

PROGRAM = "cdi_ml_plugin"
CXI_VERSION = 150
DETECTOR = "entry_1/instrument_1/detector_1"
PROCESS = "entry_1/image_1/process_1"
AXES = ("rocking", "row", "column")
# How what is known about a result is kept: as groups, not as one text, as before 0.2.
FORM, GROUPS = "record", "groups"
KIND = "kind"  # of a file of ours that is no result: "series" or "aligned"
WORDS = {"algorithm": "sequence", "device": "device", "seconds": "seconds", "notes": "notes"}
ABOUT_RUN = ("seed", "metrics", "reason", "notes")
PYNX = {
    "llk": "llk_poisson",
    "free_llk": "free_llk_poisson",
}  # by which its tools and cdiutils rank


def cxi_bytes(
    result: Result,
    command: str = "",
    crystal: Crystal | None = None,
    figures: Sequence[Entry] = (),
) -> bytes:
    """Return the whole file as bytes, with the laboratory's part where there is a crystal.

    `figures` are those of the crystal (`Account.crystal`).

    It is built in memory: HDF5 that runs out of disk cannot even close its file cleanly, while
    bytes are written, or not, in one call.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        _fill(file, result, command)
        if crystal is not None:
            add_laboratory(file["entry_1"], result.measurement, crystal, figures)
    return buffer.getvalue()


def first_entry(file: h5py.File) -> h5py.Group:
    """Start a CXI file: its head, and ``entry_1``."""
    file.attrs["default"] = "entry_1"
    file.attrs["creator"] = PROGRAM
    file.attrs["HDF5_Version"] = h5py.version.hdf5_version
    file["cxi_version"] = CXI_VERSION
    entry = add_group(file, "entry_1", "NXentry", default="data_1")
    entry["program_name"] = PROGRAM
    entry["start_time"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    return entry


def _fill(file: h5py.File, result: Result, command: str) -> None:
    entry = first_entry(file)
    instrument = add_group(entry, "instrument_1", "NXinstrument")
    detector = add_group(instrument, "detector_1", "NXdetector")
    detector.create_dataset("data", data=result.measurement.intensity, **PACKED)
    detector.create_dataset("mask", data=result.measurement.mask.astype(np.int8), **PACKED)
    detector["data"].attrs["units"] = "counts"

    image = add_group(entry, "image_1", "NXdata", signal="data", interpretation="scaler")
    image.create_dataset("data", data=result.object, **PACKED)
    image.create_dataset("support", data=result.support.astype(np.int8), **PACKED)
    image["mask"] = detector["mask"]  # a hard link, as all that is there already
    image["data_type"] = "electron density"
    image["data_space"] = "real"
    image["data"].attrs["long_name"] = "object (square root of counts)"
    add_group(image, "instrument_1", "NXinstrument")
    process = add_group(image, "process_1", "NXprocess")
    _process(process, result, command)
    _runs(process, image, result)

    data = add_group(entry, "data_1", "NXdata", signal="data", axes=list(AXES))
    data["data"] = h5py.SoftLink("/entry_1/image_1/data")
    for axis, size in zip(AXES, result.object.shape, strict=True):
        data[axis] = np.arange(size, dtype=np.float32) - size // 2
        data[axis].attrs["units"] = "voxel"


def _process(process: h5py.Group, result: Result, command: str) -> None:
    process["program"] = PROGRAM
    process["version"] = __version__
    process["date"] = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    process["sequence_index"] = 1
    process["command"] = command
    process.attrs[FORM] = GROUPS
    for name, key in WORDS.items():
        tree.write(process, name, getattr(result, key), {"seconds": "s"})
    tree.write(process, "configuration", dict(result.parameters))
    tree.write(
        process, "analysis", dict(result.analysis), {"analysis": {"voxel": "nm", "d_spacing": "nm"}}
    )
    provenance = result.measurement.provenance
    units = {"provenance": units_of(provenance)}
    tree.write(process, "provenance", dict(provenance), units)

    results = add_group(process, "results", "NXcollection")
    for key, value in {**dict.fromkeys((*MERITS, *PYNX), np.nan), **result.metrics}.items():
        store(results, key, value)
    for key, name in PYNX.items():
        results[name] = results[key]
    results["nb_point_support"] = int(result.support.sum())
    results["seed"] = result.run.seed
    results["seconds"] = result.seconds


def _runs(process: h5py.Group, image: h5py.Group, result: Result) -> None:
    runs = add_group(process, "runs", "NXcollection", best=result.best, number=len(result.runs))
    for number, run in enumerate(result.runs, start=1):
        group = add_group(runs, f"run_{number:04d}", "NXcollection")
        if number == result.best + 1:
            group["object"], group["support"] = image["data"], image["support"]
        else:
            group.create_dataset("object", data=run.object, **PACKED)
            group.create_dataset("support", data=run.support.astype(np.int8), **PACKED)
        for key in ABOUT_RUN:
            value = getattr(run, key)
            tree.write(group, key, dict(value) if key == "metrics" else value)
        history = add_group(group, "history", "NXcollection")
        for key, values in run.history.items():
            history.create_dataset(key, data=np.asarray(values, dtype=np.float32))
