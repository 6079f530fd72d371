"""APS 20-ID-E: frames, dark and white field and motors in one Data Exchange file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from ...geometry.geometry import Geometry
from .layout import Known, Layout, circles, whole_frames

WHITE, RESPONSE = 1e4, 0.015  # mean counts of the white field, spread of the pixels' response
LOST = 60  # pixels that count in the dark, and as many that never count
CLEAR = 9  # pixels about the peak without any


class File20IDE(Layout):
    """A Au 111 peak at 52 keV, 2.5 m away, on a detector that is moved across."""

    data = "virtual_012.ASI.h5"
    files = (data,)
    circles: ClassVar[Known] = {
        "diffractometer": "20ide",
        "energy": 52.0,
        "distance": 2.5,
        "samry": 12.0,
        "detx": 0.13,
        "dety": 0.2179,
    }
    motor = "samry"
    peak_at = (250, 262)

    def write(
        self,
        folder: Path,
        geometry: Geometry,
        expected: NDArray[np.float64],
        peak: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        _, row, column = geometry.reference
        shape = (geometry.roi[3], geometry.roi[1])
        white = WHITE * (1 + RESPONSE * rng.standard_normal(shape))
        dark = np.zeros(shape)
        for field, value in ((dark, 3.0), (white, 0.0)):
            at = rng.integers(0, min(shape), (LOST, 2))
            rows, columns = at[np.abs(at - (row, column)).max(1) > CLEAR].T
            field[rows, columns] = value
        first = row - peak[0], column - peak[1]
        window = tuple(slice(a, a + n) for a, n in zip(first, expected.shape[1:], strict=True))
        seen = expected * (white / white.mean())[window]
        frames = np.stack(list(whole_frames(geometry, seen, peak, 0, rng)))
        angles = circles(geometry, len(frames))
        with h5py.File(folder / self.data, "w") as file:
            file.create_dataset("exchange/data", data=frames, chunks=(1, *shape), compression=1)
            file["exchange/data_dark"] = dark[np.newaxis].astype(np.uint32)
            file["exchange/data_white"] = white[np.newaxis].astype(np.float32)
            file["SMS/E/HR/samRy"] = angles["samry"]
            moved = {"DetX": angles["detx"], "DetY": angles["dety"], "DetZ": geometry.distance}
            for name, metres in moved.items():
                file[f"DMS/{name}"] = [1000 * metres]
            file["HEM/Energy"] = [geometry.energy]
