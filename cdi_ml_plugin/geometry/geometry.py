"""Where each voxel lies, in reciprocal and in direct space, on xrayutilities' `QConversion`.

Conventions
-----------
* Laboratory frame: z along the beam, y up, x completes a right-handed frame.
* Basis matrices are (3, 3) with one column for each array axis (rocking, row, column).
* ``direct_basis(shape).T @ reciprocal_basis() == 2π·diag(1 / shape)``, so that with the package's
  exp(−i…) the voxel index product is q·r.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xrayutilities.experiment import QConversion

from ..errors import ParameterError
from .check import KEYWORDS, check_given, complete, mapping, missing, validated, voxels
from .config_instr import from_config_instr
from .detectors import DETECTORS
from .instruments import ENERGY, KEV_NM, Directions
from .instruments import diffractometer as _diffractometer
from .scanned import angle_at
from .spec import read_scan
from .spec_geometry import from_scan, station

BEAM = (0, 0, 1)

Basis = NDArray[np.float64]


@dataclass(frozen=True, init=False)
class Geometry:
    """Diffraction geometry at one reference voxel of a scan.

    Parameters
    ----------
    energy : float
        Photon energy in keV.
    distance : float
        From the sample to the detector, in metres.
    step : float
        Of the scanned motor from one frame to the next, in degrees (energy: keV).
    reference : (frame, row, column)
        Voxel where the basis is taken, best the Bragg peak; row and column count in the frame
        as it was read, that is within `roi`.
    motor : str
        The scanned motor: a circle of the sample, or ``"energy"``. Default: the sample's first.
    diffractometer : str or mapping
        One of `instruments.DIFFRACTOMETERS`, or what `instruments.diffractometer` takes of another.
    detector : str, optional
        One of `detectors.DETECTORS`; default that of the diffractometer.
    roi : (first column, columns, first row, rows), optional
        Part of the detector that was read out, as SPEC's ``#UIMR5`` has it; default all of it.
    pixel : (float, float), optional
        Pixel size along (column number, row number), in metres; default the detector's.
    beam_zero : (float, float), optional
        (column, row) of the pixel hit by the direct beam at zero detector angles, gap included;
        default the detector's.
    directions : (str, str), optional
        Along which laboratory axes column and row numbers grow; default the diffractometer's.
    binning : (int, int, int)
        How many frames, rows and columns make a voxel of the array.
    **angles : float
        Every circle of the diffractometer at the reference frame, in degrees: ``theta``, ``chi``,
        ``phi``, ``delta``, ``gamma`` for 34-ID-C. Where a detector is moved, metres.

    Raises
    ------
    ParameterError
        A number that is missing, not finite or out of range, or an unknown name.

    References
    ----------
    Kriegner, Wintersberger, Stangl, J. Appl. Cryst. 46, 1162 (2013), xrayutilities. The basis is
    the one of cohere_beamlines 4.5.6, ``Instrument.get_geometry``.
    """

    energy: float
    distance: float
    step: float
    reference: tuple[int, int, int]
    motor: str
    diffractometer: str | Mapping[str, Any]
    detector: str
    roi: tuple[int, int, int, int]
    pixel: tuple[float, float]
    beam_zero: tuple[float, float]
    directions: Directions
    binning: tuple[int, int, int]
    angles: Mapping[str, float]

    def __init__(
        self,
        *,
        energy: float,
        distance: float,
        step: float,
        reference: tuple[int, int, int],
        motor: str | None = None,
        diffractometer: str | Mapping[str, Any] = "34idc",
        detector: str | None = None,
        roi: tuple[int, int, int, int] | None = None,
        pixel: tuple[float, float] | None = None,
        beam_zero: tuple[float, float] | None = None,
        directions: Directions | None = None,
        binning: tuple[int, int, int] = (1, 1, 1),
        **angles: float,
    ) -> None:
        given = {
            "energy": energy,
            "distance": distance,
            "step": step,
            "reference": reference,
            "motor": motor,
            "diffractometer": diffractometer,
            "detector": detector,
            "roi": roi,
            "pixel": pixel,
            "beam_zero": beam_zero,
            "directions": directions,
            "binning": binning,
        }
        for name, value in validated(given, angles).items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_spec(
        cls,
        spec_file: str | Path,
        scan: int | str,
        reference: tuple[int, int, int] | None = None,
        **overrides: Any,
    ) -> Geometry:
        """Take the geometry of scan number `scan` from a SPEC file.

        Its motors say at which of the APS stations it was written: 34-ID-C, 28-ID-B, 7-ID-D or 1-ID-E.

        Parameters
        ----------
        scan : int or str
            See `read_scan`: 54, or ``"54.2"``.
        reference : (frame, row, column), optional
            See the class. Default: the middle of the scan and of the region of interest.
        **overrides
            Any parameter of the class; it wins over the file.

        Raises
        ------
        ReadError
            As `read_scan`, or no rocking scan, a region off the detector, or a number missing that
            no keyword gives; the message lists all that are missing.
        ParameterError
            An unknown keyword or a number out of range.
        """
        about = read_scan(spec_file, scan)
        given = {"diffractometer": station(about), **overrides}
        check_given({"reference": reference, **given})
        return cls(**{**from_scan(about, reference, given), **given})

    @classmethod
    def from_config_instr(
        cls,
        config: Mapping[str, Any],
        scan: int | str | None = None,
        reference: tuple[int, int, int] | None = None,
        beamline: str | None = None,
        **overrides: Any,
    ) -> Geometry:
        """Take the geometry from a cohere ``config_instr``, read by `io.cohere.read_config`.

        What it holds itself wins over the SPEC file that it names; without ``specfile`` it must hold
        everything, and `reference` must be given. `beamline` is what cohere's ``config`` calls it:
        ``"aps_28idb"``; default 34-ID-C's.

        Raises
        ------
        ReadError, ParameterError
            As `from_spec`.
        """
        given = {**from_config_instr(config, beamline), **overrides}
        if "specfile" in config and scan is not None:
            return cls.from_spec(config["specfile"], scan, reference, **given)
        return cls(**complete(given if reference is None else {"reference": reference, **given}))

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Geometry | None:
        """Geometry of a measurement's voxels, by its provenance; None where that says nothing.

        ``geometry`` there holds parameters of the class as plain numbers; ``spec``, ``scan`` and
        ``peak``, which frames and cohere experiments bring, stand for the rest, and so do the positions of
        ``acquisition`` for the scanned circle.

        Raises
        ------
        ReadError, ParameterError
            As `from_spec`.
        """
        given = dict(mapping(about.get("geometry", {})))
        if "binning" in about:
            given["binning"] = about["binning"]
        if "peak" in about:
            given.setdefault("reference", about["peak"])
        given |= angle_at(about, given)
        if missing(given) and {"spec", "scan"} <= about.keys() and "reference" in given:
            return cls.from_spec(about["spec"], about["scan"], **given)
        return cls(**complete(given)) if "geometry" in about else None

    def numbers(self) -> dict[str, Any]:
        """Every parameter as a plain number or text: ``Geometry(**g.numbers())`` is `g` again."""
        return {**{name: getattr(self, name) for name in KEYWORDS}, **self.angles}

    def reciprocal_basis(self) -> Basis:
        """Steps of q from voxel to voxel, (3, 3) in 1/nm, columns along (rocking, row, column).

        Raises
        ------
        ParameterError
            The voxel lies in the direct beam, where frames of a scan do not move.
        """
        # backwards along the detector, forwards along the scan: cohere's choice, half a voxel away
        here = self._sample_q(0, (2, 2), (1, 1))
        rocking = self._sample_q(1, (2, 2), (1, 1))[:, 0, 0] - here[:, 0, 0]
        steps = np.stack([rocking, here[:, 1, 0] - here[:, 0, 0], here[:, 0, 1] - here[:, 0, 0]], 1)
        # a rocking step of a thousandth of a pixel's is none: the three are in one plane
        lengths = np.linalg.norm(steps, axis=0)
        if not abs(np.linalg.det(steps)) > 1e-3 * lengths[1] * lengths[2] * lengths.max():
            raise ParameterError(
                "geometry: frames of this scan cut the same plane of reciprocal space: "
                "check the angles, and which motor was scanned"
            )
        basis: Basis = self._rotation() @ steps * np.asarray(self.binning)
        return basis

    def direct_basis(self, shape: tuple[int, int, int]) -> Basis:
        """Voxel edges of the object, (3, 3) in nm, for an array of `shape` voxels.

        Raises
        ------
        ParameterError
            `shape` is not three positive numbers.
        """
        return 2 * np.pi * np.linalg.inv(self.reciprocal_basis()).T / voxels(shape)

    def q(self, shape: tuple[int, int, int]) -> NDArray[np.float32]:
        """q = k_f − k_i of every voxel, (3, z, y, x) in 1/nm, for the crystal as it stands at the reference.

        The reference voxel is at ``n // 2`` of each axis. Exact, where `reciprocal_basis` is the tangent.
        """
        frames, rows, columns = voxels(shape)
        rotation = self._rotation()
        result = np.empty((3, frames, rows, columns), dtype=np.float32)
        for frame in range(frames):
            away = (frame - frames // 2) * self.binning[0]
            q = self._sample_q(away, (rows, columns), self.binning[1:])
            result[:, frame] = np.tensordot(rotation, q, axes=1)
        return result

    @property
    def wavelength(self) -> float:
        """In nm."""
        return KEV_NM / self.energy

    @property
    def d_spacing(self) -> float:
        """Lattice spacing in nm, 2π/|k_f − k_i|, with k_f along the detector arm.

        The arm is driven until the peak sits where the user wants it on the detector, and cohere
        reports this number. `momentum_transfer` is the reference voxel's own q, which trusts the
        nominal beam-zero pixel too; of a detector that stands still there is no other.
        """
        detector = [self.angles[name] for name in _diffractometer(self.diffractometer).detector]
        if not detector:
            return float(2 * np.pi / np.linalg.norm(self.momentum_transfer()))
        k_f = np.asarray(self._conversion(0).getDetectorPos(*detector, deg=True), dtype=float)
        transfer = k_f.ravel() / np.linalg.norm(k_f) - np.asarray(BEAM, dtype=float)
        length = np.linalg.norm(transfer)
        return float(self.wavelength / length) if length > 0 else math.inf

    def momentum_transfer(self) -> NDArray[np.float64]:
        """q = k_f − k_i of the reference voxel, (3,) in 1/nm, laboratory frame."""
        q: NDArray[np.float64] = self._rotation() @ self._sample_q(0, (1, 1), (1, 1))[:, 0, 0]
        return q

    # -- private ----------------------------------------------------------------------------------

    def _conversion(self, frames: float) -> QConversion:
        circles = _diffractometer(self.diffractometer)
        energy = self.energy + (frames * self.step if self.motor == ENERGY else 0)
        sample, detector = tuple(circles.sample.values()), tuple(circles.detector.values())
        # as long as the distance: a detector that is moved stands elsewhere at another
        beam = tuple(self.distance * along for along in BEAM)
        return QConversion(sample, detector, beam, en=1000.0 * energy)

    def _sample_q(
        self, frames: float, size: tuple[int, int], binning: tuple[int, ...]
    ) -> NDArray[np.float64]:
        """q in the sample frame in 1/nm, (3, rows, columns), `frames` after the reference frame.

        A window of `size` with the reference pixel at ``n // 2``, of pixels as large as `binning`.
        """
        circles = _diffractometer(self.diffractometer)
        rows, columns = size
        per_row, per_column = binning
        column, row = self._detector_pixel()
        conversion = self._conversion(frames)
        conversion.init_area(
            *self.directions,
            (self.beam_zero[0] - column) / per_column + columns // 2,
            (self.beam_zero[1] - row) / per_row + rows // 2,
            columns,
            rows,
            distance=self.distance,
            pwidth1=self.pixel[0] * per_column,
            pwidth2=self.pixel[1] * per_row,
        )
        scanned = {self.motor: self.angles.get(self.motor, 0.0) + frames * self.step}
        angles = {**self.angles, **scanned}
        ordered = (angles[name] for name in (*circles.sample, *circles.detector))
        q = np.array(conversion.area(*ordered, deg=True)).reshape(3, columns, rows)
        return 10.0 * q.swapaxes(1, 2)  # xrayutilities: 1/Å, columns first

    def _detector_pixel(self) -> tuple[int, int]:
        """(column, row) of the reference voxel on the detector, gap between the chips included."""
        _, row, column = self.reference
        starts = (self.roi[0], self.roi[2])
        known = DETECTORS.get(self.detector)
        # a region that starts behind the gap is shifted by it; one that spans it has it in its frames
        shift = [
            gap if known is not None and start >= known.seam_start else 0
            for start, gap in zip(starts, known.seam if known else (0, 0), strict=True)
        ]
        return int(column + starts[0] + shift[0]), int(row + starts[1] + shift[1])

    def _rotation(self) -> Basis:
        """From the sample's to the laboratory frame, (3, 3), at the reference."""
        sample = [self.angles[name] for name in _diffractometer(self.diffractometer).sample]
        conversion = self._conversion(0)
        return np.stack([conversion.transformSample2Lab(axis, *sample) for axis in np.eye(3)], 1)
