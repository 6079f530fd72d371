"""Slices of an object and of its diffraction in the frame of the detector."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...data.result import Result
from ..style.sheet import Sheet
from ..style.slices import PLANES, outline, show
from ..style.volumes import (
    Volume,
    diffraction_volumes,
    geometry_of,
    object_volumes,
    q_steps,
    solid_window,
)

SHORT = 22  # letters in a line beside a picture


def draw_object(
    part: Any, result: Result, level: float | None = None, sheet: Sheet | None = None
) -> None:
    """Draw three slices of amplitude and phase into a figure or a part of one.

    Parameters
    ----------
    level : float, optional
        Of the surface, of the highest amplitude; default see `object_level`.
    sheet : Sheet, optional
        On a narrow one planes stand below each other.
    """
    amplitude, phase = object_volumes(result.run, level)
    centre, window = solid_window(amplitude)
    _grid(part, (amplitude, phase), centre, window, None, sheet)
    held = np.where(result.support, amplitude.data, 0)
    for number, ax in enumerate(a for a in part.get_axes() if a.images):
        plane = PLANES[number // 2 if sheet is not None and sheet.narrow else number % 3]
        index: list[Any] = list(window)
        index[plane[0]] = centre[plane[0]]
        outline(ax, held[tuple(index)], amplitude.level, ax.images[0].get_extent(), False)
    if sheet is None or not sheet.narrow:
        part.suptitle("Object, through its centre of mass")


def draw_diffraction(part: Any, result: Result, sheet: Sheet | None = None) -> None:
    """Draw three slices of measured and calculated intensity into a figure or a part of one.

    Axes are δQ about the peak along the axes of the array, where the geometry is known, else voxels.
    """
    volumes = diffraction_volumes(result.measurement, result.run)
    shape = result.measurement.shape
    z, y, x = (n // 2 for n in shape)
    window = [slice(0, n) for n in shape]
    _grid(part, volumes, (z, y, x), window, q_steps(geometry_of(result.measurement)), sheet)
    if sheet is None or not sheet.narrow:
        part.suptitle("Diffraction, through the peak")


def _grid(
    part: Any,
    volumes: Sequence[Volume],
    centre: tuple[int, int, int],
    window: list[slice],
    steps: Sequence[float] | None,
    sheet: Sheet | None,
) -> None:
    """A row for each quantity with a bar beside it; on a narrow sheet a column with a bar below it."""
    narrow = sheet is not None and sheet.narrow
    grid = part.subplots(*((3, len(volumes)) if narrow else (len(volumes), 3)), squeeze=False)
    for number, volume in enumerate(volumes):
        axes = grid[:, number] if narrow else grid[number]
        for ax, plane in zip(axes, PLANES, strict=True):
            style = {"cmap": volume.scale.cmap, "norm": volume.scale.norm}
            show(ax, volume.data, plane, centre, window, steps, **style)
            if narrow:
                ax.locator_params(nbins=3)
            if narrow and number:
                ax.set_ylabel("")
        if narrow:
            place = {"orientation": "horizontal", "shrink": 0.9, "aspect": 16, "pad": 0.02}
        else:
            place = {"shrink": 0.82, "aspect": 22, "pad": 0.02}
        bar = volume.scale.bar(part, ax=axes, **place)
        bar.set_label(textwrap.fill(volume.label, SHORT))
