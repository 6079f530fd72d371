"""A rocking scan of ESRF ID01 before BLISS: EDF frames in a folder, angles in a SPEC file."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..errors import ParameterError, ReadError
from ..geometry.detectors import DETECTORS
from ..geometry.instruments import diffractometer
from ..geometry.spec import SpecScan, read_scan
from ..utils.inputs import check_memory
from .contents import Contents, guarded
from .reader import Options, Reader
from .recorded import Column, Recorded, kev, measurement
from .spec_scan import scan_of

SUFFIXES = (".edf", ".edf.gz", ".edf.bz2")
_NUMBER = re.compile(r"(\d+)\.edf(\.gz|\.bz2)?", re.IGNORECASE)
# Columns of the SPEC file that hold the number of the frame, and the detector of each.
COUNTERS = {"mpx4inr": "mpx4inr", "mpxgaas": "mpxgaas", "eiger2M": "eiger2m", "ccd_n": ""}
ENERGY = ("nrj", "Energy")  # motors, keV


class ID01Spec(Reader):
    """EDF frames and the SPEC file of ID01, until 2021."""

    name = "id01spec"
    reads = "folders of .edf frames of ESRF ID01, with --spec FILE --scan N"
    takes = ("spec", "scan", "mask")

    def can_read(self, path: Path) -> bool:
        return path.is_dir() and any(_is_frame(file) for file in path.iterdir())

    def read(self, path: Path, options: Options) -> Measurement:
        if options.spec is None or options.scan is None:
            raise ParameterError(
                f"{path}: frames of several scans may lie there: give --spec FILE and --scan N"
            )
        return read_id01_spec(path, options.spec, options.scan, options.excluded())


def _is_frame(file: Path) -> bool:
    return file.name.lower().endswith(SUFFIXES)


def read_id01_spec(
    folder: Path, spec: Path, scan: int | str, mask: NDArray[np.bool_] | None = None
) -> Measurement:
    """Read the frames of one scan.

    Parameters
    ----------
    folder : Path
        EDF files whose names end in the number of the frame, of this scan and others.
    spec : Path
        SPEC file; a column of the scan (``mpx4inr`` …) has the numbers of its frames.
    scan : int or str
        As `read_scan` takes it.
    mask : bool array, optional
        True excludes; in the shape of the data, or of one frame.

    Returns
    -------
    Measurement
        Beam centre and distance are those of the SPEC file's ``#UDETCALIB``, in pixels and metres.

    Raises
    ------
    ReadError
        No such scan, or a frame of it is missing, damaged or of another shape.
    MeasurementError
        The values cannot be a measurement.
    """
    about = read_scan(spec, scan)
    counter = next((name for name in COUNTERS if name in about.counters), None)
    if counter is None:
        raise ReadError(
            f"{about.path}: scan {about.name} has no column of frame numbers ({', '.join(COUNTERS)}): give a scan "
            "with frames"
        )
    files = _files(folder)
    numbers = [int(number) for number in about.counters[counter]]
    if lost := [number for number in numbers if number not in files]:
        raise ReadError(
            f"{folder}: frame {lost[0]} of scan {about.name} is not there ({len(lost)} of {len(numbers)} are "
            f"missing): copy the files again"
        )
    chosen = [files[number] for number in numbers]
    first = guarded(chosen[0], _image)
    check_memory(folder, len(chosen) * first.size, 4)
    data = np.empty((len(chosen), *first.shape), dtype=np.int32)
    for frame, file in zip(data, chosen, strict=True):
        image = guarded(file, _image)
        if image.shape != first.shape:
            raise ReadError(
                f"{file}: shape {image.shape}, but the first frame has {first.shape}: not of one scan"
            )
        frame[:] = image
    recorded = _recorded(about, COUNTERS[counter] or _by_size(first.shape))
    return measurement(folder, "ESRF ID01, SPEC", Contents(data), recorded, mask)


def _files(folder: Path) -> dict[int, Path]:
    """Number at the end of the name → file.

    Raises
    ------
    ReadError
        Two files have the same number.
    """
    found: dict[int, Path] = {}
    for file in sorted(filter(_is_frame, folder.iterdir())):
        match = _NUMBER.search(file.name)
        if match is None:
            continue
        number = int(match[1])
        if number in found:
            raise ReadError(
                f"{folder}: {found[number].name} and {file.name} have the same number: keep the frames of one "
                "detector in a folder"
            )
        found[number] = file
    return found


def _image(file: Path) -> NDArray[np.int32]:
    import fabio  # takes its time

    with fabio.open(str(file)) as image:
        data = np.asarray(image.data)
    if data.ndim != 2 or data.dtype.kind not in "iu":
        raise ReadError(f"{file}: holds {data.ndim} axes of {data.dtype}, no frame of counts")
    return data.astype(np.int32)


def _by_size(shape: tuple[int, ...]) -> str:
    return next((name for name, known in DETECTORS.items() if known.size == shape[::-1]), "")


def _recorded(about: SpecScan, detector: str) -> Recorded:
    """What the SPEC file says of a scan."""
    circles = diffractometer("id01")
    scan, where = scan_of(about), f"{about.path}: scan {about.name}"
    sources = dict(scan.sources)
    positions: dict[str, float | Column] = {}
    for circle in circles.circles:
        for name in (circle, circle.title(), *circles.names.get(circle, ())):
            if name in about.counters and np.ptp(about.counters[name]) > 0:
                positions[circle] = about.counters[name]
            elif math.isfinite(about.motors.get(name, math.nan)):
                positions[circle] = about.motors[name]
            else:
                continue
            sources[circle] = f"{where}, {name}"
            break
    energy = next((about.motors[name] for name in ENERGY if about.motors.get(name, 0) > 0), None)
    energy = _number(about, "mononrj") or energy
    x, y = _number(about, "cen_pix_x"), _number(about, "cen_pix_y")
    for name in ("distance", "beam_zero"):
        sources[name] = f"{where}, #UDETCALIB"
    return Recorded(
        name=str(about.name),
        diffractometer="id01",
        detector=detector,
        positions=positions,
        energy=kev(energy),
        distance=_number(about, "det_distance_COM"),
        beam_zero=None if x is None or y is None else (x, y),
        looked={
            "energy": f"motors {' or '.join(ENERGY)}, #UMONO",
            "distance": "det_distance_COM of #UDETCALIB",
            "beam_zero": "cen_pix_x, cen_pix_y of #UDETCALIB",
            **{circle: f"motor {circle}" for circle in circles.circles},
        },
        command=about.command,
        date=about.date,
        exposure=scan.exposure,
        monitor=np.array(scan.monitor) if len(scan.monitor) else None,
        sources=sources,
    )


def _number(about: SpecScan, name: str) -> float | None:
    """A number of a calibration line, whatever unit is written behind it."""
    match = re.match(r"[+-]?\d+\.?\d*(e[+-]?\d+)?", about.calibration.get(name, ""), re.IGNORECASE)
    return float(match[0]) if match else None
