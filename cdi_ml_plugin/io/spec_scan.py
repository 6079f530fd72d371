"""What a SPEC file says of a scan, as the description that every reader gives."""

from __future__ import annotations

from ..data.scan import Scan
from ..geometry.detectors import DETECTORS, detector_key
from ..geometry.instruments import DIFFRACTOMETERS, ENERGY, ENERGY_NAMES
from ..geometry.spec import SpecScan
from ..geometry.spec_geometry import position, spelled
from .contents import Shape
from .recorded import Column, Recorded

MONITOR, SECONDS = "Monitor", "Seconds"


def scan_of(about: SpecScan) -> Scan:
    """Describe the scan of a SPEC file; a counter that it has not is left out."""
    seconds = about.counters.get(SECONDS)
    where = f"{about.path}: scan {about.name}"
    sources = {"command": f"{where}, #S", about.motor: f"{where}, column {about.motor}"}
    if MONITOR in about.counters:
        sources["monitor"] = f"{where}, column {MONITOR}"
    if seconds is not None:
        sources["exposure"] = f"{where}, mean of column {SECONDS}"
    return Scan(
        name=about.name,
        command=about.command,
        motors={about.motor: about.positions.tolist()},
        monitor=about.counters[MONITOR].tolist() if MONITOR in about.counters else (),
        exposure=None if seconds is None else float(seconds.mean()),
        date=about.date,
        sources=sources,
    )


def recorded(about: SpecScan, name: str, shape: Shape) -> Recorded:
    """What a SPEC file says of a scan with frames.

    Parameters
    ----------
    about : SpecScan
    name : str
        One of `geometry.spec_geometry.STATIONS`.
    shape : (rows, columns)
        Of a frame.
    """
    circles, scan = DIFFRACTOMETERS[name], scan_of(about)
    where = f"{about.path}: scan {about.name}"
    positions: dict[str, float | Column] = {}
    sources = dict(scan.sources)
    for circle in circles.circles:
        if (found := position(about, circle, circles)) is not None:
            positions[circle], sources[circle] = found, f"{where}, #P"
    moved = about.motor.lower()
    circle = ENERGY if moved in ENERGY_NAMES else circles.circle(moved) or about.motor
    positions[circle] = about.positions
    sources[circle] = f"{where}, column {about.motor}"
    values = {each: position(about, each, circles) for each in (ENERGY, "distance")}
    sources |= {each: f"{where}, #P" for each, value in values.items() if value is not None}
    detector = _detector(about, name, shape)
    known, roi = DETECTORS.get(detector), region(about, name, shape)
    return Recorded(
        name=str(about.name),
        diffractometer=name,
        detector=detector,
        positions=positions,
        energy=values[ENERGY],
        distance=values["distance"],
        beam_zero=known.beam_zero if known is not None and roi is not None else None,
        roi=roi,
        looked={
            each: f"{' or '.join(spelled(each, circles))} in {about.path}"
            for each in (ENERGY, "distance", *circles.circles)
        },
        command=scan.command,
        date=scan.date,
        exposure=scan.exposure,
        monitor=about.counters.get(MONITOR),
        sources=sources,
    )


def region(about: SpecScan, name: str, shape: Shape) -> tuple[int, int, int, int] | None:
    """Where frames lie on the detector: (first column, columns, first row, rows); None where it is not known.

    Away from 34-ID-C ``#UIMR5`` may be no more than what was looked at, of frames of the whole detector.
    """
    rows, columns = shape
    known = DETECTORS.get(_detector(about, name, shape))
    if known is not None and known.size == (columns, rows):
        return 0, columns, 0, rows
    roi = about.region(_detector(about, name, shape))
    return roi if roi is not None and (roi[3], roi[1]) == (rows, columns) else None


def _detector(about: SpecScan, name: str, shape: Shape) -> str:
    """The detector that the file names, else the station's own, where frames are of its size."""
    own = DIFFRACTOMETERS[name].default_detector
    if about.detector or DETECTORS[own].size != (shape[1], shape[0]):
        return detector_key(about.detector or "", name)
    return own
