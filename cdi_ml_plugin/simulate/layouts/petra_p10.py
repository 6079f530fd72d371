"""PETRA III P10: a folder a scan, with its .fio file and the Eiger's master file and data."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from ...geometry.geometry import Geometry
from .layout import (
    CALIBRATION,
    Known,
    Layout,
    circles,
    command,
    when,
    whole_frames,
    write_calibration,
)

DETECTOR, SECONDS, SCAN = "e2500", 1.0, "virtual_00012"
GAP = 2**32 - 1  # what an Eiger writes into a pixel that it does not measure
CUTOFF = 2_000_000  # counts a second, from which on its correction of the rate ends
NAMES = {"gamma": "gam", "delta": "del"}  # where the files call circles otherwise


class P10(Layout):
    """A Au 111 peak at 9 keV on an Eiger of 500 000 pixels, in the first hutch.

    The files have no pixel of the direct beam: the detector's 0, 0 is what it has where nobody told it.
    """

    files = (SCAN, CALIBRATION)
    data = SCAN
    options: ClassVar[Known] = {"geometry": CALIBRATION}
    circles: ClassVar[Known] = {
        "diffractometer": "p10",
        "detector": DETECTOR,
        "energy": 9.0,
        "distance": 0.7,
        "beam_zero": (512.4, 260.8),
        "mu": 0.0,
        "om": 17.2,
        "chi": 0.0,
        "phi": 25.0,
        "gamma": 5.0,
        "delta": 33.7,
    }
    motor = "om"
    peak_at = (140, 640)

    def write(
        self,
        folder: Path,
        geometry: Geometry,
        expected: NDArray[np.float64],
        peak: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        frames = np.stack(list(whole_frames(geometry, expected, peak, GAP, rng)))
        eiger = folder / SCAN / DETECTOR
        eiger.mkdir(parents=True)
        with h5py.File(eiger / f"{SCAN}_data_000001.h5", "w") as file:
            data = file.create_dataset(
                "entry/data/data",
                data=frames,
                chunks=(1, *frames.shape[1:]),
                **hdf5plugin.Bitshuffle(),
            )
            data.attrs.update(image_nr_low=np.int64(1), image_nr_high=np.int64(len(frames)))
        with h5py.File(eiger / f"{SCAN}_master.h5", "w") as file:
            _master(file, geometry, frames)
        text = _fio(geometry, len(frames), rng)
        (folder / SCAN / f"{SCAN}.fio").write_text(text, encoding="ascii")
        write_calibration(folder, geometry, "beam_zero")


def _master(file: h5py.File, geometry: Geometry, frames: NDArray[np.uint32]) -> None:
    file["entry/data/data_000001"] = h5py.ExternalLink(f"{SCAN}_data_000001.h5", "entry/data/data")
    file["entry"].attrs["NX_class"] = "NXentry"
    file["entry/data"].attrs["NX_class"] = "NXdata"
    detector = file.create_group("entry/instrument/detector")
    detector.attrs["NX_class"] = "NXdetector"
    numbers = {
        "count_time": (SECONDS, "s"),
        "x_pixel_size": (geometry.pixel[0], "m"),
        "y_pixel_size": (geometry.pixel[1], "m"),
        "beam_center_x": (0.0, "pixel"),
        "beam_center_y": (0.0, "pixel"),
    }
    for name, (value, unit) in numbers.items():
        detector[name] = value
        detector[name].attrs["units"] = unit
    specific = detector.create_group("detectorSpecific")
    specific["nimages"], specific["ntrigger"] = 1, len(frames)
    specific["countrate_correction_count_cutoff"] = int(CUTOFF * SECONDS)
    specific["pixel_mask"] = (frames[0] == GAP).astype(np.uint32)


def _fio(geometry: Geometry, frames: int, rng: np.random.Generator) -> str:
    angles = circles(geometry, frames)
    moved = np.asarray(angles[geometry.motor])
    current = 100 + 0.05 * rng.standard_normal(frames)  # mA in the storage ring
    parameters: dict[str, str | float] = {
        "_ccd": DETECTOR,
        "_distance": 1000 * geometry.distance,
        "fmbenergy": 1000 * geometry.energy,
        **{NAMES.get(name, name): float(np.ravel(angle)[0]) for name, angle in angles.items()},
    }
    sections = {
        "Comments": ["%c", command(geometry, frames, SECONDS),
                     f"user p10user Acquisition started at {when('%a %b %d %H:%M:%S %Y')}"],
        "Parameter": ["%p", *(f"{name} = {value}" for name, value in parameters.items())],
        "Data": ["%d", f" Col 1 {geometry.motor} DOUBLE", " Col 2 curpetra DOUBLE",
                 *(f" {angle:.7g} {ring:.6g}" for angle, ring in zip(moved, current, strict=True))],
    }  # fmt: skip
    lines = [line for name, body in sections.items() for line in ("!", f"! {name}", "!", *body)]
    return "\n".join([*lines, ""])
