"""Arrays of NumPy's files: .npy and .npz."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from ..errors import ReadError
from ..utils.inputs import check_memory
from .contents import Array, Contents, Shape, check_numbers, choose, guarded

_HEADERS: dict[tuple[int, int], Callable[..., Any]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


def read_npy(path: Path, dataset: str | None = None) -> Contents:
    """Read a .npy file, which holds one array.

    Raises
    ------
    ReadError
        An archive under this name, no numbers; `dataset` was given.
    TooLargeError
        Larger than the memory that is free.
    """
    if dataset is not None:
        raise ReadError(f"{path}: holds one array without a name: leave --dataset out")
    if zipfile.is_zipfile(path) and path.read_bytes()[:2] == b"PK":
        raise ReadError(f"{path}: not a .npy file but a .npz archive: rename it")
    with path.open("rb") as file:
        if (header := _header(file)) is not None:
            _check(path, *header)
    return Contents(np.load(path, allow_pickle=False))


def read_npz(path: Path, dataset: str | None = None) -> Contents:
    """Read an array of a .npz file: ``dataset``, ``data``, or the only three-dimensional one; its ``mask`` too.

    Raises
    ------
    ReadError
        No arrays in it, several to choose from, no numbers.
    TooLargeError
        Larger than the memory that is free.
    """
    headers: dict[str, tuple[Shape, np.dtype[Any]]] = {}
    with zipfile.ZipFile(path) as archive:  # np.load takes a .npy file under this name too
        for member in archive.namelist():
            with archive.open(member) as file:
                if (header := _header(file)) is not None:
                    headers[member.removesuffix(".npy")] = header
    if not headers:
        raise ReadError(f"{path}: the archive holds no array")
    shapes = {name: shape for name, (shape, _) in headers.items() if name != "mask"} or {"mask": ()}
    name = (
        "data" if dataset is None and "data" in shapes else choose(path, shapes, dataset, "arrays")
    )
    taken = {name: headers[name]} | {key: headers[key] for key in ("mask",) if key in headers}
    for header in taken.values():
        _check(path, *header)
    with np.load(path, allow_pickle=False) as arrays:
        return Contents(
            arrays[name], arrays["mask"] if "mask" in taken else None, {"dataset": name}
        )


def read_members(path: Path, *names: str) -> dict[str, Array]:
    """Arrays of a .npz file of our own, those of these names or all; read without pickle.

    Raises
    ------
    ReadError
        No such file, damaged, or it holds no array of one of the names.
    """

    def read(path: Path) -> dict[str, Array]:
        # opened here, for NumPy leaves a damaged file open
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in names or file.files}

    return guarded(path, read)


def _header(file: IO[bytes]) -> tuple[Shape, np.dtype[Any]] | None:
    """Shape and type of an array, without reading it; None where there is none."""
    try:
        version = npy.read_magic(file)
    except ValueError:
        return None
    # 3.0 is 2.0 with names of fields in UTF-8, and an array of fields is refused anyway
    shape, _, kind = _HEADERS[min(version, (2, 0))](file)
    return tuple(shape), kind


def _check(path: Path, shape: Shape, kind: np.dtype[Any]) -> None:
    if kind.kind != "O":  # np.load says why it does not load those
        check_numbers(path, kind)
    voxels = 1
    for length in shape:
        if not isinstance(length, int) or length < 0:
            raise ReadError(f"{path}: truncated or damaged (its shape is {shape}): copy it again")
        voxels *= length
    check_memory(path, voxels, kind.itemsize)
