"""What a file of arrays holds, and what every reader does alike: guard, choose, check."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..data.markers import markers
from ..data.preprocess import for_all_frames
from ..errors import CdiMlError, ReadError, TooLargeError
from ..utils.inputs import check_file, printable

Array = NDArray[Any]
Shape = tuple[int, ...]
Read = TypeVar("Read")
MOST = 6  # names in a message


@dataclass(frozen=True, eq=False)
class Contents:
    """Data of a file, its mask where it holds one, and what to say of both.

    Attributes
    ----------
    data : array of real numbers
    mask : bool array or None
    about : mapping
        For the provenance: ``dataset``, the name in the file; ``linked``, the other files that data
        or mask came from; ``notes``.
    holes : bool array or None
        Voxels that were never written to the file.
    """

    data: Array
    mask: Array | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    holes: Array | None = None


def guarded(path: Path, reader: Callable[[Path], Read]) -> Read:
    """Run a reader; whatever it raises on a damaged file becomes one line.

    Raises
    ------
    ReadError
        No regular file, or not what the reader reads.
    TooLargeError
        It does not fit into memory.
    """
    check_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of decoders, about headers of old or damaged files
            return reader(path)
    except CdiMlError:
        raise
    except MemoryError as error:
        raise TooLargeError(
            f"{path}: does not fit into memory: cut the region of interest out of it first"
        ) from error
    except PermissionError as error:
        raise ReadError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # whatever damage makes the decoder run into
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ReadError(
            f"{path}: truncated, damaged or of another kind ({printable(reason)})"
        ) from error


def choose(
    path: str | os.PathLike[str], shapes: Mapping[str, Shape], dataset: str | None, what: str
) -> str:
    """Name of the array to take: the one that is asked for, the only three-dimensional one, the only one.

    Parameters
    ----------
    path : path
        For the message.
    shapes : mapping of str to tuple
        All arrays of the file.
    dataset : str or None
        What was asked for.
    what : str
        What such an array is called: ``"arrays"``.

    Raises
    ------
    ReadError
        There is none of that name, or not one alone; the message lists them all.
    """
    if dataset is not None:
        if dataset in shapes:
            return dataset
        raise ReadError(f"{path}: holds no {dataset!r}: of {what} it has {listed(shapes)}")
    solid = [name for name, shape in shapes.items() if len(shape) == 3]
    if len(solid) == 1:
        return solid[0]
    if not solid and len(shapes) == 1:
        return next(iter(shapes))
    several = {name: shapes[name] for name in solid} or dict(shapes)
    count = f"{len(solid)} ({listed(several)})" if solid else f"none ({listed(several) or 'empty'})"
    raise ReadError(
        f"{path}: of three-dimensional {what} {count} where one is needed: "
        "choose with --dataset NAME (dataset= in Python)"
    )


def listed(shapes: Mapping[str, Shape]) -> str:
    """Names and shapes for a message, the first few where there are many."""
    words = [f"{printable(k)} {' × '.join(map(str, s))}".strip() for k, s in shapes.items()]
    return ", ".join(words[:MOST]) + (", …" if len(words) > MOST else "")


def added(held: Contents, points: int) -> Contents:
    """The frames of each point of a scan together, where several were taken at each, one after the other.

    What one of them lost is masked.
    """
    many, rest = divmod(len(held.data), max(points, 1))
    if many < 2 or rest:
        return held
    shape = (points, many, *held.data.shape[1:])
    lost = markers(held.data)
    data = np.where(lost, 0, held.data).reshape(shape).sum(axis=1)
    for each in (held.mask, held.holes):
        if each is not None:
            lost |= for_all_frames(each != 0, held.data.shape)
    mask = np.logical_or.reduce(lost.reshape(shape), axis=1)
    note = f"{many} frames at each of {points} points were added"
    return Contents(data, mask, {**held.about, "notes": (*held.about.get("notes", ()), note)})


def check_numbers(path: str | os.PathLike[str], kind: np.dtype[Any]) -> None:
    """Make sure that an array holds real numbers.

    Raises
    ------
    ReadError
        Complex numbers, text, records, dates, objects.
    """
    if kind.kind == "c":
        raise ReadError(f"{path}: holds a complex object, not an intensity: give measured counts")
    if kind.kind not in "biuf":
        raise ReadError(f"{path}: holds {kind}, no real numbers: give measured counts")
