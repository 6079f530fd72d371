"""A rocking scan of 34-ID-C, 7-ID-D or 1-ID-E: a folder of TIFF frames, its SPEC file and correction fields."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.markers import markers, say
from ..data.measurement import Measurement
from ..data.preprocess import for_all_frames
from ..data.scan import KEY
from ..errors import MeasurementError, ParameterError, ReadError
from ..geometry.detectors import DETECTORS, Detector, Region
from ..geometry.spec import SpecScan, read_scan
from ..geometry.spec_geometry import STATIONS, station
from ..utils.inputs import check_memory, check_name
from .contents import Contents
from .fields import response
from .recorded import measurement
from .spec_scan import recorded, region, scan_of
from .tiff import read_tiff

PathLike = str | os.PathLike[str]


def read_frames(
    folder: PathLike,
    spec: PathLike | None = None,
    scan: int | str | None = None,
    dark: PathLike | None = None,
    white: PathLike | None = None,
    monitor: bool = False,
    mask: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Read and correct the frames of one rocking scan.

    Parameters
    ----------
    folder : path
        One TIFF file a frame, with the frame number at the end of the name. TIFF files whose name
        has no number at its end are left alone.
    spec : path, optional
        SPEC file. Detector and region of interest come from it; without it, dark and white field
        must have the shape of the frames, and no gap between chips is known.
    scan : int or str, optional
        Scan number in `spec`, ``"54.2"`` for the second scan of that number; by default the number
        at the end of the folder's name.
    dark, white : path, optional
        Fields of the whole detector, cut to the region of interest here. A pixel above 1 in the
        dark field is dead, as is one of the white field more than three standard deviations below
        its mean, or too large for a count. Frames are divided by the white field and multiplied by its mean.
    monitor : bool
        Divide each frame by the beam monitor, relative to its mean over the scan. Off by default,
        as in cohere: counts then stay (nearly) Poisson distributed.
    mask : bool array, optional
        True excludes; in the shape of the result, or of one frame of it.

    Returns
    -------
    Measurement
        (rocking, row, column), not centred, no threshold. Dead pixels and the gap between the
        chips (inserted where the region crosses it) are masked, and so are pixels that hold the largest value of
        their integer type.

    Raises
    ------
    ReadError
        No such folder, no frames, one missing in the numbering, truncated or of another shape;
        frames, SPEC file, dark and white field that do not belong together.
    ParameterError
        `scan` or `monitor` without `spec`; no scan number.
    MeasurementError
        The values cannot be a measurement.

    Notes
    -----
    In every voxel that is not masked this is what cohere's ``beamline_preprocess`` gives. Where
    cohere writes 0 for dead pixels and gaps, which then stands for "no counts", here is a mask.
    """
    folder = Path(folder)
    files = _frame_files(folder)
    about = None if spec is None else read_scan(spec, _scan_number(folder, scan))
    if about is None and (scan is not None or monitor):
        raise ParameterError(f"{'monitor' if scan is None else 'scan'}: needs the SPEC file too")
    if about is not None and about.points != len(files):
        raise ReadError(
            f"{folder}: {len(files)} frames, but scan {about.name} of {about.path} has "
            f"{about.points} points: give the scan that belongs to the frames"
        )
    shape = _image(files[0]).shape
    region = _region(about, shape, files[0])
    detector = DETECTORS.get((about and about.detector) or "")
    gain, alive = _correction(dark, white, shape, region, detector)
    weights = _weights(about) if about is not None and monitor else np.ones(len(files))
    spread, seen = _seam(shape, region, detector)

    check_memory(folder, len(files) * seen.size, 4)
    intensity = np.zeros((len(files), *seen.shape), dtype=np.float32)
    unknown = np.zeros(intensity.shape, dtype=bool)
    for frame, lost, file, weight in zip(intensity, unknown, files, weights, strict=True):
        image = _image(file)
        if image.shape != shape:
            raise ReadError(
                f"{file}: shape {image.shape}, but the frames before have {shape}: "
                "keep the frames of one scan in a folder"
            )
        lost[spread] = markers(image) & alive
        with np.errstate(over="ignore", invalid="ignore"):  # infinite or NaN then, and refused
            frame[spread] = np.where(alive & ~lost[spread], image * gain * weight, 0)
    provenance = _provenance(folder, files, about, dark, white, monitor)
    if unknown.any():
        provenance["notes"] = (say(int(unknown.sum()), image.dtype),)
    unknown |= ~seen
    for lost in unknown:
        lost[spread] |= ~alive
    if about is not None and station(about) != "34idc":
        held = Contents(intensity, unknown, provenance)
        found = recorded(about, station(about), shape)
        return measurement(folder, provenance["format"], held, found, mask)
    try:
        if mask is not None:
            unknown |= _given(mask, unknown.shape)
            provenance["steps"] = (f"mask {int(mask.sum() * (unknown.size // mask.size))} voxels",)
        return Measurement(intensity, unknown, provenance)
    except MeasurementError as error:
        raise MeasurementError(f"{folder}: {error}") from error


