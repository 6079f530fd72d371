"""One picture of a measured pattern."""

from __future__ import annotations

from matplotlib.figure import Figure

from ...data.measurement import Measurement
from ..style.slices import PLANES, new_figure, show
from ..style.volumes import Frame, diffraction_volumes, geometry_of, q_steps


def draw_pattern(measurement: Measurement) -> Figure:
    """Draw three slices through the middle of a measured pattern; axes are δQ where the geometry is known."""
    (volume,) = diffraction_volumes(measurement, None)
    steps = q_steps(geometry_of(measurement))
    figure = new_figure(14, 4.6)
    axes = figure.subplots(1, 3)
    centre = tuple(n // 2 for n in measurement.shape)
    window = Frame.detector(measurement.shape).whole
    style = {"cmap": volume.scale.cmap, "norm": volume.scale.norm}
    for ax, plane in zip(axes, PLANES, strict=True):
        show(ax, volume.data, plane, centre, window, steps, **style)
    volume.scale.bar(figure, ax=axes, shrink=0.9, pad=0.01).set_label(volume.label)
    z, y, x = measurement.shape
    figure.suptitle(f"{z} × {y} × {x} voxels, {measurement.intensity.sum():.3g} counts")
    return figure
