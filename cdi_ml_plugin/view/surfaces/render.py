"""Surfaces in three dimensions: VTK draws them off-screen, Matplotlib what is written around them.

The projection is parallel, so that lengths can be read off, and a place in the scene is a place in
the picture by one matrix: box, ticks, arrows and colour bar are Matplotlib's, in any format that it
writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ...errors import DisplayError
from ..style.colours import ColourScale
from ..style.slices import new_figure
from .axes_box import Real, draw_box, draw_compass
from .camera import Camera
from .mesh import Mesh
from .opengl import quiet, require

FINER = 2  # pixels drawn for each one of the picture, along either side
PANEL = (3.5, 3.6)  # inches that a box may fill
NARROWEST = (2.6, 1.6)  # inches for a box that is thin, so that compass and title find room
AROUND = (0.95, 0.3, 0.45, 0.7)  # inches left of, right of, below, above a box
BAR = 1.3  # inches for the colour bar
# matt and bright, so that shading shows the shape and leaves the colours what they are
MATERIAL = {"ambient": 0.55, "diffuse": 0.5, "specular": 0.06, "specular_power": 12}
MARGIN = 0.03  # of its longest side, that a box is larger than what is in it


@dataclass(frozen=True, eq=False)
class Panel:
    """One surface as seen by one camera.

    Attributes
    ----------
    title : str
    mesh : Mesh
    values : float32 (n,)
        What colours its corners.
    camera : Camera
    """

    title: str
    mesh: Mesh
    values: NDArray[np.float32]
    camera: Camera


@dataclass(frozen=True, eq=False)
class Scene:
    """What panels share.

    Attributes
    ----------
    axes : three str
        What is written along x, y and z.
    arrows : mapping of str to (colour, vector (3,))
        Directions to show as arrows, by their label, beside the axes of the laboratory. Without any,
        there are no arrows: x, y and z are not the laboratory's.
    """

    axes: Sequence[str]
    arrows: Mapping[str, tuple[str, Sequence[float]]] = field(default_factory=dict)


def draw_surfaces(
    panels: Sequence[Panel], scene: Scene, scale: ColourScale, size: int = 1600
) -> Figure:
    """Draw surfaces beside each other, in boxes of the same size, with one colour bar.

    Parameters
    ----------
    panels : one or more
    scene : Scene
    scale : ColourScale
    size : int
        Pixels along the picture's horizontal side.

    Returns
    -------
    matplotlib.figure.Figure
        Its own resolution is the one that `size` asks for.

    Raises
    ------
    DisplayError
        There is no OpenGL, or it did not draw.
    """
    require()
    box = _bounds(panels)
    corners = np.array(list(product(*box.T)))
    views = [panel.camera.project(corners) for panel in panels]
    sides = np.max([np.ptp(view, axis=0) for view in views], axis=0)
    inches = float(min(np.array(PANEL) / sides))  # per unit of the scene
    left, right, below, above = AROUND
    inner = np.maximum(inches * sides, NARROWEST)
    width, height = float(inner[0]) + left + right, float(inner[1]) + below + above
    total = len(panels) * width + BAR
    figure = new_figure(total, height)
    figure.set_layout_engine("none")
    figure.set_dpi(size / total)
    for number, (panel, view) in enumerate(zip(panels, views, strict=True)):
        ax = figure.add_axes((number * width / total, 0, width / total, 1))
        # the box is in the middle of the space that the largest box gets
        middle = (view.min(axis=0) + view.max(axis=0)) / 2
        start = middle - (inner / 2 + (left, below)) / inches
        stop = start + np.array([width, height]) / inches
        ax.set(xlim=(start[0], stop[0]), ylim=(start[1], stop[1]), autoscale_on=False)
        ax.set_axis_off()
        point = 1 / (72 * inches)  # 1/72 inch, in which letters are measured
        draw_box(ax, panel.camera, box, scene.axes, point)
        low, high = middle - sides / 2, middle + sides / 2
        ax.imshow(
            _picture(panel, box.mean(axis=0), sides, inches * figure.dpi, scale),
            extent=(low[0], high[0], low[1], high[1]),
            aspect="auto",
            zorder=2,
            interpolation="antialiased",
        )
        if scene.arrows:
            draw_compass(ax, panel.camera, scene.arrows, point)
        title: dict[str, Any] = {
            "ha": "right",
            "va": "top",
            "fontsize": 12,
            "transform": ax.transAxes,
        }
        ax.text(1 - right / width, 1 - 0.12 / height, panel.title, **title)
    tall = min(0.7 * height, 3.2)
    place = (1 - (BAR - 0.1) / total, 0.5 - tall / height / 2, 0.17 / total, tall / height)
    _colour_bar(figure, figure.add_axes(place), scale)
    return figure


def _bounds(panels: Sequence[Panel]) -> Real:
    """Lowest and highest corner (2, 3) of a box around all surfaces, with a margin."""
    points = [np.asarray(panel.mesh.points, dtype=np.float64) for panel in panels]
    low = np.min([part.min(axis=0) for part in points], axis=0)
    high = np.max([part.max(axis=0) for part in points], axis=0)
    margin = MARGIN * float((high - low).max())
    return np.stack([low - margin, high + margin])


def _picture(
    panel: Panel, centre: ArrayLike, sides: Real, resolution: float, scale: ColourScale
) -> NDArray[np.uint8]:
    """The surface alone on a transparent ground: (rows, columns, 4).

    Parameters
    ----------
    centre : (3,)
        The place in the scene that is in the middle of the picture.
    sides : (2,)
        Width and height in the unit of the scene.
    resolution : float
        Pixels of the figure per unit.
    """
    import pyvista  # takes long, and only pictures need it

    window = [max(8, round(FINER * resolution * float(side))) for side in sides]
    camera = panel.camera
    with quiet():
        plotter: Any = pyvista.Plotter(off_screen=True, window_size=window, lighting="none")
        try:
            given: Any = panel.mesh  # pyvista's types know no single precision
            # copies: VTK 9.4 does not keep alive the arrays that it is shown
            mesh = pyvista.PolyData.from_regular_faces(given.points, given.faces, deep=True)
            mesh = mesh.compute_normals(
                cell_normals=False, consistent_normals=False, split_vertices=False
            )
            plotter.add_mesh(
                mesh,
                scalars=panel.values,
                cmap=scale.cmap,
                clim=(scale.low, scale.high),
                show_scalar_bar=False,
                smooth_shading=True,
                **MATERIAL,
            )
            plotter.add_light(
                pyvista.Light(
                    position=tuple(camera.towards + 0.35 * camera.up - 0.25 * camera.right),
                    focal_point=(0, 0, 0),
                    light_type="scene light",
                    color="white",
                )
            )
            middle = np.asarray(centre, dtype=float)
            far = float(np.linalg.norm(sides))
            plotter.camera_position = [middle + 4 * far * camera.towards, middle, camera.up]
            plotter.enable_parallel_projection()
            plotter.camera.parallel_scale = float(sides[1]) / 2
            plotter.camera.clipping_range = (0.1 * far, 10 * far)
            image: NDArray[np.uint8] = plotter.screenshot(
                transparent_background=True, return_img=True
            )
        except RuntimeError as error:
            raise DisplayError(f"VTK did not draw: {error}") from error
        finally:
            plotter.close()
    return image


def _colour_bar(figure: Figure, ax: Any, scale: ColourScale) -> None:
    mappable = ScalarMappable(Normalize(scale.low, scale.high), scale.cmap)
    bar = figure.colorbar(mappable, cax=ax)
    bar.set_label(scale.label, fontsize=11)
    bar.outline.set_linewidth(0.6)
    ax.tick_params(labelsize=10, width=0.6, length=3)
    if scale.ticks is not None:
        bar.set_ticks(list(scale.ticks), labels=list(scale.ticks.values()))
