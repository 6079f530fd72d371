"""What can be looked at slice by slice: arrays with their name, unit, colours and axes; no Qt here."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from matplotlib.colors import Colormap
from numpy.typing import NDArray

from ...crystal.crystal import FAINT, Crystal, object_level
from ...data.measurement import Measurement
from ...data.quantities import MINUS
from ...data.result import Run
from ...errors import CdiMlError
from ...fourier import diffraction
from ...geometry.geometry import Geometry
from ...physics.windows import object_window
from .colours import ColourScale, amplitude_scale, counts_scale, wrapped_phase_scale
from .quantities import quantities_of
from .slices import AXES, PLANES, flatten_phase

Plane = tuple[int, int, int]
VOXELS = "voxels"
NANOMETRES = "nm"
RECIPROCAL = "1/nm"
# seen along an axis: z is the beam, y is up and stays vertical
LABORATORY = ((0, 1, 2), (1, 0, 2), (2, 1, 0))
COLOURS = 256
FAINT_THERE = "none, outside the crystal's surface"


@dataclass(frozen=True)
class Frame:
    """Axes of an array; positions are from voxel ``n // 2``.

    Attributes
    ----------
    axes : three names
        In the order of the array.
    unit : str
    steps : three floats
        Of the axes from voxel to voxel, in `unit`.
    planes : three of (normal, vertical, horizontal)
        What to show of it.
    upward : bool
        Whether vertical axes point up; those of a detector's rows point down.
    """

    shape: tuple[int, int, int]
    axes: tuple[str, str, str]
    unit: str
    steps: tuple[float, float, float]
    planes: tuple[Plane, ...]
    upward: bool

    @classmethod
    def detector(cls, shape: tuple[int, ...], geometry: Geometry | None = None) -> Frame:
        """The array as it was measured; with a geometry, of a pattern, its axes are δQ about the peak."""
        z, y, x = shape
        rocking, row, column = AXES
        steps = q_steps(geometry)
        if steps is None:
            return cls((z, y, x), (rocking, row, column), VOXELS, (1.0, 1.0, 1.0), PLANES, False)
        names = (f"δQ {rocking}", f"δQ {row}", f"δQ {column}")
        return cls((z, y, x), names, RECIPROCAL, steps, PLANES, False)

    @classmethod
    def laboratory(cls, crystal: Crystal) -> Frame:
        """nm along x, y and z of the laboratory."""
        z, y, x = crystal.amplitude.shape
        steps = (crystal.voxel,) * 3
        return cls((z, y, x), ("z", "y", "x"), NANOMETRES, steps, LABORATORY, True)

    @property
    def whole(self) -> list[slice]:
        """The window that leaves nothing out."""
        return [slice(0, n) for n in self.shape]

    def position(self, axis: int, index: float) -> float:
        """Where voxel `index` of an axis is."""
        return (index - self.shape[axis] // 2) * self.steps[axis]

    def index(self, axis: int, position: float) -> int:
        """The voxel that is nearest to a position."""
        nearest = round(position / self.steps[axis]) + self.shape[axis] // 2
        return min(max(nearest, 0), self.shape[axis] - 1)

    def label(self, axis: int) -> str:
        """Name and unit."""
        return f"{self.axes[axis]} ({self.unit})"

    def place(self, axis: int, index: int) -> str:
        """Say where voxel `index` of an axis is."""
        digits = {VOXELS: 0, NANOMETRES: 1, RECIPROCAL: 4}[self.unit]
        text = f"{self.axes[axis]} = {self.position(axis, index):.{digits}f}"
        return (text if self.unit == VOXELS else f"{text} {self.unit}").replace("-", MINUS)


@dataclass(frozen=True, eq=False)
class Volume:
    """A real quantity on a grid.

    Attributes
    ----------
    data : real (z, y, x)
        NaN where it is not known.
    scale : ColourScale
        Its name and unit, the colours and their ends.
    unknown : str
        What NaN stands for.
    level : float
        Of an amplitude, where the surface is.
    """

    data: NDArray[np.floating]
    scale: ColourScale
    unknown: str = "unknown"
    level: float = math.nan

    @property
    def label(self) -> str:
        """Name and unit."""
        return self.scale.label

    @property
    def unit(self) -> str:
        """Unit."""
        return self.label.partition(" (")[2].rstrip(")").partition(";")[0]

    def value(self, index: tuple[int, ...]) -> str:
        """What it is at a voxel, in words."""
        value, name, unit = float(self.data[index]), self.label.partition(" (")[0], self.unit
        if np.isnan(value):
            return f"{name}: {self.unknown}"
        unit = "" if unit.startswith("of") else f" × {unit}" if unit[0] == "1" else f" {unit}"
        return f"{name} {value:.4g}{unit}".replace("-", MINUS)


def object_volumes(run: Run, level: float | None = None) -> tuple[Volume, ...]:
    """Amplitude and phase of a run in the frame of the detector, the phase within the surface alone.

    `level` is that of the surface, of the highest amplitude; default see `object_level`.
    """
    amplitude = relative_amplitude(run)
    held = np.where(run.support, amplitude, np.float32(0))
    if level is None:
        level = object_level(held) if held.max() > FAINT else FAINT
    solid = held >= level
    phase = np.full(amplitude.shape, np.nan, dtype=np.float32)
    if solid.any():
        _, window = object_window(run.support.astype(np.float32))
        within = tuple(window)  # the rest is empty, and a full scan is large
        phase[within] = flatten_phase(run.object[within], run.support[within])
        phase[~solid] = np.nan
    return (
        Volume(amplitude, amplitude_scale(held[solid]), level=level),
        Volume(phase, wrapped_phase_scale(phase[solid]), FAINT_THERE),
    )


def relative_amplitude(run: Run) -> NDArray[np.float32]:
    """|object|, of its highest value in the support."""
    amplitude: NDArray[np.float32] = np.abs(run.object)
    inside = amplitude[run.support]
    highest = float(inside.max()) if inside.size else 0.0
    return amplitude / (highest or 1.0)


def crystal_volumes(crystal: Crystal) -> tuple[Volume, ...]:
    """Amplitude, phase, displacement and strain in the laboratory, as `quantities_of` has them."""
    amplitude, *others = quantities_of(crystal).values()
    return (
        Volume(amplitude.data, amplitude.scale, level=crystal.level),
        *(_in_its_unit(drawn.data, drawn.scale) for drawn in others),
    )


@lru_cache(maxsize=1)
def calculated_intensity(run: Run) -> NDArray[np.float32]:
    """Intensity that the object of a run gives; that of the last one asked for is kept, for several pictures."""
    return diffraction(run.object)


def diffraction_volumes(measurement: Measurement, run: Run | None) -> tuple[Volume, ...]:
    """Measured intensity, NaN where masked, and what a run would give; in the same colours."""
    measured = np.where(measurement.mask, np.nan, measurement.intensity)
    unit = "counts; grey: masked" if measurement.mask.any() else "counts"
    scale = counts_scale(measured, f"measured intensity ({unit})")
    volumes = [Volume(measured, scale, "masked")]
    if run is not None:
        label = "calculated intensity (counts)"
        volumes.append(Volume(calculated_intensity(run), replace(scale, label=label), "masked"))
    return tuple(volumes)


def solid_window(amplitude: Volume) -> tuple[tuple[int, int, int], list[slice]]:
    """The voxel at the centre of mass, and a window about the object without the specks around it."""
    solid = amplitude.data >= amplitude.level
    (z, y, x), window = object_window(np.where(solid, amplitude.data, 0))
    return (z, y, x), window


def geometry_of(measurement: Measurement) -> Geometry | None:
    """The geometry that data name; None where there is none, or it cannot be read."""
    try:
        return measurement.geometry
    except CdiMlError:  # the notes of the result say why
        return None


def q_steps(geometry: Geometry | None) -> tuple[float, float, float] | None:
    """δQ in 1/nm from voxel to voxel along each axis of a pattern; None without a geometry that can be used."""
    if geometry is None:
        return None
    try:
        z, y, x = np.linalg.norm(geometry.reciprocal_basis(), axis=0).tolist()
    except CdiMlError:  # it may not span all three directions; whoever needs them says so
        return None
    return z, y, x


def colour_table(colours: Colormap) -> NDArray[np.uint8]:
    """The colours of a scale from low to high, (256, 4)."""
    return np.asarray(colours(np.linspace(0, 1, COLOURS), bytes=True), dtype=np.uint8)


def _in_its_unit(data: NDArray[np.floating], scale: ColourScale) -> Volume:
    """In the unit of the label."""
    factor = scale.factor
    ticks = scale.ticks and {factor * value: text for value, text in scale.ticks.items()}
    low, high = factor * scale.low, factor * scale.high
    scale = replace(scale, low=low, high=high, ticks=ticks, factor=1.0)
    return Volume(data if factor == 1 else factor * data, scale, FAINT_THERE)
