"""The one door to measured data."""

from __future__ import annotations

import os
from pathlib import Path

from ..data.measurement import Measurement
from ..errors import ParameterError, ReadError


def load(
    path: str | os.PathLike[str],
    *,
    mask: str | os.PathLike[str] | None = None,
    spec: str | os.PathLike[str] | None = None,
    scan: int | str | None = None,
    dark: str | os.PathLike[str] | None = None,
    white: str | os.PathLike[str] | None = None,
    monitor: bool = False,
) -> Measurement:
    """Read a measurement, whatever it is kept in.

    Parameters
    ----------
    path : path
        A cohere experiment (a folder with ``conf/``), a folder of 34-ID-C TIFF frames, or an
        array file; see `read_experiment`, `read_frames` and `read_array`.
    mask : path, optional
        A mask file in the shape of the data, or of one frame; adds to what is masked anyway.
    spec, scan, dark, white, monitor
        For frames only: see `read_frames`.

    Returns
    -------
    Measurement

    Raises
    ------
    ReadError
        The path does not exist, is of no known kind, or is damaged.
    ParameterError
        An option for frames was given for something else.
    MeasurementError
        The values cannot be a measurement.
    """
    path = Path(path)
    if not path.exists():
        raise ReadError(f"{path}: no such file or folder")
    if path.is_dir() and not (path / "conf").is_dir():
        from .frames import read_frames

        measurement = read_frames(path, spec, scan, dark, white, monitor)
    else:
        options = {"spec": spec, "scan": scan, "dark": dark, "white": white}
        given = [name for name, value in options.items() if value is not None]
        if given or monitor:
            raise ParameterError(
                f"{', '.join(given) or 'monitor'}: only for a folder of frames, and {path} is none"
            )
        if path.is_dir():
            from .cohere import read_experiment

            measurement = read_experiment(path)
        else:
            from .arrays import read_array

            return read_array(path, mask)
    if mask is None:
        return measurement
    from ..data.preprocess import apply_mask
    from .arrays import read_mask

    return apply_mask(measurement, read_mask(mask))
