"""How groups and values are put into a CXI file."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np

from ...utils.jsonable import plain

PACKED: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def add_group(parent: h5py.Group, name: str, nx_class: str, **attributes: Any) -> h5py.Group:
    """A new group of a NeXus class."""
    group = parent.create_group(name)
    group.attrs["NX_class"] = nx_class
    for key, value in attributes.items():
        group.attrs[key] = value
    return group


def store(group: h5py.Group, name: str, value: Any) -> None:
    """Store numbers as numbers, everything else as the text that JSON makes of it."""
    array = np.asarray(value) if isinstance(value, np.ndarray | np.generic | int | float) else None
    if array is not None and array.dtype.kind in "biuf":
        stored: Any = array
    else:
        stored = value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
    group[name.replace("/", "_")] = stored  # HDF5 would nest
