"""Arrays of HDF5 files: CXI, NeXus, Eiger's master files with the files that they link to, any other."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from silx.io.nxdata.parse import get_default

from ..data.lost_frames import frames
from ..data.markers import markers
from ..errors import ReadError
from ..utils.inputs import check_memory, printable
from .contents import Array, Contents, Shape, check_numbers, choose
from .hdf5_links import SERIES, Survey, resolve, series
from .hdf5_masks import MASKS, mask_of
from .hdf5_saturation import saturation_of
from .hdf5_unwritten import unwritten

# Where CXI files hold raw frames (as PyNX takes them), else the default data.
_CXI_DATA = (
    "entry_1/instrument_1/detector_1/data",
    "entry_1/data_1/data",
    "entry_1/image_1/data",
)


def read_hdf5(path: Path, dataset: str | None = None, within: str = "/") -> Contents:
    """Read the data of an HDF5 file, its mask, and what of it was never written.

    Parameters
    ----------
    path : Path
    dataset : str, optional
        Name of a dataset, or of a group with a series ``data_000001``, ``data_000002`` …; by default
        CXI's, the NeXus default, the only series, the only three-dimensional dataset.
    within : str
        Group that masks and saturation are looked for in; default the whole file.

    Raises
    ------
    ReadError
        None or several to choose from, a linked file or a source of a virtual dataset that is not there, no
        numbers.
    TooLargeError
        Larger than the memory that is free.
    """
    with suppress(ImportError):
        import_module("hdf5plugin")  # registers the filters of detectors: bitshuffle, LZ4, Zstd
    with h5py.File(path, "r") as file:
        survey = Survey.of(file[within])
        name, parts, notes = _parts(file, path, survey, dataset)
        _check(path, name, parts)
        holes, linked = _holes(parts, path)
        data = _read(path, parts)
        holes = _either(holes, _filled(parts, data))
        if holes is not None and holes.all():
            raise ReadError(f"{path}: {name} was never written to the file: copy the file again")
        mask, said, more = mask_of(parts[0], survey, data.shape, path)
        notes += said
        if holes is not None:
            notes.append(_words(holes))
        about: dict[str, Any] = {"dataset": name}
        fits = mask is None or mask.shape in (data.shape, data.shape[1:], (1, *data.shape[1:]))
        if fits and (found := saturation_of(parts[0], survey, path)) is not None:
            level, named = found
            over = (data >= level) & ~markers(data) & ~(np.bool_(False) if mask is None else mask)
            about |= {"saturation": level, "saturated": int(over.sum())}
            if over.any():
                mask = over if mask is None else mask | over
                notes.append(f"{int(over.sum())} voxel(s) masked at or above {level:g}, {named}")
        here = os.path.realpath(path)
        linked |= more | {part.file.filename for part in parts}
        if others := sorted(other for other in linked if os.path.realpath(other) != here):
            about["linked"] = tuple(map(printable, others))
        if notes:
            about["notes"] = tuple(notes)
        return Contents(data, mask, about, holes)


def _check(path: Path, name: str, parts: list[h5py.Dataset]) -> None:
    """Make sure that the parts are numbers, of one scan, and fit into memory."""
    first = parts[0]
    for part in parts:
        if part.shape is None:
            raise ReadError(f"{path}: {name} holds nothing: copy the file again")
        if part.shape[1:] != first.shape[1:]:
            raise ReadError(
                f"{path}: {name}: frames of shape {part.shape[1:]} follow those of {first.shape[1:]}: "
                "they are not of one scan"
            )
        check_numbers(path, part.dtype)
    check_memory(path, sum(math.prod(part.shape) for part in parts), first.dtype.itemsize)


def _read(path: Path, parts: list[h5py.Dataset]) -> Array:
    for part in parts:
        if (lacking := _lacking(part)) is not None:
            raise ReadError(_no_filter(path, lacking))
    try:
        arrays = [np.asarray(part[()]) for part in parts]
    except OSError as error:
        said = str(error).splitlines()[0]
        if "filter" not in said and "plugin" not in said:  # of the sources of a virtual dataset
            raise
        raise ReadError(_no_filter(path, said)) from error
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _lacking(part: h5py.Dataset) -> str | None:
    """Name and number of a filter that a dataset needs and that is not installed."""
    created = part.id.get_create_plist()
    for index in range(created.get_nfilters()):
        code, _, _, name = created.get_filter(index)
        if not h5py.h5z.filter_avail(code):
            words = name.decode("utf-8", "replace").partition(";")[0] if name else "unnamed"
            return f"{printable(words)[:40]}, {code}"
    return None


def _no_filter(path: Path, which: str) -> str:
    return f"{path}: compressed by a filter that is not installed ({which}): pip install hdf5plugin"


def _parts(
    file: h5py.File, path: Path, survey: Survey, dataset: str | None
) -> tuple[str, list[h5py.Dataset], list[str]]:
    """Name of what to read, its dataset, or those of a series in their order, and notes."""
    for name in (dataset,) if dataset is not None else _CXI_DATA:
        node = resolve(file, name, path)
        if isinstance(node, h5py.Dataset):
            return printable(name), [node], []
        if dataset is not None and isinstance(node, h5py.Group):
            return _series(file, node, path)
    found, lost = survey.datasets(path)
    counts = {k: node for k, node in found.items() if k.rpartition("/")[2] not in MASKS}
    found = counts if _shapes(counts) else found
    if dataset is not None:
        choose(path, _shapes(found), dataset, "datasets")
    groups = {printable(group.name).strip("/"): group for group in survey.series_groups}
    if (signal := _default(file)) is not None:
        return printable(signal.name), [signal], []
    alone = {
        k: n for k, n in found.items() if not (SERIES.fullmatch(k.rpartition("/")[2]) and groups)
    }
    if len(groups) == 1 and not _shapes(alone, 3):
        return _series(file, next(iter(groups.values())), path)
    if groups:
        names = ", ".join(map(printable, [*_shapes(alone, 3), *groups]))
        raise ReadError(
            f"{path}: holds several three-dimensional datasets or series of them ({names}): "
            "choose with --dataset NAME (dataset= in Python)"
        )
    if lost and not _shapes(found, 3):
        raise ReadError(f"{path}: {lost[0]}: copy it beside, or name another with --dataset")
    name = choose(path, _shapes(found), None, "datasets")
    return printable(name), [found[name]], lost


def _default(file: h5py.File) -> h5py.Dataset | None:
    """The NeXus default, where it has three dimensions and is no part of a series."""
    try:
        default = get_default(file)
        signal = None if default is None else default.signal
    except (KeyError, OSError, RuntimeError, ValueError, TypeError, AttributeError):
        return None  # links that lead nowhere, for one: they are named later
    if not isinstance(signal, h5py.Dataset) or signal.ndim != 3 or signal.file != file:
        return None
    return None if SERIES.fullmatch(signal.name.rpartition("/")[2]) else signal


def _series(
    file: h5py.File, group: h5py.Group, path: Path
) -> tuple[str, list[h5py.Dataset], list[str]]:
    """A series, and a note where the master file speaks of more frames than there are."""
    names, parts = series(group, path)
    name = f"{printable(group.name).strip('/')}/{names[0]}"
    if len(names) > 1:
        name += f" to {names[-1]}"
    announced = [
        file.get(f"entry/instrument/detector/detectorSpecific/{name}")
        for name in ("nimages", "ntrigger")
    ]
    if not all(isinstance(node, h5py.Dataset) and node.size == 1 for node in announced):
        return name, parts, []
    wanted = math.prod(int(np.ravel(node[()])[0]) for node in announced)
    there = sum(map(len, parts))
    few = f"{there} frames of the {wanted} that the master file announces"
    return name, parts, [few] if there < wanted else []


def _shapes(found: Mapping[str, h5py.Dataset], axes: int | None = None) -> dict[str, Shape]:
    """Shapes of the datasets that can be data or a mask: those of two dimensions or more."""
    return {
        name: node.shape
        for name, node in found.items()
        if node.shape is not None and (node.ndim == axes if axes else node.ndim > 1)
    }


def _holes(parts: list[h5py.Dataset], path: Path) -> tuple[Array | None, set[str]]:
    """Voxels that were never written, and files that virtual datasets take theirs from."""
    found, files = [], set()
    for part in parts:
        holes, sources = unwritten(part, path)
        files |= sources
        found.append(holes)
    if all(holes is None or not holes.any() for holes in found):
        return None, files
    whole = [
        np.zeros(part.shape, dtype=bool) if holes is None else holes
        for part, holes in zip(parts, found, strict=True)
    ]
    return np.concatenate(whole), files


def _filled(parts: list[h5py.Dataset], data: Array) -> Array | None:
    """Frames that hold nothing but a fill value; where that is 0, `mask_lost_frames` judges."""
    found, start = [], 0
    for part in parts:
        here = slice(start, start + len(part)) if part.ndim == 3 else slice(0, 0)
        fill = part.fillvalue
        if data.ndim == 3 and np.ndim(fill) == 0 and fill != 0:
            same = np.isnan(data[here]) if fill != fill else data[here] == fill
            found += (start + np.flatnonzero(same.all(axis=(1, 2)))).tolist()
        start = here.stop
    if not found:
        return None
    frames = np.zeros(data.shape, dtype=bool)
    frames[found] = True
    return frames


def _either(one: Array | None, other: Array | None) -> Array | None:
    if one is None or other is None:
        return other if one is None else one
    return one | other


def _words(missing: Array) -> str:
    """A note about what was never written."""
    if missing.ndim == 3:
        whole = missing.all(axis=(1, 2))
        rest = int(missing[~whole].sum())
        if whole.any():
            also = f", and {rest} voxel(s) in others" if rest else ""
            return (
                f"{frames(np.flatnonzero(whole).tolist())} masked{also}: never written to the file"
            )
    return f"{int(missing.sum())} voxel(s) masked: never written to the file"
