"""What a caller gives, by its kind: numbers, arrays, paths, objects of a class."""

from __future__ import annotations

import os
import sys
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ParameterError
from .inputs import printable

LARGEST = sys.float_info.max
LONGEST_NAME = 4000  # bytes of a path: what systems take


def instance(name: str, value: Any, kind: type | tuple[type, ...], what: str) -> None:
    """Raise ParameterError unless `value` is of a class; `what` says in words what it should be."""
    if not isinstance(value, kind):
        raise ParameterError(f"{name} is of type {type(value).__name__}: give {what}")


def number(name: str, value: Any, low: float = -LARGEST, high: float = LARGEST) -> None:
    """Raise ParameterError unless `value` is a finite number from `low` to `high`, and no truth value."""
    real = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    if not real or not low <= value <= high:
        limits = "" if low == -LARGEST else f" from {low:g}"
        limits += "" if high == LARGEST else f" to {high:g}"
        raise ParameterError(f"{name} = {_shown(value)}: give a finite number{limits}")


def above_0(name: str, value: Any) -> None:
    """Raise ParameterError unless `value` is a finite number above 0."""
    number(name, value, 0)
    if value == 0:
        raise ParameterError(f"{name} = {value!r}: give a number above 0")


def whole(name: str, value: Any, low: int, high: int) -> None:
    """Raise ParameterError unless `value` is a whole number from `low` to `high`."""
    right = isinstance(value, Integral) and not isinstance(value, bool)
    if not right or not low <= value <= high:
        raise ParameterError(
            f"{name} = {_shown(value)}: give a whole number from {low} to {high:.10g}"
        )


def several(name: str, values: Any, count: int, low: int, high: int) -> tuple[int, ...]:
    """As many whole numbers, from `low` to `high`; else ParameterError."""
    each = list(values) if isinstance(values, list | tuple | np.ndarray) else []
    right = (isinstance(n, int | np.integer) and not isinstance(n, bool) for n in each)
    if len(each) != count or not all(right) or not all(low <= n <= high for n in each):
        raise ParameterError(
            f"{name} {_shown(values)}: give {'three' if count == 3 else count} whole numbers of at least {low}"
            f", and at most {high}"
        )
    return tuple(map(int, each))


def path(name: str, value: Any) -> Path:
    """A path that names something and that the system can take; else ParameterError."""
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise ParameterError(f"{name} is of type {type(value).__name__}: give a path")
    text = os.fspath(value)
    if not text.strip() or "\0" in text or printable(text) != text or len(text) > LONGEST_NAME:
        raise ParameterError(
            f"{name} = {_shown(text)}: can be no name of a file or folder: give another"
        )
    return Path(value)


def volume(name: str, values: ArrayLike, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """An array of finite numbers, real, complex or booleans, (z, y, x); else ParameterError.

    Parameters
    ----------
    shape : tuple of int, optional
        That it must have.
    """
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise ParameterError(f"{name} is no array of numbers: {error}") from error
    if array.dtype.kind not in "biufc":
        raise ParameterError(f"{name} is an array of {array.dtype}: give numbers")
    if array.ndim != 3 or not array.size or (shape is not None and array.shape != shape):
        wanted = "three axes" if shape is None else f"shape {shape}"
        raise ParameterError(f"{name} has shape {array.shape}: it needs {wanted}")
    if not np.isfinite(array).all():
        raise ParameterError(f"{name} holds NaN or infinite voxels: set them to 0")
    return array


def _shown(value: Any) -> str:
    try:
        return f"{value!r:.80}"
    except ValueError:  # more digits than Python writes
        return "a number of too many digits"
