"""MAX IV NanoMAX: the file of its acquisition program, contrast, with a link to the detector's."""

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
    DATE,
    Known,
    Layout,
    circles,
    command,
    whole_frames,
    write_calibration,
)

DETECTOR, SECONDS = "eiger500k", 1.0
GAP = 2**32 - 1  # what an Eiger writes into a pixel that it does not measure
FILE, EIGER = "000012.h5", f"scan_000012_{DETECTOR}.hdf5"
FRAMES = "entry/instrument/Eiger/data"
NAMES = {"theta": "gontheta", "phi": "gonphi"}  # where the files call circles otherwise


class NanoMAX(Layout):
    """A Au 111 peak at 9 keV on an Eiger of 500 000 pixels.

    The files have no pixel of the direct beam.
    """

    files = (FILE, EIGER, CALIBRATION)
    data = FILE
    options: ClassVar[Known] = {"geometry": CALIBRATION}
    circles: ClassVar[Known] = {
        "diffractometer": "nanomax",
        "detector": DETECTOR,
        "energy": 9.0,
        "distance": 0.7,
        "beam_zero": (516.2, 250.6),
        "theta": 17.2,
        "phi": 25.0,
        "gamma": 5.0,
        "delta": 33.7,
    }
    motor = "theta"
    peak_at = (360, 400)

    def write(
        self,
        folder: Path,
        geometry: Geometry,
        expected: NDArray[np.float64],
        peak: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        frames = np.stack(list(whole_frames(geometry, expected, peak, GAP, rng)))
        many = len(frames)
        with h5py.File(folder / EIGER, "w") as file:
            file.create_dataset(
                FRAMES, data=frames, chunks=(1, *frames.shape[1:]), **hdf5plugin.Bitshuffle()
            )
        angles = {NAMES.get(name, name): np.atleast_1d(each)
                  for name, each in circles(geometry, many).items()}  # fmt: skip
        energy, radius = 1000 * geometry.energy, 1000 * geometry.distance
        stood = {**angles, "energy": np.array([energy]), "radius": np.array([radius])}
        with h5py.File(folder / FILE, "w") as file:
            entry = file.create_group("entry")
            moved = NAMES[geometry.motor]
            typed = command(geometry, many, SECONDS, moved)
            entry["description"] = np.array([typed], dtype="S100")
            for name, each in stood.items():
                entry[f"snapshots/pre_scan/{name}"] = each[:1]
                entry[f"snapshots/post_scan/{name}"] = each[-1:]
            seconds = 2 * SECONDS * np.arange(many)  # as long again for the motor to move
            ion_chamber = rng.poisson(1e6, many) * 1e-12  # A
            columns = {moved: angles[moved], "epoch": DATE + seconds, "dt": seconds + SECONDS,
                       "alba2/1": ion_chamber}  # fmt: skip
            for name, column in columns.items():
                entry[f"measurement/{name}"] = column
            entry[f"measurement/{DETECTOR}/frames"] = h5py.ExternalLink(EIGER, FRAMES)
        write_calibration(folder, geometry, "beam_zero")
