"""What the files of one scan say besides its frames, and the measurement that is made of both.

Every reader of a beamline fills a `Recorded`; what follows from it (which circle was scanned, its steps, what
is missing, gaps of the detector) is the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..data.preprocess import for_all_frames
from ..data.scan import KEY, Scan
from ..errors import MeasurementError, ParameterError, ReadError
from ..geometry.check import KEYWORDS, missing, validated
from ..geometry.detectors import DETECTORS, gaps
from ..geometry.instruments import ENERGY, Diffractometer, Directions
from ..geometry.instruments import diffractometer as _diffractometer
from ..geometry.scanned import angle_at
from ..utils.inputs import printable
from .contents import Contents, Shape

UNEVEN = 0.2  # of a step
DRIVEN, SHIFTED = 0.005, 5e-5  # degrees, metres of a detector: less is what an encoder says at rest
LACKING, WRONG = "give what is missing as --geometry FILE", "correct it by --geometry FILE"
Column = NDArray[np.float64]


@dataclass(eq=False)
class Recorded:
    """What is known of a scan; what its files do not say is None or empty.

    Attributes
    ----------
    name : str
        Of the scan: its number, or what its file calls it.
    diffractometer : str or mapping
        As `geometry.instruments.diffractometer` takes it.
    detector : str
        As in `geometry.detectors.DETECTORS`, where it is there.
    positions : mapping of str to float or array
        Circle → where it stood, or a position for each frame, in degrees; besides circles, other motors that
        moved. ``"energy"`` → keV for each frame, where it was scanned.
    energy : float
        keV.
    distance : float
        Metres.
    pixel : (float, float)
        (along column numbers, along row numbers) in metres.
    beam_zero : (float, float)
        (column, row) of the pixel of the direct beam, counted as in the frames.
    step : (str, float)
        The scanned circle and its step in degrees, where the positions are not known.
    roi : (first column, columns, first row, rows)
        What the frames are of the detector; None: they are the whole of it, or where they begin is not known.
    peak : (frame, row, column)
        Of data that a program has centred about it.
    directions : (str, str)
        As `Geometry` takes them, where they are not the diffractometer's.
    looked : mapping of str to str
        Parameter or circle → where it is looked for in the files: said where it is missing.
    command, sample, date, exposure, monitor, sources
        As `Scan` has them.
    notes : list of str
    """

    name: str
    diffractometer: str | Mapping[str, Any]
    detector: str = ""
    positions: dict[str, float | Column] = field(default_factory=dict)
    energy: float | None = None
    distance: float | None = None
    pixel: tuple[float, float] | None = None
    beam_zero: tuple[float, float] | None = None
    step: tuple[str, float] | None = None
    roi: tuple[int, int, int, int] | None = None
    peak: tuple[int, int, int] | None = None
    directions: Directions | None = None
    looked: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    sample: str = ""
    date: str = ""
    exposure: float | None = None
    monitor: Column | None = None
    sources: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def circles(self) -> Diffractometer:
        return _diffractometer(self.diffractometer)

    @property
    def scanned(self) -> list[str]:
        """Circles of the sample that moved, or the energy."""
        known = (*self.circles.sample, ENERGY)
        return [name for name in known if moves(self.positions.get(name))]

    @property
    def driven(self) -> list[str]:
        """Circles that moved the detector alone."""
        circles = self.circles
        return [
            name
            for name in circles.detector
            if name not in circles.sample
            and moves(position := self.positions.get(name))
            and np.ptp(np.asarray(position)) > (SHIFTED if circles.moves(name) else DRIVEN)
        ]


def moves(position: float | Column | None) -> bool:
    """Whether a motor moved along a scan."""
    return isinstance(position, np.ndarray) and position.size > 1 and bool(np.ptp(position) > 0)


def kev(energy: float | None) -> float | None:
    """An energy in keV, of which it is not known whether it is in eV: no beamline has MeV."""
    return energy / 1000 if energy is not None and energy >= 1000 else energy


def measurement(
    path: Path,
    layout: str,
    held: Contents,
    recorded: Recorded,
    mask: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Put frames and what is known of their scan together.

    Parameters
    ----------
    path : Path
        What the user gave.
    layout : str
        Name of the files' layout: ``"ESRF ID01"``.
    held : Contents
        Frames, (frame, row, column), and their mask.
    recorded : Recorded
    mask : bool array, optional
        True excludes; in the shape of the data, or of one frame.

    Raises
    ------
    ReadError
        Frames and positions are of unequal number.
    MeasurementError
        The values cannot be a measurement.
    """
    if held.data.ndim != 3:
        raise ReadError(f"{path}: the frames of scan {recorded.name} have {held.data.ndim} axes")
    _check_lengths(path, recorded, len(held.data))
    geometry, notes = _geometry(recorded, held.data.shape)
    motors = {name: tuple(value.tolist()) for name, value in recorded.positions.items()
              if isinstance(value, np.ndarray) and moves(value)}  # fmt: skip
    scan = Scan(
        recorded.name,
        recorded.command,
        motors,
        monitor=() if recorded.monitor is None else recorded.monitor.tolist(),
        exposure=recorded.exposure,
        sample=recorded.sample,
        date=recorded.date,
        sources=recorded.sources,
    )
    provenance: dict[str, Any] = {
        "source": str(path),
        "format": layout,
        "detector": recorded.detector,
        KEY: scan.plain(),
        "geometry": geometry,
        **held.about,
    }
    if recorded.peak is not None:
        provenance["peak"] = recorded.peak
    notes += _doubtful(provenance, held.data.shape)
    if said := (*held.about.get("notes", ()), *recorded.notes, *notes):
        provenance["notes"] = said
    excluded = np.zeros(held.data.shape, dtype=bool)
    for rows, columns in gaps(geometry["detector"], *held.data.shape[1:]):
        excluded[:, rows, columns] = True
    given = [each != 0 for each in (held.mask, held.holes) if each is not None]
    if mask is not None:
        provenance["steps"] = (f"mask {int(mask.sum() * (excluded.size // mask.size))} voxels",)
        given.append(mask)
    try:
        for each in given:
            fitting = for_all_frames(each, excluded.shape)
            if fitting.shape != excluded.shape:
                raise MeasurementError(
                    f"a mask has shape {each.shape}, the intensity {excluded.shape}: give both the same shape"
                )
            excluded |= fitting
        return Measurement(held.data, excluded, provenance)
    except MeasurementError as error:
        raise MeasurementError(f"{path}: {error}") from error


