"""A rocking scan of MAX IV NanoMAX: one HDF5 file a scan, with links to the detector's frames."""

from __future__ import annotations

import os
import re
import time
from itertools import islice
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..errors import ReadError
from ..geometry.instruments import ENERGY
from .commands import choose_scan, exposure_of
from .contents import Shape, choose
from .hdf5_links import is_one, resolve
from .hdf5_scan import read_scan
from .hdf5_values import Values
from .reader import Options, Reader
from .recorded import Column, Recorded, kev, moves

ENTRY, MEASUREMENT, FRAMES = "entry", "measurement", "frames"
NAMES = {"theta": "gontheta", "phi": "gonphi", "gamma": "gamma", "delta": "delta"}
# Where motors stood, after the scan and before it; files of 2020 and earlier have the last alone.
SNAPSHOTS = ("snapshots/post_scan", "snapshots/pre_scan", "snapshot")
MONITORS = ("alba2/1", "alba2")  # the ion chamber before the sample
RADIUS = "radius"  # of the robot that carries the detector, mm
_SCAN = re.compile(r"\d{6,}")
_TRIED = 3  # files of a folder that are looked at


class NanoMAX(Reader):
    """A file of NanoMAX's acquisition program, contrast, with the goniometer's angles."""

    reads = "scans of MAX IV NanoMAX: a scan's .h5, or the folder of such files with --scan N"
    takes = ("scan", "dataset", "mask")

    def can_read(self, path: Path) -> bool:
        try:
            return any(map(_of_nanomax, islice(_scans(path).values(), _TRIED)))
        except OSError:
            return False

    def read(self, path: Path, options: Options) -> Measurement:
        return read_nanomax(path, options.scan, options.dataset, options.excluded())


def read_nanomax(
    path: str | os.PathLike[str],
    scan: int | str | None = None,
    dataset: str | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Read one scan of NanoMAX.

    Parameters
    ----------
    path : path
        ``000012.h5``, or the folder of such files.
    scan : int or str, optional
        Number of the scan; by default the only one.
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
    if not (found := _scans(path)):
        raise ReadError(f"{path}: holds no file of a scan of NanoMAX, such as 000012.h5")
    file = choose_scan(path, found, scan)

    def describe(content: h5py.File) -> tuple[str, str, Recorded]:
        shapes = _detectors(content, file, dataset)
        if not shapes:
            raise ReadError(f"{file}: no detector below {ENTRY}/{MEASUREMENT} has frames")
        name = choose(file, shapes, dataset, "detectors")
        found = _recorded(Values(content, ENTRY, file), name, shapes[name])
        return f"{ENTRY}/{MEASUREMENT}/{name}/{FRAMES}", ENTRY, found

    return read_scan(file, "MAX IV NanoMAX", describe, mask, given=path)


def _scans(path: Path) -> dict[str, Path]:
    """Files of scans, by the numbers that they are called by."""
    if not path.is_dir():
        return {path.stem: path} if path.is_file() else {}
    files = sorted(each for each in path.iterdir() if each.suffix == ".h5")
    return {file.stem: file for file in files if _SCAN.fullmatch(file.stem) and file.is_file()}


def _of_nanomax(path: Path) -> bool:
    """Whether a file has the goniometer's angles, and a detector."""

    def holds(file: h5py.File) -> bool:
        values = Values(file, ENTRY, path)
        known = {name for key in (*SNAPSHOTS, MEASUREMENT) for name in values.names(key)}
        below = values.names(MEASUREMENT)
        return bool(known & {"gontheta", "gonphi"}) and any(
            FRAMES in values.names(f"{MEASUREMENT}/{name}") for name in below
        )

    return is_one(path, holds)


def _detectors(file: h5py.File, path: Path, dataset: str | None) -> dict[str, Shape]:
    """Area detectors of a scan, and the shapes of their stacks of frames.

    Raises
    ------
    ReadError
        The link to the frames that are wanted, or to all frames, leads nowhere.
    """
    group = resolve(file, f"{ENTRY}/{MEASUREMENT}", path)
    found, lost = {}, None
    for name in group if isinstance(group, h5py.Group) else ():
        try:
            node = resolve(group, f"{name}/{FRAMES}", path)
        except ReadError as error:
            lost = error if dataset in (None, name) else lost
            continue
        if isinstance(node, h5py.Dataset) and node.ndim == 3:
            found[name] = node.shape
    if lost is not None and (dataset is not None or not found):
        raise lost
    return found


def _recorded(values: Values, detector: str, shape: Shape) -> Recorded:
    """What the file says of a scan."""
    command = values.text("command", "description")
    radius = values.number("distance", *(f"{place}/{RADIUS}" for place in SNAPSHOTS), unit="mm")
    energy = values.number("energy", *(f"{place}/energy" for place in SNAPSHOTS))
    looked = {"energy": "energy", "distance": RADIUS, **NAMES}
    return Recorded(
        name=values.path.stem,
        diffractometer="nanomax",
        detector=detector,
        positions=_positions(values, command, shape[0]),
        energy=kev(energy),
        distance=radius or None,
        looked={
            "beam_zero": "in no file of NanoMAX",
            **{what: f"{ENTRY}/{SNAPSHOTS[0]}/{name}" for what, name in looked.items()},
        },
        command=command,
        date=_date(values),
        exposure=exposure_of(command),
        monitor=_monitor(values, shape[0]),
        sources=values.sources,
    )


def _positions(values: Values, command: str, frames: int) -> dict[str, float | Column]:
    """Where each circle stood, or its position for each frame, and whatever else the command moved."""
    found: dict[str, float | Column] = {}
    there = values.names(MEASUREMENT)
    others = {name: name for name in command.split() if name not in NAMES.values()}
    for what, name in {**others, **NAMES, ENERGY: ENERGY}.items():
        key = f"{MEASUREMENT}/{name}"
        column = values.column(key) if name in there else None
        if column is not None and moves(column) and np.isfinite(column).all():
            if what in (*NAMES, ENERGY) or len(column) == frames:  # not the lines of a map
                found[what] = column / 1000 if what == ENERGY else column
                values.note(what, key)
        elif what in NAMES:
            stood = values.number(what, *(f"{place}/{name}" for place in SNAPSHOTS))
            if stood is not None:
                found[what] = stood
    return found


def _monitor(values: Values, frames: int) -> Column | None:
    for name in MONITORS:
        column = values.column(f"{MEASUREMENT}/{name}")
        if column is not None and len(column) == frames:
            values.note("monitor", f"{MEASUREMENT}/{name}")
            return column
    return None


def _date(values: Values) -> str:
    """When the first frame was taken, where its time was recorded."""
    epoch = values.column(f"{MEASUREMENT}/epoch")
    if epoch is None or not epoch.size or not 0 < epoch[0] < 2**32:
        return ""
    values.note("date", f"{MEASUREMENT}/epoch")
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(float(epoch[0])))
