"""A rocking scan of an ESRF beamline, as BLISS writes it: counts, scan and geometry of one HDF5 file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..errors import ReadError
from ..geometry.instruments import KEV_NM, diffractometer
from ..utils.inputs import printable
from .bliss import MEASUREMENT, POSITIONERS, choose_entry, detectors, entries
from .contents import choose
from .hdf5_links import is_one
from .hdf5_scan import read_scan
from .hdf5_values import Values
from .recorded import Column, Recorded, kev

MONITORS = ("mon2", "imon", "exp1", "monitor")
EXPOSURES = ("instrument/{detector}/acq_parameters/acq_expo_time", "scan_parameters/count_time")
LONGEST = 1e-6  # a wavelength below it is in metres
_PAIRS = {  # along columns, along rows
    "pixel": ("x_pixel_size", "y_pixel_size"),
    "beam_zero": ("beam_center_x", "beam_center_y"),
}


@dataclass(frozen=True)
class Station:
    """A beamline with BLISS.

    Attributes
    ----------
    layout : str
        What its files are called: ``"ESRF ID01"``.
    diffractometer : str
    marks : frozenset of str
        Positioners of which a file of the beamline has one.
    energy : tuple of str
        Keys of the energy, in keV or eV.
    wavelength : str
        Key of the wavelength in Å, where there is no energy.
    still : tuple of str
        Circles that stand at 0 where they are not in the file.
    detectors : mapping of str to str
        What BLISS calls a detector → as `geometry.detectors.DETECTORS` does, where that differs.
    calibrated : bool
        Whether distance and beam centre of the file can be relied on.
    """

    layout: str
    diffractometer: str
    marks: frozenset[str]
    energy: tuple[str, ...] = ()
    wavelength: str = ""
    still: tuple[str, ...] = ()
    detectors: Mapping[str, str] = field(default_factory=dict)
    calibrated: bool = True

    def knows(self, path: Path) -> bool:
        """Whether a file is one of this beamline's with frames; it raises nothing."""

        def holds(file: h5py.File) -> bool:
            return any(
                self.marks & set(Values(file, entry, path).names(POSITIONERS))
                and _has_frames(file, entry, path)
                for entry in entries(file)
            )

        return is_one(path, holds)

    def read(
        self,
        path: Path,
        scan: int | str | None = None,
        dataset: str | None = None,
        mask: NDArray[np.bool_] | None = None,
    ) -> Measurement:
        """Read one scan: see `id01.read_id01`."""

        def describe(file: h5py.File) -> tuple[str, str, Recorded]:
            entry = choose_entry(file, path, scan)
            shapes = detectors(file, entry, path)
            if not shapes:
                raise ReadError(
                    f"{path}: scan {printable(entry)} has no frames: choose another with --scan"
                )
            name = choose(path, shapes, dataset, "detectors")
            found = _recorded(self, Values(file, entry, path), name, shapes[name][0])
            return f"{entry}/{MEASUREMENT}/{name}", entry, found

        return read_scan(path, self.layout, describe, mask)


def _has_frames(file: h5py.File, entry: str, path: Path) -> bool:
    """Whether a scan has frames, or had some: that their file is lost is said when it is read."""
    try:
        return bool(detectors(file, entry, path))
    except ReadError:
        return True


def _recorded(station: Station, values: Values, detector: str, frames: int) -> Recorded:
    """What the file says of a scan."""
    here = f"instrument/{detector}"
    pairs = {name: [f"{here}/{key}" for key in keys] for name, keys in _PAIRS.items()}
    circles = diffractometer(station.diffractometer).circles
    positions: dict[str, float | Column] = {}
    for name in values.names(POSITIONERS):
        key = f"{POSITIONERS}/{name}"
        column = values.column(key)
        if column is None or not column.size:
            continue
        # more where it was interrupted
        column = column[:frames] if column.size > frames > 1 else column
        if not np.isfinite(column).all():
            continue
        if name in circles or (column.size == frames and np.ptp(column) > 0):
            positions[name] = column if np.ptp(column) > 0 else float(column[0])
            values.note(name, key)
    for name in station.still:
        if name not in positions:
            positions[name], values.sources[name] = 0.0, "not in the file, taken as 0"
    for key in station.energy:
        column = values.column(key)
        if column is not None and len(column) >= frames > 1 and np.ptp(column[:frames]) > 0:
            positions["energy"] = column[:frames] / (1000 if column[0] >= 1000 else 1)
            values.note("energy", key)
            break
    # 0, 0 is what a detector has that nobody told
    beam_zero = values.pair(*pairs["beam_zero"]) if station.calibrated else None
    places = {"distance": f"{here}/distance"}
    places |= {name: " and ".join(keys) for name, keys in pairs.items()}
    return Recorded(
        name=printable(values.entry),
        diffractometer=station.diffractometer,
        detector=station.detectors.get(detector, detector),
        positions=positions,
        energy=_energy(station, values),
        distance=values.number("distance", f"{here}/distance") if station.calibrated else None,
        pixel=values.pair(*pairs["pixel"]) if station.calibrated else None,
        beam_zero=beam_zero if beam_zero and any(beam_zero) else None,
        looked={
            "energy": " or ".join(filter(None, (*station.energy, station.wavelength))),
            **(places if station.calibrated else dict.fromkeys(places, "that of a calibration")),
            **{name: f"{POSITIONERS}/{name}" for name in circles},
        },
        command=values.text("command", "title"),
        sample=values.text("sample", "sample/name"),
        date=values.text("date", "start_time"),
        exposure=values.number("exposure", *(key.format(detector=detector) for key in EXPOSURES)),
        monitor=_monitor(values, frames),
        sources=values.sources,
    )


def _energy(station: Station, values: Values) -> float | None:
    """In keV."""
    energy = values.number("energy", *station.energy)
    if energy is None and station.wavelength:
        wavelength = values.number("energy", station.wavelength)
        if wavelength and wavelength < LONGEST:
            wavelength *= 1e10
        return 10 * KEV_NM / wavelength if wavelength else None
    return kev(energy)


def _monitor(values: Values, frames: int) -> Column | None:
    for name in MONITORS:
        column = values.column(f"{MEASUREMENT}/{name}")
        if column is not None and len(column) >= frames:
            values.note("monitor", f"{MEASUREMENT}/{name}")
            return column[:frames]
    return None
