"""Read a measurement, and make it ready for phasing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError, ReadError
from ..utils.inputs import check_file

if TYPE_CHECKING:
    from ..data.measurement import Measurement

Three = tuple[int, int, int]


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

    What cohere has prepared is taken as it is, unless an option wants something else.

    Parameters
    ----------
    data : Path
    threshold, crop, binning
        See `cdi_ml_plugin.data.preprocess.prepare`.
    geometry : Path, optional
        JSON file with parameters of `Geometry`, which the provenance keeps; that they are none is an
        error, where a SPEC file that cannot be read costs no more than a note.
    **reading
        See `cdi_ml_plugin.io.readers.load`.
    """
    from ..data.preprocess import prepare, with_geometry
    from ..io.readers import load

    given = None if geometry is None else _read_json(geometry)
    measurement = load(data, **reading)
    if given is not None:
        measurement = with_geometry(measurement, given)
    prepared_by_cohere = (data / "conf").is_dir()
    if not prepared_by_cohere or threshold is not None or crop or binning:
        measurement = prepare(
            measurement,
            threshold=threshold,
            crop=crop or None,
            binning=binning or None,
            hot_pixels=not prepared_by_cohere,
            lost_frames=not prepared_by_cohere,
        )
    try:
        found = measurement.geometry
    except (ReadError, ParameterError) as error:
        if geometry is not None:
            raise ParameterError(f"{geometry}: {error}") from error
        return measurement  # the result says so, when it comes to its crystal
    except (TypeError, ValueError) as error:  # what a file holds may be of any type
        raise ParameterError(f"{geometry}: a value is of the wrong kind ({error})") from error
    # as plain numbers, so that a result goes on without the SPEC file
    return measurement if found is None else with_geometry(measurement, found.numbers())


def _read_json(path: Path) -> dict[str, Any]:
    """An object of a JSON file."""
    check_file(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ReadError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ReadError(f'{path}: must hold one JSON object, as {{"energy": 9.0, …}}')
    return content
