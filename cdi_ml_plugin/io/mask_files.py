"""Masks to files, as `read_mask` takes them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ..errors import WriteError
from ..utils.files import staged
from ..utils.values import path as named

Mask = NDArray[np.bool_]


def write_mask(path: str | os.PathLike[str], mask: Mask, force: bool = False) -> Path:
    """Write a mask whole, or nothing.

    Parameters
    ----------
    path : path
        Its suffix says the kind: ``.npy``, ``.npz`` (compressed) or ``.tif``.
    mask : bool array, (z, y, x) or (y, x)
        True excludes.
    force : bool
        Replace a file that is there.

    Raises
    ------
    WriteError
        Another suffix, a file that is there already, or one that cannot be written.
    """
    file = named("file", path)
    write = _WRITERS.get(file.suffix.lower())
    if write is None:
        raise WriteError(f"{file}: unknown suffix: name it {', '.join(f'*{s}' for s in SUFFIXES)}")
    if os.path.lexists(file) and not force:
        raise WriteError(f"{file}: is there already: give another name")
    with staged(file.parent, [file.name], force) as stage:
        write(stage / file.name, mask)
    return file


def _npz(path: Path, mask: Mask) -> None:
    np.savez_compressed(path, mask=mask)


def _tif(path: Path, mask: Mask) -> None:
    tifffile.imwrite(path, mask.astype(np.uint8), photometric="minisblack", metadata=None)


_WRITERS: dict[str, Callable[[Path, Mask], Any]] = {
    ".npy": np.save,
    ".npz": _npz,
    ".tif": _tif,
    ".tiff": _tif,
}
SUFFIXES = tuple(_WRITERS)
