"""Data that bcdi has prepared: its ``S12_preprocessing….h5``, with the geometry as it noted it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..errors import ReadError
from ..geometry.instruments import diffractometer
from .contents import guarded
from .hdf5 import read_hdf5
from .hdf5_links import is_one
from .hdf5_values import Values
from .reader import PROGRAM, Options, Reader
from .recorded import Column, Recorded, kev, measurement

DATA, NUMBER = "output/data", r"[+-]?\d+\.?\d*(?:e[+-]?\d+)?"
# Its beamlines: our diffractometer, the circles that it calls in and out of plane, of sample and of detector.
BEAMLINES = {
    "ID01": ("id01", {"outofplane": "eta", "inplane": "phi"}, ("nu", "delta")),
    "P10": ("p10", {"outofplane": "om", "inplane": "phi"}, ("gamma", "delta")),
    "SIXS": ("sixs", {"inplane": "mu"}, ("gamma", "delta")),
    "CRISTAL": ("cristal", {"outofplane": "omega", "inplane": "phi"}, ("gamma", "delta")),
    "NANOMAX": ("nanomax", {"outofplane": "theta", "inplane": "phi"}, ("gamma", "delta")),
    "34ID": ("34idc", {"outofplane": "phi", "inplane": "theta"}, ("delta", "gamma")),
}


class Bcdi(Reader):
    """What bcdi's preprocessing writes for phasing, in the frame of the detector."""

    reads = "bcdi's prepared data, S12_preprocessing….h5"
    rank = PROGRAM
    prepared = True

    def can_read(self, path: Path) -> bool:
        def holds(file: h5py.File) -> bool:
            return all(isinstance(file.get(k), h5py.Dataset) for k in (DATA, "params/setup"))

        return is_one(path, holds)

    def read(self, path: Path, options: Options) -> Measurement:
        return read_preprocessing(path, options.excluded())


def read_preprocessing(path: Path, mask: NDArray[np.bool_] | None = None) -> Measurement:
    """Read a file that bcdi 0.2 has prepared.

    Its angles are those of the detector's arm when it looks at the peak, so the direct beam is counted from
    there; circles inside the scanned one, which turn nothing that is seen, are taken as 0.

    Parameters
    ----------
    path : Path
    mask : bool array, optional
        True excludes, besides what the file masks; in the shape of the data, or of one frame.

    Raises
    ------
    ReadError
        Damaged, or written by another program.
    MeasurementError
        The values cannot be a measurement.
    """
    held = guarded(path, lambda path: read_hdf5(path, DATA, "output"))
    if held.data.ndim != 3:
        raise ReadError(f"{path}: {DATA} has {held.data.ndim} axes, three are needed")
    peak = np.unravel_index(int(held.data.argmax()), held.data.shape)

    def describe(path: Path) -> Recorded:
        with h5py.File(path, "r") as file:
            return _recorded(
                Values(file, "params", path), (int(peak[0]), int(peak[1]), int(peak[2]))
            )

    return measurement(path, "bcdi", held, guarded(path, describe), mask)


def _recorded(values: Values, peak: tuple[int, int, int]) -> Recorded:
    """What the file says: Python's text of three mappings."""
    setup, detector, given = (values.text(k, k) for k in ("setup", "detector", "parameters"))
    found = re.search(r"'beamline': '(\w+?)(?:_\w+)?'", setup)
    name = found[1] if found else ""
    recorded = Recorded(
        name=values.path.name.partition("_")[0].removeprefix("S"),
        diffractometer="id01",
        peak=peak,
        sources={"geometry": f"{values.path}: params/setup, params/detector"},
    )
    if name not in BEAMLINES or "'use_rawdata': False" in given:
        why = (
            "the data are in the laboratory's frame"
            if name in BEAMLINES
            else f"of {name or 'no beamline'}"
        )
        recorded.notes.append(f"{why}: no geometry is taken from what bcdi noted")
        return recorded
    recorded.diffractometer, rocked, arm = BEAMLINES[name]
    circles = diffractometer(recorded.diffractometer)
    rocking = re.search(r"'rocking_angle': '(\w+)'", setup)
    motor = rocked.get(rocking[1] if rocking else "")
    summed = [_several(detector, key, 3) for key in ("binning", "preprocessing_binning")]
    binning = np.prod([each or [1.0, 1.0, 1.0] for each in summed], axis=0)
    positions: dict[str, float | Column] = dict.fromkeys(circles.sample, 0.0)
    if motor is not None:
        outside = list(circles.sample)[: list(circles.sample).index(motor)]
        positions |= dict(
            zip(outside, _several(setup, "grazing_angles_deg", len(outside)), strict=False)
        )
        recorded.step = (motor, (_number(setup, "tilt_angle_deg") or 0.0) * float(binning[0]))
    for circle, key in zip(arm, ("inplane", "outofplane"), strict=True):
        angle = _number(setup, f"{key}_detector_angle_deg")
        if angle is not None:
            positions[circle] = angle
    recorded.positions = positions
    recorded.energy = kev(_number(setup, "energy_eV"))
    recorded.distance = _number(setup, "distance_m")
    pixel = _several(setup, "pixel_size_m", 2)  # rows first
    if pixel:
        recorded.pixel = (pixel[1] * float(binning[2]), pixel[0] * float(binning[1]))
    recorded.beam_zero = (float(peak[2]), float(peak[1]))
    return recorded


def _number(text: str, key: str) -> float | None:
    """Number of a key in Python's text of a mapping; NumPy 2 puts its type around it."""
    match = re.search(rf"'{key}': (?:np\.float\d+\()?({NUMBER})", text, re.IGNORECASE)
    return float(match[1]) if match else None


def _several(text: str, key: str, count: int) -> list[float]:
    """Numbers of a key, at least so many; none where it has fewer."""
    match = re.search(rf"'{key}': [\(\[]([^\)\]]*(?:\)[^\)\]]*)*?)[\)\]](?=, '|\}})", text)
    numbers: list[Any] = (
        re.findall(rf"(?<![\w.]){NUMBER}(?!\w)", match[1], re.IGNORECASE) if match else []
    )
    return [float(n) for n in numbers] if len(numbers) >= count else []
