"""A rocking scan of SOLEIL SIXS: one NeXus file for each scan.

The diffractometer stands in one of two ways, which the files tell apart by the circle omega: without it the
sample lies flat (MED-H), with it the sample stands upright (MED-V). Until 2021 the places of the circles are
``SIXS/i14-c-cx1-ex-mu-med-h/position_pre``, then those of a group, ``SIXS/i14-c-cx1-ex-med-v-dif-group.1``.
"""

from __future__ import annotations

import os
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

BEAMLINE = "SIXS"
ENERGY = ("SIXS/i14-c-c02-op-mono/energy", "SIXS/Monochromator/energy")
PITCH = "SIXS/i14-c-cx1-ex-diff-med-tpp"  # of the table that carries everything: beta
EXPOSURE = "SIXS/i14-c-c00-ex-config-publisher/integration_time"
OLDER = "data_07"  # mu, in files that name no column
# in the order in which bcdi takes them; what they are called where nothing is
MONITORS = ("imon0", "i14-c-c03/dt/mi_diode.1", "imon1", "i14-c-c07/dt/mi_diode.2")


class SIXS(Reader):
    """A NeXus file with a group SIXS beside its scan."""

    reads = "NeXus files (.nxs) of SOLEIL SIXS"
    takes = ("scan", "dataset", "mask")

    def can_read(self, path: Path) -> bool:
        return soleil.knows(path, BEAMLINE)

    def read(self, path: Path, options: Options) -> Measurement:
        return read_sixs(path, options.scan, options.dataset, options.excluded())


def read_sixs(
    path: str | os.PathLike[str],
    scan: int | str | None = None,
    dataset: str | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Read a scan of SIXS, step by step or continuous.

    Parameters
    ----------
    path : path
        The file of the scan.
    scan : int or str, optional
        Its number, that of the file, or the name of its group: for files of several.
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
    devices = values.names(place(values, BEAMLINE))
    grouped = [f"{BEAMLINE}/{name}" for name in devices if "med" in name and "dif-group" in name]
    names = ("mu", "omega", "gamma", "delta")
    positions = soleil.stood(values, columns, names, (*grouped, BEAMLINE))
    upright = "omega" in positions
    circles = diffractometer("sixs2022" if upright else "sixs")
    command = values.text("command", place(values, soleil.NAME), "title")
    notes: list[str] = []
    positions["beta"] = _beta(values, columns)
    moved = soleil.moved(values, columns, circles.sample)
    positions |= moved or _nameless(values, columns, command, notes)
    # as cdiutils has the detector of either kind of file, in the laboratory's frame
    turned = ("y-", "x-") if upright and not grouped else None
    if upright:
        column, row = turned or circles.directions
        notes.append(
            f"how the detector is mounted is not in the file: columns are taken along {column}, rows along {row}; "
            "give other directions as --geometry FILE"
        )
    return Recorded(
        name=printable(soleil.number(values.entry, values.path)),
        diffractometer="sixs2022" if upright else "sixs",
        detector=detector,
        positions=positions,
        energy=kev(values.number("energy", *(place(values, key) for key in ENERGY))),
        directions=turned,
        looked={
            "energy": " or ".join(ENERGY),
            "distance": soleil.NONE,
            "beam_zero": soleil.NONE,
            **{name: f"{BEAMLINE}/*{name}*" for name in circles.circles},
        },
        command=command,
        date=values.text("date", "start_time"),
        exposure=soleil.exposure(values, EXPOSURE),
        monitor=_monitor(values, columns),
        sources=values.sources,
        notes=notes,
    )


def _beta(values: Values, columns: Columns) -> float:
    """Pitch of the table, 0 where nothing is said of it, as bcdi takes it."""
    keys = (f"{PITCH}/TPP/Orientation/pitch", f"{PITCH}/position_pre", f"{PITCH}/position")
    found = values.position("beta", *(place(values, key) for key in keys))
    if found is None:
        for name, title in columns.titles.items():
            if title.endswith("tpp/pitch") or name == "beta":
                found = columns.values[name]
                values.note("beta", f"{place(values, soleil.DATA)}/{name}")
    if found is None:
        values.sources["beta"] = "not in the file, taken as 0"
    return 0.0 if found is None else float(np.mean(found))


def _nameless(
    values: Values, columns: Columns, command: str, notes: list[str]
) -> dict[str, Column]:
    """The scanned circle where no column has a name: as cdiutils finds it, that which the command names, or mu."""
    if any(columns.titles.values()):
        return {}
    name = next((n for n in (soleil.ACTUATOR, OLDER) if n in columns.values), None)
    if name is None or not np.ptp(columns.values[name]):
        return {}
    circle = "omega" if is_motor(command, "omega") else "mu"
    values.note(circle, f"{place(values, soleil.DATA)}/{name}")
    notes.append(f"{name} of scan_data has no name: taken as {circle}")
    return {circle: columns.values[name]}


def _monitor(values: Values, columns: Columns) -> Column | None:
    for wanted in MONITORS:
        for name, title in columns.titles.items():
            if name == wanted or title.startswith(f"{wanted}/intensity"):
                values.note("monitor", f"{place(values, soleil.DATA)}/{name}")
                return columns.values[name]
    return None
