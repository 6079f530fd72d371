"""A rocking scan of SOLEIL CRISTAL: NeXus files with groups ``exp_0012`` of the scans."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..geometry.instruments import diffractometer
from ..utils.inputs import printable
from . import soleil
from .hdf5_values import Values
from .reader import Options, Reader
from .recorded import Column, Recorded, kev
from .soleil import Columns, is_motor, place

BEAMLINE = "CRISTAL"
GROUPS = (BEAMLINE, f"{BEAMLINE}/Diffractometer")
ENERGY = f"{BEAMLINE}/Monochromator/energy"
MONITOR = "data_04"  # as bcdi has it, where it is not said otherwise
MICRO = 360.0  # degrees; more is in millionths, as angles were written at first


class Cristal(Reader):
    """A NeXus file with a group CRISTAL beside its scan."""

    reads = "NeXus files (.nxs) of SOLEIL CRISTAL, with --scan N where there are several"
    takes = ("scan", "dataset", "mask")

    def can_read(self, path: Path) -> bool:
        return soleil.knows(path, BEAMLINE)

    def read(self, path: Path, options: Options) -> Measurement:
        return read_cristal(path, options.scan, options.dataset, options.excluded())


def read_cristal(
    path: str | os.PathLike[str],
    scan: int | str | None = None,
    dataset: str | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Read a scan of CRISTAL.

    Parameters
    ----------
    path : path
        A file of one scan or of several.
    scan : int or str, optional
        Number of the scan, 12 of the group ``exp_0012``, or the name of the group.
    dataset : str, optional
        Name of the frames in ``scan_data``, where several detectors have some.
    mask : bool array, optional
        True excludes; in the shape of the data, or of one frame.

    Returns
    -------
    Measurement
        (frame, row, column). The files have neither the detector's distance nor the direct beam: the note of
        what is missing says so.

    Raises
    ------
    ReadError
        No such scan or several; no frames; damaged.
    MeasurementError
        The values cannot be a measurement.
    """
    return soleil.read_scan(Path(path), BEAMLINE, _recorded, scan, dataset, mask)


def _recorded(values: Values, detector: str, frames: int) -> Recorded:
    """What the file says of a scan."""
    columns = Columns.of(values)
    circles = diffractometer("cristal")
    command = values.text("command", place(values, soleil.NAME), "title")
    positions = soleil.stood(values, columns, circles.circles, GROUPS)
    moved = soleil.moved(values, columns, circles.sample)
    positions |= moved or _nameless(values, columns, command, circles.sample)
    for name in circles.sample:
        position = positions.get(name)
        if position is not None and np.abs(position).max() > MICRO:
            positions[name] = position / 1e6
    return Recorded(
        name=printable(soleil.number(values.entry, values.path)),
        diffractometer="cristal",
        detector=detector,
        positions=positions,
        energy=kev(values.number("energy", place(values, ENERGY))),
        looked={
            "energy": ENERGY,
            "distance": soleil.NONE,
            "beam_zero": soleil.NONE,
            **{name: f"{BEAMLINE}/i06-c-c07-ex-mg_{name}" for name in circles.sample},
            **{name: f"{GROUPS[1]}/i06-c-c07-ex-dif-{name}" for name in circles.detector},
        },
        command=command,
        date=values.text("date", "start_time"),
        exposure=soleil.exposure(values),
        monitor=_monitor(values, columns, frames),
        sources=values.sources,
    )


def _nameless(
    values: Values, columns: Columns, command: str, sample: Iterable[str]
) -> dict[str, Column]:
    """What was driven where its column has no name: the circle that the scan's name names, as cdiutils has it."""
    column = columns.values.get(soleil.ACTUATOR)
    if column is None:
        return {}
    named = [name for name in sample if is_motor(command, name)]
    motor = named[0] if named else soleil.ACTUATOR
    values.note(motor, f"{place(values, soleil.DATA)}/{soleil.ACTUATOR}")
    return {motor: column}


def _monitor(values: Values, columns: Columns, frames: int) -> Column | None:
    column = columns.values.get(MONITOR)
    if column is None or len(column) != frames:
        return None
    values.note("monitor", f"{place(values, soleil.DATA)}/{MONITOR}")
    return column
