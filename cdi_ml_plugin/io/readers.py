"""The one door to measured data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.measurement import Measurement
from ..errors import ParameterError, ReadError
from ..utils.inputs import check_name
from ..utils.memory import enough
from ..utils.values import path as named

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


@enough("reading", "cut the region of interest out first")
def load(
    path: str | os.PathLike[str],
    *,
    mask: str | os.PathLike[str] | ArrayLike | None = None,
    spec: str | os.PathLike[str] | None = None,
    scan: int | str | None = None,
    dark: str | os.PathLike[str] | None = None,
    white: str | os.PathLike[str] | None = None,
    monitor: bool = False,
    dataset: str | None = None,
) -> Measurement:
    """Read a measurement, whatever it is kept in.

    Parameters
    ----------
    path : path
        A cohere experiment (a folder with ``conf/``), a folder of 34-ID-C TIFF frames, or an
        array file; see `read_experiment`, `read_frames` and `read_array`.
    mask : path or array, optional
        A mask, or a file of one, in the shape of the data, or of one frame: 1 excludes. It adds to what is
        masked anyway, before the values are judged.
    spec, scan, dark, white, monitor
        For frames only: see `read_frames`.
    dataset : str, optional
        For files only: which array, of those in a file that holds several; see `read_array`.

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
    TooLargeError
        More memory is needed than is free.
    """
    path = _path(path)
    spec, dark, white = (
        None if value is None else named(name, value)
        for name, value in (("spec", spec), ("dark", dark), ("white", white))
    )
    try:
        there = path.exists()
    except (OSError, ValueError):  # a name that is too long, or holds a null byte
        there = False
    if not there:
        raise ReadError(f"{path}: no such file or folder")
    if path.is_dir() and dataset is not None:
        raise ParameterError(f"dataset: only for a file of arrays, and {path} is a folder")
    if path.is_dir() and not (path / "conf").is_dir():
        from .frames import read_frames

        return read_frames(path, spec, scan, dark, white, monitor, _mask(mask))
    options = {"spec": spec, "scan": scan, "dark": dark, "white": white}
    given = [name for name, value in options.items() if value is not None]
    if given or monitor:
        raise ParameterError(
            f"{', '.join(given) or 'monitor'}: only for a folder of frames, and {path} is none"
        )
    if path.is_dir():
        from .cohere import read_experiment

        return read_experiment(path, mask=_mask(mask))
    from .arrays import read_array

    return read_array(path, mask if isinstance(mask, str | os.PathLike) else _mask(mask), dataset)


def _mask(mask: str | os.PathLike[str] | ArrayLike | None) -> NDArray[np.bool_] | None:
    if mask is None:
        return None
    from .arrays import excluding, read_mask  # imports xrayutilities, which takes its time

    return read_mask(_path(mask)) if isinstance(mask, str | os.PathLike) else excluding(mask)


def _path(path: str | os.PathLike[str]) -> Path:
    try:
        check_name(path)
        return Path(path)
    except TypeError as error:  # an array, for one
        raise ParameterError(
            f"load: {type(path).__name__} is no path: Measurement(counts, mask) takes arrays"
        ) from error
