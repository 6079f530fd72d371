"""The facets of a crystal: on its surface, with their numbers, and what they come to in bars."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ...crystal.facets import Facet, Facets
from ...data.quantities import MINUS
from ..style.colours import OUTSIDE, ColourScale
from ..style.sheet import Sheet, settle
from ..surfaces.camera import Camera
from ..surfaces.mesh import Mesh
from ..surfaces.render import BAR, LETTERS, PANEL, Panel, Scene, draw_surfaces

# Okabe and Ito's, which the colour-blind tell apart, and lighter ones of the same hues
COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442",
    "#80B9D9", "#F3CF80", "#80CFB9", "#E6BCD3", "#ABDAF4", "#EAAF80", "#F8F2A1",
)  # fmt: skip
FACING = 0.25  # of a facet's normal towards who looks, from which its number is written on it
LINE = 0.22  # inches for a facet in the bars, of letters of `LETTERS`, as those below
AROUND = (0.45, 0.6)  # inches above and below the bars
LEFT, BETWEEN, RIGHT = 1.75, 0.5, 0.3  # inches


def draw_facets(
    facets: Facets, scene: Scene, size: int = 1600, sheet: Sheet | None = None
) -> Figure:
    """Draw the surface from two sides, a colour and a number a facet, and bars of area, strain, displacement.

    Parameters
    ----------
    facets : Facets
    scene : Scene
        Axes and arrows of the laboratory.
    size : int
        Pixels along the picture's horizontal side.
    sheet : Sheet, optional
        Default that of two panels.

    Raises
    ------
    DisplayError
        There is no OpenGL.
    """
    sheet = sheet or Sheet(2 * PANEL + BAR * LETTERS / 72, LETTERS)
    with sheet.letters():
        return settle(_draw(facets, scene, size, sheet), sheet)


def _draw(facets: Facets, scene: Scene, size: int, sheet: Sheet) -> Figure:
    mesh, numbers = _split(facets)
    camera = scene.camera
    cameras = (camera, camera.opposite())
    titles = (
        f"{len(facets.facets)} facets, {facets.share:.0%} of the surface",
        "from the other side",
    )
    panels = [
        Panel(title, mesh, numbers, each) for title, each in zip(titles, cameras, strict=True)
    ]
    last = max(len(facets.facets), 1)
    colours = ListedColormap([OUTSIDE, *(_colour(n + 1) for n in range(last))])
    scale = ColourScale("facet", colours, -0.5, last + 0.5)
    figure = draw_surfaces(panels, scene, scale, size, sheet)
    *views, bar = figure.axes
    bar.remove()  # the bars below say it
    for ax, each in zip(views, cameras, strict=True):
        _write_numbers(ax, each, facets)
    if facets.facets:
        _add_bars(figure, facets, sheet)
    return figure


def _split(facets: Facets) -> tuple[Mesh, Any]:
    """The surface with corners of its own for each facet, so that no colour runs into the next."""
    surface = facets.surface
    label = np.median(facets.numbers[surface.faces], axis=1).astype(np.int64)
    keys = surface.faces * (len(facets.facets) + 1) + label[:, None]
    unique, faces = np.unique(keys, return_inverse=True)
    corner, number = np.divmod(unique, len(facets.facets) + 1)
    mesh = Mesh(
        surface.points[corner].astype(np.float32),
        faces.reshape(-1, 3).astype(np.int32),
        surface.voxels[corner],
    )
    return mesh, number.astype(np.float32)


def _colour(number: int) -> str:
    return COLOURS[(number - 1) % len(COLOURS)]


def _write_numbers(ax: Axes, camera: Camera, facets: Facets) -> None:
    for facet in facets.facets:
        if np.dot(facet.normal, camera.towards) > FACING:
            x, y = camera.project(facet.centre)
            text = f"{facet.number}" + (f"\n{facet.name}" if facet.index else "")
            ax.text(
                x,
                y,
                text,
                ha="center",
                va="center",
                linespacing=0.95,
                zorder=5,
                path_effects=[withStroke(linewidth=2.2, foreground="white")],
            )


def _add_bars(figure: Figure, facets: Facets, sheet: Sheet) -> None:
    """Bars below what is there, which stays as large as it is; on a narrow sheet one block below the other."""
    each, unit = facets.facets, sheet.font / LETTERS
    width, height = figure.get_size_inches()
    left, between, right = unit * LEFT, unit * BETWEEN, unit * RIGHT
    above, below = (unit * room for room in AROUND)
    bars = unit * LINE * len(each)
    columns = 1 if sheet.narrow else 3
    rows = 3 // columns
    added = above + rows * (bars + below)
    total = height + added
    figure.set_size_inches(width, total)
    for ax in figure.axes:
        place = ax.get_position()
        bottom = (place.y0 * height + added) / total
        ax.set_position((place.x0, bottom, place.width, place.height * height / total))
    across = (width - left - right - (columns - 1) * between) / columns
    drawn: list[tuple[list[float], list[float] | None, str]] = [
        ([f.area_nm2 for f in each], None, "area (nm²)"),
        (
            [1e4 * f.strain for f in each],
            [1e4 * f.strain_spread for f in each],
            "strain (10⁻⁴)",
        ),
        (
            [1e3 * f.displacement_nm for f in each],
            [1e3 * f.displacement_spread_nm for f in each],
            "displacement (pm)",
        ),
    ]
    for n, (values, spreads, label) in enumerate(drawn):
        row, column = divmod(n, columns)
        bottom = below + (rows - 1 - row) * (bars + below)
        start = left + column * (across + between)
        ax = figure.add_axes((start / width, bottom / total, across / width, bars / total))
        _bars(ax, each, values, spreads, label)
        if column == 0:
            ax.set_yticks(range(len(each)), [_name(facet) for facet in each])
    title = "Facets, their planes and angles to Q; mean and spread\nalong Q in the outer "
    title += f"{facets.depth_nm:.3g} nm"
    if not all(facet.resolved for facet in each):
        title += "; pale, with a ?: hardly resolved"
    top = (added - 0.5 * above) / total
    figure.text(
        0.3 * unit / width, top, title if sheet.narrow else title.replace("\n", " "), va="center"
    )


def _bars(
    ax: Axes,
    facets: tuple[Facet, ...],
    values: list[float],
    spreads: list[float] | None,
    label: str,
) -> None:
    places = range(len(facets))
    drawn = ax.barh(
        places, values, xerr=spreads, color=[_colour(f.number) for f in facets], height=0.75
    )
    for bar, facet in zip(drawn, facets, strict=True):
        bar.set_alpha(1.0 if facet.resolved else 0.45)
    ax.axvline(0, color="0.3", linewidth=0.7)
    ax.set(ylim=(len(facets) - 0.5, -0.5), yticks=[])
    ax.set_xlabel(label)
    ax.locator_params(axis="x", nbins=5)
    ax.spines[["top", "right", "left"]].set_visible(False)


def _name(facet: Facet) -> str:
    plane = f"{facet.name}, " if facet.index else ""
    return f"{facet.number}{'' if facet.resolved else '?'}:  {plane}{facet.angle_deg:.0f}°".replace(
        "-", MINUS
    )
