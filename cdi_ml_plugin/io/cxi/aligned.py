"""A result as the reference of a series has it: a NeXus file whose arrays have the same axes for all scans."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ...crystal.crystal import Crystal
from ...data.quantities import QUANTITIES
from .groups import PACKED, add_group, store
from .laboratory import AXES as LABORATORY
from .laboratory import positions_of
from .writer import AXES, KIND, PROGRAM

OBJECT = "entry_1/object_1"
CRYSTAL = "entry_1/laboratory_1"
# Of the crystal, and where a stack of all scans finds them.
DRAWN = ("amplitude", "displacement", "strain")


def aligned_bytes(
    obj: NDArray[np.complexfloating],
    support: NDArray[np.bool_],
    window: tuple[slice, ...],
    crystal: Crystal | None,
    about: Mapping[str, Any],
) -> bytes:
    """Return the whole file as bytes.

    Parameters
    ----------
    obj, support : complex, bool (rocking, row, column)
        Brought onto the reference.
    window : three slices
        What of them is kept.
    crystal : Crystal, optional
        Of that object, on the grid of the series.
    about : mapping
        What else is said, numbers and texts.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs.update({"creator": PROGRAM, "default": "entry_1", KIND: "aligned"})
        entry = add_group(file, "entry_1", "NXentry", default="object_1")
        entry["title"] = f"scan {about['scan']}, as scan {about['reference']} has it"
        group = add_group(entry, "object_1", "NXdata", signal="object", axes=list(AXES))
        group.create_dataset("object", data=obj[window].astype(np.complex64), **PACKED)
        group["object"].attrs["long_name"] = "object (square root of counts)"
        group.create_dataset("support", data=support[window].astype(np.int8), **PACKED)
        for axis, part, n in zip(AXES, window, obj.shape, strict=True):
            group[axis] = (np.arange(n) - n // 2)[part].astype(np.float32)
            group[axis].attrs["units"] = "voxel"
        told = add_group(entry, "about", "NXcollection")
        for key, value in about.items():
            store(told, key, value)
        if crystal is not None:
            entry.attrs["default"] = "laboratory_1"
            _laboratory(add_group(entry, "laboratory_1", "NXcollection", default="strain"), crystal)
    return buffer.getvalue()


def _laboratory(group: h5py.Group, crystal: Crystal) -> None:
    solid = crystal.solid
    first: h5py.Group | None = None
    for name in DRAWN:
        values = getattr(crystal, name)
        if name != "amplitude":  # beyond the surface they run wild
            values = np.where(solid, values, np.float32(np.nan))
        plot = add_group(group, name, "NXdata", signal=name, axes=list(LABORATORY))
        plot.create_dataset(name, data=values, **PACKED)
        what = QUANTITIES[name]
        plot[name].attrs.update({"units": what.unit, "long_name": what.label})
        for axis, positions in positions_of(crystal).items():
            plot[axis] = positions if first is None else first[axis]  # a hard link
            plot[axis].attrs.update({"units": "nm", "long_name": f"{axis} (nm)"})
        first = plot if first is None else first
    group.create_dataset("solid", data=solid.astype(np.int8), **PACKED)
    group["q"] = crystal.q
    group["q"].attrs.update({"units": "1/nm", "long_name": "q of the crystal along (x, y, z)"})
    for key in ("d_spacing_nm", "voxel_nm", "surface_level"):
        if key in crystal.figures:
            store(group, key, float(crystal.figures[key]))
