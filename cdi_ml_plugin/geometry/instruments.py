"""Diffractometers and detectors as data: adding one is adding a row.

Laboratory frame: z along the beam, y up, x completes a right-handed frame (CXI's). Axes are in
xrayutilities' notation: ``"y+"`` turns right-handed about y. Circles are listed from the outermost on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import ParameterError

Directions = tuple[str, str]
Region = tuple[slice, slice]  # rows, columns of a detector
ENERGY = "energy"  # as a scanned motor
ENERGY_NAMES = ("energy", "en")  # as SPEC calls it


@dataclass(frozen=True)
class Diffractometer:
    """Circles of a diffractometer, by the names that `Geometry` takes for their angles.

    Attributes
    ----------
    sample, detector : mapping of str to str
        Circle → axis. A circle in both carries sample and detector.
    directions : (str, str)
        Along which way column and row numbers grow at zero detector angles.
    default_detector : str
    names : mapping of str to tuple of str
        Circle → what SPEC calls it (motor name, mnemonics), where that differs from the circle's name.
    """

    sample: Mapping[str, str]
    detector: Mapping[str, str]
    directions: Directions
    default_detector: str
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def circles(self) -> tuple[str, ...]:
        """Every circle once, sample first."""
        return tuple(dict.fromkeys([*self.sample, *self.detector]))

    def circle(self, motor: str) -> str | None:
        """The circle that SPEC calls `motor`, whatever the case."""
        wanted = motor.lower()
        for name in self.circles:
            if wanted in (name, *(other.lower() for other in self.names.get(name, ()))):
                return name
        return None


@dataclass(frozen=True)
class Detector:
    """Pixels of an area detector.

    Attributes
    ----------
    size : (columns, rows)
    pixel : float
        Edge of a pixel in metres.
    beam_zero : (column, row) or None
        Pixel hit by the direct beam at zero angles, seam included; None: the middle.
    seam : (columns, rows)
        Pixels missing between the chips, at pixel `seam_start`.
    dead : (rows, columns) or None
        Pixels of the whole detector that never count right.
    gaps : tuple of (rows, columns)
        Pixels between the chips, in frames that hold them already, and those at the edges, which are wider.
    """

    size: tuple[int, int]
    pixel: float
    beam_zero: tuple[float, float] | None = None
    seam: tuple[int, int] = (0, 0)
    seam_start: int = 0
    dead: Region | None = None
    gaps: tuple[Region, ...] = ()


# Circles of 34-ID-C, ID01 and P10 are those of cohere_beamlines 4.5.6 and bcdi 0.2.3, of SIXS those of bcdi.
# Detectors are mounted as in bcdi and cdiutils 0.2.1; cohere_beamlines has "x-" at ID01 and "x+" at P10.
# Seam and dead pixels of 34-ID-C are those of cohere_beamlines.
DIFFRACTOMETERS: dict[str, Diffractometer] = {
    "34idc": Diffractometer(
        sample={"theta": "y+", "chi": "z-", "phi": "y+"},
        detector={"delta": "y+", "gamma": "x-"},
        directions=("x+", "y-"),
        default_detector="34idcTIM2",
        names={"theta": ("th",), "delta": ("del",), "gamma": ("gam",)},
    ),
    "id01": Diffractometer(
        sample={"mu": "y-", "eta": "x-", "phi": "y-"},
        detector={"nu": "y-", "delta": "x-"},
        directions=("x+", "y-"),
        default_detector="maxipix",
        names={"delta": ("del",)},
    ),
    "p10": Diffractometer(
        sample={"mu": "y+", "om": "x-", "chi": "z+", "phi": "y-"},
        detector={"gamma": "y+", "delta": "x-"},
        directions=("x-", "y-"),
        default_detector="eiger4m",
        names={"om": ("omega", "samth"), "gamma": ("gam",), "delta": ("del",)},
    ),
    "sixs": Diffractometer(
        sample={"beta": "x-", "mu": "y+"},
        detector={"beta": "x-", "gamma": "y+", "delta": "x-"},
        directions=("x+", "y-"),
        default_detector="merlin",
        names={"gamma": ("gam",), "delta": ("del",)},
    ),
    # You, J. Appl. Cryst. 32, 614 (1999), with his x (up), y (beam), z as our y, z, x
    "sixcircle": Diffractometer(
        sample={"mu": "y+", "eta": "x-", "chi": "z+", "phi": "x-"},
        detector={"nu": "y+", "delta": "x-"},
        directions=("x+", "y-"),
        default_detector="eiger2m",
        names={"delta": ("del",)},
    ),
}
# The cross of a Maxipix is that of bcdi and cdiutils.
_EVERY, _CROSS = slice(None), slice(255, 261)
_MAXIPIX = Detector((516, 516), 55e-6, gaps=((_CROSS, _EVERY), (_EVERY, _CROSS)))
DETECTORS: dict[str, Detector] = {
    "34idcTIM1": Detector((256, 256), 55e-6),
    "34idcTIM2": Detector(
        (512, 512),
        55e-6,
        (260.0, 261.0),
        seam=(4, 5),
        seam_start=256,
        dead=(slice(0, 255), slice(255, 257)),
    ),
    "maxipix": _MAXIPIX,
    "mpxgaas": _MAXIPIX,
    "mpx1x4": _MAXIPIX,
    "merlin": Detector((515, 515), 55e-6),
    "eiger2m": Detector((1030, 2164), 75e-6),
    "eiger4m": Detector((2070, 2167), 75e-6),
    "e4m": Detector((2070, 2167), 75e-6),
}


def off_detector(roi: Sequence[float], detector: Detector | None) -> str:
    """Why a region cannot be read out, in words; empty where it can.

    Parameters
    ----------
    roi : (first column, columns, first row, rows)
    detector : Detector or None
        None where it is not known: any size is taken then.
    """
    for first, count, axis in ((roi[0], roi[1], 0), (roi[2], roi[3], 1)):
        what = ("columns", "rows")[axis]
        if first < 0 or count < 1:
            return f"begins at {first} and has {count} {what}"
        if detector is not None and first + count > detector.size[axis]:
            return f"has {what} {first} to {first + count}, and the detector only {detector.size[axis]}"
    return ""


def diffractometer(name: str) -> Diffractometer:
    """Look a diffractometer up.

    Raises
    ------
    ParameterError
        An unknown name; the message lists the known ones.
    """
    if not isinstance(name, str) or name not in DIFFRACTOMETERS:
        raise ParameterError(
            f"geometry: diffractometer {name!r} is unknown: use one of {', '.join(DIFFRACTOMETERS)}"
        )
    return DIFFRACTOMETERS[name]
