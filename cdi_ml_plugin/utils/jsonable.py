"""Values as JSON that reads back as they were: tuples, NaN, arrays and keys of any kind among them.

What JSON knows is written as it is; anything else as an object of one key that begins with ``!``.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import ReadError

NUMERIC = "biufcSU"  # kinds of arrays whose bytes and type name say all


def dumps(value: Any) -> str:
    """Text of a value.

    None, booleans, numbers, strings, lists, tuples, sets, bytes, mappings (as dict) and NumPy's arrays and
    scalars of numbers or text read back equal and of the same type; of others only ``str(value)``
    is kept.
    """
    return json.dumps(_pack(value), allow_nan=False)


def loads(text: str) -> Any:
    """Value of a text that `dumps` made.

    Raises
    ------
    ReadError
        The text was not made by `dumps`.
    """
    try:
        return _unpack(json.loads(text))
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise ReadError(f"{text[:40]!r} … is no value that was written here ({error})") from error


def _pack(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind not in NUMERIC:
            return _pack(value.tolist())
        kind = "!array" if isinstance(value, np.ndarray) else "!scalar"
        data = base64.b64encode(value.tobytes()).decode()
        return {kind: [value.dtype.str, list(value.shape), data]}
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"!float": str(value)}
    if isinstance(value, complex):
        return {"!complex": [_pack(value.real), _pack(value.imag)]}
    if isinstance(value, list):
        return [_pack(item) for item in value]
    if isinstance(value, bytes):
        return {"!bytes": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and key[:1] != "!" for key in value):
            return {key: _pack(item) for key, item in value.items()}
        return {"!mapping": [[_pack(key), _pack(item)] for key, item in value.items()]}
    for name, group in (("!tuple", tuple), ("!set", set), ("!frozenset", frozenset)):
        if isinstance(value, group):
            return {name: [_pack(item) for item in value]}
    return str(value)


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = next(iter(value), "")
    if kind[:1] != "!":
        return {key: _unpack(item) for key, item in value.items()}
    content = value[kind]
    if kind in ("!array", "!scalar"):
        dtype, shape, data = content
        array = np.frombuffer(base64.b64decode(data), dtype).reshape(shape).copy()
        return array if kind == "!array" else array[()]
    return _KINDS[kind](content)


_KINDS: dict[str, Any] = {
    "!float": float,
    "!bytes": base64.b64decode,
    "!complex": lambda parts: complex(*map(_unpack, parts)),
    "!tuple": lambda items: tuple(map(_unpack, items)),
    "!set": lambda items: set(map(_unpack, items)),
    "!frozenset": lambda items: frozenset(map(_unpack, items)),
    "!mapping": lambda pairs: {_unpack(key): _unpack(item) for key, item in pairs},
}


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
