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
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from ...errors import DisplayError
from ..style.colours import ColourScale
from ..style.sheet import Sheet, settle
from .axes_box import Real, draw_box, draw_compass
from .camera import Camera, best_camera
from .mesh import Mesh
from .opengl import quiet, require

FINER = 2  # pixels drawn for each one of the picture, along either side
# In heights of the letters:
AROUND = (6.2, 1.6, 3.4, 4.6)  # left of, right of, below, above a box
LOWEST = 9.0  # for a box that is thin, so that compass and title find room
TALLEST = 1.05  # of a box, in its width
BAR = 8.6  # for the colour bar
PANEL, LETTERS = 4.75, 10.5  # inches that a panel gets on a sheet of its own, and points
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

    @property
    def camera(self) -> Camera:
        """The camera that sees the arrows best."""
        return best_camera([vector for _, vector in self.arrows.values()])


def draw_surfaces(
    panels: Sequence[Panel],
    scene: Scene,
    scale: ColourScale,
    size: int = 1600,
    sheet: Sheet | None = None,
) -> Figure:
    """Draw surfaces beside each other, on a narrow sheet below each other, with one colour bar.

    Parameters
    ----------
    panels : one or more
        In boxes of the same size.
    scene : Scene
    scale : ColourScale
    size : int
        Pixels along the picture's horizontal side.
    sheet : Sheet, optional
        Default one as wide as the panels want.

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
    if sheet is None:
        sheet = Sheet(len(panels) * PANEL + BAR * LETTERS / 72, LETTERS)
    with sheet.letters():
        return settle(_draw(panels, scene, scale, size, sheet), sheet)


def _draw(
    panels: Sequence[Panel], scene: Scene, scale: ColourScale, size: int, sheet: Sheet
) -> Figure:
    box = _bounds(panels)
    corners = np.array(list(product(*box.T)))
    views = [panel.camera.project(corners) for panel in panels]
    sides = np.max([np.ptp(view, axis=0) for view in views], axis=0)
    columns = 1 if sheet.narrow else len(panels)
    rows = len(panels) // columns
    left, right, below, above = AROUND
    wide = (sheet.ems - BAR) / columns  # of a panel
    room = wide - left - right
    letter = float(max(sides[0] / room, sides[1] / (TALLEST * room)))  # in the unit of the scene
    inner = np.array([room, max(float(sides[1]) / letter, LOWEST)])
    high = float(inner[1]) + below + above
    height = rows * high
    figure = sheet.figure(height)
    figure.set_dpi(size / sheet.width)
    for number, (panel, view) in enumerate(zip(panels, views, strict=True)):
        row, column = divmod(number, columns)
        place = (column * wide / sheet.ems, 1 - (row + 1) / rows, wide / sheet.ems, 1 / rows)
        ax = figure.add_axes(place)
        # the box is in the middle of the space that the largest box gets
        middle = (view.min(axis=0) + view.max(axis=0)) / 2
        start = middle - (inner / 2 + (left, below)) * letter
        stop = start + np.array([wide, high]) * letter
        ax.set(xlim=(start[0], stop[0]), ylim=(start[1], stop[1]), autoscale_on=False)
        ax.set_axis_off()
        draw_box(ax, panel.camera, box, scene.axes, letter)
        low, up = middle - sides / 2, middle + sides / 2
        ax.imshow(
            _picture(panel, box.mean(axis=0), sides, sheet.em / letter * figure.dpi, scale),
            extent=(low[0], up[0], low[1], up[1]),
            aspect="auto",
            zorder=2,
            interpolation="antialiased",
        )
        if scene.arrows:
            draw_compass(ax, panel.camera, scene.arrows, letter)
        title: dict[str, Any] = {"ha": "right", "va": "top", "transform": ax.transAxes}
        ax.text(1 - right / wide, 1 - 0.8 / high, panel.title, **title)
    tall = min(0.7 * height, 22.0)
    corner = (1 - (BAR - 0.7) / sheet.ems, 0.5 - tall / height / 2)
    bar = figure.add_axes((*corner, 1.1 / sheet.ems, tall / height))
    scale.bar(figure, cax=bar).set_label(scale.label)
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
                # a triangle that a cyclic phase wraps in would get all colours of the map
                interpolate_before_map=not scale.cyclic,
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
