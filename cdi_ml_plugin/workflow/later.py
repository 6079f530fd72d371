"""A result with what was not known, or not decided, when it was phased: its geometry, its twin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ..data.result import Result, Run
from ..io.cxi.reader import read_result
from ..physics.alignment import twin
from .geometry_file import read_geometry
from .load import settled, with_given

NO_CRYSTAL = "no crystal in the laboratory"


def read_later(path: Path, geometry: Path | None = None, flip: bool = False) -> Result:
    """Read a result, and change what may be said later.

    Parameters
    ----------
    path : Path
        ``result.cxi`` or its folder.
    geometry : Path, optional
        JSON file with parameters of `Geometry`; they win over those that the result has.
    flip : bool
        Take the conjugate twin ρ*(−r) of every run, which has the same diffraction.

    Raises
    ------
    ReadError
        No result.
    ParameterError
        With what was given no geometry comes about.
    """
    result = read_result(path)
    if geometry is not None:
        given, measurement = read_geometry(geometry), result.measurement
        measurement = with_given(measurement, geometry, given)
        whole = settled(measurement, geometry, given, None)
        gone = {note for note in measurement.notes if note not in whole.notes}
        notes = tuple(
            dict.fromkeys(
                note
                for note in (*result.notes, *whole.notes)
                if note not in gone and not note.startswith(NO_CRYSTAL)
            )
        )
        result = replace(result, measurement=whole, notes=notes)
    return replace(result, runs=tuple(map(twin_of, result.runs))) if flip else result


def twin_of(run: Run) -> Run:
    """The run with object and support turned into their twin; its figures stay."""
    obj, support = torch.from_numpy(run.object), torch.from_numpy(run.support)
    flipped = twin(support.to(torch.complex64)).real > 0.5
    return replace(run, object=twin(obj).numpy(), support=flipped.numpy())
