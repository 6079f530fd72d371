"""Files as BLISS writes them at ESRF ID01: several scans, one of them with frames of a crystal's peak."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

DETECTOR = "mpx1x4"
FRAMES, ROWS, COLUMNS = 8, 516, 516
PEAK = (5, 300, 220)  # frame, row, column
ETA = 8.0 + 0.01 * np.arange(FRAMES)
ANGLES = {"mu": 0.0, "phi": 12.5, "nu": -3.0, "delta": 34.0}
VALUES: dict[str, Any] = {
    "instrument/monochromator/Energy": 9.0,
    f"instrument/{DETECTOR}/distance": 0.9,
    f"instrument/{DETECTOR}/x_pixel_size": 55e-6,
    f"instrument/{DETECTOR}/y_pixel_size": 55e-6,
    f"instrument/{DETECTOR}/beam_center_x": 250.5,
    f"instrument/{DETECTOR}/beam_center_y": 310.25,
    f"instrument/{DETECTOR}/acq_parameters/acq_expo_time": 0.5,
    "measurement/mon2": 1000.0 + np.arange(FRAMES),
    "sample/name": "PtNP",
    "start_time": "2025-04-01T12:00:00+02:00",
}


@cache
def counts() -> np.ndarray:
    """A crystal's pattern, (frame, row, column), on the whole of a Maxipix, 0 in the gaps between its chips."""
    grid = np.ogrid[:FRAMES, :ROWS, :COLUMNS]
    shape = [
        np.sinc((axis - peak) / width) ** 2
        for axis, peak, width in zip(grid, PEAK, (2.7, 9, 10), strict=True)
    ]
    found = np.random.default_rng(0).poisson(4e4 * shape[0] * shape[1] * shape[2]).astype(np.int32)
    found[:, 255:261], found[:, :, 255:261] = 0, 0
    return found


def write(path: Path, entry: str = "12.1", without: tuple[str, ...] = (), **changed: Any) -> Path:
    """A file with a scan of 8 frames, after one of counters alone; `changed` are positioners.

    Values whose key is in `without` are left out.
    """
    positioners = {"eta": ETA, **ANGLES, "thx": 0.25, **changed}
    with h5py.File(path, "a") as file:
        if "11.1" not in file:
            file["11.1/title"] = "ascan phi 12 13 10 0.1"
            file["11.1/measurement/mon2"] = np.arange(11.0)
            file["11.1/instrument/positioners/eta"] = 8.0
        scan = file.create_group(entry)
        scan["title"] = "ascan eta 8 8.07 7 0.5"
        scan.create_dataset(
            f"measurement/{DETECTOR}", data=counts(), chunks=(1, ROWS, COLUMNS), compression=1
        )
        for name, value in positioners.items():
            if name not in without:
                scan[f"instrument/positioners/{name}"] = value
        for key, value in VALUES.items():
            if key not in without:
                scan[key] = value
    return path