def _frame_files(folder: Path) -> list[Path]:
    """The frames in the order of their numbers, after checking that none is missing."""
    if not folder.is_dir():
        raise ReadError(f"{folder}: no such folder")
    try:
        names = sorted(folder.iterdir())
    except OSError as error:
        raise ReadError(f"{folder}: the folder cannot be read ({error.strerror})") from error
    files: dict[int, Path] = {}
    for path in names:
        number = re.search(r"\d+$", path.stem)
        if number is None or path.suffix.lower() not in (".tif", ".tiff") or path.name[0] == ".":
            continue
        check_name(path)
        if int(number[0]) in files:
            raise ReadError(
                f"{folder}: {files[int(number[0])].name} and {path.name} have one frame number: "
                "keep the frames of one scan in a folder"
            )
        files[int(number[0])] = path
    if not files:
        raise ReadError(f"{folder}: no frames (.tif files with a number at the end of the name)")
    numbered = sorted(files)
    _check_together(folder, files, numbered)
    missing = sorted(set(range(numbered[0], numbered[-1] + 1)) - set(files))
    if missing:
        numbers = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        raise ReadError(
            f"{folder}: frame(s) {numbers} missing between {min(files)} and {max(files)}: "
            "copy the folder again"
        )
    return [files[number] for number in numbered]


def _check_together(folder: Path, files: Mapping[int, Path], numbered: list[int]) -> None:
    """A number far off the others is that of a time stamp or another scan, and no frame's."""
    groups: list[list[int]] = []
    for number in numbered:
        if groups and number - groups[-1][-1] <= max(100, len(numbered)):
            groups[-1].append(number)
        else:
            groups.append([number])
    most = max(groups, key=len)
    strangers = [files[number].name for group in groups if group is not most for number in group]
    if strangers:
        names = ", ".join(strangers[:3]) + (", …" if len(strangers) > 3 else "")
        raise ReadError(
            f"{folder}: {names}: a number far off the others, {most[0]} to {most[-1]}: "
            "keep the frames of one scan in a folder"
        )


