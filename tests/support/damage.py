"""Files of arrays, and the same with bytes flipped, cut out, put in, or with another header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import tifffile

COUNTS = np.random.default_rng(0).poisson(5.0, (6, 8, 10)).astype(np.int32)
SUFFIXES = (".npy", ".npz", ".tif", ".h5", ".cxi")


def sound(folder: Path, suffix: str) -> Path:
    """A file of each kind as it is met: compressed, chunked, page by page, with a mask."""
    path = folder / f"sound{suffix}"
    match suffix:
        case ".npy":
            np.save(path, COUNTS)
        case ".npz":
            np.savez_compressed(path, data=COUNTS, mask=COUNTS > 9)
        case ".tif":
            with tifffile.TiffWriter(path) as file:
                for frame in COUNTS:
                    file.write(frame, metadata=None, contiguous=False)
        case ".h5":
            with h5py.File(path, "w") as file:
                file.create_dataset(
                    "entry/data/data", data=COUNTS, chunks=(1, 8, 10), compression=1
                )
                file["entry/instrument/detector/pixel_mask"] = (COUNTS[0] > 9).astype("u4")
                file["entry"].attrs["NX_class"] = "NXentry"
                file["link"] = h5py.SoftLink("/entry/data/data")
        case _:
            with h5py.File(path, "w", libver="latest") as file:
                file["entry_1/data_1/data"] = COUNTS
                file["entry_1/data_1/mask"] = COUNTS > 9
                file.attrs["creator"] = "cdi_ml_plugin"
                file["entry_1/image_1/process_1/record"] = '{"measurement": {"provenance": {}}}'
    return path


def damaged(whole: bytes, seed: int, count: int) -> Iterator[bytes]:
    """`count` ways to spoil a file: half of them in its first kilobyte, where the headers are."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        data = bytearray(whole)
        end = len(data) if number % 2 else min(len(data), 1024)
        at = int(rng.integers(end))
        match number % 6:
            case 0 | 1:  # bits
                for _ in range(int(rng.integers(1, 9))):
                    data[int(rng.integers(end))] ^= 1 << int(rng.integers(8))
            case 2 | 3:  # bytes, of those that are ends of ranges too
                for _ in range(int(rng.integers(1, 5))):
                    data[int(rng.integers(end))] = int(rng.choice([0, 1, 127, 128, 254, 255]))
            case 4:  # a number, or a word of a header
                part = rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1]).astype("<u4").tobytes()
                data[at : at + 4] = part
            case _:
                if rng.random() < 0.5:
                    del data[at:]
                else:
                    data[at : at + int(rng.integers(64))] = rng.bytes(int(rng.integers(64)))
        yield bytes(data)
