"""The door for results: of this package, or of another program that phased the same data."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..data.measurement import Measurement
from ..data.result import Result
from ..errors import ParameterError, ReadError
from ..utils.inputs import check_name
from ..utils.values import path as named
from . import cdiutils_result, cohere_result, pynx_result
from .cxi import reader


@dataclass(frozen=True, eq=False)
class Door:
    """Results of one program: how they are known, and read."""

    program: str
    knows: Callable[[Path], bool]
    read: Callable[[Path, Measurement | None], Result]


# By content; a file that cdiutils looks for may be of any of them, and is known by its name.
DOORS = (
    Door("cdiutils", cdiutils_result.is_one, cdiutils_result.read_cdiutils_result),
    Door("PyNX", pynx_result.is_one, pynx_result.read_pynx_result),
    Door("cohere", cohere_result.is_one, cohere_result.read_cohere_result),
)


def of_another(path: Path) -> Door | None:
    """The program that wrote the result at a path; None for this package's, and for what is none."""
    if reader.is_one(path):
        return None
    try:
        return next((door for door in DOORS if door.knows(path)), None)
    except OSError:  # a folder that may not be listed, a name that is too long
        return None


def read_any_result(path: str | os.PathLike[str], data: Measurement | None = None) -> Result:
    """Read a result, whoever phased it.

    Parameters
    ----------
    path : path
        ``result.cxi`` or its folder; cohere's ``results_phasing`` or its experiment; a CXI file of PyNX, the folder
        of several, its modes; the folder of a cdiutils pipeline, or its mode.
    data : Measurement, optional
        What was phased, for results of others that do not say where their data are, or whose data have moved.

    Raises
    ------
    ReadError
        Damaged, no result, without its data, or of another shape than these.
    ParameterError
        Data given for a result of this package, which has its own.
    """
    where = named("result", path)
    check_name(where)
    door = of_another(where)
    if door is not None:
        return door.read(where, data)
    if data is not None:
        raise ParameterError(f"{where}: has its own data, or is no result: leave --data out")
    try:
        return reader.read_result(where)
    except ReadError as error:
        if where.is_dir() and "no such file" in str(error):
            raise ReadError(
                f"{where}: holds no result: neither result.cxi, nor results_phasing of cohere, nor "
                "*Run*.cxi of PyNX, nor a mode of cdiutils"
            ) from error
        raise