def _check_lengths(path: Path, recorded: Recorded, frames: int) -> None:
    columns = {**recorded.positions, "the monitor": recorded.monitor}
    for name, column in columns.items():
        if isinstance(column, np.ndarray) and column.size not in (1, frames):
            raise ReadError(
                f"{path}: scan {recorded.name} has {frames} frames and {column.size} values of "
                f"{printable(name)}: not of one scan, or cut short: copy the files again"
            )


def _geometry(recorded: Recorded, shape: Shape) -> tuple[dict[str, Any], list[str]]:
    """Parameters of `Geometry` as far as they are known, and notes of what is missing or uneven."""
    _, rows, columns = shape
    key, known = next(
        ((key, DETECTORS[key]) for key in (recorded.detector, recorded.detector.lower()) if key in DETECTORS),
        (recorded.detector, None),
    )  # fmt: skip
    whole = known is not None and (columns, rows) == known.size
    found: dict[str, Any] = {
        "diffractometer": recorded.diffractometer,
        "detector": key,
        "roi": recorded.roi or (0, columns, 0, rows),
        "directions": recorded.directions,
        "energy": recorded.energy,
        "distance": recorded.distance,
        "pixel": recorded.pixel or (known and (known.pixel, known.pixel)),
        "beam_zero": recorded.beam_zero or (known.beam_zero if known and whole else None),
    }
    notes: list[str] = []
    scanned = recorded.scanned
    for name in recorded.circles.circles:
        position = recorded.positions.get(name)
        if name not in scanned:
            known_there = position is not None and bool(np.isfinite(position).all())
            found[name] = float(np.mean(np.asarray(position))) if known_there else None
    if recorded.driven:
        notes.append(
            f"scan {printable(recorded.name)}, {recorded.command[:60]!r}, moves the detector "
            f"({', '.join(recorded.driven)}): no rocking scan"
        )
    elif recorded.step is not None:
        found["motor"], found["step"] = recorded.step
    elif len(scanned) == 1:
        found |= _step(scanned[0], recorded, notes)
    elif recorded.positions:
        words = f"{' and '.join(scanned)} together" if scanned else "no circle of the sample"
        notes.append(
            f"scan {printable(recorded.name)}, {recorded.command[:60]!r}, moves {words}: no rocking scan"
        )
    if ENERGY in scanned:
        found.pop("energy")
    lacking = [name for name, value in found.items() if value is None and name != "directions"]
    if known and not whole and recorded.roi is None and known.gaps:
        notes.append(
            f"frames of {rows} × {columns} pixels are a part of {recorded.detector}: its gaps are not masked"
        )
    part = known is not None and not whole
    if part and "beam_zero" in lacking and recorded.roi is None:
        found["beam_zero"] = (columns / 2, rows / 2)
    if lacking:
        each = (f"{n} ({recorded.looked[n]})" if n in recorded.looked else n for n in lacking)
        without = ", without it no lengths are known" if lacking != ["beam_zero"] else ""
        place = "frames' middle" if part else "detector's middle"
        middle = f"; for beam_zero the {place} is taken" if "beam_zero" in lacking else ""
        notes.append(
            f"scan {printable(recorded.name)} has no {', '.join(each)}: {LACKING}{without}{middle}"
        )
    return {name: value for name, value in found.items() if value is not None}, notes


def _doubtful(provenance: Mapping[str, Any], shape: Shape) -> list[str]:
    """What is wrong with a geometry of which nothing is missing."""
    middle = tuple(size // 2 for size in shape)
    given = {"reference": provenance.get("peak", middle), **provenance["geometry"]}
    given |= angle_at(provenance, given)
    if missing(given):
        return []
    named = {
        "binning": (1, 1, 1),
        **{name: given.get(name) for name in KEYWORDS if name != "binning"},
    }
    try:  # as its constructor does, which would load xrayutilities
        validated(named, {name: angle for name, angle in given.items() if name not in KEYWORDS})
    except ParameterError as error:
        return [f"{error}: what the files say is no geometry: {WRONG}"]
    return []


def _step(name: str, recorded: Recorded, notes: list[str]) -> dict[str, Any]:
    """The scanned circle and its mean step, none where it turned back; a note where steps are uneven."""
    positions = np.asarray(recorded.positions[name])
    steps = np.diff(positions)
    step = float(steps.mean())
    unit = " keV" if name == ENERGY else "°"
    typical = float(np.median(np.abs(steps)))
    if min(steps.max(), -steps.min()) > UNEVEN * typical:
        notes.append(
            f"{name} turns back, steps are {steps.min():.4g} to {steps.max():.4g}{unit}: no rocking scan"
        )
        return {}
    if np.ptp(steps) > UNEVEN * abs(step):
        notes.append(f"steps of {name} are uneven: {steps.min():.4g} to {steps.max():.4g}{unit}")
    return {"motor": name, "step": step}
