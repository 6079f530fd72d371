"""Surfaces: where they are, what colours them, how large they get."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest

from cdi_ml_plugin.crystal.crystal import Crystal
from cdi_ml_plugin.view.pages.plotly import plot
from cdi_ml_plugin.view.pages.surfaces import common_scales, contents, draw_still
from cdi_ml_plugin.view.surfaces.coloured import surface_of_crystal, surface_of_object

SHAPE = (30, 36, 40)
RADIUS = 9.0
VOXEL = 5.0


def ball(centre=(0, 0, 0), shape=SHAPE):
    """Amplitude of a ball, of which the edge is a voxel wide, and its positions [z, y, x]."""
    grids = np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij")
    radius = np.sqrt(sum((g - c) ** 2 for g, c in zip(grids, centre, strict=True)))
    return np.clip(RADIUS + 0.5 - radius, 0, 1).astype(np.float32), grids


def crystal():
    amplitude, (_, y, x) = ball((1, -2, 3))
    inside = amplitude > 0.1
    hidden = np.where(inside, 0, np.nan)
    return Crystal(
        amplitude=amplitude,
        phase=(0.3 * y + hidden).astype(np.float32),
        displacement=(0.0 * x + hidden).astype(np.float32),
        strain=(1e-4 * x + hidden).astype(np.float32),
        inside=inside,
        voxel=VOXEL,
        q=np.array([0.0, 20, 0]),
    )


def test_a_crystal_is_in_nm_in_the_laboratory():
    surface = surface_of_crystal(crystal())
    assert surface.axes == ("x", "y", "z")
    assert surface.unit == "nm"
    distance = np.linalg.norm(surface.mesh.points - VOXEL * np.array([3, -2, 1]), axis=1)
    np.testing.assert_allclose(distance, VOXEL * RADIUS, atol=0.51 * VOXEL)
    phase, strain = surface.colourings
    x, y, _ = surface.mesh.points.T / VOXEL
    np.testing.assert_allclose(phase.values, 0.3 * y, atol=0.31)
    np.testing.assert_allclose(strain.values, 1e-4 * x, atol=1.1e-4)


def test_an_object_is_in_voxels_of_its_array():
    amplitude, (z, _, x) = ball((2, 0, -3))
    obj = 7 * amplitude * np.exp(1j * (0.02 * x * x + 0.4 * z + 1))
    surface = surface_of_object(obj, np.ones(SHAPE, bool))
    assert surface.axes == ("column", "row", "rocking")
    assert surface.unit == "voxels"
    distance = np.linalg.norm(surface.mesh.points - [-3, 0, 2], axis=1)
    np.testing.assert_allclose(distance, RADIUS, atol=0.51)
    (phase,) = surface.colourings
    column = surface.mesh.points[:, 0]
    error = phase.values - 0.02 * (column + 3) ** 2  # the ramp is gone
    assert np.std(error) < 0.1


def test_it_is_closed_at_the_edge_of_the_array():
    surface = surface_of_object(np.ones((8, 9, 10)) + 0j, np.ones((8, 9, 10), bool))
    edges = np.sort(
        np.concatenate(
            [
                surface.mesh.faces[:, [0, 1]],
                surface.mesh.faces[:, [1, 2]],
                surface.mesh.faces[:, ::2],
            ]
        )
    )
    _, count = np.unique(edges, axis=0, return_counts=True)
    assert (count == 2).all()


@pytest.mark.parametrize("most", [300, 1000, 100_000])
def test_it_is_decimated(most):
    amplitude, _ = ball()
    surface = surface_of_object(amplitude + 0j, np.ones(SHAPE, bool), most)
    assert 50 < len(surface.mesh.faces) <= most
    distance = np.linalg.norm(surface.mesh.points, axis=1)
    np.testing.assert_allclose(distance, RADIUS, atol=2)


def test_nothing_has_no_surface():
    obj = np.ones(SHAPE, complex)
    assert surface_of_object(obj, np.zeros(SHAPE, bool)) is None
    assert surface_of_object(np.full(SHAPE, np.nan + 0j), np.ones(SHAPE, bool)) is None
    assert contents({"": lambda faces: None}) == []


def test_the_plot_holds_the_surface():
    surface = surface_of_crystal(crystal())
    made = plot(surface, common_scales([surface]))
    mesh, arrow = made["data"]
    x = np.frombuffer(base64.b64decode(mesh["x"]["bdata"]), "<f4")
    np.testing.assert_array_equal(x, surface.mesh.points[:, 0])
    k = np.frombuffer(base64.b64decode(mesh["k"]["bdata"]), "<i4")
    np.testing.assert_array_equal(k, surface.mesh.faces[:, 2])
    assert [scale["colorbar"][0]["title"]["text"] for scale in made["styles"]] == [
        "phase (rad)",
        "strain along Q (10⁻³)",
    ]
    assert made["styles"][0]["cmax"][0] == pytest.approx(np.pi)
    assert np.diff(arrow["x"]) == np.diff(arrow["z"]) == 0
    assert np.diff(arrow["y"]) > VOXEL * RADIUS  # along Q


def test_surfaces_beside_each_other_share_their_colours():
    weak, strong = crystal(), crystal()
    weak.strain[:] *= 0.01
    makers = {
        "a": lambda n: surface_of_crystal(weak, n),
        "b": lambda n: surface_of_crystal(strong, n),
    }
    first, second = contents(makers)
    assert first["title"] == "a"
    assert first["names"] == ["phase", "strain"]
    assert first["plot"]["styles"][1]["cmax"] == second["plot"]["styles"][1]["cmax"]
    assert first["picture"].startswith("data:image/png;base64,")


def test_the_still_picture_shows_it():
    surface = surface_of_crystal(crystal())
    figure = draw_still(surface, common_scales([surface]))
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3] / 255
    middle = pixels[tuple(slice(n // 3, n // 2) for n in pixels.shape[:2])]
    assert middle.std() > 0.05


def test_a_phase_that_wraps_has_a_colour_for_each_face():
    """Between the corners of a face that it wraps in lie no other colours."""
    turning = replace(crystal(), phase=crystal().phase * 10)
    surface = surface_of_crystal(turning)
    scales = common_scales([surface])
    assert scales["phase"].cyclic
    phase, strain = plot(surface, scales)["styles"]
    assert (phase["intensitymode"], strain["intensitymode"]) == (["cell"], ["vertex"])
    faces, corners = len(surface.mesh.faces), len(surface.mesh.points)
    sizes = [
        len(base64.b64decode(style["intensity"][0]["bdata"])) // 4 for style in (phase, strain)
    ]
    assert sizes == [faces, corners]
