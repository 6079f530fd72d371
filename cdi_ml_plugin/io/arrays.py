"""Intensities and masks from array files: .npy, .npz, .tif and HDF5 (.cxi, .h5, .nxs)."""

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray
from silx.io.nxdata.parse import get_default

from ..data.measurement import Measurement
from ..errors import CdiMlError, MeasurementError, ReadError
from .cxi.reader import earlier_provenance

Array = NDArray[Any]

# Where CXI files hold raw frames (as PyNX takes them), else the default data.
_CXI_DATA = (
    "entry_1/instrument_1/detector_1/data",
    "entry_1/data_1/data",
    "entry_1/image_1/data",
)


class _Complaints(logging.Handler):
    """Collects what tifffile only logs: a truncated stack it reads as far as it goes."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def read_array(
    path: str | os.PathLike[str], mask_path: str | os.PathLike[str] | None = None
) -> Measurement:
    """Read intensities from an array file.

    Parameters
    ----------
    path : path
        ``.npy``; ``.npz`` (key ``data``, else the first that is not ``mask``; key ``mask`` is
        taken as the mask); ``.tif``/``.tiff`` (a stack of frames); ``.cxi``, ``.h5``, ``.hdf5``
        or ``.nxs``: CXI's ``entry_1/instrument_1/detector_1/data`` with the ``mask`` beside it,
        else ``entry_1/data_1/data``, ``entry_1/image_1/data``, the NeXus default, the only
        three-dimensional dataset. A result of this package brings the provenance of its measurement
        along, and so its geometry. Values are counts, axes (rocking, row, column).
    mask_path : path, optional
        A file of the same kinds with booleans, or 0 and 1 (1 excludes), in the shape of the
        data or of one frame. It adds to a mask that the data file holds.

    Returns
    -------
    Measurement

    Raises
    ------
    ReadError
        No such file, unknown suffix, damaged, or a complex object in place of an intensity.
    MeasurementError
        The values cannot be a measurement: see `Measurement`.
    """
    path = Path(path)
    if _holds_amplitudes(path):
        raise ReadError(
            f"{path}: cohere keeps amplitudes in this file, not counts: "
            f"give its experiment folder, {path.parent.parent}"
        )
    data, mask = _load(path)
    if np.iscomplexobj(data):
        raise ReadError(f"{path}: holds a complex object, not an intensity: give measured counts")
    provenance = {
        **earlier_provenance(path),
        "source": str(path),
        "format": path.suffix.lower().lstrip("."),
    }
    if mask is not None:
        mask = _fit(mask, data)
    if mask_path is not None:
        provenance["mask"] = str(mask_path)
        extra = _fit(read_mask(mask_path), data)
        if mask is None or extra.shape != data.shape:
            mask = extra  # `Measurement` refuses a shape that does not fit
        else:
            mask = mask | extra if mask.shape == data.shape else mask
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
    data, mask = _load(Path(path))
    if mask is not None:
        return mask
    if data.dtype != bool and not np.isin(data, (0, 1)).all():
        raise ReadError(
            f"{path}: a mask holds booleans, or 0 and 1 (1 excludes); this holds others"
        )
    mask = data.astype(bool)
    return mask


def read_tiff(path: Path) -> Array:
    """Read all pages of a TIFF file as one array, (row, column) or (page, row, column).

    Raises
    ------
    ReadError
        Not a TIFF file, or truncated.
    """
    complaints, logger = _Complaints(), logging.getLogger("tifffile")
    logger.addHandler(complaints)
    try:
        array: Array = _guarded(path, tifffile.imread)
    finally:
        logger.removeHandler(complaints)
    if complaints.lines or array.size == 0:
        reason = (complaints.lines or ["it holds no image"])[0].splitlines()[0]
        raise ReadError(f"{path}: truncated or damaged ({reason}): copy the file again")
    return array


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


def _load(path: Path) -> tuple[Array, NDArray[np.bool_] | None]:
    """Data and, where the file holds one, its mask."""
    try:
        reader = _READERS[path.suffix.lower()]
    except KeyError:
        raise ReadError(
            f"{path}: unknown suffix {path.suffix!r}; known are {', '.join(SUFFIXES)}, "
            "or a folder of frames or of a cohere experiment"
        ) from None
    data, mask = _guarded(path, reader)
    return data, None if mask is None else np.asarray(mask) != 0


def _guarded(path: Path, reader: Callable[[Path], Any]) -> Any:
    """Run a reader; whatever it raises on a damaged file becomes one line."""
    if not path.is_file():
        raise ReadError(f"{path}: no such file")
    try:
        return reader(path)
    except CdiMlError:
        raise
    except Exception as error:  # whatever damage makes the decoder run into
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ReadError(f"{path}: truncated, damaged or of another kind ({reason})") from error


def _npy(path: Path) -> tuple[Array, None]:
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ReadError(f"{path}: not a .npy file but a .npz archive: rename it")
    return array, None


def _npz(path: Path) -> tuple[Array, Array | None]:
    # np.load takes a .npy file under this name too, and returns the bare array.
    with zipfile.ZipFile(path):
        pass
    with np.load(path, allow_pickle=False) as archive:
        keys = [key for key in archive.files if key != "mask"]
        mask = archive["mask"] if "mask" in archive.files else None
        if not keys and mask is None:
            raise ReadError(f"{path}: the archive holds no array")
        key = "data" if "data" in keys or not keys else keys[0]
        return archive[key] if keys else np.asarray(mask), mask


def _tif(path: Path) -> tuple[Array, None]:
    return read_tiff(path), None


def _hdf5(path: Path) -> tuple[Array, Array | None]:
    with h5py.File(path, "r") as file:
        dataset = _dataset(file, path)
        beside = dataset.parent.get("mask")
        mask = beside[()] if isinstance(beside, h5py.Dataset) else None
        return dataset[()], mask


def _dataset(file: h5py.File, path: Path) -> h5py.Dataset:
    for name in _CXI_DATA:
        if isinstance(file.get(name), h5py.Dataset):
            return file[name]
    default = get_default(file)
    if default is not None and isinstance(default.signal, h5py.Dataset):
        return default.signal
    found: list[str] = []

    def visit(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and node.ndim == 3:
            found.append(name)

    file.visititems(visit)
    if len(found) != 1:
        what = f"{len(found)} ({', '.join(found[:4])})" if found else "none"
        raise ReadError(
            f"{path}: no CXI or NeXus default data, and of three-dimensional datasets {what} where "
            "one is needed: name it entry_1/data_1/data"
        )
    return file[found[0]]


def _fit(mask: NDArray[np.bool_], data: Array) -> NDArray[np.bool_]:
    """A mask for one frame holds for all; `Measurement` refuses any other shape."""
    return np.broadcast_to(mask, data.shape) if mask.shape == data.shape[1:] else mask


def _holds_amplitudes(path: Path) -> bool:
    folder = path.resolve().parent
    return (
        path.name == "data.tif"
        and folder.name == "phasing_data"
        and (folder.parent / "conf").is_dir()
    )


_READERS: dict[str, Callable[[Path], tuple[Array, Array | None]]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".tif": _tif,
    ".tiff": _tif,
    ".cxi": _hdf5,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".nxs": _hdf5,
}
SUFFIXES = tuple(_READERS)
