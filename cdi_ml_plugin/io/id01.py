"""A rocking scan of ESRF ID01, as BLISS writes it: counts, scan and geometry in one HDF5 file."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..errors import ReadError
from ..geometry.instruments import diffractometer
from ..utils.inputs import printable
from .bliss import MEASUREMENT, POSITIONERS, choose_entry, detectors, entries
from .contents import choose, guarded
from .hdf5 import read_hdf5
from .hdf5_values import Values
from .reader import Options, Reader
from .recorded import Column, Recorded, kev, measurement

CIRCLES = diffractometer("id01").circles
ENERGY = ("instrument/monochromator/Energy", f"{POSITIONERS}/mononrj")
MONITORS = ("mon2", "imon", "exp1", "monitor")
EXPOSURES = ("instrument/{detector}/acq_parameters/acq_expo_time", "scan_parameters/count_time")
_PAIRS = {  # along columns, along rows
    "pixel": ("x_pixel_size", "y_pixel_size"),
    "beam_zero": ("beam_center_x", "beam_center_y"),
}


class ID01(Reader):
    """A BLISS file with ID01's circles."""

    reads = "BLISS files (.h5) of ESRF ID01, with --scan N"
    takes = ("scan", "dataset", "mask")

    def can_read(self, path: Path) -> bool:
        if not path.is_file() or not h5py.is_hdf5(path):
            return False
        try:
            with h5py.File(path, "r") as file:
                for entry in entries(file):
                    moved = Values(file, entry, path).names(POSITIONERS)
                    if {"eta", "nu", "delta"} & set(moved) and detectors(file, entry, path):
                        return True
        except (OSError, RuntimeError, KeyError, ValueError, ReadError):
            return False  # damaged, or links that lead nowhere
        return False

    def read(self, path: Path, options: Options) -> Measurement:
        return read_id01(path, options.scan, options.dataset, options.excluded())


def read_id01(
    path: str | os.PathLike[str],
    scan: int | str | None = None,
    dataset: str | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Read one scan of a BLISS file of ID01.

    Parameters
    ----------
    path : path
        A file of one scan, of a sample or of an experiment: scans are groups ``12.1`` or ``sample_12.1``.
    scan : int or str, optional
        Number of the scan, or the name of its group; by default the only one with frames.
    dataset : str, optional
        Name of the detector, where several have frames.
    mask : bool array, optional
        True excludes; in the shape of the data, or of one frame. Gaps of detectors of
        `geometry.detectors.DETECTORS` are masked anyway.

    Returns
    -------
    Measurement
        (frame, row, column). Its provenance has the scan and, as far as the file does, the geometry; what
        that lacks is one note.

    Raises
    ------
    ReadError
        No such scan or several; no frames; damaged.
    MeasurementError
        The values cannot be a measurement.
    """
    path = Path(path)

    def describe(path: Path) -> tuple[str, Recorded]:
        with h5py.File(path, "r") as file:
            entry = choose_entry(file, path, scan)
            shapes = detectors(file, entry, path)
            if not shapes:
                raise ReadError(
                    f"{path}: scan {printable(entry)} has no frames: choose another with --scan"
                )
            name = choose(path, shapes, dataset, "detectors")
            values = Values(file, entry, path)
            return f"{entry}/{MEASUREMENT}/{name}", _recorded(values, name, shapes[name][0])

    key, recorded = guarded(path, describe)
    held = guarded(path, lambda path: read_hdf5(path, key, key.partition("/")[0]))
    return measurement(path, "ESRF ID01", held, recorded, mask)


def _recorded(values: Values, detector: str, frames: int) -> Recorded:
    """What the file says of a scan."""
    here = f"instrument/{detector}"
    pairs = {name: [f"{here}/{key}" for key in keys] for name, keys in _PAIRS.items()}
    positions: dict[str, float | Column] = {}
    for name in values.names(POSITIONERS):
        key = f"{POSITIONERS}/{name}"
        column = values.column(key)
        if column is None or not column.size:
            continue
        if name in CIRCLES and column.size == 1:
            positions[name] = float(column[0])
            values.note(name, key)
        elif (
            len(column) >= frames > 1 and np.ptp(column[:frames]) > 0
        ):  # more where it was interrupted
            positions[name] = column[:frames]
            values.note(name, key)
    if "mu" not in positions:  # stands at 0 where it is not in use
        positions["mu"], values.sources["mu"] = 0.0, "not in the file, taken as 0"
    return Recorded(
        name=printable(values.entry),
        diffractometer="id01",
        detector=detector,
        positions=positions,
        energy=kev(values.number("energy", *ENERGY)),
        distance=values.number("distance", f"{here}/distance"),
        pixel=values.pair(*pairs["pixel"]),
        beam_zero=values.pair(*pairs["beam_zero"]),
        looked={
            "energy": " or ".join(ENERGY),
            "distance": f"{here}/distance",
            **{
                name: " and ".join(f"{here}/{key}" for key in keys) for name, keys in _PAIRS.items()
            },
            **{name: f"{POSITIONERS}/{name}" for name in CIRCLES},
        },
        command=values.text("command", "title"),
        sample=values.text("sample", "sample/name"),
        date=values.text("date", "start_time"),
        exposure=values.number("exposure", *(key.format(detector=detector) for key in EXPOSURES)),
        monitor=_monitor(values, frames),
        sources=values.sources,
    )


def _monitor(values: Values, frames: int) -> Column | None:
    for name in MONITORS:
        column = values.column(f"{MEASUREMENT}/{name}")
        if column is not None and len(column) >= frames:
            values.note("monitor", f"{MEASUREMENT}/{name}")
            return column[:frames]
    return None
