"""A rocking scan of PETRA III P10: a ``.fio`` file, and the Eiger's master file with those it links to."""

from __future__ import annotations

import os
import re
from itertools import islice
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..errors import ReadError
from ..geometry.instruments import ENERGY, diffractometer
from ..utils.inputs import printable
from .commands import choose_scan, exposure_of
from .contents import added, guarded
from .fio import Fio, read_fio
from .hdf5 import read_hdf5
from .hdf5_values import Values
from .reader import Options, Reader
from .recorded import Column, Recorded, kev, measurement, moves

CIRCLES = diffractometer("p10").circles
# Circle → its name in the files: on the six-circle diffractometer of the first hutch, in the second
FIRST = {"mu": "mu", "om": "om", "chi": "chi", "phi": "phi", "gamma": "gam", "delta": "del"}
SECOND = {"om": "samth", "delta": "e2_t02"}
MONITORS = ("ipetra", "curpetra")  # current of the storage ring
MASTER, FRAMES, DETECTOR = "_master.h5", "entry/data", "instrument/detector"
_SCAN = re.compile(r".+_\d{5,}")
_HEAD, _TRIED = 2**16, 3  # bytes of a file, files of a folder, that are looked at


class P10(Reader):
    """A ``.fio`` file of P10, with frames of an Eiger."""

    reads = "scans of PETRA III P10: a scan's folder, its .fio or _master.h5, or their folder with --scan N"
    takes = ("scan", "dataset", "mask")

    def can_read(self, path: Path) -> bool:
        try:
            return any(map(_of_p10, islice(_scans(path).values(), _TRIED)))
        except OSError:
            return False

    def read(self, path: Path, options: Options) -> Measurement:
        return read_p10(path, options.scan, options.dataset, options.excluded())


