"""Arrays of TIFF files."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tifffile

from ..errors import ReadError
from ..utils.inputs import check_memory
from .contents import Array, Contents, check_numbers, choose, guarded


class _Complaints(logging.Handler):
    """Collects what tifffile only logs: a truncated stack it reads as far as it goes."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def read_tiff(path: Path, dataset: str | None = None) -> Array:
    """Read the pages of a TIFF file as one array, (row, column) or (page, row, column).

    Parameters
    ----------
    path : Path
    dataset : str, optional
        Number of the series, from 0, where the file holds several; a smaller copy of an image
        does not count as one.

    Raises
    ------
    ReadError
        Not a TIFF file, truncated, several series to choose from; a picture in colours,
        complex numbers.
    """
    with _complaints() as lines:
        array = guarded(path, lambda path: _read(path, dataset, lines))
    if lines or array.size == 0:
        reason = (lines or ["it holds no image"])[0].splitlines()[0]
        raise ReadError(f"{path}: truncated or damaged ({reason}): copy the file again")
    return array


def tiff_contents(path: Path, dataset: str | None = None) -> Contents:
    """The same, as a reader of arrays."""
    return Contents(read_tiff(path, dataset), None, {} if dataset is None else {"dataset": dataset})


def _read(path: Path, dataset: str | None, lines: list[str]) -> Array:
    with tifffile.TiffFile(path) as file:
        if len(file.pages) == 0 or lines:  # pages in a circle, for one: looking further may not end
            reason = (lines or ["it holds no image"])[0].splitlines()[0]
            raise ReadError(f"{path}: truncated or damaged ({reason}): copy the file again")
        series = {str(number): one for number, one in enumerate(file.series)}
        if not series:
            raise ReadError(f"{path}: truncated or damaged (it holds no image): copy it again")
        whole = {name: one for name, one in series.items() if not one.keyframe.is_reduced}
        shapes = {name: tuple(one.shape) for name, one in (whole or series).items()}
        chosen = series[choose(path, shapes, dataset, "series")]
        check_numbers(path, chosen.dtype)
        # of more than a byte it is a stack of three or four frames, which writers take for colours
        if chosen.axes.endswith("S") and chosen.dtype.itemsize == 1:
            raise ReadError(
                f"{path}: a picture in colours, shape {tuple(chosen.shape)}: give counts, one number a pixel"
            )
        check_memory(path, math.prod(chosen.shape), chosen.dtype.itemsize)
        array: Array = chosen.asarray()
        return array


@contextmanager
def _complaints() -> Iterator[list[str]]:
    complaints, logger = _Complaints(), logging.getLogger("tifffile")
    logger.addHandler(complaints)
    try:
        yield complaints.lines
    finally:
        logger.removeHandler(complaints)
