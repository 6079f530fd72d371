"""Surfaces in three dimensions: of a crystal or an object from two sides, of measured diffraction beside calculated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...crystal.crystal import Crystal
from ...data.result import Result
from ...errors import ParameterError
from ...geometry.geometry import BEAM, Basis, Geometry
from ..style.colours import distance_scale
from ..style.curves import COLOURS, NYQUIST, WAVENUMBER
from ..style.quantities import Drawn
from ..style.sheet import Sheet
from ..style.volumes import calculated_intensity
from ..surfaces.camera import Camera
from ..surfaces.coloured import surface_of_object
from ..surfaces.mesh import (
    Mesh,
    Values,
    amplitude_mesh,
    diffraction_level,
    diffraction_mesh,
    laboratory_basis,
)
from ..surfaces.render import Panel, Scene, draw_surfaces

DETECTOR = ("column", "row", "rocking")  # what is drawn along x, y, z without a geometry
LENGTHS = ("x (nm)", "y (nm)", "z (nm)")
WAVENUMBERS = ("$Q_x$ (1/nm)", "$Q_y$ (1/nm)", "$Q_z$ (1/nm)")


def laboratory_scene(axes: tuple[str, str, str], q: NDArray[np.float64]) -> Scene:
    """Axes of the laboratory, with arrows along Q, (x, y, z), and along the beam."""
    return Scene(axes, {"Q": (COLOURS[1], tuple(q)), "beam": (COLOURS[0], BEAM)})


def draw_crystal_surface(
    crystal: Crystal,
    drawn: Drawn,
    values: Callable[[Mesh], Values],
    size: int,
    sheet: Sheet | None = None,
) -> Figure:
    """Draw where the amplitude of a crystal has its level, from two sides.

    Parameters
    ----------
    crystal : Crystal
    drawn : Drawn
        The quantity that colours it.
    values : callable
        What that is at the corners of a mesh: float32 (n,).
    size : int
        Pixels along the picture's horizontal side.
    sheet : Sheet, optional
        As `draw_surfaces` takes it.

    Raises
    ------
    ParameterError
        A level that leaves nothing.
    DisplayError
        There is no OpenGL.
    """
    mesh = amplitude_mesh(crystal.amplitude, crystal.level, laboratory_basis(crystal))
    scene = laboratory_scene(LENGTHS, crystal.q)
    panels = _two_sides(mesh, values(mesh), crystal.level, scene.camera)
    return draw_surfaces(panels, scene, drawn.scale, size, sheet)


def draw_object_surface(
    result: Result, level: float | None, size: int, sheet: Sheet | None = None
) -> Figure:
    """Draw the surface of the object in the frame of the detector, coloured by phase, from two sides.

    Parameters
    ----------
    result : Result
    level : float, optional
        Of the highest amplitude; default see `object_level`.
    size, sheet
        See `draw_crystal_surface`.

    Raises
    ------
    ParameterError
        The object is 0, or not finite.
    DisplayError
        There is no OpenGL.
    """
    surface = surface_of_object(result.object, result.support, None, level)
    if surface is None:
        raise ParameterError("the object is 0, or not finite: there is nothing to draw")
    (phase,) = surface.colourings
    scene = Scene(tuple(f"{name} (voxels)" for name in surface.axes))
    panels = _two_sides(surface.mesh, phase.values, surface.level, scene.camera)
    return draw_surfaces(panels, scene, phase.scale(phase.inside), size, sheet)


def draw_diffraction_surfaces(
    result: Result,
    geometry: Geometry | None,
    counts: float | None,
    size: int,
    sheet: Sheet | None = None,
) -> Figure:
    """Draw surfaces of measured and calculated intensity at the same counts, coloured by |Q|.

    Parameters
    ----------
    result : Result
    geometry : Geometry, optional
        Of its data; without one axes are those of the detector, in shares of the Nyquist frequency.
    counts : float, optional
        Default `diffraction_level`.
    size, sheet
        See `draw_crystal_surface`.

    Raises
    ------
    ParameterError
        Counts that cut nothing.
    DisplayError
        There is no OpenGL.
    """
    measured = result.measurement.intensity
    counts = diffraction_level(measured) if counts is None else counts
    if geometry is None:
        basis: Basis = np.diag(2.0 / np.array(measured.shape))[::-1]
        scene, label = Scene(DETECTOR), NYQUIST
    else:
        basis = geometry.reciprocal_basis()
        scene, label = laboratory_scene(WAVENUMBERS, geometry.momentum_transfer()), WAVENUMBER
    panels = []
    for title, intensity in (
        (f"measured, at {counts:.3g} counts", measured),
        ("calculated, at the same", calculated_intensity(result.run)),
    ):
        mesh = diffraction_mesh(intensity, counts, basis)
        panels.append(Panel(title, mesh, np.linalg.norm(mesh.points, axis=1), scene.camera))
    highest = max(float(panel.values.max()) for panel in panels)
    return draw_surfaces(panels, scene, distance_scale(highest, label), size, sheet)


def _two_sides(mesh: Mesh, values: Values, level: float, camera: Camera) -> list[Panel]:
    return [
        Panel(f"amplitude = {level:.2f} × max", mesh, values, camera),
        Panel("from the other side", mesh, values, camera.opposite()),
    ]
