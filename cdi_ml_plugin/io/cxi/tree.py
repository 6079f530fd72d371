"""Values as groups and datasets of HDF5, which any program shows, and which read back as they were.

A number is a number, a text a text, a list of either an array, a mapping a group of its keys. What HDF5 does not
tell apart stands in the attribute ``type``: ``int`` and ``float``, ``list`` and ``tuple``. Of a group,
``length`` says how many members belong to it. What HDF5 has no form for – a set, bytes, a number of more digits than
its integers have – is kept as `utils.jsonable` writes it, ``type`` = ``json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from ...errors import ReadError
from ...utils import jsonable
from ...utils.inputs import check_memory
from .groups import PACKED

TYPE, LENGTH, KEY = "type", "length", "key"
LARGE = 4096  # bytes from which on an array is compressed
DEEPEST = 60  # groups within groups
WIDEST = 8  # bytes of a real number that every reader of HDF5 knows
# Python's kinds of values that HDF5 has, and the kinds of NumPy's types that they are stored as.
SCALARS: dict[str, tuple[type, str]] = {
    "bool": (bool, "b"),
    "int": (int, "iu"),
    "float": (float, "f"),
    "complex": (complex, "c"),
    "str": (str, "S"),
}
SEQUENCES: dict[str, type] = {"list": list, "tuple": tuple}
Units = Mapping[str, Any]


def write(group: h5py.Group, name: str, value: Any, units: Units | None = None) -> None:
    """Write a value as a member of a group.

    Parameters
    ----------
    name : str
        Free in the group, and one that HDF5 takes.
    value
        As `utils.jsonable.dumps` takes it.
    units : mapping, optional
        Unit of numbers by their name; of a mapping, such a mapping for what it holds.
    """
    units = units or {}
    if isinstance(value, Mapping):
        _mapping(group, name, value, units.get(name, {}))
    elif isinstance(value, np.ndarray | np.generic) and _kept(value):
        stored = np.asarray(value)
        packed = PACKED if stored.nbytes >= LARGE else {}
        whole = isinstance(value, np.ndarray)
        _dataset(group, name, stored, "array" if whole else "scalar", units, packed)
    elif value is None:
        _dataset(group, name, "None", "none", {})
    elif (kind := _scalar(value)) is not None:
        _dataset(group, name, value, kind, units)
    elif type(value) in SEQUENCES.values():
        _sequence(group, name, value, units)
    else:
        _dataset(group, name, jsonable.dumps(value), "json", {})


def _mapping(group: h5py.Group, name: str, value: Mapping[Any, Any], units: Units) -> None:
    below = _group(group, name, "dict", len(value))
    for number, (key, item) in enumerate(value.items(), start=1):
        # A key that is no name in HDF5 gets one, and stands beside it.
        member = key if _is_name(key) and key not in below else f"entry {number}"
        while member in below:
            member += "'"
        write(below, member, item, units)
        if member != key:
            below[member].attrs[KEY] = _fixed(jsonable.dumps(key))


def _sequence(group: h5py.Group, name: str, value: Any, units: Units) -> None:
    sequence = type(value).__name__
    kinds = {_scalar(item) for item in value}
    if len(kinds) == 1 and (kind := kinds.pop()) is not None:
        _dataset(group, name, list(value), f"{sequence} of {kind}", units)
        return
    below = _group(group, name, sequence, len(value))
    for number, item in enumerate(value, start=1):
        write(below, str(number), item)


def _group(group: h5py.Group, name: str, kind: str, length: int) -> h5py.Group:
    below = group.create_group(name, track_order=True)
    below.attrs.update({"NX_class": "NXcollection", TYPE: _fixed(kind), LENGTH: length})
    return below


def _dataset(
    group: h5py.Group,
    name: str,
    stored: Any,
    kind: str,
    units: Units,
    packed: Mapping[str, Any] | None = None,
) -> None:
    texts = stored if isinstance(stored, list) else [stored]
    text = isinstance(texts[0], str)
    group.create_dataset(name, data=_fixed(stored) if text else stored, **(packed or {}))
    group[name].attrs[TYPE] = _fixed(kind)
    if isinstance(units.get(name), str) and "str" not in kind:
        group[name].attrs["units"] = units[name]


def _fixed(texts: str | list[str]) -> Any:
    """A text, or several, of a fixed length: those of any length lie in a heap, which HDF5 hangs on when damaged."""
    each = [texts] if isinstance(texts, str) else texts
    length = max(1, *(len(text.encode()) for text in each))
    return np.array(
        texts.encode() if isinstance(texts, str) else [text.encode() for text in texts],
        dtype=h5py.string_dtype("utf-8", length),
    )


def _said(node: Any, name: str) -> str:
    """A text among the attributes; empty where there is none."""
    value = node.attrs.get(name)
    return value.decode() if isinstance(value, bytes) else ""


def _scalar(value: Any) -> str | None:
    """Name of the kind of a single value that HDF5 has a form for; None for every other."""
    if type(value) is int and not -(2**63) <= value < 2**63:
        return None
    if type(value) is str and not _is_text(value):
        return None
    return next((name for name, (kind, _) in SCALARS.items() if type(value) is kind), None)


def _kept(value: Any) -> bool:
    """Whether HDF5 keeps an array or a number of NumPy as it is."""
    kind, size = value.dtype.kind, value.dtype.itemsize
    return kind in "biu" or (kind == "f" and size <= WIDEST) or (kind == "c" and size <= 2 * WIDEST)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates
        return False
    return "\0" not in text


def _is_name(key: Any) -> bool:
    return type(key) is str and _is_text(key) and key not in ("", ".") and "/" not in key


def read(node: h5py.Group | h5py.Dataset) -> Any:
    """Value that `write` wrote.

    Raises
    ------
    ReadError
        It was not written by `write`, or was changed since: another type than it says, members that are gone or
        came, links in place of members.
    """
    return _read(node, set(), 0)


def _read(node: Any, seen: set[int], depth: int) -> Any:
    place = h5py.h5o.get_info(node.id).addr
    if place in seen or depth > DEEPEST:
        raise ReadError(f"{node.name}: lies within itself, or twice in the record")
    seen.add(place)
    kind = _said(node, TYPE)
    if not kind:
        raise ReadError(f"{node.name}: does not say of what type it is")
    if isinstance(node, h5py.Group):
        members = {name: _read(_member(node, name), seen, depth + 1) for name in _names(node, kind)}
        if kind == "dict":
            return {_key(node[name], name): value for name, value in members.items()}
        return SEQUENCES[kind](members.values())
    return _value(node, kind)


def _names(group: h5py.Group, kind: str) -> list[str]:
    """Names of the members in their order."""
    names, length = list(group), group.attrs.get(LENGTH)
    if length != len(names):
        raise ReadError(f"{group.name}: holds {len(names)} members where {length} belong to it")
    if kind == "dict":
        return names
    if kind not in SEQUENCES or set(names) != (numbers := set(map(str, range(1, len(names) + 1)))):
        raise ReadError(f"{group.name}: is no {kind}")
    return sorted(numbers, key=int)


def _member(group: h5py.Group, name: str) -> Any:
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ReadError(f"{group.name}/{name}: is a link")
    return group[name]


def _key(node: Any, name: str) -> Any:
    return jsonable.loads(_said(node, KEY)) if KEY in node.attrs else name


def _value(node: Any, kind: str) -> Any:
    sequence, _, single = kind.rpartition(" of ")
    if not isinstance(node, h5py.Dataset) or node.shape is None or node.is_virtual or node.external:
        raise ReadError(f"{node.name}: holds no value")
    if kind in ("array", "scalar"):
        fits = node.dtype.kind in "biufc" and (kind == "array" or node.ndim == 0)
    else:
        stored = SCALARS["str" if kind in ("json", "none") else single][1]
        text = h5py.check_string_dtype(node.dtype) is not None
        fits = node.dtype.kind in stored and text == (stored == "S")
        fits &= node.ndim == (1 if sequence else 0)
    if not fits:
        raise ReadError(f"{node.name}: is of {node.dtype} and says that it is {kind:.40}")
    check_memory(node.file.filename, node.size, node.dtype.itemsize)
    if kind == "array":
        return np.asarray(node[()])
    if kind == "scalar":
        return node[()]
    if kind == "none":
        return None
    value = node.asstr()[()] if node.dtype.kind == "S" else node[()]
    if sequence:
        return SEQUENCES[sequence](value.tolist())
    if kind == "json":
        return jsonable.loads(value)
    return value if isinstance(value, str) else value.item()
