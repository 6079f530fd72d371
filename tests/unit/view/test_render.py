"""Drawing surfaces: the camera, where things land in the picture, and what happens without OpenGL."""

from __future__ import annotations

import subprocess
from ctypes.util import find_library

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import ListedColormap

from cdi_ml_plugin.errors import DisplayError
from cdi_ml_plugin.view import probe
from cdi_ml_plugin.view.style.colours import (
    ColourScale,
    displacement_scale,
    phase_scale,
    strain_scale,
)
from cdi_ml_plugin.view.surfaces import opengl
from cdi_ml_plugin.view.surfaces.camera import Camera, best_camera
from cdi_ml_plugin.view.surfaces.mesh import isosurface
from cdi_ml_plugin.view.surfaces.render import Panel, Scene, draw_surfaces

WITH_OPENGL = pytest.mark.skipif(
    probe.no_opengl_for_pictures() is not None, reason="there is no OpenGL"
)
FRONT = Camera.at((0, 0, 1))
RADIUS = 7.0


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


@pytest.fixture(scope="module")
def ball():
    """A sphere, coloured by x."""
    x = np.arange(21) - 10.0
    radius = np.sqrt(x[:, None, None] ** 2 + x[:, None] ** 2 + x**2)
    along_x = np.broadcast_to(x, radius.shape)
    mesh = isosurface(-radius, -RADIUS, np.eye(3)[:, ::-1])
    return mesh, mesh.values(along_x)


# -- the camera


@pytest.mark.parametrize("direction", [(0, 0, 1), (0.5, 0.4, 0.7), (-3, -1, 0.2)])
def test_a_camera_is_a_right_handed_frame(direction):
    for camera in (Camera.at(direction), Camera.at(direction).opposite()):
        frame = np.stack([camera.right, camera.up, camera.towards])
        np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(frame) == pytest.approx(1)
        assert camera.up[1] > 0
    np.testing.assert_allclose(camera.towards, -np.array(direction) / np.linalg.norm(direction))


def test_against_the_beam_x_is_on_the_right():
    np.testing.assert_allclose(FRONT.project([(2, 3, 5), (0, 0, 1)]), [(2, 3), (0, 0)], atol=1e-12)


@pytest.mark.parametrize("q", [(23, 10.6, -7.7), (0, 1, 0.1), (-1, 0.2, -1), (5, 5, 5)])
def test_the_best_camera_tells_q_from_the_axes(q):
    tips = best_camera([q]).project([*np.eye(3), np.array(q) / np.linalg.norm(q), (0, 0, 0)])
    distances = np.linalg.norm(tips[:, None] - tips, axis=-1)[np.triu_indices(5, 1)]
    assert distances.min() > 0.25 or np.allclose(q, (0, 1, 0.1))  # that one nearly is y


# -- colours


def test_colours_are_symmetric_about_0_and_reach_nearly_all():
    values = np.linspace(-0.1, 0.7, 1001)
    for scale in (phase_scale(values), strain_scale(values), displacement_scale(values)):
        assert scale.low == -scale.high
        assert np.mean(np.abs(values) <= scale.high) >= 0.98
        red, green, blue, _ = scale.cmap(0.5)
        assert min(red, green, blue) > 0.9  # 0 is white
    assert list(phase_scale(values).ticks.values()) == ["−π/4", "−π/8", "0", "π/8", "π/4"]
    assert list(phase_scale(3 * values).ticks.values()) == ["−3π/4", "−3π/8", "0", "3π/8", "3π/4"]
    assert strain_scale(values / 1000).high == pytest.approx(8e-4)
    assert list(strain_scale(values / 1000).ticks.values()) == ["−8", "−4", "0", "4", "8"]
    assert displacement_scale(np.full(4, np.nan)).high > 0


# -- pictures


@WITH_OPENGL
def test_a_ball_has_its_size_place_and_colours(ball):
    halves = ListedColormap(["#0000ff", "#ff0000"])
    size = 400
    figure = draw_surfaces(
        [Panel("a", *ball, FRONT), Panel("b", *ball, FRONT.opposite())],
        Scene(("x (nm)", "y (nm)", "z (nm)")),
        ColourScale("x (nm)", halves, -10, 10),
        size,
    )
    image = pixels(figure)
    assert image.shape[1] == size
    axes = [ax for ax in figure.axes if ax.images]
    for ax, low_colour, high_colour in ((axes[0], 2, 0), (axes[1], 0, 2)):
        # what the axes' coordinates say is where VTK drew it: an outline within a pixel
        for angle in np.radians([0, 60, 150, 180, 250]):
            outwards = np.array([np.cos(angle), np.sin(angle)])
            for radius, drawn in ((RADIUS - 0.6, True), (RADIUS + 0.6, False)):
                column, row = ax.transData.transform(radius * outwards).round().astype(int)
                red, _, blue = image[image.shape[0] - 1 - row, column]
                assert (abs(red - blue) > 60) == drawn
        for x, channel in ((-3, low_colour), (3, high_colour)):
            column, row = ax.transData.transform((x, 0.5)).round().astype(int)
            assert image[image.shape[0] - 1 - row, column].argmax() == channel
    assert (image[0, 0] == 255).all()
    assert [ax.get_title() or ax.texts[-1].get_text() for ax in axes] == ["a", "b"]


