"""What can be looked at slice by slice: arrays with their name, unit, colours and axes; no Qt here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap
from numpy.typing import NDArray

from ...crystal.crystal import FAINT, Crystal, object_level
from ...data.measurement import Measurement
from ...data.result import Run
from ...fourier import diffraction
from ...physics.windows import object_window
from .colours import (
    ColourScale,
    amplitude_scale,
    displacement_scale,
    phase_scale,
    strain_scale,
    wrapped_phase_scale,
)
from .slices import AXES, PLANES, flatten_phase

Plane = tuple[int, int, int]
VOXELS = "voxels"
NANOMETRES = "nm"
# seen along an axis: z is the beam, y is up and stays vertical
LABORATORY = ((0, 1, 2), (1, 0, 2), (2, 1, 0))
COLOURS = 256
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
    scale : ColourScale
        Its name and unit, the colours and their ends.
    logarithmic : bool
        Of the colour scale.
    unknown : str
        What NaN stands for.
    """

    data: NDArray[np.floating]
    scale: ColourScale
    logarithmic: bool = False
    unknown: str = "unknown"

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
        return f"{name} {value:.4g}{unit}".replace("-", "−")


def object_volumes(run: Run) -> tuple[Volume, ...]:
    """Amplitude and phase of a run in the frame of the detector."""
    amplitude = relative_amplitude(run)
    phase = np.full(amplitude.shape, np.nan)
    if run.support.any():
        _, window = object_window(run.support.astype(np.float32))
        within = tuple(window)  # the rest is empty, and a full scan is large
        phase[within] = flatten_phase(run.object[within], run.support[within])
        phase[amplitude <= FAINT] = np.nan  # where hardly anything scatters, it is noise
    scale = wrapped_phase_scale(phase[_solid(amplitude) & run.support])
    return Volume(amplitude, amplitude_scale()), Volume(phase, scale, unknown=FAINT_THERE)


def relative_amplitude(run: Run) -> NDArray[np.float32]:
    """|object|, of its highest value in the support."""
    amplitude: NDArray[np.float32] = np.abs(run.object)
    inside = amplitude[run.support]
    highest = float(inside.max()) if inside.size else 0.0
    return amplitude / (highest or 1.0)


def crystal_volumes(crystal: Crystal) -> tuple[Volume, ...]:
    """Amplitude, phase, displacement and strain in the laboratory."""
    solid = _solid(crystal.amplitude)
    strain = strain_scale(crystal.strain[solid])
    power = 10.0 ** np.floor(np.log10(strain.high) + 1e-9)  # as its label has it
    return (
        Volume(crystal.amplitude, amplitude_scale()),
        Volume(crystal.phase, phase_scale(crystal.phase[solid]), unknown=FAINT_THERE),
        _scaled(crystal.displacement, displacement_scale(crystal.displacement[solid]), 1e3),
        _scaled(crystal.strain, strain, 1 / power),
    )


def diffraction_volumes(measurement: Measurement, run: Run | None) -> tuple[Volume, ...]:
    """Measured intensity, NaN where masked, and what a run would give."""
    measured = np.where(measurement.mask, np.nan, measurement.intensity)
    highest = float(np.nanmax(measured))
    lowest = min(0.5, 1e-3 * highest)  # as in the summary of a result
    unit = "counts; grey: masked" if measurement.mask.any() else "counts"
    volumes = [(f"measured intensity ({unit})", measured)]
    if run is not None:
        volumes.append(("calculated intensity (counts)", diffraction(run.object)))
    return tuple(
        Volume(data, ColourScale(label, colormaps["magma"], lowest, highest), True, "masked")
        for label, data in volumes
    )


def solid_window(amplitude: Volume) -> tuple[tuple[int, int, int], list[slice]]:
    """The voxel at the centre of mass, and a window about the object without the specks around it."""
    (z, y, x), window = object_window(np.where(_solid(amplitude.data), amplitude.data, 0))
    return (z, y, x), window


def colour_table(colours: Colormap) -> NDArray[np.uint8]:
    """The colours of a scale from low to high, (256, 4)."""
    return np.asarray(colours(np.linspace(0, 1, COLOURS), bytes=True), dtype=np.uint8)


def _solid(amplitude: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Where it is so high that the crystal is there; at its edge phases and strains run wild."""
    return amplitude >= object_level(amplitude) if amplitude.max() > FAINT else amplitude > FAINT


def _scaled(data: NDArray[np.floating], scale: ColourScale, factor: float) -> Volume:
    """In the unit of the label."""
    scale = replace(scale, low=factor * scale.low, high=factor * scale.high)
    return Volume(factor * data, scale, unknown=FAINT_THERE)
