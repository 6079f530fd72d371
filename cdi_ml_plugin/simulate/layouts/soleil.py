"""SOLEIL: NeXus files of one scan each, whose columns lie under numbered names beside the frames.

They have neither the detector's distance nor the direct beam, so a detector's calibration lies beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from ...geometry.geometry import Geometry
from .layout import (
    CALIBRATION,
    Known,
    Layout,
    circles,
    positions,
    when,
    whole_frames,
    write_calibration,
)

SECONDS = 1.0
_GROUP = "SIXS/i14-c-cx1-ex-med-v-dif-group.1"
_ARM = "CRISTAL/Diffractometer/i06-c-c07-ex-dif"


class Nexus(Layout):
    """What the beamlines have in common.

    Attributes
    ----------
    entry : str
        Group of the scan.
    name : str
        Of the scan, as its server has it.
    monitor, image : str
        Columns of the monitor and of the frames.
    devices : mapping of str to str
        Column → the device that it is read from, where the files say it.
    places : mapping of str to str
        Circle → where it stood when the scan began; ``"energy"`` too.
    """

    entry: ClassVar[str]
    name: ClassVar[str]
    monitor: ClassVar[str]
    image: ClassVar[str]
    devices: ClassVar[Mapping[str, str]] = {}
    places: ClassVar[Mapping[str, str]]

    def write(
        self,
        folder: Path,
        geometry: Geometry,
        expected: NDArray[np.float64],
        peak: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        frames = np.stack(list(whole_frames(geometry, expected, peak, 0, rng)))
        with h5py.File(folder / self.data, "w") as file:
            entry = file.create_group(self.entry)
            entry["start_time"] = np.array([when("%Y-%m-%dT%H:%M:%S+00:00").encode()])
            entry["scan_config/name"] = self.name.encode()
            data = entry.create_group("scan_data")
            data["actuator_1_1"] = positions(geometry, len(frames))
            data[self.monitor] = rng.poisson(1e6, len(frames)) / 1e6
            data.create_dataset(
                self.image, data=frames, chunks=(1, *frames.shape[1:]), compression=1
            )
            for column, device in self.devices.items():
                data[column].attrs["long_name"] = device.encode()
            data["integration_times"] = np.full(len(frames), SECONDS)
            stood = {**circles(geometry, len(frames)), "energy": geometry.energy}
            for circle, place in self.places.items():
                entry[place] = np.ravel(stood[circle])[:1]
        write_calibration(folder, geometry, "distance", "beam_zero")


class Sixs(Nexus):
    """A Pt 111 peak at 8.5 keV of an upright sample on a Maxipix, as files of SIXS are since 2022."""

    files = ("virtual_ascan_mu_00012.nxs", CALIBRATION)
    data = "virtual_ascan_mu_00012.nxs"
    options: ClassVar[Known] = {"geometry": CALIBRATION}
    circles: ClassVar[Known] = {
        "diffractometer": "sixs2022",
        "detector": "maxipix",
        "energy": 8.5,
        "distance": 0.5,
        "beam_zero": (390.5, 121.25),
        "beta": 0.0,
        "mu": 18.8,
        "omega": 0.0,
        "gamma": 37.5,
        "delta": 0.0,
    }
    motor = "mu"
    peak_at = (124, 392)
    entry = "com"
    name = "ascan_mu"
    monitor, image = "data_03", "data_09"
    devices: ClassVar[Mapping[str, str]] = {
        "actuator_1_1": "i14-c-cx1/ex/mu-med-v/position",
        "data_03": "i14-c-c03/dt/mi_diode.1/intensity",
        "data_09": "i14-c-c00/dt/maxipix.det/image",
    }
    places: ClassVar[Mapping[str, str]] = {
        **{name: f"{_GROUP}/{name}/position" for name in ("mu", "omega", "gamma", "delta")},
        "beta": "SIXS/i14-c-cx1-ex-diff-med-tpp/TPP/Orientation/pitch",
        "energy": "SIXS/i14-c-c02-op-mono/energy",
    }


class Cristal(Nexus):
    """A Au 111 peak at 8.5 keV on a Maxipix."""

    files = ("S12.nxs", CALIBRATION)
    data = "S12.nxs"
    options: ClassVar[Known] = {"scan": 12, "geometry": CALIBRATION}
    circles: ClassVar[Known] = {
        "diffractometer": "cristal",
        "detector": "maxipix",
        "energy": 8.5,
        "distance": 0.5,
        "beam_zero": (121.25, 390.5),
        "omega": 18.2,
        "phi": 25.0,
        "gamma": 5.0,
        "delta": 35.8,
    }
    motor = "omega"
    peak_at = (392, 124)
    entry = "exp_0012"
    name = "ascan_mgomega"
    monitor, image = "data_04", "data_05"
    places: ClassVar[Mapping[str, str]] = {
        **{name: f"CRISTAL/i06-c-c07-ex-mg_{name}/position" for name in ("omega", "phi")},
        **{name: f"{_ARM}-{name}/position" for name in ("gamma", "delta")},
        "energy": "CRISTAL/Monochromator/energy",
    }