@WITH_OPENGL
def test_labels_are_there_and_stay_apart(ball):
    figure = draw_surfaces(
        [Panel("amplitude = 0.45 × max", *ball, best_camera([(23, 10.6, -7.7)]))],
        Scene(("x (nm)", "y (nm)", "z (nm)"), {"Q": ("#D55E00", (23, 10.6, -7.7))}),
        ColourScale("phase (rad)", colormaps["viridis"], -1, 1),
        300,
    )
    figure.canvas.draw()
    (ax,) = (ax for ax in figure.axes if ax.images)
    texts = [text for text in ax.texts if text.get_text()]
    shown = [text.get_text() for text in texts]
    assert {"x (nm)", "y (nm)", "z (nm)", "Q", "x", "y", "z", "0"} <= set(shown)
    boxes = [text.get_window_extent() for text in texts]
    for i, one in enumerate(boxes):
        assert figure.bbox.x0 <= one.x0 < one.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= one.y0 < one.y1 <= figure.bbox.y1
        for j, other in enumerate(boxes[:i]):
            rotated = {shown[i], shown[j]} & {"x (nm)", "z (nm)"}  # their boxes are too large
            assert rotated or not one.overlaps(other), (shown[i], shown[j])


@WITH_OPENGL
def test_a_mesh_is_left_as_it_is(ball):
    mesh, values = ball
    before = [mesh.points.copy(), mesh.faces.copy(), values.copy()]
    draw_surfaces([Panel("", *ball, FRONT)], Scene("xyz"), phase_scale(ball[1]), 200)
    for part, kept in zip((mesh.points, mesh.faces, values), before, strict=True):
        np.testing.assert_array_equal(part, kept)


# -- without OpenGL


@pytest.fixture
def asked_again(monkeypatch):
    """The probe, as if it were called for the first time."""
    monkeypatch.delenv("DISPLAY", raising=False)
    return probe.no_opengl_for_pictures.__wrapped__


@pytest.mark.skipif(find_library("OSMesa") is not None, reason="OSMesa can draw")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VTK_DEFAULT_OPENGL_WINDOW", "vtkOSOpenGLRenderWindow"),
        ("__EGL_VENDOR_LIBRARY_FILENAMES", "/dev/null"),
    ],
)
def test_the_probe_survives_what_would_end_this_process(name, value, asked_again, monkeypatch):
    monkeypatch.setenv(name, value)
    assert "no EGL and no OSMesa" in asked_again()


def test_a_probe_that_hangs_or_cannot_start(asked_again, monkeypatch):
    def hangs(*_, timeout, **__):
        raise subprocess.TimeoutExpired("python", timeout)

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(subprocess, "run", hangs)
    assert "nothing within 60 s" in asked_again()
    monkeypatch.setattr(subprocess, "run", denied)
    assert "Permission denied" in asked_again()


def test_no_opengl_is_an_error_before_anything_is_drawn(ball, monkeypatch):
    monkeypatch.setattr(probe, "no_opengl_for_pictures", lambda: "none here")
    with pytest.raises(DisplayError, match="no OpenGL: none here"):
        draw_surfaces([Panel("", *ball, FRONT)], Scene("xyz"), phase_scale(ball[1]))


@WITH_OPENGL
def test_a_drawing_that_fails_is_our_error(ball, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("lost the device")

    monkeypatch.setattr("pyvista.Plotter.screenshot", fails)
    with pytest.raises(DisplayError, match="lost the device"):
        draw_surfaces([Panel("", *ball, FRONT)], Scene("xyz"), phase_scale(ball[1]), 200)


@WITH_OPENGL
def test_the_probe_is_asked_once(monkeypatch):
    assert probe.no_opengl_for_pictures() is None
    monkeypatch.setattr(subprocess, "run", None)
    opengl.require()
