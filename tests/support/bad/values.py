"""Bad values by kind, for the tables of the functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from cdi_ml_plugin import ER

from .room import SHAPE, counts

NOT_NUMBERS: dict[str, Any] = {
    "text": "many",
    "number as text": "1",
    "list": [1.0],
    "nan": float("nan"),
    "inf": float("inf"),
    "complex": 1j,
    "bytes": b"1",
    "dict": {},
    "object": object(),
    "array": np.ones(3),
}
NOT_POSITIVE: dict[str, Any] = {"negative": -1, "huge": 10**400}
NOT_PATHS: dict[str, Any] = {
    "empty": "",
    "number": 5,
    "None": None,
    "list": ["counts.npy"],
    "bytes": b"counts.npy",
    "null byte": "a\0b",
    "long": 5000 * "n",
    "bad UTF-8": "\udcff",
    "object": object(),
    "file below a file": "counts.npy/x",
}


def spoilt(name: str, array: np.ndarray) -> Any:
    """An array in which something is wrong."""
    out = np.array(array, dtype=float)
    out[tuple(n // 2 for n in out.shape)] = {"nan": np.nan, "inf": np.inf, "negative": -5.0}[name]
    return out


def not_arrays() -> dict[str, Any]:
    """What is no array of counts of three dimensions."""
    good = counts()
    return {
        "None": None,
        "text": "counts",
        "number": 5,
        "dict": {"a": 1},
        "object": object(),
        "operator": ER(),
        "ragged": [[[1, 2], [3]], [[4]]],
        "empty list": [],
        "empty": np.zeros((0, 4, 4)),
        "complex": good + 1j,
        "object array": np.full(SHAPE, None),
        "text array": good.astype(str),
        "bytes array": good.astype(bytes),
        "dates": good.astype("datetime64[s]"),
        "records": np.zeros(SHAPE, dtype=[("a", "f4"), ("b", "i4")]),
        "1-D": good.ravel(),
        "2-D": good[0],
        "4-D": good[None],
        "thin": good[:2],
        "zeros": np.zeros(SHAPE),
        "all NaN": np.full(SHAPE, np.nan),
        "nan": spoilt("nan", good),
        "inf": spoilt("inf", good),
        "negative": spoilt("negative", good),
        "too bright": good * 1e36,
        "wide": np.full(SHAPE, 10**400, dtype=object),
    }


def not_objects(full: bool = True) -> dict[str, Any]:
    """What is no object of a crystal, of the shape of the counts."""
    good = not_arrays()
    found = {
        name: good[name]
        for name in (
            *("text", "number", "dict", "object", "operator", "ragged", "empty list", "empty"),
            *("object array", "text array", "dates", "records", "1-D", "2-D", "4-D", "thin"),
            *("all NaN", "nan", "inf"),
        )
    }
    return {**found, "zeros": good["zeros"], "None": None} if full else found
