"""Read a measurement, and make it ready for phasing."""

from __future__ import annotations

import json
from pathlib import Path
from reprlib import repr as shown
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError, ReadError
from ..geometry.check import check_given
from ..utils.inputs import check_file

if TYPE_CHECKING:
    from ..data.inspect import Inspection
    from ..data.measurement import Measurement

Three = tuple[int, int, int]
_EXAMPLE = '{"energy": 9.0, …}'


def read_prepared(
    data: Path,
    *,
    threshold: float | None = None,
    crop: Three | None = None,
    binning: Three | None = None,
    geometry: Path | None = None,
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
    **reading
        See `cdi_ml_plugin.io.readers.load`.
    """
    from ..data.prepare import prepare
    from ..data.preprocess import with_geometry
    from ..geometry.doubts import doubts
    from ..io.readers import choose, load

    given = {} if geometry is None else _read_geometry(geometry)
    ready = choose(data, reading.get("reader"))[0].prepared
    measurement = load(data, **reading)
    # of data that were prepared before, the peak is known, and the frames are no longer
    whole = "peak" not in measurement.provenance
    frames = (measurement.shape[1], measurement.shape[2]) if whole else None
    if geometry is not None:
        measurement = with_geometry(measurement, {**_held(measurement, given), **given})
    if not ready or threshold is not None or crop or binning:
        measurement = prepare(
            measurement,
            threshold=threshold,
            crop=crop or None,
            binning=binning or None,
            hot_pixels=not ready,
            lost_frames=not ready,
        )
    try:
        found = measurement.geometry
        if found is None:
            return measurement
        said = []
        if geometry is not None:
            found.direct_basis(measurement.shape)
            said = doubts(found, given, frames, measurement.provenance.get("peak"))
    except (ReadError, ParameterError) as error:
        if geometry is not None:
            raise ParameterError(f"{geometry}: {error}") from error
        return measurement  # the result says so, when it comes to its crystal
    # as plain numbers, so that a result goes on without the SPEC file
    return with_geometry(measurement, found.numbers(), said)


def _held(measurement: Measurement, given: dict[str, Any]) -> dict[str, Any]:
    """Parameters that came with the data and that `given` may add to: those of the same diffractometer."""
    held = dict(measurement.provenance.get("geometry", {}))
    name = held.get("diffractometer")
    return held if given.get("diffractometer", name) == name else {}


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

    if geometry is not None:
        _read_geometry(geometry)
    recorded = not choose(data, reading.get("reader"))[0].prepared
    measurement = load(data, **reading)
    found = inspect(
        measurement,
        threshold=threshold,
        crop=crop or None,
        binning=binning or None,
        hot_pixels=recorded,
        lost_frames=recorded,
    )
    return measurement, found


def _read_geometry(path: Path) -> dict[str, Any]:
    """Parameters of `Geometry` from a JSON file, all of them or some."""
    check_file(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        raise ReadError(
            f"{path}: cannot be read as JSON ({error}): write one object, as {_EXAMPLE}"
        ) from error
    if not isinstance(content, dict):
        raise ReadError(f"{path}: must hold one JSON object, as {_EXAMPLE}")
    try:
        check_given(content)
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from error
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of a name that is there twice JSON would take the last without a word."""
    names = [name for name, _ in pairs]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ValueError(f"{shown(twice[0])} is there twice")
    return dict(pairs)
