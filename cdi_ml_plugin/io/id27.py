"""A scan of ESRF ID27, as BLISS writes it: one rotation, and an Eiger 9M that stands still.

Keys and the axis of the rotation are those of cdiutils 0.2.1, which takes distance and beam centre from a
calibration alone: those of the files are said to be unreliable.
"""

from __future__ import annotations

from pathlib import Path

from ..data.measurement import Measurement
from .bliss_scan import Station
from .reader import Options, Reader

STATION = Station(
    layout="ESRF ID27",
    diffractometer="id27",
    marks=frozenset(("nath",)),
    wavelength="instrument/calibration/wavelength",
    detectors={"eiger": "eiger9m", "e9m": "eiger9m"},
    calibrated=False,
)


class ID27(Reader):
    """A BLISS file with ID27's rotation."""

    reads = (
        "BLISS files (.h5) of ESRF ID27, with --scan N; distance and beam centre by --geometry FILE"
    )
    takes = ("scan", "dataset", "mask")

    def can_read(self, path: Path) -> bool:
        return STATION.knows(path)

    def read(self, path: Path, options: Options) -> Measurement:
        return STATION.read(path, options.scan, options.dataset, options.excluded())
