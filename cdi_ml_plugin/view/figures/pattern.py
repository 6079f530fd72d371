"""One picture of a measured pattern."""

from __future__ import annotations

from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from ...data.measurement import Measurement
from ..style.colours import MASKED
from ..style.slices import PLANES, new_figure, show
from ..style.volumes import Frame, diffraction_volumes


def draw_pattern(measurement: Measurement) -> Figure:
    """Draw three slices through the middle of a measured pattern."""
    (volume,) = diffraction_volumes(measurement, None)
    figure = new_figure(14, 4.6)
    axes = figure.subplots(1, 3)
    colours = volume.scale.cmap.with_extremes(bad=MASKED)
    norm = LogNorm(vmin=volume.scale.low, vmax=volume.scale.high, clip=True)
    centre = tuple(n // 2 for n in measurement.shape)
    window = Frame.detector(measurement.shape).whole
    for ax, plane in zip(axes, PLANES, strict=True):
        image = show(ax, volume.data, plane, centre, window, cmap=colours, norm=norm)
    figure.colorbar(image, ax=axes, label=volume.label, shrink=0.9, pad=0.01)
    z, y, x = measurement.shape
    figure.suptitle(f"{z} × {y} × {x} voxels, {measurement.intensity.sum():.3g} counts")
    return figure
