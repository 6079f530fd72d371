"""A scan in NeXus, of which the file itself says how sample and detector are placed: Diamond's I16 for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..errors import ReadError
from ..utils.inputs import printable
from .contents import Shape, choose
from .hdf5_links import is_one, resolve
from .hdf5_scan import read_scan
from .hdf5_values import Values
from .nexus_transformations import Transformation, chain, circles, detector_place, named_apart
from .reader import CONTAINER, Options, Reader
from .recorded import Column, Recorded, kev

# A kappa's axes are along none of the laboratory's; I16 keeps the Eulerian angles, too.
EULERIAN = "before_scan/diffractometer_sample"
SIX = {"mu": "mu", "eta": "eta", "chi": "chi", "phi": "phi", "nu": "gam", "delta": "delta"}


class Nexus(Reader):
    """NeXus files whose NXsample and NXdetector are placed by NXtransformations."""

    reads = "NeXus files (.nxs) that say how sample and detector are placed, as of Diamond I16"
    takes = ("scan", "dataset", "mask")
    rank = CONTAINER - 10  # a beamline's own reader knows more

    def can_read(self, path: Path) -> bool:
        def holds(file: h5py.File) -> bool:
            return any(_placed(file, entry, path) for entry in _groups(file, "NXentry", path))

        return is_one(path, holds)

    def read(self, path: Path, options: Options) -> Measurement:
        return read_nexus(path, options.scan, options.dataset, options.excluded())


def read_nexus(
    path: Path,
    scan: int | str | None = None,
    dataset: str | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> Measurement:
    """Read a scan of a NeXus file with its geometry.

    Parameters
    ----------
    path : Path
    scan : int or str, optional
        Name or ``entry_identifier`` of the NXentry; by default the only one with frames.
    dataset : str, optional
        Name of the NXdetector, where several have frames.
    mask : bool array, optional
        True excludes; in the shape of the data, or of one frame.

    Returns
    -------
    Measurement
        Circles are the rotations that the sample and the detector depend on; where those are no axes of the
        laboratory (a kappa), I16's Eulerian angles.

    Raises
    ------
    ReadError
        No such entry or several; no frames; transformations that lead nowhere; damaged.
    MeasurementError
        The values cannot be a measurement.
    """

    def describe(file: h5py.File) -> tuple[str, str, Recorded]:
        entry = _entry(file, path, scan)
        shapes = _detectors(file, entry, path)
        if not shapes:
            raise ReadError(f"{path}: {printable(entry)} has no frames of an NXdetector")
        names = {group.rpartition("/")[2]: group for group in shapes}
        given = {name: shapes[group] for name, group in names.items()}
        name = choose(path, given, dataset, "detectors")
        found = _recorded(Values(file, entry, path), names[name], given[name])
        return f"{names[name]}/data", names[name], found

    return read_scan(path, "NeXus", describe, mask)


def _groups(top: h5py.Group, kind: str, path: Path) -> list[str]:
    """Names of the groups of a NeXus class in a group, and of those behind its links."""
    found = []
    for name in top:
        node = resolve(top, name, path)
        if isinstance(node, h5py.Group) and _class(node) == kind:
            found.append(name)
    return found


def _class(group: h5py.Group) -> str:
    value = group.attrs.get("NX_class", "")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _placed(file: h5py.File, entry: str, path: Path) -> bool:
    """Whether an entry has frames, and says where they were taken."""
    if not _detectors(file, entry, path):
        return False
    samples = _groups(file[entry], "NXsample", path)
    known = any("depends_on" in file[f"{entry}/{sample}"] for sample in samples)
    return known or isinstance(resolve(file, f"{entry}/{EULERIAN}", path), h5py.Group)


def _detectors(file: h5py.File, entry: str, path: Path) -> dict[str, Shape]:
    """NXdetectors with frames, and the shapes of those."""
    found = {}
    for instrument in _groups(file[entry], "NXinstrument", path):
        here = f"{entry}/{instrument}"
        for name in _groups(file[here], "NXdetector", path):
            node = resolve(file, f"{here}/{name}/data", path)
            if isinstance(node, h5py.Dataset) and node.ndim == 3:
                found[f"{here}/{name}"] = node.shape
    return found


def _entry(file: h5py.File, path: Path, scan: int | str | None) -> str:
    """Name of the entry that was asked for, else of the only one with frames."""
    names = {
        name: Values(file, name, path).text("name", "entry_identifier")
        for name in _groups(file, "NXentry", path)
    }
    if scan is None:
        fitting = [name for name in names if _detectors(file, name, path)] or list(names)
    else:
        fitting = [name for name, number in names.items() if str(scan) in (name, number)]
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(
        printable(f"{name} ({number})" if number else name) for name, number in names.items()
    )
    raise ReadError(
        f"{path}: one scan is needed, and it holds {there or 'none'}: choose with --scan"
    )


def _recorded(values: Values, detector: str, shape: Shape) -> Recorded:
    """What the file says of a scan."""
    file, entry, path = values.file, values.entry, values.path
    name = detector.rpartition("/")[2]
    modules = [f"{detector}/{each}" for each in _groups(file[detector], "NXdetector_module", path)]
    place = detector_place(file, modules[0], path) if len(modules) == 1 else {}
    for key in place:
        values.sources[key] = f"{path}: {printable(modules[0])}"
    samples = _groups(file[entry], "NXsample", path)
    moved = chain(file, f"{entry}/{samples[0]}", path) if samples else []
    moved, arm = named_apart(moved, chain(file, detector, path))
    sample, detected = circles(moved), circles(arm)
    positions: dict[str, float | Column] = {}
    circled: str | dict[str, Any]
    if sample and detected is not None:
        # a sample that is carried by the detector's arm would be in both
        for each in (*moved, *arm):
            if each.rotates:
                positions[each.name] = _values(each, shape[0])
                values.sources[each.name] = f"{path}: {each.place}"
        directions = place.get("directions", ("x+", "y-"))
        circled = {"sample": sample, "detector": detected, "directions": list(directions)}
        looked = {
            each: "rotations that the sample and the detector depend on" for each in positions
        }
    else:
        circled = "sixcircle"
        for circle, theirs in SIX.items():
            position = values.position(circle, f"measurement/{theirs}", f"{EULERIAN}/{theirs}")
            if position is not None:
                positions[circle] = position
        looked = {circle: f"{EULERIAN}/{theirs}" for circle, theirs in SIX.items()}
    beam = [f"{s}/{b}" for s in samples for b in _groups(file[f"{entry}/{s}"], "NXbeam", path)]
    here = detector.removeprefix(f"{entry}/")
    module = f"{here}/NXdetector_module"
    return Recorded(
        name=values.text("name", "entry_identifier") or printable(entry),
        diffractometer=circled,
        detector=name,
        positions=positions,
        energy=kev(values.number("energy", *(f"{each}/incident_energy" for each in beam))),
        **place,
        looked={"energy": "incident_energy of an NXbeam", **dict.fromkeys(("distance", "beam_zero", "pixel"), module),
                **looked},
        command=values.text("command", "scan_command", "title"),
        sample=values.text("sample", *(f"{each}/name" for each in samples)),
        date=values.text("date", "start_time"),
        exposure=values.number("exposure", f"{here}/count_time"),
        monitor=_monitor(values, shape[0]),
        sources=values.sources,
    )  # fmt: skip


def _monitor(values: Values, frames: int) -> Column | None:
    for name in _groups(values.file[values.entry], "NXmonitor", values.path):
        column = values.column(f"{name}/data")
        if column is not None and column.size == frames:
            values.note("monitor", f"{name}/data")
            return column
    return None


def _values(each: Transformation, frames: int) -> float | Column:
    """A position for each frame where it moved, else the one where it stood."""
    same = each.values.size == 1 or (each.values.size == frames and not np.ptp(each.values))
    return float(each.values[0]) if same else each.values