def _given(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    excluded = for_all_frames(mask, shape)
    if excluded.shape != shape:
        raise MeasurementError(
            f"mask has shape {mask.shape}, the intensity {shape}: give both the same shape"
        )
    return excluded


def _scan_number(folder: Path, scan: int | str | None) -> int | str:
    if scan is not None:
        return scan
    number = re.search(r"\d+$", folder.resolve().name)
    if number is None:
        raise ParameterError(f"scan: give the number, the name of {folder} does not end with it")
    return int(number[0])


def _image(path: Path) -> NDArray[Any]:
    image = read_tiff(path)
    if image.ndim != 2:
        raise ReadError(f"{path}: {image.ndim} dimensions, shape {image.shape}: a frame has two")
    return image


def _region(about: SpecScan | None, shape: tuple[int, ...], file: Path) -> Region | None:
    if about is None:
        return None
    if (where := station(about)) != "34idc":
        placed = region(about, where, shape)  # which fits the frames
        return placed and (
            slice(placed[2], placed[2] + placed[3]),
            slice(placed[0], placed[0] + placed[1]),
        )
    roi = about.region()
    if roi is None:
        return None
    column, columns, row, rows = roi
    if (rows, columns) != shape:
        raise ReadError(
            f"{file}: {shape[0]} rows and {shape[1]} columns, but the region of scan "
            f"{about.name} in {about.path} has {rows} and {columns}: give the right scan"
        )
    return slice(row, row + rows), slice(column, column + columns)


def _correction(
    dark: PathLike | None,
    white: PathLike | None,
    shape: tuple[int, ...],
    region: Region | None,
    detector: Detector | None,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What to multiply the frames with, and which of their pixels count."""
    gain, alive = np.ones(shape), np.ones(shape, dtype=bool)
    if white is not None:
        relative, good = response(_image(Path(white)), detector.dead if detector else None)
        alive &= _cut(good, region, shape, white)
        gain[alive] = _cut(relative, region, shape, white)[alive]
    if dark is not None:
        alive &= _cut(_image(Path(dark)) <= 1, region, shape, dark)
    return gain, alive


def _cut(
    field: NDArray[Any], region: Region | None, shape: tuple[int, ...], path: PathLike
) -> NDArray[Any]:
    if region is None:
        if field.shape != shape:
            raise ReadError(
                f"{path}: shape {field.shape}, the frames {shape}, and no region of interest is "
                "known: give the SPEC file"
            )
        return field
    rows, columns = region
    if rows.stop > field.shape[0] or columns.stop > field.shape[1]:
        raise ReadError(
            f"{path}: shape {field.shape} does not hold the region of interest, rows {rows.start} "
            f"to {rows.stop} and columns {columns.start} to {columns.stop}: "
            "give the field of the whole detector"
        )
    return field[rows, columns]


def _seam(
    shape: tuple[int, ...], region: Region | None, detector: Detector | None
) -> tuple[tuple[NDArray[np.intp], ...], NDArray[np.bool_]]:
    """Where the recorded pixels go once the gap is inserted, as an index, and as an image."""
    places, sizes = [], []
    for axis, size in enumerate(shape):
        place = np.arange(size)
        gap = 0
        if region is not None and detector is not None:
            before = detector.seam_start - region[axis].start
            if 0 < before < size:  # the region crosses the seam
                gap = detector.seam[1 - axis]  # there (columns, rows)
                place[before:] += gap
        places.append(place)
        sizes.append(size + gap)
    spread = np.ix_(*places)
    seen = np.zeros(sizes, dtype=bool)
    seen[spread] = True
    return spread, seen


def _weights(about: SpecScan) -> NDArray[np.float64]:
    counts = about.counters.get("Monitor")
    if counts is None or not (counts > 0).all():
        raise ReadError(
            f"{about.path}: the monitor of scan {about.name} is missing or 0 at some point: "
            "read without monitor"
        )
    weights: NDArray[np.float64] = counts.mean() / counts
    return weights


def _provenance(
    folder: Path,
    files: list[Path],
    about: SpecScan | None,
    dark: PathLike | None,
    white: PathLike | None,
    monitor: bool,
) -> dict[str, Any]:
    provenance: dict[str, Any] = {
        "source": str(folder),
        "format": "34-ID-C frames",
        "frames": len(files),
        "first": files[0].name,
        "last": files[-1].name,
        "dark": None if dark is None else str(dark),
        "white": None if white is None else str(white),
        "monitor": monitor,
    }
    if about is not None:
        where = station(about)
        provenance |= {
            "format": f"{STATIONS[where]} frames",
            "spec": about.path,
            "scan": about.name,
            "command": about.command,
            "date": about.date,
            "detector": about.detector,
            "roi": about.roi,
            "energy_kev": about.energy_kev,
            "distance_mm": about.distance_mm,
            "motors": dict(about.motors),
        }
        if where == "34idc":
            provenance[KEY] = scan_of(about).plain()
    return provenance
