"""A rocking scan of ESRF ID01, as BLISS writes it: counts, scan and geometry in one HDF5 file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..data.preprocess import for_all_frames
from ..data.scan import KEY, Scan
from ..errors import MeasurementError, ReadError
from ..geometry.instruments import DETECTORS, diffractometer
from ..utils.inputs import printable
from .bliss import MEASUREMENT, POSITIONERS, Values, choose_entry, detectors, entries
from .contents import Shape, choose, guarded
from .hdf5 import read_hdf5
from .reader import Options, Reader

CIRCLES = "id01"  # the diffractometer
ENERGY = ("instrument/monochromator/Energy", f"{POSITIONERS}/mononrj")
MONITORS = ("mon2", "imon", "exp1", "monitor")
EXPOSURES = ("instrument/{detector}/acq_parameters/acq_expo_time", "scan_parameters/count_time")
UNEVEN = 0.2  # of a step


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
        `geometry.instruments.DETECTORS` are masked anyway.

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

    def describe(path: Path) -> tuple[str, dict[str, Any]]:
        with h5py.File(path, "r") as file:
            entry = choose_entry(file, path, scan)
            shapes = detectors(file, entry, path)
            if not shapes:
                raise ReadError(
                    f"{path}: scan {printable(entry)} has no frames: choose another with --scan"
                )
            name = choose(path, shapes, dataset, "detectors")
            return f"{entry}/{MEASUREMENT}/{name}", _about(
                Values(file, entry, path), name, shapes[name]
            )

    key, about = guarded(path, describe)
    held = guarded(path, lambda path: read_hdf5(path, key, key.partition("/")[0]))
    notes = (*held.about.get("notes", ()), *about.pop("notes"))
    provenance = {"source": str(path), "format": "ESRF ID01", **about, **held.about}
    excluded = _gaps(about["detector"], held.data.shape)
    given = [each != 0 for each in (held.mask, held.holes) if each is not None]
    if mask is not None:
        provenance["steps"] = (f"mask {int(mask.sum() * (excluded.size // mask.size))} voxels",)
        given.append(mask)
    try:
        for each in given:
            fitting = for_all_frames(each, held.data.shape)
            if fitting.shape != excluded.shape:
                raise MeasurementError(
                    f"a mask has shape {each.shape}, the intensity {excluded.shape}: give both the same shape"
                )
            excluded = excluded | fitting
        return Measurement(
            held.data, excluded, {**provenance, "notes": notes} if notes else provenance
        )
    except MeasurementError as error:
        raise MeasurementError(f"{path}: {error}") from error


def _gaps(detector: str, shape: Shape) -> NDArray[np.bool_]:
    """Pixels between the chips, where the frames are of the whole detector."""
    found = np.zeros(shape, dtype=bool)
    known = DETECTORS.get(detector.lower())
    for rows, columns in known.gaps if known and shape[:0:-1] == known.size else ():
        found[:, rows, columns] = True
    return found


def _about(values: Values, detector: str, shape: Shape) -> dict[str, Any]:
    """What the file says of a scan: for the provenance."""
    frames = shape[0]
    entry = printable(values.entry)
    command = values.text("title")
    scan = Scan(entry, command, motors=_moved(values, frames), sample=values.text("sample/name"))
    geometry, missing, notes = _geometry(values, scan, detector, shape)
    if missing:
        notes.append(
            f"scan {entry} has no {', '.join(missing)}: give what is missing as --geometry FILE, without it no "
            "lengths are known"
        )
    counted = ((name, values.column(f"{MEASUREMENT}/{name}")) for name in MONITORS)
    monitor: tuple[float, ...] = ()
    for name, column in counted:
        if column is not None and len(column) >= frames and not monitor:
            monitor = tuple(column[:frames].tolist())
            values.note("monitor", f"{MEASUREMENT}/{name}")
    scan = replace(
        scan,
        monitor=monitor,
        exposure=values.number("exposure", *(key.format(detector=detector) for key in EXPOSURES)),
        date=values.text("start_time"),
        sources={_AS.get(name, name): place for name, place in values.sources.items()},
    )
    return {"detector": detector, KEY: scan.plain(), "geometry": geometry, "notes": notes}


_AS = {"title": "command", "name": "sample", "start_time": "date"}


def _moved(values: Values, frames: int) -> dict[str, tuple[float, ...]]:
    """Positions of the motors that moved, for each frame."""
    found = {}
    for name in values.names(POSITIONERS):
        key = f"{POSITIONERS}/{name}"
        column = values.column(key)
        if column is not None and len(column) >= frames > 1 and np.ptp(column[:frames]) > 0:
            found[name] = tuple(column[:frames].tolist())
            values.note(name, key)
    return found


def _geometry(
    values: Values, scan: Scan, detector: str, shape: Shape
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Parameters of `Geometry`, those that the file has not with their keys, and notes."""
    _, rows, columns = shape
    known = DETECTORS.get(detector.lower())
    found: dict[str, Any] = {
        "diffractometer": CIRCLES,
        "detector": detector.lower() if known else detector,
        "roi": (0, columns, 0, rows),
    }
    notes, missing = [], list[str]()
    if known and (columns, rows) != known.size:
        notes.append(
            f"frames of {rows} × {columns} pixels are a part of {detector}, and the file does not say which: the beam "
            "centre is counted from their first pixel, and its gaps are not masked"
        )
    for numbers in (_instrument(values, detector), _angles(values, scan)):
        for name, value in numbers.items():
            if isinstance(value, str):
                missing.append(value)
            else:
                found[name] = value
    scanned = _scanned(scan)
    if len(scanned) == 1:
        found |= _step(scanned[0], scan.motors, notes)
    else:
        notes.append(
            f"scan {printable(values.entry)}, {scan.command[:60]!r}, moves {_words(scanned)}: no rocking scan"
        )
    return found, missing, notes


