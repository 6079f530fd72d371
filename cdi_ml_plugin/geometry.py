"""Where each voxel lies: the diffractometer of APS 34-ID-C, on xrayutilities' `QConversion`.

Conventions
-----------
* Laboratory frame: z along the beam, y up, x completes a right-handed frame.
* Basis matrices are (3, 3) with one column for each array axis (rocking, row, column).
* ``direct_basis(shape).T @ reciprocal_basis() == 2π·diag(1 / shape)``, so that with the package's
  exp(−i…) the voxel index product is q·r.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from silx.io.specfile import SfErrColNotFound, SfErrMotorNotFound, SpecFile
from xrayutilities.experiment import QConversion

from .errors import ParameterError, ReadError
from .measurement import Measurement

SAMPLE_AXES = ("y+", "z-", "y+")  # theta, chi, phi
DETECTOR_AXES = ("y+", "x-")  # delta, gamma
BEAM = (0, 0, 1)
PIXEL_DIRECTIONS = ("x+", "y-")  # along a growing column number, a growing row number
SEAM_START = 256  # the first pixel behind the gap between the chips of the 34idcTIM2 detector
SEAM = (4, 5)  # pixels missing there, along columns and along rows

_SAMPLE_MOTORS = {"th": "theta", "chi": "chi", "phi": "phi"}  # SPEC mnemonic → our name
_SPEC_NAMES = {
    "theta": "Theta",
    "chi": "Chi",
    "phi": "Phi",
    "delta": "Delta",
    "gamma": "Gamma",
    "distance": "camdist",
    "energy": "Energy",
}

Basis = NDArray[np.float64]


@dataclass(frozen=True)
class Geometry:
    """Diffraction geometry at one reference voxel of a rocking scan.

    Parameters
    ----------
    energy : float
        Photon energy in keV.
    distance : float
        From the sample to the detector, in metres.
    theta, chi, phi, delta, gamma : float
        Angles at the reference frame, in degrees.
    step : float
        Of the scanned motor from one frame to the next, in degrees.
    reference : (frame, row, column)
        Voxel where the basis is taken, best the Bragg peak; row and column count in the frame
        as it was read, that is within `roi`.
    motor : {"theta", "chi", "phi"}
        The scanned motor.
    roi : (first column, columns, first row, rows)
        Part of the detector that was read out, as SPEC's ``#UIMR5`` has it.
    pixel : (float, float)
        Pixel size along (column number, row number), in metres.
    beam_zero : (float, float)
        (column, row) of the pixel hit by the direct beam at delta = gamma = 0, gap included.
    binning : (int, int, int)
        How many frames, rows and columns make a voxel of the array.

    Raises
    ------
    ParameterError
        A number that is not finite or out of range, or an unknown motor.

    References
    ----------
    Kriegner, Wintersberger, Stangl, J. Appl. Cryst. 46, 1162 (2013), xrayutilities. The basis is
    the one of cohere_beamlines 4.5.6, ``Instrument.get_geometry``.
    """

    energy: float
    distance: float
    theta: float
    chi: float
    phi: float
    delta: float
    gamma: float
    step: float
    reference: tuple[int, int, int]
    motor: str = "theta"
    roi: tuple[int, int, int, int] = (0, 256, 0, 256)
    pixel: tuple[float, float] = (55e-6, 55e-6)
    beam_zero: tuple[float, float] = (260.0, 261.0)
    binning: tuple[int, int, int] = (1, 1, 1)

    def __post_init__(self) -> None:
        for name in ("energy", "distance", *_SAMPLE_MOTORS.values(), "delta", "gamma", "step"):
            value = getattr(self, name)
            if not isinstance(value, int | float | np.number) or not math.isfinite(value):
                raise ParameterError(f"geometry: {name} is {value!r}: a finite number is needed")
        for name in ("energy", "distance"):
            if getattr(self, name) <= 0:
                raise ParameterError(f"geometry: {name} is {getattr(self, name)}: it must be > 0")
        if self.step == 0:
            raise ParameterError("geometry: step is 0: give the scanned motor's step in degrees")
        if self.motor not in _SAMPLE_MOTORS.values():
            raise ParameterError(
                f"geometry: motor {self.motor!r} is unknown: use one of theta, chi, phi"
            )
        lengths = {"reference": 3, "roi": 4, "pixel": 2, "beam_zero": 2, "binning": 3}
        for name, count in lengths.items():
            if len(getattr(self, name)) != count:
                raise ParameterError(f"geometry: {name} needs {count} numbers")

    @classmethod
    def from_spec(
        cls,
        spec_file: str | Path,
        scan: int,
        reference: tuple[int, int, int] | None = None,
        **overrides: Any,
    ) -> Geometry:
        """Take the geometry of scan number `scan` from a SPEC file of 34-ID-C.

        Parameters
        ----------
        reference : (frame, row, column), optional
            See the class. Default: the middle of the scan and of the region of interest.
        **overrides
            Any parameter of the class; it wins over the file.

        Raises
        ------
        ReadError
            No such file or scan, not a rocking scan, or a number missing that no keyword gives.
        ParameterError
            An unknown keyword or a number out of range.
        """
        unknown = sorted(set(overrides) - set(cls.__dataclass_fields__))
        if unknown:
            raise ParameterError(
                f"geometry: unknown keyword {unknown[0]!r}: use one of "
                + ", ".join(cls.__dataclass_fields__)
            )
        values = _read_spec(Path(spec_file), scan, reference, overrides)
        return cls(**{**values, **overrides})

    @classmethod
    def of(cls, measurement: Measurement) -> Geometry | None:
        """Geometry of a measurement's voxels, by what its provenance says; None where it says nothing.

        ``geometry`` there holds parameters of the class as plain numbers; ``spec``, ``scan`` and
        ``peak``, which frames and cohere experiments bring, stand for the rest.

        Raises
        ------
        ReadError, ParameterError
            As `from_spec`.
        """
        about = measurement.provenance
        given = dict(about.get("geometry", {}))
        if "binning" in about:
            given["binning"] = tuple(about["binning"])
        if "peak" in about:
            given.setdefault("reference", tuple(about["peak"]))
        if "spec" in about and "scan" in about:
            return cls.from_spec(about["spec"], about["scan"], **given)
        return cls(**given) if "energy" in given else None

    def reciprocal_basis(self) -> Basis:
        """Steps of q from voxel to voxel, (3, 3) in 1/nm, columns along (rocking, row, column)."""
        angles = self._angles()
        scanned = list(_SAMPLE_MOTORS.values()).index(self.motor)
        angles[scanned] = np.array([angles[scanned], angles[scanned] + self.step])
        # Differences are taken backwards along the detector and forwards along the scan: cohere's
        # choice, which moves the basis by half a voxel and keeps both programs' frames identical.
        column, row = self._detector_pixel()
        q = self._q(angles, column - 1, row - 1, size=2)
        rocking = q[:, 1, 0, 0] - q[:, 0, 0, 0]
        along_row_number = q[:, 0, 0, 1] - q[:, 0, 0, 0]
        along_column_number = q[:, 0, 1, 0] - q[:, 0, 0, 0]
        steps = np.stack([rocking, along_row_number, along_column_number], 1)
        return self._to_laboratory(steps) * np.asarray(self.binning)

    def direct_basis(self, shape: tuple[int, int, int]) -> Basis:
        """Voxel edges of the object, (3, 3) in nm, for an array of `shape` voxels.

        Raises
        ------
        ParameterError
            `shape` is not three positive numbers.
        """
        if len(shape) != 3 or min(shape) < 1:
            raise ParameterError(f"geometry: shape {shape} is not three positive numbers of voxels")
        field_of_view = 2 * np.pi * np.linalg.inv(self.reciprocal_basis()).T
        return np.asarray(field_of_view / np.asarray(shape, dtype=float), dtype=float)

    @property
    def d_spacing(self) -> float:
        """Lattice spacing in nm, 2π/|k_f − k_i|, with k_f along the detector arm.

        The arm is driven until the peak sits where the user wants it on the detector, so its
        angles, and not the nominal beam-zero pixel, carry the calibration; cohere reports the
        same number. `momentum_transfer` is the reference voxel's own q.
        """
        wavelength, q = self._wavelength(), self._conversion()
        k_f = np.asarray(q.getDetectorPos(self.delta, self.gamma, deg=True), dtype=float).ravel()
        transfer = k_f / np.linalg.norm(k_f) - np.asarray(BEAM, dtype=float)
        return float(wavelength / np.linalg.norm(transfer))

    def momentum_transfer(self) -> NDArray[np.float64]:
        """q = k_f − k_i of the reference voxel, (3,) in 1/nm, laboratory frame."""
        column, row = self._detector_pixel()
        q = self._q(self._angles(), column, row, size=1)
        return self._to_laboratory(q.reshape(3, 1))[:, 0]

    # -- private ----------------------------------------------------------------------------------

    def _angles(self) -> list[Any]:
        return [self.theta, self.chi, self.phi, self.delta, self.gamma]

    def _wavelength(self) -> float:
        return 1.239841984 / self.energy  # nm; h·c/e, exact in the SI of 2019

    def _conversion(self) -> QConversion:
        conversion = QConversion(SAMPLE_AXES, DETECTOR_AXES, BEAM, en=1000.0 * self.energy)
        conversion.init_area(
            *PIXEL_DIRECTIONS,
            *self.beam_zero,
            *(0, 0),  # the detector's size, not used where a region is given
            distance=self.distance,
            pwidth1=self.pixel[0],
            pwidth2=self.pixel[1],
        )
        return conversion

    def _detector_pixel(self) -> tuple[int, int]:
        """(column, row) of the reference voxel on the detector, gap between the chips included."""
        _, row, column = self.reference
        starts = (self.roi[0], self.roi[2])
        # A region that starts behind the gap is shifted by it; one that spans it has the gap's
        # pixels in its frames already.
        shift = [gap if start >= SEAM_START else 0 for start, gap in zip(starts, SEAM, strict=True)]
        return int(column + starts[0] + shift[0]), int(row + starts[1] + shift[1])

    def _q(self, angles: list[Any], column: int, row: int, size: int) -> NDArray[np.float64]:
        """q in the sample frame in 1/nm: (3, motor positions, size, size), columns before rows."""
        roi = [column, column + size, row, row + size]
        q = np.array(self._conversion().area(*angles, roi=roi, deg=True))
        return 10.0 * q.reshape(3, -1, size, size)  # xrayutilities: 1/Å

    def _to_laboratory(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn column vectors (3, n) from the sample's to the laboratory frame."""
        conversion = self._conversion()
        sample = (self.theta, self.chi, self.phi)
        turned = [conversion.transformSample2Lab(vector, *sample) for vector in vectors.T]
        return np.stack(turned, axis=1)


