"""Small virtual scans of the APS stations, for what is done with their files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import h5py

from cdi_ml_plugin.simulate.scan import VirtualScan, write_virtual_scan


def write(folder: Path, layout: str) -> VirtualScan:
    """16 frames of a peak."""
    return write_virtual_scan(folder, shape=(16, 24, 24), photons=1e6, size=100.0, layout=layout)


def made(name: str, layout: str, folder: Path) -> list[Path]:
    """One of its files, to be damaged: without bitshuffle, whose filter crashes on damaged chunks."""
    scan = write(folder, layout)
    if layout == "chex":
        with h5py.File(scan.data, "r") as file:
            frames = file["entry/data/data"][()]
        with h5py.File(scan.data, "w") as file:
            chunks = (1, *frames.shape[1:])
            file.create_dataset("entry/data/data", data=frames, chunks=chunks, compression=1)
    return [folder / name]


chex = partial(made, "virtual_S0001_00000.h5", "chex")
spec_of_chex = partial(made, "virtual.spec", "chex")
file_20ide = partial(made, "virtual_012.ASI.h5", "20ide")
