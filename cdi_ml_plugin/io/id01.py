"""A rocking scan of ESRF ID01, as BLISS writes it: counts, scan and geometry in one HDF5 file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from .bliss import POSITIONERS
from .bliss_scan import Station
from .reader import Options, Reader

STATION = Station(
    layout="ESRF ID01",
    diffractometer="id01",
    marks=frozenset(("eta", "nu", "delta")),
    energy=("instrument/monochromator/Energy", f"{POSITIONERS}/mononrj"),
    still=("mu",),  # not in use
)


class ID01(Reader):
    """A BLISS file with ID01's circles."""

    reads = "BLISS files (.h5) of ESRF ID01, with --scan N"
    takes = ("scan", "dataset", "mask")

    def can_read(self, path: Path) -> bool:
        return STATION.knows(path)

    def read(self, path: Path, options: Options) -> Measurement:
        return read_id01(path, options.scan, options.dataset, options.excluded())


def read_id01(
    path: str | os.PathLike[str],
    scan: int | str | None = None,
    dataset: str | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Read one scan of a BLISS file of ID01.

    Parameters
    ----------
    path : path
        A file of one scan, of a sample or of an experiment: scans are groups ``12.1`` or ``sample_12.1``.
    scan : int or str, optional
        Number of the scan, or the name of its group; by default the only one with frames.
    dataset : str, optional
        Name of the detector, where several have frames.
    mask : bool array, optional
        True excludes; in the shape of the data, or of one frame. Gaps of detectors of
        `geometry.detectors.DETECTORS` are masked anyway.

    Returns
    -------
    Measurement
        (frame, row, column). Its provenance has the scan and, as far as the file does, the geometry; what
        that lacks is one note.

    Raises
    ------
    ReadError
        No such scan or several; no frames; damaged.
    MeasurementError
        The values cannot be a measurement.
    """
    return STATION.read(Path(path), scan, dataset, mask)
