"""The mask that belongs to data in an HDF5 file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ..errors import ReadError
from ..utils.inputs import printable
from .contents import Array, Shape
from .hdf5_links import Survey, resolve

MASKS = ("mask", "pixel_mask")


def mask_of(
    data: h5py.Dataset, survey: Survey, shape: Shape, path: Path
) -> tuple[Array | None, list[str], set[str]]:
    """Mask of a dataset: ``mask`` or ``pixel_mask`` beside it, else that of its NXdetector.

    Parameters
    ----------
    data : Dataset
        Beside which to look.
    survey : Survey
        Of the file that was named.
    shape : tuple
        Of all the data.
    path : Path
        For the message.

    Returns
    -------
    mask : bool array or None
        Whatever is not 0 is excluded: CXI and NeXus keep reasons as bits.
    notes : list of str
        What was taken from another place than beside the data.
    files : set of str
        Files that the masks lie in.
    """
    near = [resolve(data.parent, name, path) for name in MASKS]
    found = [node for node in near if isinstance(node, h5py.Dataset)]
    if found:
        masks = [_bits(node, path) for node in found]
        if len(masks) == 2 and masks[0].shape != masks[1].shape:
            masks = [np.broadcast_to(mask, shape) if _fits(mask, shape) else mask for mask in masks]
        whole = (
            masks[0] if len(masks) == 1 or masks[0].shape != masks[1].shape else masks[0] | masks[1]
        )
        return whole, [], {node.file.filename for node in found}
    return _of_detector(survey, data, shape, path)


def _of_detector(
    survey: Survey, data: h5py.Dataset, shape: Shape, path: Path
) -> tuple[Array | None, list[str], set[str]]:
    datasets, lost = survey.datasets(path)
    lost = [words for words in lost if "pixel_mask" in words]
    every = {
        name: node for name, node in datasets.items() if name.rpartition("/")[2] == "pixel_mask"
    }
    fitting = {name: node for name, node in every.items() if _fits(node, shape)}
    if not fitting:
        names = ", ".join(map(printable, every))
        return None, lost + ([f"{names} does not fit the data, not used"] if every else []), set()
    # of several detectors, the one that has these data
    owners = {name: node for name, node in fitting.items() if _owns(node.parent, data)}
    entry = data.name.strip("/").partition("/")[0]
    same = {name: node for name, node in fitting.items() if name.partition("/")[0] == entry}
    chosen = owners or same or fitting
    masks = [_bits(node, path).reshape(node.shape[-len(shape) :]) for node in chosen.values()]
    masks = [mask.reshape(shape[1:]) if mask.size == np.prod(shape[1:]) else mask for mask in masks]
    if any(not np.array_equal(mask, masks[0]) for mask in masks[1:]):
        names = ", ".join(map(printable, chosen))
        raise ReadError(
            f"{path}: {names} could each be the mask of the data, and differ: "
            "copy the right one beside the data, as mask"
        )
    name = printable(next(iter(chosen)))
    note = f"{int(masks[0].sum())} pixel(s) masked by {name}"
    return masks[0], [*lost, note], {node.file.filename for node in chosen.values()}


def _bits(node: h5py.Dataset, path: Path) -> Array:
    if node.dtype.kind not in "biuf" or node.shape is None:
        raise ReadError(f"{path}: the mask {printable(node.name)} holds {node.dtype}, no numbers")
    bits: Array = np.asarray(node[()]) != 0
    return bits


def _fits(mask: h5py.Dataset | Array, shape: Shape) -> bool:
    return mask.shape is not None and mask.shape in (shape, shape[1:], (1, *shape[1:]))


def _owns(group: h5py.Group, data: h5py.Dataset) -> bool:
    return any(
        isinstance(group.get(key, getlink=True), h5py.HardLink) and group[key] == data
        for key in group
    )
