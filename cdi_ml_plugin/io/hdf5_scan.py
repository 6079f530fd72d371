"""From an HDF5 file to a measurement, once it is known what the file says of its scan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from .contents import guarded
from .hdf5 import read_hdf5
from .recorded import Recorded, measurement


def read_scan(
    path: Path,
    layout: str,
    describe: Callable[[h5py.File], tuple[str, str, Recorded]],
    mask: NDArray[np.bool_] | None = None,
    given: Path | None = None,
) -> Measurement:
    """Read what a file says of a scan, then its frames, and put both together.

    Parameters
    ----------
    path : Path
    layout : str
        Name of the files' layout: ``"ESRF ID01"``.
    describe : callable
        The key of the frames, the group that masks and saturation are looked for in, and what is known.
    mask : bool array, optional
        True excludes; in the shape of the data, or of one frame.
    given : Path, optional
        What the user gave, where it is not the file itself.

    Raises
    ------
    ReadError, MeasurementError
        As `describe`, `read_hdf5` and `measurement`.
    """

    def described(path: Path) -> tuple[str, str, Recorded]:
        with h5py.File(path, "r") as file:
            return describe(file)

    key, within, recorded = guarded(path, described)
    held = guarded(path, lambda path: read_hdf5(path, key, within))
    return measurement(given or path, layout, held, recorded, mask)
