"""Rocking scans of APS 28-ID-B (CHEX) and 20-ID-E: frames in an HDF5 file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..data.markers import markers, say
from ..data.measurement import Measurement
from ..data.preprocess import for_all_frames
from ..errors import ReadError
from ..geometry.detectors import detector_key
from ..geometry.spec import read_scan
from .contents import Contents, guarded
from .fields import response
from .hdf5 import read_hdf5
from .hdf5_links import is_one, resolve
from .hdf5_values import Values
from .reader import Options, Reader
from .recorded import Column, Recorded, kev, measurement
from .spec_scan import recorded

PathLike = str | os.PathLike[str]
_CHEX = re.compile(r"_S(\d{1,9})_\d+\.(h5|hdf5)", re.IGNORECASE | re.ASCII)  # sample_S0012_00000.h5
_CHEX_FRAMES = "entry/data/data"
_NO_SPEC = "in the SPEC file, as what follows: give it as --spec FILE"
_20IDE_FRAMES, _DARK, _WHITE = "exchange/data", "exchange/data_dark", "exchange/data_white"
_20IDE_GROUPS = ("SMS", "DMS", "HEM")  # motors of sample and detector, monochromator
# Ours → key, and the unit that the file does not name.
_20IDE_SCANNED = {"samry": ("SMS/E/HR/samRy", "")}
_20IDE_MOVED = {
    "detx": ("DMS/DetX", "mm"),
    "dety": ("DMS/DetY", "mm"),
    "distance": ("DMS/DetZ", "mm"),
}
_20IDE_ENERGY = "HEM/Energy"
_EXPOSURE = "measurement/instrument/detector/exposure_time"  # of the Data Exchange format
_CAMERA = "20ideBSE"  # its dark field is an offset, those of the others are dead pixels


class CHEX(Reader):
    """Frames of CHEX; all else of a scan stands in its SPEC file."""

    reads = "frames (NAME_S0012_00000.h5) of APS 28-ID-B, with --spec FILE"
    takes = ("spec", "scan", "mask")

    def can_read(self, path: Path) -> bool:
        return _CHEX.search(path.name) is not None and _holds(path, _CHEX_FRAMES)

    def read(self, path: Path, options: Options) -> Measurement:
        return read_chex(path, options.spec, options.scan, options.excluded())


class APS20IDE(Reader):
    """A file of 20-ID-E: frames, dark and white field, motors."""

    name = "20ide"
    reads = "Data Exchange files (.h5) of APS 20-ID-E"

    def can_read(self, path: Path) -> bool:
        return _holds(path, _20IDE_FRAMES, _20IDE_GROUPS)

    def read(self, path: Path, options: Options) -> Measurement:
        return read_20ide(path, options.excluded())


def _holds(path: Path, frames: str, groups: tuple[str, ...] = ()) -> bool:
    """Whether an HDF5 file holds a stack of frames of that name, and one of the groups."""

    def holds(file: h5py.File) -> bool:
        node = resolve(file, frames, path)
        known = not groups or any(name in file for name in groups)
        return isinstance(node, h5py.Dataset) and node.ndim == 3 and known

    return is_one(path, holds)


def read_chex(
    path: PathLike,
    spec: PathLike | None = None,
    scan: int | str | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Read one scan of CHEX at 28-ID-B.

    Parameters
    ----------
    path : path
        Its file of frames.
    spec : path, optional
        SPEC file, which has the angles, energy, distance and the monitor.
    scan : int or str, optional
        Number of the scan in `spec`; by default that in the name of the file, ``NAME_S0012_00000.h5``.
    mask : bool array, optional
        True excludes; in the shape of the data, or of one frame.

    Returns
    -------
    Measurement
        (frame, row, column), with the scan and its geometry in the provenance; what is missing is one note.

    Raises
    ------
    ReadError
        No such scan in the SPEC file, or one with another number of points; damaged.
    MeasurementError
        The values cannot be a measurement.
    """
    path = Path(path)
    named = _CHEX.search(path.name)
    number = scan if scan is not None else int(named[1]) if named is not None else None
    held = guarded(path, lambda path: read_hdf5(path, _CHEX_FRAMES))
    if spec is None:
        found = Recorded(str(number or path.name), "chex", looked={"energy": _NO_SPEC})
    elif number is None:
        raise ReadError(
            f"{path}: its name has no number of a scan, as NAME_S0012_00000.h5: give --scan"
        )
    else:
        found = recorded(read_scan(spec, number), "chex", held.data.shape[1:])
    return measurement(path, "APS 28-ID-B", held, found, mask)


