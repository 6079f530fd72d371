"""ESRF ID01: BLISS's files of the sample and of the experiment, with links to the detector's frames."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from ...geometry.geometry import Geometry
from .layout import Known, Layout, circles, command, when, whole_frames

DETECTOR, SECONDS = "mpx1x4", 1.0


class Bliss(Layout):
    """A Au 111 peak at 9 keV on a Maxipix, below and left of the cross between its chips."""

    files = ("virtual.h5", "experiment.h5", "scan0012")
    data = "virtual.h5"
    options: ClassVar[Known] = {"scan": 12}
    circles: ClassVar[Known] = {
        "diffractometer": "id01",
        "detector": DETECTOR,
        "energy": 9.0,
        "distance": 0.5,
        "beam_zero": (121.25, 390.5),
        "mu": 0.0,
        "eta": 17.2,
        "phi": 25.0,
        "nu": 5.0,
        "delta": 33.7,
    }
    motor = "eta"
    peak_at = (392, 124)

    def write(
        self,
        folder: Path,
        geometry: Geometry,
        expected: NDArray[np.float64],
        peak: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        frames = np.stack(list(whole_frames(geometry, expected, peak, 0, rng)))
        (folder / "scan0012").mkdir()
        lima = f"scan0012/{DETECTOR}_0000.h5"
        with h5py.File(folder / lima, "w") as file:
            file.create_dataset(
                "entry_0000/measurement/data",
                data=frames,
                chunks=(1, *frames.shape[1:]),
                **hdf5plugin.Bitshuffle(),
            )
        angles = circles(geometry, len(frames))
        with h5py.File(folder / self.data, "w") as file:
            entry = file.create_group("12.1")
            entry["title"] = command(geometry, len(frames), SECONDS)
            entry["start_time"] = when("%Y-%m-%dT%H:%M:%S+00:00")
            entry["sample/name"] = "virtual"
            entry["instrument/monochromator/Energy"] = geometry.energy
            for name, angle in {**angles, "mononrj": geometry.energy}.items():
                entry[f"instrument/positioners/{name}"] = angle
            camera = entry.create_group(f"instrument/{DETECTOR}")
            camera["distance"] = geometry.distance
            camera["acq_parameters/acq_expo_time"] = SECONDS
            keys = ("x_pixel_size", "y_pixel_size", "beam_center_x", "beam_center_y")
            for key, value in zip(keys, (*geometry.pixel, *geometry.beam_zero), strict=True):
                camera[key] = value
            entry["measurement/mon2"] = rng.poisson(1e6, len(frames)).astype(float)
            entry[f"measurement/{DETECTOR}"] = h5py.ExternalLink(
                lima, "entry_0000/measurement/data"
            )
        with h5py.File(folder / "experiment.h5", "w") as file:
            file["virtual_12.1"] = h5py.ExternalLink(self.data, "12.1")
