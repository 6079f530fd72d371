"""Intensities and masks from array files: .npy, .npz, .tif and HDF5 (.cxi, .h5, .nxs)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data.measurement import Measurement, as_array
from ..data.preprocess import for_all_frames
from ..errors import MeasurementError, ReadError
from .contents import Contents, check_numbers, guarded
from .hdf5 import read_hdf5
from .numpy_files import read_npy, read_npz
from .tiff import read_tiff, tiff_contents


def read_array(
    path: str | os.PathLike[str],
    mask_path: str | os.PathLike[str] | NDArray[np.bool_] | None = None,
    dataset: str | None = None,
) -> Measurement:
    """Read intensities from an array file.

    Parameters
    ----------
    path : path
        ``.npy``; ``.npz`` (key ``data``, else the only three-dimensional one; key ``mask`` is
        taken as the mask); ``.tif``/``.tiff`` (a stack of frames); ``.cxi``, ``.h5``, ``.hdf5``
        or ``.nxs``: CXI's ``entry_1/instrument_1/detector_1/data`` with the ``mask`` beside it,
        else ``entry_1/data_1/data``, ``entry_1/image_1/data``, the NeXus default with the ``pixel_mask``
        of its NXdetector, an Eiger's series ``data_000001`` …, the only three-dimensional dataset.
        A result of this package brings the provenance of its measurement
        along, and so its geometry. Values are counts, axes (rocking, row, column).
    mask_path : path or bool array, optional
        A mask, or a file of the same kinds with booleans, or 0 and 1 (1 excludes), in the shape of the
        data or of one frame. It adds to a mask that the data file holds.
    dataset : str, optional
        Which array, of a file that holds several: a key of ``.npz``, the number of a series in
        ``.tif``, a dataset (or the group of a series) in HDF5.

    Returns
    -------
    Measurement
        What HDF5 has never written is masked. `provenance` names ``dataset``, where the file has names,
        and under ``linked`` every other file that values came from.

    Raises
    ------
    ReadError
        No such file, unknown suffix, damaged, several arrays to choose from, a complex object or anything
        but numbers in place of an intensity.
    MeasurementError
        The values cannot be a measurement: see `Measurement`.
    """
    path = Path(path)
    if _holds_amplitudes(path):
        raise ReadError(
            f"{path}: cohere keeps amplitudes in this file, not counts: "
            f"give its experiment folder, {path.parent.parent}"
        )
    from .cxi.reader import check_kind, earlier_provenance  # imports xrayutilities: takes its time

    check_kind(path)
    held = _load(path, dataset)
    data = held.data
    earlier = earlier_provenance(path)
    provenance = {
        **earlier,
        "source": str(path),
        "format": path.suffix.lower().lstrip("."),
        **held.about,
    }
    if notes := (*earlier.get("notes", ()), *held.about.get("notes", ())):
        provenance["notes"] = notes
    mask = None if held.mask is None else for_all_frames(held.mask, data.shape)
    if mask_path is not None:
        given = isinstance(mask_path, np.ndarray)
        provenance["mask"] = "given as an array" if given else str(mask_path)
        extra = mask_path if isinstance(mask_path, np.ndarray) else read_mask(mask_path)
        extra = for_all_frames(extra, data.shape)
        if mask is None or extra.shape != data.shape:
            mask = extra  # `Measurement` refuses a shape that does not fit
        else:
            mask = mask | extra if mask.shape == data.shape else mask
    if held.holes is not None and (mask is None or mask.shape == data.shape):
        mask = held.holes if mask is None else mask | held.holes
    try:
        return Measurement(data, mask, provenance)
    except MeasurementError as error:
        raise MeasurementError(f"{path}: {error}") from error


def read_mask(path: str | os.PathLike[str]) -> NDArray[np.bool_]:
    """Read a mask from a file of any kind that `read_array` takes.

    Parameters
    ----------
    path : path
        Booleans, or 0 and 1 (1 excludes). In a ``.npz`` the key ``mask`` comes before ``data``;
        in HDF5 likewise the mask beside the data.

    Returns
    -------
    bool ndarray

    Raises
    ------
    ReadError
        No such file, unknown suffix, damaged, or other values than 0 and 1.
    """
    held = _load(Path(path), None)
    if held.mask is not None:
        mask: NDArray[np.bool_] = held.mask
        return mask
    if held.holes is not None:
        raise ReadError(f"{path}: this mask was never written whole: copy the file again")
    if held.data.dtype != bool and not np.isin(held.data, (0, 1)).all():
        raise ReadError(
            f"{path}: a mask holds booleans, or 0 and 1 (1 excludes); this holds others"
        )
    mask = held.data.astype(bool)
    return mask


def excluding(mask: ArrayLike) -> NDArray[np.bool_]:
    """A mask that was given as an array, as booleans; what a masked array masks is excluded.

    Raises
    ------
    MeasurementError
        Other values than 0 and 1.
    """
    values, masked = as_array(mask)
    hidden = False if masked is None else masked
    if values.ndim not in (2, 3):
        raise MeasurementError(
            f"the mask has {values.ndim} dimension(s): give the shape of the data, or of one frame"
        )
    if values.dtype.kind not in "biuf" or not (np.isin(values, (0, 1)) | hidden).all():
        raise MeasurementError(
            f"the mask, an array of {values.dtype}, holds others than booleans, or 0 and 1 (1 excludes)"
        )
    found: NDArray[np.bool_] = (values != 0) | hidden
    return found


def files(path: Path) -> list[Path]:
    """What there is to read at `path`: itself, or the array files in a folder of such.

    A folder with ``conf/`` is a cohere experiment, one of two-dimensional TIFF files is a scan.

    Raises
    ------
    ReadError
        A folder that cannot be listed, or without data.
    """
    if not path.is_dir() or (path / "conf").is_dir():
        return [path]
    try:
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise ReadError(f"{path}: the folder cannot be read ({error.strerror})") from error
    found = [p for p in found if p.name[0] != "." and p.is_file()]
    if not found:
        raise ReadError(
            f"{path}: holds no frames, no conf/ of a cohere experiment and no array file "
            f"({', '.join(SUFFIXES)}): name the folder with the data"
        )
    images = all(p.suffix.lower() in (".tif", ".tiff") for p in found)
    return [path] if images and read_tiff(found[0]).ndim == 2 else found


def _load(path: Path, dataset: str | None) -> Contents:
    """Data and, where the file holds one, its mask."""
    try:
        reader = _READERS[path.suffix.lower()]
    except KeyError:
        raise ReadError(
            f"{path}: unknown suffix {path.suffix!r}; known are {', '.join(SUFFIXES)}, "
            "or a folder of frames or of a cohere experiment"
        ) from None
    held = guarded(path, lambda path: reader(path, dataset))
    check_numbers(path, held.data.dtype)
    if held.mask is None:
        return held
    if held.mask.dtype.kind not in "biuf":
        raise ReadError(f"{path}: its mask holds {held.mask.dtype}: use booleans, or 0 and 1")
    return Contents(held.data, held.mask != 0, held.about, held.holes)


def _holds_amplitudes(path: Path) -> bool:
    folder = path.resolve().parent
    return (
        path.name == "data.tif"
        and folder.name == "phasing_data"
        and (folder.parent / "conf").is_dir()
    )


_READERS: dict[str, Callable[[Path, str | None], Contents]] = {
    ".npy": read_npy,
    ".npz": read_npz,
    ".tif": tiff_contents,
    ".tiff": tiff_contents,
    ".cxi": read_hdf5,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
    ".nxs": read_hdf5,
}
SUFFIXES = tuple(_READERS)
