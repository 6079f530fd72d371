"""The surfaces of a page: what plotly.js turns, and a still picture of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from numpy.typing import NDArray

from ..style.colours import ColourScale
from ..style.slices import new_figure
from ..surfaces.coloured import FACES, Surface
from .html import picture
from .plotly import EYE, plot

STILL_FACES = 4_000  # of a mesh that Matplotlib draws
Real = NDArray[np.float32]


def contents(objects: Mapping[str, Callable[[int], Surface | None]]) -> list[dict[str, Any]]:
    """What `isosurface.html` needs: a plot for plotly.js and a still picture of each object.

    Parameters
    ----------
    objects : mapping of str to callable
        Title → what makes its surface of at most so many faces; without a surface it is left out.

    Returns
    -------
    list of dict
        All in the same colours.
    """
    made = {title: (make(FACES), make(STILL_FACES)) for title, make in objects.items()}
    shown = {title: (fine, still) for title, (fine, still) in made.items() if fine and still}
    scales = common_scales([fine for fine, _ in shown.values()])
    return [
        {
            "title": title,
            "names": list(scales),
            "picture": picture(draw_still(still, scales)),
            "plot": plot(fine, scales),
        }
        for title, (fine, still) in shown.items()
    ]


def common_scales(surfaces: Sequence[Surface]) -> dict[str, ColourScale]:
    """The colours of each quantity, the same for all surfaces."""
    values: dict[str, list[Real]] = {}
    makers = {}
    for surface in surfaces:
        for colouring in surface.colourings:
            values.setdefault(colouring.name, []).append(colouring.inside)
            makers[colouring.name] = colouring.scale
    return {name: make(np.concatenate(values[name])) for name, make in makers.items()}


def draw_still(surface: Surface, scales: Mapping[str, ColourScale]) -> Figure:
    """Draw the surface in its first colouring, seen from where the page begins."""
    figure = new_figure(7.2, 5.2)
    ax: Any = figure.add_subplot(projection="3d", proj_type="ortho")
    colouring = surface.colourings[0]
    scale = scales[colouring.name]
    mesh = surface.mesh
    corners = mesh.points[mesh.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    size = np.linalg.norm(across, axis=1)
    facing = np.abs(across @ EYE) / np.where(size > 0, size, 1)
    # of a corner, not of all three: their mean is wrong where the phase wraps
    shades = scale.cmap(scale.norm(colouring.values[mesh.faces[:, 0]]))
    shades[:, :3] *= (0.55 + 0.45 * facing / np.linalg.norm(EYE))[:, None]
    ax.add_collection3d(
        Poly3DCollection(corners, facecolors=shades, edgecolors=shades, linewidths=0.3)
    )
    low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    ax.set_box_aspect(high - low)
    for name, label in zip("xyz", surface.axes, strict=True):
        getattr(ax, f"set_{name}label")(f"{label} ({surface.unit})")
    ax.tick_params(labelsize=8)
    elevation = np.degrees(np.arcsin(EYE[1] / np.linalg.norm(EYE)))
    azimuth = np.degrees(np.arctan2(EYE[0], EYE[2]))
    ax.view_init(elev=elevation, azim=azimuth, vertical_axis="y")
    scale.bar(figure, ax=ax, shrink=0.7, pad=0.1).set_label(scale.label)
    return figure