def _read_spec(
    path: Path, number: int, reference: tuple[int, int, int] | None, given: dict[str, Any]
) -> dict[str, Any]:
    """Read what `given` lacks; `distance` in metres."""
    try:
        scan = SpecFile(str(path))[f"{number}.1"]
    except OSError as error:
        raise ReadError(f"{path}: cannot be opened as a SPEC file: check the path") from error
    except (KeyError, IndexError) as error:
        raise ReadError(f"{path}: holds no scan {number}: check the scan number") from error
    where = f"{path}, scan {number}"
    words = scan.scan_header_dict.get("S", "").split()
    values: dict[str, Any] = {}
    try:
        values["motor"] = given.get("motor") or _SAMPLE_MOTORS[words[2]]
        if "step" not in given:
            values["step"] = (float(words[4]) - float(words[3])) / int(words[5])
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        raise ReadError(
            f"{where}: '#S {' '.join(words)}' is no scan of th, chi or phi: "
            "give motor and step by keyword"
        ) from error
    roi = given["roi"] if "roi" in given else _region(scan.scan_header, where)
    values["roi"] = roi
    points = scan.data.shape[1] if scan.data.ndim == 2 else 0
    if reference is None:
        reference = (points // 2, roi[3] // 2, roi[1] // 2)
    values["reference"] = reference
    for name, spec_name in _SPEC_NAMES.items():
        if name in given:
            continue
        try:
            if name == values["motor"]:
                column = scan.data_column_by_name(spec_name)
                if not 0 <= reference[0] < len(column):
                    raise ReadError(
                        f"{where}: has {len(column)} points, the reference frame is "
                        f"{reference[0]}: give a frame of the scan"
                    )
                values[name] = float(column[reference[0]])
            else:
                values[name] = float(scan.motor_position_by_name(spec_name))
        except (SfErrMotorNotFound, SfErrColNotFound) as error:
            raise ReadError(
                f"{where}: has no {spec_name}: give {name} by keyword, or an undamaged file"
            ) from error
    if "distance" in values:
        values["distance"] /= 1000.0
    return values


def _region(header: list[str], where: str) -> tuple[int, int, int, int]:
    for line in header:
        if line.startswith("#UIMR5"):
            numbers = [word for word in line.split()[1:5] if word.lstrip("-").isdigit()]
            if len(numbers) == 4:
                first_column, columns, first_row, rows = map(int, numbers)
                return first_column, columns, first_row, rows
    raise ReadError(f"{where}: has no region of interest (#UIMR5): give roi by keyword")
