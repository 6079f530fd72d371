"""How groups and values are put into a CXI file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

PACKED: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def add_group(parent: h5py.Group, name: str, nx_class: str, **attributes: Any) -> h5py.Group:
    """A new group of a NeXus class."""
    group = parent.create_group(name)
    group.attrs["NX_class"] = nx_class
    for key, value in attributes.items():
        group.attrs[key] = value
    return group


def plain(value: Any) -> Any:
    """Reduce to what JSON knows; it has no NaN, so that becomes null."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range):
        return [plain(item) for item in value]
    return str(value)


def store(group: h5py.Group, name: str, value: Any) -> None:
    """Store numbers as numbers, everything else as the text that JSON makes of it."""
    array = np.asarray(value) if isinstance(value, np.ndarray | np.generic | int | float) else None
    if array is not None and array.dtype.kind in "biuf":
        stored: Any = array
    else:
        stored = value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
    group[name.replace("/", "_")] = stored  # HDF5 would nest
