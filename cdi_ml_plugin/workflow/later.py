"""A result, whoever phased it, with what was not known, or not decided, then: its data, its geometry, its twin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ..crystal.of_result import NO_CRYSTAL
from ..crystal.twin import flip_notes
from ..data.result import Result, Run
from ..io.readers import load
from ..io.results import of_another, read_any_result
from ..physics.alignment import twin
from .geometry_file import read_geometry
from .load import settled, with_given


def read_later(
    path: Path, geometry: Path | None = None, flip: bool = False, data: Path | None = None
) -> Result:
    """Read a result, and change what may be said later.

    Parameters
    ----------
    path : Path
        ``result.cxi`` or its folder, or a result of another program: see `read_any_result`.
    geometry : Path, optional
        JSON file with parameters of `Geometry`; they win over those that the result has.
    flip : bool
        Take the conjugate twin ρ*(−r) of every run, which has the same diffraction.
    data : Path, optional
        What was phased, for results of other programs that do not hold it: as `load` reads it, for they had
        it prepared.

    Raises
    ------
    ReadError
        No result, or without its data.
    ParameterError
        With what was given no geometry comes about.
    """
    result = read_any_result(path, None if data is None else load(data))
    if geometry is None and of_another(path) is not None:
        result = replace(result, measurement=settled(result.measurement, None, {}, None))
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
    if not flip:
        return result
    runs = tuple(map(twin_of, result.runs))
    return replace(result, runs=runs, notes=flip_notes(result.notes))


def twin_of(run: Run) -> Run:
    """The run with object and support turned into their twin; its figures stay."""
    obj, support = torch.from_numpy(run.object), torch.from_numpy(run.support)
    flipped = twin(support.to(torch.complex64)).real > 0.5
    return replace(run, object=twin(obj).numpy(), support=flipped.numpy())