def read_p10(
    path: str | os.PathLike[str],
    scan: int | str | None = None,
    dataset: str | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Read one scan of P10.

    Parameters
    ----------
    path : path
        The folder ``sample_00012``, its ``sample_00012.fio`` or ``e4m/sample_00012_master.h5``, or the folder
        that such folders lie in.
    scan : int or str, optional
        Number of the scan, or its name, ``sample_00012``; by default the only one.
    dataset : str, optional
        Name of the detector, as its folder has it, where there are several; by default that of ``_ccd``.
    mask : bool array, optional
        True excludes; in the shape of the data, or of one frame. What the master file masks, and gaps of
        detectors of `geometry.detectors.DETECTORS`, are masked anyway.

    Returns
    -------
    Measurement
        (frame, row, column); where a point has several frames, in a file each, their sum. Its provenance has
        the scan and, as far as the files do, the geometry; what they lack is one note.

    Raises
    ------
    ReadError
        No such scan or several; no frames; damaged.
    MeasurementError
        The values cannot be a measurement.
    """
    path = Path(path)
    if not (found := _scans(path)):
        raise ReadError(
            f"{path}: no .fio file of P10 lies here: copy it to where P10 has it, sample_00012/sample_00012.fio"
        )
    fio = read_fio(choose_scan(path, found, scan))
    detector, master = _master(path, fio, dataset)
    held = guarded(master, lambda master: read_hdf5(master, FRAMES))
    recorded, files = guarded(master, lambda master: _recorded(master, fio, detector))
    if files == fio.points:
        held = added(held, fio.points)
    return measurement(path, "PETRA III P10", held, recorded, mask)


def _scans(path: Path) -> dict[str, Path]:
    """Scans by their names, and the .fio file of each."""
    if path.name.endswith(MASTER):
        name, folder = path.name.removesuffix(MASTER), path.absolute().parent
        near = [folder.parent / f"{name}.fio", folder / f"{name}.fio"]
        return {fio.stem: fio for fio in [each for each in near if each.is_file()][:1]}
    if path.suffix == ".fio":
        return {path.stem: path}
    if not path.is_dir():
        return {}
    inside = sorted(each for each in path.iterdir() if _SCAN.fullmatch(each.stem))
    files = [each if each.suffix == ".fio" else each / f"{each.name}.fio" for each in inside]
    return {fio.stem: fio for fio in files if fio.is_file()}


def _of_p10(fio: Path) -> bool:
    """Whether a .fio file was written at P10: other beamlines of DESY have such files too."""
    if not fio.is_file():
        return False
    with fio.open("rb") as file:
        head = file.read(_HEAD)
    return b"p10user" in head or b"fmbenergy" in head


def _master(path: Path, fio: Fio, dataset: str | None) -> tuple[str, Path]:
    """Name of the detector, and its master file."""
    here, ccd = fio.path.absolute().parent, fio.parameters.get("_ccd", "")
    if path.name.endswith(MASTER):
        found = [path.absolute()]
    else:
        folders = [here, *sorted(each for each in here.iterdir() if each.is_dir())]
        every = [folder / f"{fio.path.stem}{MASTER}" for folder in folders]
        found = [master for master in every if master.is_file()]
    masters = {ccd if each.parent == here else each.parent.name: each for each in found}
    if not masters:
        raise ReadError(
            f"{path}: has no frames: there is no {fio.path.stem}{MASTER} in a folder beside {fio.path.name}"
        )
    name = next(iter(masters)) if len(masters) == 1 else ccd
    name = name if dataset is None else dataset
    if name not in masters:
        raise ReadError(
            f"{path}: has frames of {', '.join(map(printable, masters))}: choose the detector with --dataset NAME"
        )
    return name, masters[name]


def _recorded(master: Path, fio: Fio, detector: str) -> tuple[Recorded, int]:
    """What the files say of a scan, and in how many files its frames lie."""
    with h5py.File(master, "r") as file:
        values = Values(file, "entry", master)
        keys = ("x_pixel_size", "y_pixel_size", "beam_center_x", "beam_center_y")
        x, y, column, row = (values.number(key, f"{DETECTOR}/{key}") for key in keys)
        exposure = values.number("exposure", f"{DETECTOR}/count_time")
        if not (column and row):  # 0, 0 is what an Eiger has that nobody told
            column = row = None
            values.sources = {k: v for k, v in values.sources.items() if k not in keys[2:]}
        files = len(values.names(FRAMES.removeprefix("entry/")))
    said, sources = fio.path.name, values.sources
    circles = _circles(fio)
    energy, distance = fio.number("fmbenergy"), fio.number("_distance")
    positions = _positions(fio, circles, sources)
    monitor = next((name for name in MONITORS if name in fio.columns), "")
    noted = {"energy": "fmbenergy", "distance": "_distance", "monitor": monitor, "command": fio.command and "%c",
             "date": fio.date and "%c"}  # fmt: skip
    sources |= {what: f"{fio.path}: {place}" for what, place in noted.items() if place}
    if exposure is None and (exposure := exposure_of(fio.command)) is not None:
        sources["exposure"] = f"{fio.path}: %c"
    return Recorded(
        name=fio.path.stem,
        diffractometer="p10",
        detector=detector,
        positions=positions,
        energy=kev(energy),
        distance=distance / 1000 if distance else None,
        pixel=None if x is None or y is None else (x, y),
        beam_zero=None if column is None or row is None else (column, row),
        looked={
            "energy": f"fmbenergy of {said}",
            "distance": f"_distance of {said}",
            "beam_zero": f"beam_center_x and beam_center_y of {master.name}",
            **{circle: f"{name} of {said}" for circle, name in circles.items()},
        },
        command=fio.command,
        sample=fio.path.stem.rpartition("_")[0],
        date=fio.date,
        exposure=exposure,
        monitor=fio.columns.get(monitor),
        sources=sources,
    ), files


def _circles(fio: Fio) -> dict[str, str]:
    """Names of the circles in the hutch where the scan was: a file may have the motors of both."""
    known = {*fio.parameters, *fio.columns}
    second = moves(fio.columns.get("samth")) or ("samth" in known and "om" not in known)
    return SECOND if second else FIRST


def _positions(
    fio: Fio, circles: dict[str, str], sources: dict[str, str]
) -> dict[str, float | Column]:
    """Where each circle stood, or its position for each frame, and whatever else the command moved."""
    found: dict[str, float | Column] = {}
    typed = set(fio.command.split()) - {*circles.values(), "fmbenergy"}
    others = {name: name for name in fio.columns if name in typed}
    for what, name in {**circles, **others, ENERGY: "fmbenergy"}.items():
        column, stood = fio.columns.get(name), fio.number(name)
        if column is not None and moves(column) and np.isfinite(column).all():
            found[what] = column / 1000 if what == ENERGY else column
            sources[what] = f"{fio.path}: column {name}"
        elif what in CIRCLES and column is not None and column.size and np.isfinite(column[0]):
            found[what], sources[what] = float(column[0]), f"{fio.path}: column {name}"
        elif what in CIRCLES and stood is not None:
            found[what], sources[what] = stood, f"{fio.path}: {name}"
    for circle in CIRCLES if circles is SECOND else ():
        if circle not in SECOND:
            found[circle], sources[circle] = 0.0, "not in the second hutch, taken as 0"
    return found
