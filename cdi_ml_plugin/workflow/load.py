"""Read a measurement, and make it ready for phasing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError, ReadError
from ..io.recorded import LACKING, WRONG
from .geometry_file import read_geometry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..data.inspect import Inspection
    from ..data.measurement import Measurement
    from ..geometry.geometry import Geometry

Three = tuple[int, int, int]


def read_prepared(
    data: Path,
    *,
    threshold: float | None = None,
    crop: Three | None = None,
    binning: Three | None = None,
    geometry: Path | None = None,
    recorded: Measurement | None = None,
    **reading: Any,
) -> Measurement:
    """Read a measurement and make it ready for phasing.

    What is prepared already, by cohere for one, is taken as it is, unless an option wants something else.

    Parameters
    ----------
    data : Path
    threshold, crop, binning
        See `cdi_ml_plugin.data.prepare.prepare`.
    geometry : Path, optional
        JSON file with parameters of `Geometry`, which the provenance keeps; that they are none is an
        error, where a SPEC file that cannot be read costs no more than a note. What is doubtful of them
        (see `doubts`) is noted.
    recorded : Measurement, optional
        What was read of `data` before, by the same options; it is not read again.
    **reading
        See `cdi_ml_plugin.io.readers.load`.
    """
    from ..data.prepare import prepare
    from ..io.readers import choose, load

    given = {} if geometry is None else read_geometry(geometry)
    ready = choose(data, reading.get("reader"))[0].prepared
    measurement = load(data, **reading) if recorded is None else recorded
    # of data that were prepared before, the peak is known, and the frames are no longer
    whole = "peak" not in measurement.provenance
    frames = (measurement.shape[1], measurement.shape[2]) if whole else None
    if geometry is not None:
        measurement = with_given(measurement, geometry, given)
    if not ready or threshold is not None or crop or binning:
        measurement = prepare(
            measurement,
            threshold=threshold,
            crop=crop or None,
            binning=binning or None,
            hot_pixels=not ready,
            lost_frames=not ready,
        )
    return settled(measurement, geometry, given, frames)


def settled(
    measurement: Measurement,
    file: Path | None,
    given: dict[str, Any],
    frames: tuple[int, int] | None,
) -> Measurement:
    """The measurement with its whole geometry as plain numbers, so that a result goes on without the SPEC file.

    Parameters
    ----------
    file, given : Path or None, dict
        Where parameters were given, and which.
    frames : (rows, columns) or None
        Of the data as they were read, where they are known.

    Raises
    ------
    ParameterError
        With what was given no geometry comes about.
    """
    from ..data.preprocess import with_geometry
    from ..geometry.doubts import doubts

    said: list[str] = []
    try:
        found = measurement.geometry
        if found is None:
            return measurement
        if file is not None:
            found.direct_basis(measurement.shape)
            said = doubts(found, given, frames, measurement.provenance.get("peak"))
    except (ReadError, ParameterError) as error:
        if file is not None:
            raise ParameterError(f"{file}: {error}") from error
        return measurement  # the result says so, when it comes to its crystal
    if file is not None:
        said += _middle(found, measurement.provenance.get("geometry", {}))
        measurement = _without_lacking(measurement)
    return with_geometry(measurement, found.numbers(), said)


def _middle(found: Geometry, given: Mapping[str, Any]) -> list[str]:
    """That the direct beam was nowhere said to be where it was taken."""
    from ..geometry.detectors import DETECTORS

    known = DETECTORS.get(found.detector)
    if given.get("beam_zero") is not None or (known is not None and known.beam_zero is not None):
        return []
    column, row = found.beam_zero
    return [
        f"geometry: no beam_zero is given: the detector's middle, column {column:g}, row {row:g}, is taken"
    ]


def _without_lacking(measurement: Measurement) -> Measurement:
    """The measurement without the notes of what was missing of its geometry, which is whole now."""
    notes = tuple(note for note in measurement.notes if LACKING not in note and WRONG not in note)
    if notes == tuple(measurement.notes):
        return measurement
    about = {**measurement.provenance, "notes": notes}
    return measurement.changed(measurement.intensity, measurement.mask, about)


def _promised(measurement: Measurement, given: dict[str, Any]) -> Measurement:
    """The measurement without notes of what is missing, where `given` has it, whatever voxel is the reference."""
    from ..geometry.check import missing
    from ..geometry.scanned import angle_at

    peak = measurement.provenance.get("peak", tuple(size // 2 for size in measurement.shape))
    given = {"reference": peak, **given}
    lacking = missing({**given, **angle_at(measurement.provenance, given)})
    return measurement if lacking or "beam_zero" not in given else _without_lacking(measurement)


def with_given(measurement: Measurement, file: Path, given: dict[str, Any]) -> Measurement:
    """The measurement with parameters of a file added to its own.

    Raises
    ------
    ParameterError
        A circle that the data's diffractometer has not, or no number.
    """
    from ..data.preprocess import with_geometry

    try:
        return with_geometry(measurement, {**held(measurement, given), **given})
    except ParameterError as error:
        raise ParameterError(f"{file}: {error}") from error


def held(measurement: Measurement, given: dict[str, Any]) -> dict[str, Any]:
    """Parameters that came with the data and that `given` may add to: those of the same diffractometer."""
    there = dict(measurement.provenance.get("geometry", {}))
    name = there.get("diffractometer")
    same = name is None or given.get("diffractometer", name) == name
    return there if same else {}


def read_inspected(
    data: Path,
    *,
    threshold: float | None = None,
    crop: Three | None = None,
    binning: Three | None = None,
    geometry: Path | None = None,
    **reading: Any,
) -> tuple[Measurement, Inspection]:
    """Read a measurement as it was recorded, and look at it: the options are those of `read_prepared`.

    No crystal is asked for, so of a geometry no more is looked at than whether the file holds one.
    """
    from ..data.inspect import inspect
    from ..io.readers import choose, load

    given = {} if geometry is None else read_geometry(geometry)
    recorded = not choose(data, reading.get("reader"))[0].prepared
    measurement = load(data, **reading)
    if geometry is not None:
        with_given(measurement, geometry, given)
        measurement = _promised(measurement, {**held(measurement, given), **given})
    found = inspect(
        measurement,
        threshold=threshold,
        crop=crop or None,
        binning=binning or None,
        hot_pixels=recorded,
        lost_frames=recorded,
    )
    return measurement, found