def _instrument(values: Values, detector: str) -> dict[str, Any]:
    """Energy, distance, pixel and beam centre; a text in place of a number that is not there."""
    here = f"instrument/{detector}"
    energy = values.number("energy", *ENERGY)
    distance = values.number("distance", f"{here}/distance")
    found: dict[str, Any] = {
        "energy": f"energy ({' or '.join(ENERGY)})" if energy is None else energy,
        "distance": f"distance ({here}/distance)" if distance is None else distance,
    }
    if energy is not None and energy >= 1000:  # eV
        found["energy"] = energy / 1000
    pairs = {
        "pixel": ("x_pixel_size", "y_pixel_size"),
        "beam_zero": ("beam_center_x", "beam_center_y"),
    }
    for name, keys in pairs.items():  # along columns, along rows
        x, y = (values.number(key, f"{here}/{key}") for key in keys)
        lacking = [key for key, value in zip(keys, (x, y), strict=True) if value is None]
        found[name] = (
            f"{name} ({' and '.join(f'{here}/{key}' for key in lacking)})" if lacking else (x, y)
        )
    return found


def _angles(values: Values, scan: Scan) -> dict[str, float | str]:
    """Circles that stood still; a text in place of an angle that is not there."""
    found: dict[str, float | str] = {}
    for name in diffractometer(CIRCLES).circles:
        if name in _scanned(scan):
            continue
        value = values.number(name, f"{POSITIONERS}/{name}")
        if value is None and name == "mu":  # stands at 0 where it is not in use
            value, values.sources[name] = 0.0, "not in the file, taken as 0"
        found[name] = f"{name} ({POSITIONERS}/{name})" if value is None else value
    return found


def _scanned(scan: Scan) -> list[str]:
    return [name for name in diffractometer(CIRCLES).sample if name in scan.motors]


def _words(scanned: list[str]) -> str:
    return f"{' and '.join(scanned)} together" if scanned else "no circle of the sample"


def _step(name: str, motors: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """The scanned circle and its mean step; a note where steps are uneven."""
    positions = np.asarray(motors[name])
    step = float(positions[-1] - positions[0]) / (len(positions) - 1)
    if np.ptp(np.diff(positions)) > UNEVEN * abs(step):
        notes.append(
            f"steps of {name} are uneven: {np.diff(positions).min():.4g} to {np.diff(positions).max():.4g}°"
        )
    return {"motor": name, "step": step}
