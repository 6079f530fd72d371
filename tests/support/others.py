"""Small results as other programs keep them, made by hand: what damages them is tested."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np


def peers(folder: Path) -> list[Path]:
    """The same object as PyNX, cohere and a pipeline of cdiutils would keep it, beside its data."""
    obj = np.pad(np.ones((4, 4, 4), np.complex64), 4)
    start = folder / "exp" / "results_phasing"
    (start / "0").mkdir(parents=True)
    np.save(start / "0" / "image.npy", obj)
    np.save(start / "0" / "support.npy", abs(obj) > 0)
    np.save(start / "0" / "errors.npy", np.float32([0.2, 0.1]))
    mode = folder / "S7_pynx_reconstruction_mode.cxi"
    with h5py.File(folder / "Run0001.cxi", "w") as file, h5py.File(mode, "w") as modes:
        file.attrs["creator"] = "PyNX"
        image = file.create_group("entry_1/image_1")
        image["data"], image["mask"] = obj, (abs(obj) > 0).astype(np.int8)
        image["support"] = h5py.SoftLink("/entry_1/image_1/mask")
        process = image.create_group("process_1")
        process["algorithm"] = "ER**3"
        process["configuration/free_pixel_mask"] = np.arange(obj.size).reshape(obj.shape) % 20 == 0
        process["configuration/beta"] = 0.9
        kinds = [("cycle", "i4"), ("time", "f4"), ("llk_poisson", "f4")]
        process["results/cycle_history"] = np.array([(0, 0.1, 2.0), (1, 0.2, 1.0)], kinds)
        modes["entry_1/image_1/data"] = np.array([obj, 0.1 * obj])
        modes["entry_1/data_1/data"] = h5py.SoftLink("/entry_1/image_1/data")
        modes["entry_1/result_4/mode_weights"] = [0.9, 0.1]
    return [folder / "Run0001.cxi", mode, *sorted((start / "0").iterdir())]
