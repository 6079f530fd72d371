"""The surface of an object: a mesh, coloured by phase and strain, for a page that turns it and for a picture."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, to_hex
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates
from skimage.measure import marching_cubes

from ..crystal import Crystal
from .html import picture
from .slices import (
    AXES,
    FAINT,
    PI_TICKS,
    flatten_phase,
    new_figure,
    phase_limit,
    phase_map,
    strain_limit,
    strain_map,
)

FACES = 40_000  # of a mesh in a page: a megabyte
STILL_FACES = 4_000  # of one that Matplotlib draws
EYE = np.array([0.78, 0.51, 0.98])  # from where it is seen, (x, y, z)
SHADES = 33  # colours that a page is given of a map
Real = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Colouring:
    """A quantity on the vertices of a surface, and its colour scale from −limit to limit."""

    name: str
    unit: str
    values: Real
    limit: float
    colours: Colormap

    @property
    def ticks(self) -> Sequence[str] | None:
        """Texts of five ticks, where numbers do not do."""
        return PI_TICKS[self.limit] if self.unit == "rad" else None

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})"


@dataclass(frozen=True, eq=False)
class Surface:
    """Where the amplitude is `level` of its maximum.

    Attributes
    ----------
    vertices : float32 (n, 3)
        (x, y, z) in `unit`.
    faces : int32 (m, 3)
    colourings : tuple of Colouring
    axes : (str, str, str)
        Names of x, y and z.
    unit : {"nm", "voxels"}
    level : float
    """

    vertices: Real
    faces: NDArray[np.int32]
    colourings: tuple[Colouring, ...]
    axes: tuple[str, str, str]
    unit: str
    level: float


def surface_of_crystal(crystal: Crystal, faces: int = FACES) -> Surface | None:
    """Surface in the laboratory, coloured by phase and strain; None where there is nothing to show."""
    mesh = _mesh(crystal.amplitude, crystal.inside, faces)
    if mesh is None:
        return None
    phase = _phase(crystal.object, crystal.inside, mesh[0])
    strain = 1e3 * _at(np.nan_to_num(crystal.strain), np.isfinite(crystal.strain), mesh[0])
    coloured = Colouring("strain", "10⁻³", strain, strain_limit(strain), strain_map())
    places = mesh[0] * crystal.voxel + np.asarray(crystal.origin[::-1])
    return Surface(
        vertices=places[:, ::-1].astype(np.float32),
        faces=mesh[1],
        colourings=(phase, coloured),
        axes=("x", "y", "z"),
        unit="nm",
        level=mesh[2],
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
    inside = amplitude > FAINT
    mesh = _mesh(amplitude, inside, faces)
    if mesh is None:
        return None
    flat = np.exp(1j * np.nan_to_num(flatten_phase(obj, inside)))
    rocking, row, column = AXES
    return Surface(
        vertices=(mesh[0] - [n // 2 for n in obj.shape])[:, ::-1].astype(np.float32),
        faces=mesh[1],
        colourings=(_phase(flat, inside, mesh[0]),),
        axes=(column, row, rocking),
        unit="voxels",
        level=mesh[2],
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
        All in the same colour scales.
    """
    made = {title: (make(FACES), make(STILL_FACES)) for title, make in objects.items()}
    shown = {title: (fine, still) for title, (fine, still) in made.items() if fine and still}
    limits: dict[str, float] = {}
    for fine, _ in shown.values():
        for colouring in fine.colourings:
            limits[colouring.name] = max(limits.get(colouring.name, 0), colouring.limit)
    return [
        {
            "title": title,
            "names": list(limits),
            "picture": picture(draw_still(_scaled(still, limits))),
            "plot": plot(_scaled(fine, limits)),
        }
        for title, (fine, still) in shown.items()
    ]


def _scaled(surface: Surface, limits: Mapping[str, float]) -> Surface:
    colourings = tuple(replace(one, limit=limits[one.name]) for one in surface.colourings)
    return replace(surface, colourings=colourings)


def plot(surface: Surface) -> dict[str, Any]:
    """A figure as plotly.js takes it, and under ``looks`` what `Plotly.restyle` makes of it."""
    looks = [_look(surface, colouring) for colouring in surface.colourings]
    x, y, z = surface.vertices.T
    i, j, k = surface.faces.T
    mesh = {name: _packed(part) for name, part in zip("xyzijk", (x, y, z, i, j, k), strict=True)}
    light = {"ambient": 0.75, "diffuse": 0.45, "specular": 0.08, "roughness": 0.7, "fresnel": 0.05}
    axis = {"gridcolor": "#d8dee4", "zerolinecolor": "#d8dee4", "showbackground": False}
    scene = {
        f"{axis_name}axis": {**axis, "title": {"text": f"{name} ({surface.unit})"}}
        for axis_name, name in zip("xyz", surface.axes, strict=True)
    }
    camera = {
        "up": {"x": 0, "y": 1, "z": 0},
        "eye": dict(zip("xyz", EYE.tolist(), strict=True)),
        "projection": {"type": "orthographic"},
    }
    return {
        "data": [
            {
                "type": "mesh3d",
                **mesh,
                "lighting": light,
                "lightposition": {"x": 600, "y": 2000, "z": 2500},
                **{key: value[0] for key, value in looks[0].items()},
            }
        ],
        "layout": {
            "scene": {**scene, "aspectmode": "data", "camera": camera},
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "font": {"family": 'system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'},
        },
        "looks": looks,
    }


