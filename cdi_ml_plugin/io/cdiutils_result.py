"""What a pipeline of cdiutils found: the mode in its folder (``dump_dir``), or the runs that it was made of."""

from __future__ import annotations

import re
from pathlib import Path

import h5py

from ..data.measurement import Measurement
from ..data.result import Result
from ..errors import ReadError
from . import pynx_result
from .contents import guarded
from .foreign import Found, as_result, data_of
from .hdf5_links import check_whole
from .pynx_result import first_mode, ramped, read_pynx_result

MODE = re.compile(r"S(\d+)_pynx_reconstruction_mode\.cxi")
PROCESSED = re.compile(
    r"S(\d+)_(postprocessed_data\.(cxi|npz|h5)|structural_properties\.(npz|vti))"
)
RUNS = "pynx_phasing"  # in the pipeline's folder


def mode_name(scan: int | str) -> str:
    """How the pipeline calls the file of the modes of a scan."""
    return f"S{scan}_pynx_reconstruction_mode.cxi"


def is_one(path: Path) -> bool:
    """Whether a path is a mode of cdiutils, what it made of one, or the folder of a pipeline."""
    if path.is_dir():
        return bool(_modes(path)) or pynx_result.is_one(path / RUNS)
    return path.is_file() and bool(MODE.fullmatch(path.name) or PROCESSED.fullmatch(path.name))


def read_cdiutils_result(path: Path, data: Measurement | None = None) -> Result:
    """Read the mode of a pipeline; where none was made yet, the runs.

    Parameters
    ----------
    path : Path
        The pipeline's folder, its ``S…_pynx_reconstruction_mode.cxi``, or a file of its post-processing, for
        which the mode beside it is read: that is in the laboratory, and has lost the way back to the data.
    data : Measurement, optional
        Default ``S…_preprocessed_data.cxi`` beside it, with its geometry.

    Raises
    ------
    ReadError
        Damaged, no mode, several scans in a folder, no data, or of another shape than these.
    """
    modes = _modes(path) if path.is_dir() else [path]
    if not modes:
        return read_pynx_result(path / RUNS, data)
    if len(modes) > 1:
        names = ", ".join(mode.name for mode in modes)
        raise ReadError(f"{path}: holds several scans: name one of {names}")
    (file,) = modes
    if (match := PROCESSED.fullmatch(file.name)) is not None:
        mode = file.with_name(mode_name(match[1]))
        if not mode.is_file():
            raise ReadError(
                f"{path}: holds the crystal in the laboratory alone: put {mode.name}, from which it was made, beside it"
            )
        file = mode
    scan = MODE.fullmatch(file.name)
    prepared = file.with_name(f"S{scan[1] if scan else ''}_preprocessed_data.cxi")
    found = guarded(file, _read)
    measurement = data_of(file, data, [(prepared, {"reader": "cdiutils"})])
    found = ramped(found, measurement)
    return as_result(measurement, [found], "PyNX and cdiutils", "modes of several runs", {})


def _modes(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if MODE.fullmatch(one.name) and one.is_file())


def _read(path: Path) -> Found:
    with h5py.File(path, "r") as file:
        check_whole(file, path)
        entry = file["entry_1"]
        data = entry["data_1/data"]
        weights = [
            node[()]
            for name in ("result_4/mode_weights", "data_2/data")
            if isinstance(node := entry.get(name), h5py.Dataset) and node.dtype.kind == "f"
        ]
        obj, notes = first_mode(data, path, weights[0] if weights else None)
        support = entry.get("image_1/support")
        fits = isinstance(support, h5py.Dataset) and support.shape == obj.shape
        return Found(
            path=path,
            object=obj,
            support=support[()] != 0 if fits else None,
            cropped=True,
            notes=notes,
        )
