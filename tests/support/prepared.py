"""A small file as cdiutils' preprocessing writes it; the real one is made in `test_cdiutils_prepared`."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

VALUES = {
    "source_1/energy": 9000.0,
    "detector_1/description": "mpx1x4",
    "detector_1/calibration/cch1": 390.5,
    "detector_1/calibration/cch2": 121.25,
    "detector_1/calibration/pwidth1": 55e-6,
    "detector_1/calibration/pwidth2": 55e-6,
    "detector_1/calibration/distance": 0.5,
    "geometry_1/is_cxi": False,
    "geometry_1/sample_circles": [b"y-", b"z-"],
    "geometry_1/detector_circles": [b"z-", b"y-"],
    "geometry_1/detector_axis0_orientation": "z-",
    "geometry_1/detector_axis1_orientation": "y+",
    "geometry_1/angles/sample_inplane_angle": 25.0,
    "geometry_1/angles/detector_inplane_angle": 5.0,
    "geometry_1/angles/detector_outofplane_angle": 33.7,
    "sample_1/sample_name": "virtual",
    "process_1/command": "cdiutils.BcdiPipeline.preprocess()",
}


def write(path: Path, counts: np.ndarray) -> Path:
    """Counts with the brightest voxel as the reference, and every value of a geometry."""
    frames, rows, columns = counts.shape
    peak = np.unravel_index(counts.argmax(), counts.shape)
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry_1")
        for key, value in VALUES.items():
            entry[key] = value
        entry["image_1/data"] = counts
        entry["image_1/mask"] = np.zeros((rows, columns))
        entry["result_1/voi/cropped/ref"] = peak
        entry["result_1/roi"] = [390, 390 + rows, 121, 121 + columns]
        entry["geometry_1/angles/sample_outofplane_angle"] = 17.2 + 0.01 * np.arange(frames)
    return path