def read_20ide(path: PathLike, mask: NDArray[np.bool_] | None = None) -> Measurement:
    """Read one scan of 20-ID-E.

    Parameters
    ----------
    path : path
        Its file, ``NAME_012.DETECTOR.h5``: the detector is known by that name alone.
    mask : bool array, optional
        True excludes; in the shape of the data, or of one frame.

    Returns
    -------
    Measurement
        (frame, row, column), divided by the white field of the file and multiplied by its mean. Pixels with
        counts in the dark field (its median) are masked; from frames of the camera (BSE) it is subtracted.

    Raises
    ------
    ReadError
        Frames and positions of unequal number, fields of another shape than the frames; damaged.
    MeasurementError
        The values cannot be a measurement.
    """
    path = Path(path)
    words = path.name.split(".")
    detector = detector_key(words[1], "20ide") if len(words) > 2 else ""

    def describe(path: Path) -> tuple[Recorded, Any, Any]:
        with h5py.File(path, "r") as file:
            values = Values(file, "", path)
            dark, white = (_field(file, key, path) for key in (_DARK, _WHITE))
            return _recorded(values, words[0], detector), dark, white

    found, dark, white = guarded(path, describe)
    held = guarded(path, lambda path: read_hdf5(path, _20IDE_FRAMES, "exchange"))
    return measurement(
        path, "APS 20-ID-E", _corrected(path, held, dark, white, detector), found, mask
    )


def _recorded(values: Values, name: str, detector: str) -> Recorded:
    """What a file of 20-ID-E says of its scan."""
    positions: dict[str, float | Column] = {}
    looked = {"energy": _20IDE_ENERGY, "pixel": "no detector in the name of the file"}
    for circle, (key, unit) in (_20IDE_SCANNED | _20IDE_MOVED).items():
        looked[circle] = key
        column = values.column(key, unit)
        if column is None or not column.size or not np.isfinite(column).all():
            continue
        values.note(circle, key)
        positions[circle] = column if circle in _20IDE_SCANNED else float(column[0])
    distance = positions.pop("distance", None)
    energy = values.column(_20IDE_ENERGY)
    if energy is not None and energy.size and np.isfinite(energy[0]):
        values.note("energy", _20IDE_ENERGY)
    number = re.search(r"\d+$", name)
    return Recorded(
        name=number[0] if number else name,
        diffractometer="20ide",
        detector=detector,
        positions=positions,
        energy=kev(float(energy[0])) if "energy" in values.sources and energy is not None else None,
        distance=None if distance is None else float(distance),
        looked=looked,
        exposure=values.number("exposure", _EXPOSURE),
        sources=values.sources,
    )


def _field(file: h5py.File, key: str, path: Path) -> NDArray[np.float64] | None:
    """A dark or white field, the median of several; None where there is none, or nothing in it."""
    node = resolve(file, key, path)
    if not isinstance(node, h5py.Dataset) or node.ndim not in (2, 3) or not node.size:
        return None
    field: NDArray[np.float64] = np.asarray(node[()], dtype=float)
    field = np.median(field, axis=0) if field.ndim == 3 else field
    return field if field.any() else None


def _corrected(path: Path, held: Contents, dark: Any, white: Any, detector: str) -> Contents:
    """Frames after their dark and white field."""
    for name, field in ((_DARK, dark), (_WHITE, white)):
        if field is not None and field.shape != held.data.shape[1:]:
            raise ReadError(
                f"{path}: {name} is {field.shape}, and frames are {held.data.shape[1:]}: not of one detector"
            )
    if dark is None and white is None:
        return held
    data, lost = held.data, markers(held.data)  # before they are another value
    about = dict(held.about)
    if lost.any():
        about["notes"] = (*about.get("notes", ()), say(int(lost.sum()), data.dtype))
    if dark is not None and detector == _CAMERA:
        data = np.maximum(data - dark.astype(np.float32), 0)
    elif dark is not None:
        lost |= dark > 0
    if white is not None:
        gain, good = response(white)
        lost |= ~good
        data = data * gain.astype(np.float32)
    if held.mask is not None:
        lost |= for_all_frames(held.mask != 0, lost.shape)
    return Contents(data, lost, about, held.holes)
