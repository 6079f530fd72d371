"""What a layout of a virtual scan is: an instrument, and how its files are written."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...geometry.detectors import DETECTORS, gaps
from ...geometry.geometry import Geometry
from ...geometry.instruments import diffractometer

Shape = tuple[int, int, int]
Known = Mapping[str, Any]
CALIBRATION = "geometry.json"
DATE = 1580846903  # seconds since 1970, fixed so that the same seed writes the same bytes


class Layout(ABC):
    """An instrument, and the files in which it keeps a rocking scan.

    Attributes
    ----------
    files : tuple of str
        Everything that it writes.
    data : str
        Which of them a reader is given.
    options : mapping of str to str or int
        What a reader is given besides: names of files, a number of a scan.
    scan : int
    largest : int
        Rows and columns that a pattern may have.
    circles : mapping
        Parameters of `Geometry`: diffractometer, energy, distance, detector, and every angle at the
        peak.
    motor : str
        The circle that is scanned.
    peak_at : (row, column)
        Pixel of the detector that the peak is put on, clear of its gaps by half of `largest`.
    """

    files: ClassVar[tuple[str, ...]]
    data: ClassVar[str]
    options: ClassVar[Known] = {}
    scan: ClassVar[int] = 12
    largest: ClassVar[int] = 240
    circles: ClassVar[Known]
    motor: ClassVar[str]
    peak_at: ClassVar[tuple[int, int]]

    def geometry(self, shape: Shape, peak: tuple[int, int, int]) -> Geometry:
        """Geometry of a scan whose peak is at that voxel of the pattern's window.

        It is that of the frames: of the whole detector, or of the region that is read out. The step makes
        voxels about as long along the scan as across.
        """
        reference = (peak[0], *self.peak_at)
        tried = Geometry(**self.circles, motor=self.motor, step=0.01, reference=reference)
        rocking, row, column = np.linalg.norm(tried.reciprocal_basis(), axis=0)
        step = float(np.round(0.01 * (row + column) / 2 / rocking, 4))
        return Geometry(**{**tried.numbers(), "step": step})

    @abstractmethod
    def write(
        self,
        folder: Path,
        geometry: Geometry,
        expected: NDArray[np.float64],
        peak: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        """Draw counts and write the files.

        Parameters
        ----------
        folder : Path
        geometry : Geometry
            As `geometry` gave it.
        expected : float (frame, row, column)
            Expected counts in the pattern's window.
        peak : (row, column)
            Of the peak in that window; the geometry's reference is that of the frames.
        """


def when(format: str) -> str:
    """Date of the scan, as a file has it."""
    return time.strftime(format, time.gmtime(DATE))


def positions(geometry: Geometry, frames: int) -> NDArray[np.floating]:
    """Of the scanned motor, for each frame."""
    at_peak = geometry.angles.get(geometry.motor, geometry.energy)
    found: NDArray[np.floating] = at_peak + geometry.step * (
        np.arange(frames) - geometry.reference[0]
    )
    return found


def command(geometry: Geometry, frames: int, seconds: float, motor: str = "") -> str:
    """As typed at a beamline with SPEC's words."""
    first, *_, last = positions(geometry, frames)
    return f"ascan {motor or geometry.motor} {first:.7g} {last:.7g} {frames - 1} {seconds:g}"


def circles(geometry: Geometry, frames: int) -> dict[str, float | NDArray[np.floating]]:
    """Circle → where it stood, or a position for each frame."""
    names = diffractometer(geometry.diffractometer).circles
    angles = {name: geometry.angles[name] for name in names}
    return {**angles, geometry.motor: positions(geometry, frames)}


def write_calibration(folder: Path, geometry: Geometry, *names: str) -> None:
    """Write `CALIBRATION`: what a calibration of the detector gives, where a beamline's files do not."""
    numbers = geometry.numbers()
    known = {name: numbers[name] for name in names}
    (folder / CALIBRATION).write_text(json.dumps(known) + "\n", encoding="utf-8")


def whole_frames(
    geometry: Geometry,
    expected: NDArray[np.float64],
    peak: tuple[int, int],
    gap: int,
    rng: np.random.Generator,
) -> Iterator[NDArray[np.uint32]]:
    """Counts of each frame on the whole detector, with what it writes into the gaps between its chips.

    Parameters
    ----------
    peak : (row, column)
        Of the peak, in the window of `expected`.
    gap : int
        0, or the largest value of its integers.
    """
    columns, rows = DETECTORS[geometry.detector].size
    _, row, column = geometry.reference
    first = row - peak[0], column - peak[1]
    window = tuple(
        slice(start, start + n) for start, n in zip(first, expected.shape[1:], strict=True)
    )
    for part in expected:
        frame = np.zeros((rows, columns), dtype=np.uint32)
        frame[window] = rng.poisson(part)
        for region in gaps(geometry.detector, rows, columns):
            frame[region] = gap
        yield frame
