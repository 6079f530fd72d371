"""What can be looked at slice by slice: arrays with their name, unit, colours and axes; no Qt here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from ..crystal import Crystal
from ..fourier import diffraction
from ..measurement import Measurement
from ..result import Run
from .slices import AXES, FAINT, PLANES, flatten_phase, object_window, phase_limit, phase_map

Plane = tuple[int, int, int]
VOXELS = "voxels"
NANOMETRES = "nm"
# seen along an axis: z is the beam, y is up and stays vertical
LABORATORY = ((0, 1, 2), (1, 0, 2), (2, 1, 0))
COLOURS = 256
USUAL = 0.98  # share of the voxels that the colour scale of a displacement or a strain must cover
SOLID = 0.25  # of the highest amplitude: specks far away are no reason to see an object small
FAINT_THERE = "none, the amplitude is too low"


@dataclass(frozen=True)
class Frame:
    """Axes of an array; positions are from voxel ``n // 2``.

    Attributes
    ----------
    axes : three names
        In the order of the array.
    unit : str
    step : float
        Of the axes from voxel to voxel, in `unit`.
    planes : three of (normal, vertical, horizontal)
        What to show of it.
    upward : bool
        Whether vertical axes point up; those of a detector's rows point down.
    """

    shape: tuple[int, int, int]
    axes: tuple[str, str, str]
    unit: str
    step: float
    planes: tuple[Plane, ...]
    upward: bool

    @classmethod
    def detector(cls, shape: tuple[int, ...]) -> Frame:
        """The array as it was measured."""
        z, y, x = shape
        rocking, row, column = AXES
        return cls((z, y, x), (rocking, row, column), VOXELS, 1.0, PLANES, False)

    @classmethod
    def laboratory(cls, crystal: Crystal) -> Frame:
        """nm along x, y and z of the laboratory."""
        z, y, x = crystal.amplitude.shape
        return cls((z, y, x), ("z", "y", "x"), NANOMETRES, crystal.voxel, LABORATORY, True)

    @property
    def whole(self) -> list[slice]:
        """The window that leaves nothing out."""
        return [slice(0, n) for n in self.shape]

    def position(self, axis: int, index: float) -> float:
        """Where voxel `index` of an axis is."""
        return (index - self.shape[axis] // 2) * self.step

    def index(self, axis: int, position: float) -> int:
        """The voxel that is nearest to a position."""
        nearest = round(position / self.step) + self.shape[axis] // 2
        return min(max(nearest, 0), self.shape[axis] - 1)

    def label(self, axis: int) -> str:
        """Name and unit."""
        return f"{self.axes[axis]} ({self.unit})"

    def place(self, axis: int, index: int) -> str:
        """Say where voxel `index` of an axis is."""
        if self.unit == VOXELS:
            text = f"{self.axes[axis]} = {self.position(axis, index):.0f}"
        else:
            text = f"{self.axes[axis]} = {self.position(axis, index):.1f} {self.unit}"
        return text.replace("-", "−")


@dataclass(frozen=True, eq=False)
class Volume:
    """A real quantity on a grid.

    Attributes
    ----------
    data : real (z, y, x)
        NaN where it is not known.
    colours : str
        ``"viridis"``, ``"magma"``, ``"phase"`` (cyclic) or ``"signed"`` (white at 0).
    low, high : float
        Ends of the colour scale.
    logarithmic : bool
        Of the colour scale.
    unknown : str
        What NaN stands for.
    """

    name: str
    unit: str
    data: NDArray[np.floating]
    colours: str
    low: float
    high: float
    logarithmic: bool = False
    unknown: str = "unknown"

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})"

    def value(self, index: tuple[int, ...]) -> str:
        """What it is at a voxel, in words."""
        value = float(self.data[index])
        if np.isnan(value):
            return f"{self.name}: {self.unknown}"
        unit = self.unit.partition(";")[0]
        unit = "" if unit.startswith("of") else f" × {unit}" if unit[0] == "1" else f" {unit}"
        return f"{self.name} {value:.4g}{unit}".replace("-", "−")


def object_volumes(run: Run) -> tuple[Volume, ...]:
    """Amplitude and phase of a run in the frame of the detector."""
    amplitude = relative_amplitude(run)
    phase = np.full(amplitude.shape, np.nan)
    if run.support.any():
        _, window = object_window(run.support.astype(np.float32))
        within = tuple(window)  # the rest is empty, and a full scan is large
        phase[within] = flatten_phase(run.object[within], run.support[within])
        phase[amplitude <= FAINT] = np.nan  # where hardly anything scatters, it is noise
    return (_amplitude(amplitude), _phase(phase))


def relative_amplitude(run: Run) -> NDArray[np.float32]:
    """|object|, of its highest value in the support."""
    amplitude: NDArray[np.float32] = np.abs(run.object)
    inside = amplitude[run.support]
    highest = float(inside.max()) if inside.size else 0.0
    return amplitude / (highest or 1.0)


def crystal_volumes(crystal: Crystal) -> tuple[Volume, ...]:
    """Amplitude, phase, displacement and strain in the laboratory."""
    along = "along Q"  # what displacement and strain are components of
    return (
        _amplitude(crystal.amplitude),
        _phase(crystal.phase),
        _signed(f"displacement {along}", "pm", 1e3 * crystal.displacement),
        _signed(f"strain {along}", "10⁻⁴", 1e4 * crystal.strain),
    )


def diffraction_volumes(measurement: Measurement, run: Run | None) -> tuple[Volume, ...]:
    """Measured intensity, NaN where masked, and what a run would give."""
    measured = np.where(measurement.mask, np.nan, measurement.intensity)
    highest = float(np.nanmax(measured))
    lowest = min(0.5, 1e-3 * highest)  # as in the summary of a result
    unit = "counts; grey: masked" if measurement.mask.any() else "counts"
    volumes = [("measured intensity", unit, measured)]
    if run is not None:
        volumes.append(("calculated intensity", "counts", diffraction(run.object)))
    return tuple(
        Volume(name, unit, data, "magma", lowest, highest, logarithmic=True, unknown="masked")
        for name, unit, data in volumes
    )


def solid_window(amplitude: Volume) -> tuple[tuple[int, int, int], list[slice]]:
    """The voxel at the centre of mass, and a window about the object without the specks around it."""
    data = amplitude.data
    (z, y, x), window = object_window(np.where(data > SOLID * amplitude.high, data, 0))
    return (z, y, x), window


def colour_table(colours: str) -> NDArray[np.uint8]:
    """The colours of a scale from low to high, (256, 4)."""
    table = {"phase": phase_map(), "signed": colormaps["RdBu_r"]}.get(colours)
    table = table or colormaps[colours]
    return np.asarray(table(np.linspace(0, 1, COLOURS), bytes=True), dtype=np.uint8)


def _amplitude(amplitude: NDArray[np.float32]) -> Volume:
    return Volume("amplitude", "of its maximum", amplitude, "viridis", 0.0, 1.0)


def _phase(phase: NDArray[np.floating]) -> Volume:
    limit = phase_limit(phase)
    if _usual(phase) <= np.pi:
        return Volume("phase", "rad", phase, "phase", -limit, limit, unknown=FAINT_THERE)
    # unwrapped, and beyond one turn: a cyclic scale would lie
    return _signed("phase", "rad", phase)


def _signed(name: str, unit: str, data: NDArray[np.floating]) -> Volume:
    limit = _usual(data) or 1.0
    digit = 10.0 ** (np.floor(np.log10(limit)) - 1)  # the second one: ends of a scale are read
    limit = float(np.ceil(limit / digit) * digit)
    return Volume(name, unit, data, "signed", -limit, limit, unknown=FAINT_THERE)


def _usual(data: NDArray[np.floating]) -> float:
    """What nearly all absolute values stay below."""
    known = np.abs(data[np.isfinite(data)])
    return float(np.quantile(known, USUAL)) if known.size else 0.0