def draw_still(surface: Surface) -> Figure:
    """Draw the surface in its first colouring, seen from where the page begins."""
    figure = new_figure(7.2, 5.2)
    ax: Any = figure.add_subplot(projection="3d", proj_type="ortho")
    colouring = surface.colourings[0]
    norm = Normalize(-colouring.limit, colouring.limit)
    corners = surface.vertices[surface.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    size = np.linalg.norm(across, axis=1)
    facing = np.abs(across @ EYE) / np.where(size > 0, size, 1)
    # of a corner, not of all three: their mean is wrong where the phase wraps
    shades = colouring.colours(norm(colouring.values[surface.faces[:, 0]]))
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
    scale = ScalarMappable(norm, colouring.colours)
    bar = figure.colorbar(scale, ax=ax, label=colouring.title, shrink=0.7, pad=0.1)
    if colouring.ticks is not None:
        bar.set_ticks(_five(colouring.limit), labels=list(colouring.ticks))
    return figure


def _mesh(
    amplitude: Real, inside: NDArray[np.bool_], most: int
) -> tuple[NDArray[np.float64], NDArray[np.int32], float] | None:
    """Vertices [z, y, x], faces, and the level: half the median amplitude, as sizes are measured at."""
    if not inside.any():
        return None
    level = 0.5 * float(np.median(amplitude[inside]))
    places = np.argwhere(amplitude > level)
    first, last = places.min(axis=0), places.max(axis=0) + 1
    # a voxel of nothing around it closes the surface at the edge of the array too
    solid = np.pad(amplitude[tuple(map(slice, first, last))], 1)
    step = 1
    while True:
        room = np.pad(solid, [(0, -n % step + step) for n in solid.shape])
        vertices, faces, _, _ = marching_cubes(room, level, step_size=step)
        if len(faces) <= most or step >= min(solid.shape) // 4:
            return vertices + first - 1, faces.astype(np.int32), level
        step += 1


def _phase(
    wave: NDArray[np.complexfloating], inside: NDArray[np.bool_], places: NDArray[np.float64]
) -> Colouring:
    """Phase between the voxels, without a seam where it wraps."""
    parts = [_at(part, inside, places) for part in (np.real(wave), np.imag(wave))]
    values = np.arctan2(parts[1], parts[0])
    return Colouring("phase", "rad", values, phase_limit(values), phase_map())


def _at(volume: NDArray[Any], known: NDArray[np.bool_], places: NDArray[np.float64]) -> Real:
    """Values at places [z, y, x] between voxels; from the nearest known ones beside those unknown."""
    low = np.maximum(np.floor(places.min(axis=0)).astype(int) - 1, 0)
    high = np.ceil(places.max(axis=0)).astype(int) + 2
    window = tuple(map(slice, low, high))
    nearest = distance_transform_edt(~known[window], return_distances=False, return_indices=True)
    filled = volume[window][tuple(nearest)].astype(np.float32)
    values: Real = map_coordinates(filled, (places - low).T, order=1, mode="nearest")
    return values


def _look(surface: Surface, colouring: Colouring) -> dict[str, list[Any]]:
    """One colouring as `Plotly.restyle` takes it: a list of what each trace gets."""
    ticks = {}
    if colouring.ticks is not None:
        ticks = {"tickvals": _five(colouring.limit), "ticktext": list(colouring.ticks)}
    shades = [
        [float(share), to_hex(colouring.colours(share))] for share in np.linspace(0, 1, SHADES)
    ]
    title = {"text": colouring.title, "side": "right"}
    where = "<br>".join(
        f"{name} %{{{axis}:.4~g}} {surface.unit}"
        for axis, name in zip("xyz", surface.axes, strict=True)
    )
    return {
        "intensity": [_packed(colouring.values)],
        "cmin": [-colouring.limit],
        "cmax": [colouring.limit],
        "colorscale": [shades],
        "colorbar": [{"title": title, "thickness": 14, "len": 0.75, **ticks}],
        "hovertemplate": [
            f"{colouring.name} %{{intensity:.3~g}} {colouring.unit}<br>{where}<extra></extra>"
        ],
    }


def _five(limit: float) -> list[float]:
    return [limit * share for share in (-1.0, -0.5, 0.0, 0.5, 1.0)]


def _packed(values: NDArray[Any]) -> Mapping[str, str]:
    """An array as plotly.js reads it: bytes in base64, little-endian."""
    kind = {"f": "f4", "i": "i4"}[values.dtype.kind]
    data = np.ascontiguousarray(values).astype(f"<{kind}").tobytes()
    return {"dtype": kind, "bdata": base64.b64encode(data).decode("ascii")}
