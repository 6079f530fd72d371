"""A file of a scan as MAX IV NanoMAX's acquisition program writes it, with few pixels, and the detector's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

FRAMES, ROWS, COLUMNS = 6, 12, 16
THETA = 17.0 + 0.02 * np.arange(FRAMES)
ION_CHAMBER = 1e-6 * (1 + np.arange(FRAMES))
STOOD: dict[str, Any] = {"gontheta": 17.0, "gonphi": 25.0, "gamma": 5.0, "delta": 33.7,
                         "energy": 9000.0, "radius": 700.0, "sx": 1.5}  # fmt: skip
TYPED = "ascan gontheta 17 17.1 5 0.5"


def counts() -> np.ndarray:
    """A peak at (3, 5, 9)."""
    grid = np.ogrid[:FRAMES, :ROWS, :COLUMNS]
    away = sum(((axis - at) / 1.5) ** 2 for axis, at in zip(grid, (3, 5, 9), strict=True))
    return np.round(5e4 * np.exp(-away)).astype(np.uint32)


def write(
    folder: Path,
    number: int = 12,
    without: tuple[str, ...] = (),
    columns: dict[str, np.ndarray] | None = None,
    command: str = TYPED,
    detectors: tuple[str, ...] = ("eiger500k",),
    snapshots: tuple[str, ...] = ("snapshots/pre_scan", "snapshots/post_scan"),
) -> Path:
    """Write ``000012.h5`` and the detectors' files; of where motors stood, `without` is left out."""
    path = folder / f"{number:06d}.h5"
    columns = {"gontheta": THETA} if columns is None else columns
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry["description"] = np.array([command], dtype="S100")
        for snapshot in snapshots:
            for name, value in STOOD.items():
                if name not in without:
                    entry[f"{snapshot}/{name}"] = [value]
        measured = {**columns, "alba2/1": ION_CHAMBER, "epoch": 1580846903.5 + np.arange(FRAMES)}
        for name, column in measured.items():
            entry[f"measurement/{name}"] = column
        for name in detectors:
            other, key = f"scan_{number:06d}_{name}.hdf5", "entry/instrument/Eiger/data"
            with h5py.File(folder / other, "w") as data:
                data.create_dataset(key, data=counts(), chunks=(1, ROWS, COLUMNS), compression=1)
            entry[f"measurement/{name}/frames"] = h5py.ExternalLink(other, key)
            entry[f"measurement/{name}/thumbs:"] = np.array(["None"] * FRAMES, dtype="S100")
    return path
