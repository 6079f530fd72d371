"""What of an HDF5 dataset was never written: it reads as the fill value, as if that had been measured."""

from __future__ import annotations

import math
import os
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ..errors import ReadError
from ..utils.inputs import printable
from .hdf5_links import beside, check_regular

Holes = NDArray[np.bool_]
_DEEPEST = 8  # virtual datasets of virtual datasets
_ENDLESS = 2**62  # HDF5's count of a selection without an end is above it
_LARGEST = 2**31  # indices along an axis


def unwritten(data: h5py.Dataset, path: Path, depth: int = 0) -> tuple[Holes | None, set[str]]:
    """Voxels that no chunk, no source of a virtual dataset and no contiguous block holds.

    Parameters
    ----------
    data : Dataset
    path : Path
        For the message.

    Returns
    -------
    holes : bool array of the shape of the data, or None
        None where all was written.
    files : set of str
        Other files that its values come from.

    Raises
    ------
    ReadError
        A source of a virtual dataset, or a file with the raw values, is not there.
    """
    if data.is_virtual:
        return _virtual(data, path, depth)
    files = set()
    for name, _, _ in data.external or ():
        where = beside(data.file, os.fsdecode(name))
        check_regular(where)
        if not os.path.exists(where):
            raise ReadError(f"{path}: {printable(data.name)} lies in {printable(name)}, not there")
        files.add(where)
    if data.chunks is not None:
        return _chunks(data), files
    layout = data.id.get_create_plist().get_layout()
    if layout == h5py.h5d.CONTIGUOUS and not files and data.size and not data.id.get_storage_size():
        return np.ones(data.shape, dtype=bool), files
    return None, files


def _chunks(data: h5py.Dataset) -> Holes | None:
    """Voxels of chunks that were never written."""
    grid = [-(-n // k) for n, k in zip(data.shape, data.chunks, strict=True)]
    if data.id.get_num_chunks() >= math.prod(grid):
        return None
    written = np.zeros(grid, dtype=bool)

    def visit(chunk: h5py.h5d.StoreInfo) -> None:
        at = tuple(o // k for o, k in zip(chunk.chunk_offset, data.chunks, strict=True))
        if all(i < n for i, n in zip(at, grid, strict=True)):
            written[at] = True

    if hasattr(data.id, "chunk_iter"):
        data.id.chunk_iter(visit)
    else:  # HDF5 before 1.12.3
        for index in range(data.id.get_num_chunks()):
            visit(data.id.get_chunk_info(index))
    if written.all():
        return None
    holes = np.ones(data.shape, dtype=bool)
    for place in np.argwhere(written).tolist():
        holes[tuple(slice(i * k, (i + 1) * k) for i, k in zip(place, data.chunks, strict=True))] = (
            False
        )
    return holes


def _virtual(data: h5py.Dataset, path: Path, depth: int) -> tuple[Holes | None, set[str]]:
    if depth > _DEEPEST:
        raise ReadError(f"{path}: {printable(data.name)}: its sources lead in a circle")
    holes, files = np.ones(data.shape, dtype=bool), set()
    for source in data.virtual_sources():
        if "%" in source.file_name + source.dset_name:
            raise ReadError(
                f"{path}: {printable(data.name)} names its sources by a pattern, {printable(source.file_name)}: "
                "copy the data into one dataset"
            )
        own = source.file_name == "."
        where = data.file.filename if own else beside(data.file, source.file_name)
        check_regular(where)
        if not own and not os.path.exists(where):
            raise ReadError(
                f"{path}: {printable(data.name)} takes frames from {printable(source.file_name)}, which is "
                "not there: copy it beside"
            )
        if own:
            below, more = _source(data.file, source.dset_name, where, path, depth)
        else:
            files.add(where)
            with h5py.File(where, "r") as other:
                below, more = _source(other, source.dset_name, where, path, depth)
        files |= more
        _fill(holes, source.vspace, below, source.src_space)
    return (holes, files) if holes.any() else (None, files)


def _source(
    file: h5py.File, name: str, where: str, path: Path, depth: int
) -> tuple[Holes, set[str]]:
    """Which voxels of a source were never written."""
    node = file.get(name)
    if not isinstance(node, h5py.Dataset) or node.shape is None:
        raise ReadError(
            f"{path}: its virtual dataset takes frames from {printable(name)} of {printable(where)}, which "
            "does not hold it: copy the file again"
        )
    holes, files = unwritten(node, path, depth + 1)
    files = files | {node.file.filename}  # itself, where a link leads on
    return np.zeros(node.shape, dtype=bool) if holes is None else holes, files


def _fill(holes: Holes, to: h5py.h5s.SpaceID, below: Holes, out_of: h5py.h5s.SpaceID) -> None:
    """Take what a source maps to out of the holes, but for what the source lacks itself."""
    target = _indices(to, holes.shape)
    origin = _indices(out_of, below.shape)
    if target is None:  # points, or a union of blocks: nothing says where
        holes[...] = False
        return
    lacking = None
    if origin is not None and len(origin) == below.ndim:
        lacking = np.ones([len(index) for index in origin], dtype=bool)
        inside = [index[index < n] for index, n in zip(origin, below.shape, strict=True)]
        lacking[tuple(slice(len(index)) for index in inside)] = below[np.ix_(*inside)]
    shape = tuple(map(len, target))
    if lacking is not None and lacking.size != math.prod(shape) and lacking.ndim == len(shape):
        # a selection without an end: as far as both go
        shape = tuple(map(min, shape, lacking.shape))
        target = [index[:n] for index, n in zip(target, shape, strict=True)]
        lacking = lacking[tuple(map(slice, shape))]
    at = np.ix_(*target)
    if lacking is None or lacking.size != math.prod(shape):
        holes[at] = False
    else:
        holes[at] &= lacking.reshape(shape)


def _indices(space: h5py.h5s.SpaceID, shape: tuple[int, ...]) -> list[NDArray[np.intp]] | None:
    """Indices of a selection along each axis; without an end, up to that of the array."""
    if space.get_select_type() == h5py.h5s.SEL_ALL:
        return [np.arange(n) for n in (space.shape or shape)]
    if space.get_select_type() != h5py.h5s.SEL_HYPERSLABS or not space.is_regular_hyperslab():
        return None
    found = []
    for first, stride, count, block, n in zip(*space.get_regular_hyperslab(), shape, strict=False):
        if block > _ENDLESS:
            found.append(np.arange(first, n))
            continue
        count = -(-max(0, n - first) // stride) if count > _ENDLESS else count
        if count * block > _LARGEST:
            raise ReadError("a source of a virtual dataset has no sensible extent: damaged")
        found.append((first + stride * np.arange(count)[:, None] + np.arange(block)).ravel())
    return found
