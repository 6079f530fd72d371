"""APS stations with a SPEC file: 28-ID-B (frames in HDF5), 7-ID-D and 1-ID-E (a TIFF file each)."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

import h5py
import hdf5plugin
import numpy as np
import tifffile
from numpy.typing import NDArray

from ...geometry.geometry import Geometry
from .layout import CALIBRATION, Known, Layout, whole_frames, write_calibration
from .spec import Motors, spec_text

SPEC = "virtual.spec"


class SpecScan(Layout):
    """Frames of the whole detector, and a SPEC file.

    Attributes
    ----------
    scanned : str
        SPEC's name of the motor that is.
    uimdet : str
        What the file calls the detector; empty where it does not.
    """

    options: ClassVar[Known] = {"spec": SPEC, "scan": 1}
    scan = 1
    scanned: ClassVar[str]
    uimdet: ClassVar[str] = ""

    def write(
        self,
        folder: Path,
        geometry: Geometry,
        expected: NDArray[np.float64],
        peak: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        frames = np.stack(list(whole_frames(geometry, expected, peak, 0, rng)))
        self.write_frames(folder, frames)
        about = [f"#UIMDET {self.uimdet}:"] if self.uimdet else []
        motors = self.motors(geometry)
        text = spec_text(geometry, frames, len(frames), self.scan, motors, self.scanned, about)
        (folder / SPEC).write_text(text, encoding="ascii")

    @abstractmethod
    def motors(self, geometry: Geometry) -> tuple[Motors, ...]:
        """Motors by their names in SPEC: a mnemonic, and where each stood."""

    def write_frames(self, folder: Path, frames: NDArray[np.uint32]) -> None:
        """Write a TIFF file a frame."""
        (folder / self.data).mkdir()
        for number, image in enumerate(frames):
            path = folder / self.data / f"{self.data}_{number:05d}.tif"
            tifffile.imwrite(path, image, metadata=None, compression="zlib")


class CHEX(SpecScan):
    """A Au 111 peak at 9 keV; frames of a scan in one file."""

    data = "virtual_S0001_00000.h5"
    files = (data, SPEC)
    circles: ClassVar[Known] = {
        "diffractometer": "chex",
        "energy": 9.0,
        "distance": 0.7,
        "mu": 3.0,
        "eta": 17.2,
        "chi": 90.0,
        "phi": 25.0,
        "nu": 8.0,
        "delta": 33.1,
    }
    motor = "eta"
    scanned = "Eta"
    peak_at = (250, 470)

    def motors(self, geometry: Geometry) -> tuple[Motors, ...]:
        names = {"Mu": "mu", "Eta": "eta", "Chi": "chi", "Phi": "phi", "Nu": "nu", "Delta": "del"}
        angles = {name: (short, geometry.angles[name.lower()]) for name, short in names.items()}
        machine = {"camdist": ("cam", 1000 * geometry.distance), "Energy": ("en", geometry.energy)}
        return angles, machine

    def write_frames(self, folder: Path, frames: NDArray[np.uint32]) -> None:
        with h5py.File(folder / self.data, "w") as file:
            file.create_dataset(
                "entry/data/data",
                data=frames,
                chunks=(1, *frames.shape[1:]),
                **hdf5plugin.Bitshuffle(),
            )


class Frames7IDD(SpecScan):
    """A Au 111 peak at 9 keV on a detector that a robot carries, on its side."""

    data = "virtual_S0001"
    files = (data, SPEC)
    circles: ClassVar[Known] = {
        "diffractometer": "7idd",
        "energy": 9.0,
        "distance": 0.68,
        "wedge": 10.0,
        "chi": 2.0,
        "theta": 7.2,
        "phi": 15.0,
        "yaw": 5.0,
        "pitch": 33.7,
    }
    motor = "theta"
    scanned = "ThetaN"
    uimdet = "7iddrobot"
    peak_at = (430, 600)

    def motors(self, geometry: Geometry) -> tuple[Motors, ...]:
        at = geometry.angles
        return (
            {
                "wedge": ("wedge", at["wedge"]),
                "Chi": ("chi", at["chi"]),
                "ThetaN": ("th", at["theta"]),
                "Phi": ("phi", at["phi"]),
            },
            {
                "Yaw": ("yaw", at["yaw"]),
                "Pitch": ("pitch", at["pitch"]),
                "Radius": ("radius", 1000 * geometry.distance),
                "Energy": ("en", geometry.energy),
            },
        )


class Frames1IDE(SpecScan):
    """A Au 111 peak at 52 keV, three metres away, on a detector that is turned about the beam.

    Energy, distance and the way of the detector across its arm are not in the SPEC file.
    """

    data = "virtual_S0001"
    files = (data, SPEC, CALIBRATION)
    options: ClassVar[Known] = {**SpecScan.options, "geometry": CALIBRATION}
    circles: ClassVar[Known] = {
        "diffractometer": "1ide",
        "energy": 52.0,
        "distance": 3.0,
        "aero": 12.0,
        "vff_eta": 60.0,
        "vff_r": 0.3044,
        "vff_eta_offset": 0.002,
    }
    motor = "aero"
    scanned = "AeroTech"
    uimdet = "ASI"
    peak_at = (250, 268)

    def write(
        self,
        folder: Path,
        geometry: Geometry,
        expected: NDArray[np.float64],
        peak: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        super().write(folder, geometry, expected, peak, rng)
        write_calibration(
            folder, geometry, "diffractometer", "energy", "distance", "vff_eta_offset"
        )

    def motors(self, geometry: Geometry) -> tuple[Motors, ...]:
        at = geometry.angles
        return (
            {
                "AeroTech": ("aero", at["aero"]),
                "vff_eta": ("vff_eta", at["vff_eta"]),
                "vff_r": ("vff_r", 1000 * at["vff_r"]),
            },
        )
