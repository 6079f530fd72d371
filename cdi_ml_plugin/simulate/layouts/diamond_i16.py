"""Diamond I16: a NeXus file a scan, with the Merlin's frames in a file of their own."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from ...geometry.geometry import Geometry
from ...geometry.instruments import diffractometer
from .layout import Known, Layout, circles, command, when, whole_frames

VECTORS = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}
NAMES = {"nu": "gam"}  # the beamline's


class I16(Layout):
    """A Au 111 peak at 9 keV on one chip of a Merlin."""

    files = ("12.nxs", "12-merlin.h5")
    data = "12.nxs"
    circles: ClassVar[Known] = {
        "diffractometer": "sixcircle",
        "detector": "merlin",
        "energy": 9.0,
        "distance": 0.5,
        "beam_zero": (121.0, 390.0),
        "mu": 0.0,
        "eta": 17.2,
        "chi": 90.5,
        "phi": 25.0,
        "nu": 5.0,
        "delta": 33.7,
    }
    motor = "eta"
    peak_at = (392, 124)

    def write(
        self,
        folder: Path,
        geometry: Geometry,
        expected: NDArray[np.float64],
        peak: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        frames = np.stack(list(whole_frames(geometry, expected, peak, 0, rng)))
        with h5py.File(folder / self.files[1], "w") as file:
            file.create_dataset(
                "entry/instrument/detector/data",
                data=frames.astype(np.uint32),
                chunks=(1, *frames.shape[1:]),
                **hdf5plugin.Blosc(cname="lz4"),
            )
        with h5py.File(folder / self.data, "w") as file:
            entry = _group(file, "entry1", "NXentry")
            entry["entry_identifier"] = str(self.scan)
            entry["scan_command"] = command(geometry, len(frames), 1.0).replace("ascan", "scan", 1)
            entry["start_time"] = when("%Y-%m-%dT%H:%M:%S.000Z")
            sample = _group(entry, "sample", "NXsample")
            sample["name"] = "virtual"
            beam = _group(sample, "beam", "NXbeam")
            beam["incident_energy"] = geometry.energy
            beam["incident_energy"].attrs["units"] = "keV"
            monitor = _group(entry, "ic1monitor", "NXmonitor")
            monitor["data"] = rng.poisson(1e6, len(frames)).astype(float)
            instrument = _group(entry, "instrument", "NXinstrument")
            instrument["name"] = "i16"
            detector = _group(instrument, "merlin", "NXdetector")
            detector["data"] = h5py.ExternalLink(self.files[1], "entry/instrument/detector/data")
            detector["count_time"] = 1.0
            _place(file, geometry, len(frames), sample, detector)


def _place(
    file: h5py.File, geometry: Geometry, frames: int, sample: h5py.Group, detector: h5py.Group
) -> None:
    """Chains of transformations from the sample and from the first pixel to the laboratory."""
    known = diffractometer(geometry.diffractometer)
    angles = circles(geometry, frames)
    for part, group in ((known.sample, sample), (known.detector, detector)):
        here = _group(group, "transformations", "NXtransformations")
        before = "."
        for name, axis in part.items():  # from the outermost on
            sign = 1 if axis[1] == "+" else -1
            vector = [sign * n for n in VECTORS[axis[0]]]
            before = _step(
                here, NAMES.get(name, name), "rotation", angles[name], "deg", vector, before
            )
        group["depends_on"] = before
    along, across = known.directions
    fast, slow = ([(1 if d[1] == "+" else -1) * n for n in VECTORS[d[0]]] for d in (along, across))
    column, row = geometry.beam_zero
    # the beam's pixel lies at the distance; the first one is that many pixels away
    corner = np.array([0, 0, geometry.distance])
    corner -= column * geometry.pixel[0] * np.array(fast) + row * geometry.pixel[1] * np.array(slow)
    module = _group(detector, "module", "NXdetector_module")
    length = float(np.linalg.norm(corner))
    at = detector["depends_on"][()].decode()
    at = _step(module, "module_offset", "translation", 1e3 * length, "mm", corner / length, at)
    for name, edge, vector in zip(
        ("fast_pixel_direction", "slow_pixel_direction"), geometry.pixel, (fast, slow), strict=True
    ):
        _step(module, name, "translation", 1e3 * edge, "mm", vector, at)


def _group(parent: h5py.Group, name: str, kind: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    return group


def _step(
    group: h5py.Group, name: str, kind: str, value: object, unit: str, vector: object, before: str
) -> str:
    """Write a transformation; its path, for what depends on it."""
    group[name] = value
    attributes = {
        "transformation_type": kind,
        "units": unit,
        "vector": vector,
        "depends_on": before,
    }
    group[name].attrs.update(attributes)
    place: str = group[name].name
    return place
