"""The surface of an object: a mesh, coloured by phase and strain, for a page that turns it and for a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates
from skimage.measure import marching_cubes

from ...crystal.crystal import FAINT, Crystal, object_level
from ..style.colours import Look, phase_look, strain_look, wrapped_phase_look
from ..style.slices import AXES, flatten_phase, new_figure
from .html import picture
from .plotly import EYE, plot

FACES = 40_000  # of a mesh in a page: a megabyte
STILL_FACES = 4_000  # of one that Matplotlib draws
Real = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Colouring:
    """A quantity on the vertices of a surface, and what colours are made of its values."""

    name: str
    values: Real
    look: Callable[[Real], Look]


@dataclass(frozen=True, eq=False)
class Surface:
    """Where the amplitude is half of its median.

    Attributes
    ----------
    vertices : float32 (n, 3)
        (x, y, z) in `unit`.
    faces : int32 (m, 3)
    colourings : tuple of Colouring
    axes : (str, str, str)
        Names of x, y and z.
    unit : {"nm", "voxels"}
    q : float64 (3,), optional
        The reciprocal lattice vector, to be shown beside it.
    """

    vertices: Real
    faces: NDArray[np.int32]
    colourings: tuple[Colouring, ...]
    axes: tuple[str, str, str]
    unit: str
    q: NDArray[np.float64] | None = None


def surface_of_crystal(crystal: Crystal, faces: int = FACES) -> Surface | None:
    """Surface in the laboratory, coloured by phase and strain; None where there is nothing to show."""
    mesh = _mesh(crystal.amplitude, faces)
    if mesh is None:
        return None
    places = mesh[0] * crystal.voxel + np.asarray(crystal.origin[::-1])
    return Surface(
        vertices=places[:, ::-1].astype(np.float32),
        faces=mesh[1],
        colourings=(
            Colouring("phase", _at(crystal.phase, mesh[0]), phase_look),
            Colouring("strain", _at(crystal.strain, mesh[0]), strain_look),
        ),
        axes=("x", "y", "z"),
        unit="nm",
        q=crystal.q,
    )


def surface_of_object(
    obj: NDArray[np.complexfloating], support: NDArray[np.bool_], faces: int = FACES
) -> Surface | None:
    """Surface in voxels of the array from its centre, coloured by phase; None where there is none."""
    amplitude = np.where(support, np.abs(obj), 0)
    top = float(amplitude.max())
    if not (np.isfinite(top) and top > 0):
        return None
    amplitude = (amplitude / top).astype(np.float32)
    mesh = _mesh(amplitude, faces)
    if mesh is None:
        return None
    flat = np.exp(1j * flatten_phase(obj, amplitude > FAINT))
    # between voxels in two parts, for it wraps
    phase = np.arctan2(_at(flat.imag, mesh[0]), _at(flat.real, mesh[0]))
    rocking, row, column = AXES
    return Surface(
        vertices=(mesh[0] - [n // 2 for n in obj.shape])[:, ::-1].astype(np.float32),
        faces=mesh[1],
        colourings=(Colouring("phase", phase, wrapped_phase_look),),
        axes=(column, row, rocking),
        unit="voxels",
    )


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
    looks = common_looks([fine for fine, _ in shown.values()])
    return [
        {
            "title": title,
            "names": list(looks),
            "picture": picture(draw_still(still, looks)),
            "plot": plot(fine, looks),
        }
        for title, (fine, still) in shown.items()
    ]


def common_looks(surfaces: Sequence[Surface]) -> dict[str, Look]:
    """The colours of each quantity, the same for all surfaces."""
    values: dict[str, list[Real]] = {}
    makers = {}
    for surface in surfaces:
        for colouring in surface.colourings:
            values.setdefault(colouring.name, []).append(colouring.values)
            makers[colouring.name] = colouring.look
    return {name: make(np.concatenate(values[name])) for name, make in makers.items()}


def draw_still(surface: Surface, looks: Mapping[str, Look]) -> Figure:
    """Draw the surface in its first colouring, seen from where the page begins."""
    figure = new_figure(7.2, 5.2)
    ax: Any = figure.add_subplot(projection="3d", proj_type="ortho")
    colouring = surface.colourings[0]
    look = looks[colouring.name]
    norm = Normalize(look.low, look.high)
    corners = surface.vertices[surface.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    size = np.linalg.norm(across, axis=1)
    facing = np.abs(across @ EYE) / np.where(size > 0, size, 1)
    # of a corner, not of all three: their mean is wrong where the phase wraps
    shades = look.colours(norm(colouring.values[surface.faces[:, 0]]))
    shades[:, :3] *= (0.55 + 0.45 * facing / np.linalg.norm(EYE))[:, None]
    ax.add_collection3d(
        Poly3DCollection(corners, facecolors=shades, edgecolors=shades, linewidths=0.3)
    )
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    ax.set_box_aspect(high - low)
    for name, label in zip("xyz", surface.axes, strict=True):
        getattr(ax, f"set_{name}label")(f"{label} ({surface.unit})")
    ax.tick_params(labelsize=8)
    elevation = np.degrees(np.arcsin(EYE[1] / np.linalg.norm(EYE)))
    azimuth = np.degrees(np.arctan2(EYE[0], EYE[2]))
    ax.view_init(elev=elevation, azim=azimuth, vertical_axis="y")
    scale = ScalarMappable(norm, look.colours)
    bar = figure.colorbar(scale, ax=ax, label=look.label, shrink=0.7, pad=0.1)
    if look.ticks is not None:
        bar.set_ticks(list(look.ticks), labels=list(look.ticks.values()))
    return figure


def _mesh(amplitude: Real, most: int) -> tuple[NDArray[np.float64], NDArray[np.int32]] | None:
    """Vertices [z, y, x] in voxels, and faces; None of an amplitude that is nowhere above `FAINT`."""
    if not (amplitude > FAINT).any():
        return None
    level = object_level(amplitude)
    places = np.argwhere(amplitude > level)
    first, last = places.min(axis=0), places.max(axis=0) + 1
    # a voxel of nothing around it closes the surface at the edge of the array too
    solid = np.pad(amplitude[tuple(map(slice, first, last))], 1)
    step = 1
    while True:
        room = np.pad(solid, [(0, -n % step + step) for n in solid.shape])
        vertices, faces, _, _ = marching_cubes(room, level, step_size=step)
        if len(faces) <= most or step >= min(solid.shape) // 4:
            return vertices + first - 1, faces.astype(np.int32)
        step += 1


def _at(volume: NDArray[Any], places: NDArray[np.float64]) -> Real:
    """Values at places [z, y, x] between voxels; NaN takes the value of the nearest that is none."""
    low = np.maximum(np.floor(places.min(axis=0)).astype(int) - 1, 0)
    high = np.ceil(places.max(axis=0)).astype(int) + 2
    part = volume[tuple(map(slice, low, high))]
    nearest = distance_transform_edt(
        ~np.isfinite(part), return_distances=False, return_indices=True
    )
    filled = part[tuple(nearest)].astype(np.float32)
    values: Real = map_coordinates(filled, (places - low).T, order=1, mode="nearest")
    return values
