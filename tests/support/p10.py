"""A scan's folder as PETRA III P10 writes it, with few pixels: a .fio file, an Eiger's master file and its data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

FRAMES, ROWS, COLUMNS = 6, 12, 16
OM = 17.0 + 0.02 * np.arange(FRAMES)
CURRENT = 100.0 + np.arange(FRAMES)
PARAMETERS: dict[str, Any] = {
    "_ccd": "e4m", "_distance": 1830.0, "fmbenergy": 9000.0, "mu": 0.5, "om": 17.0, "chi": 90.0,
    "phi": 12.5, "gam": 3.0, "del": 34.0, "e4m_roi1": "[0, 1, 0, 1]", "samth": 0.0, "e2_t02": 1.0,
}  # fmt: skip
CUTOFF = 60_000


def counts() -> np.ndarray:
    """A peak at (3, 5, 9), with a pixel above the cut-off and one that an Eiger marks."""
    grid = np.ogrid[:FRAMES, :ROWS, :COLUMNS]
    away = sum(((axis - at) / 1.5) ** 2 for axis, at in zip(grid, (3, 5, 9), strict=True))
    found = np.round(5e4 * np.exp(-away)).astype(np.uint32)
    found[3, 0, 0], found[:, 2, 3] = CUTOFF, 2**32 - 1
    return found


def write(
    folder: Path,
    number: int = 12,
    without: tuple[str, ...] = (),
    columns: dict[str, np.ndarray] | None = None,
    command: str = "ascan om 17 17.1 5 0.5",
    detector: str = "e4m",
    parts: int = 2,
    frames: np.ndarray | None = None,
    **changed: Any,
) -> Path:
    """Write ``S_00012`` into a folder; `changed` are parameters of the .fio file, those in `without` left out."""
    name = f"S_{number:05d}"
    scan, eiger = folder / name, folder / name / detector
    eiger.mkdir(parents=True)
    columns = {"om": OM, "curpetra": CURRENT} if columns is None else columns
    parameters = {k: v for k, v in {**PARAMETERS, **changed}.items() if k not in without}
    lines = ["!", "! Comments", "!", "%c", command,
             "user p10user Acquisition started at Tue Feb  4 20:41:43 2020",
             "!", "! Parameter", "!", "%p", *(f"{k} = {v}" for k, v in parameters.items()),
             "!", "! Data", "!", "%d",
             *(f" Col {n} {k} DOUBLE" for n, k in enumerate(columns, start=1)),
             *(" ".join(map(repr, row)) for row in np.transpose(list(columns.values())).tolist()),
             "! Acquisition ended at  Tue Feb  4 20:45:43 2020"]  # fmt: skip
    (scan / f"{name}.fio").write_text("\n".join([*lines, ""]))
    frames = counts() if frames is None else frames
    with h5py.File(eiger / f"{name}_master.h5", "w") as file:
        for part, images in enumerate(np.split(frames, parts), start=1):
            other = f"{name}_data_{part:06d}.h5"
            with h5py.File(eiger / other, "w") as data:
                data.create_dataset(
                    "entry/data/data", data=images, chunks=(1, *images.shape[1:]), compression=1
                )
            file[f"entry/data/data_{part:06d}"] = h5py.ExternalLink(other, "entry/data/data")
        camera = file.create_group("entry/instrument/detector")
        camera["count_time"], camera["beam_center_x"], camera["beam_center_y"] = 0.5, 0.0, 0.0
        camera["x_pixel_size"] = camera["y_pixel_size"] = 75e-6
        camera["detectorSpecific/countrate_correction_count_cutoff"] = CUTOFF
        mask = np.zeros(frames.shape[1:], np.uint32)
        mask[2, 3] = 1
        camera["detectorSpecific/pixel_mask"] = mask
    return scan
