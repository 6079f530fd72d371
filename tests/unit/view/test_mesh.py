"""Isosurfaces: place, size, orientation and colour of what is known."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin.crystal.crystal import Crystal
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.view.surfaces.mesh import (
    amplitude_mesh,
    diffraction_level,
    diffraction_mesh,
    isosurface,
    laboratory_basis,
)

AXES = np.array([60.0, 90.0, 75.0])  # nm, half axes of an ellipsoid along x, y, z
# nm per voxel along (rocking, row, column), sheared as a rocking scan is
SHEARED = np.array([[4.0, 0.5, 9.0], [0.0, -9.0, 0.3], [9.0, 1.0, -3.0]])
SLOPE = np.array([0.01, -0.02, 0.015])  # rad/nm
HANDS = pytest.mark.parametrize("basis", [SHEARED, SHEARED * [1, -1, 1]], ids=["one", "other"])


def ellipsoid(basis, shape=(48, 40, 44)):
    """An amplitude that is 0.5 on the ellipsoid, and a phase that is a plane; of voxels in `basis`."""
    index = np.stack(np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij"), axis=-1)
    place = index @ basis.T
    radius = np.linalg.norm(place / AXES, axis=-1)
    return np.clip(1.5 - radius, 0, 1), place @ SLOPE


def volume(mesh):
    """Signed: positive where the triangles show their front to the outside."""
    a, b, c = (mesh.points.astype(float)[mesh.faces[:, i]] for i in range(3))
    return np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6


def area(mesh):
    a, b, c = (mesh.points.astype(float)[mesh.faces[:, i]] for i in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2


def is_closed(mesh):
    """Whether each edge is that of two triangles."""
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, ::2]])
    _, count = np.unique(np.sort(edges), axis=0, return_counts=True)
    return bool((count == 2).all())


@HANDS
def test_an_ellipsoid_in_a_sheared_frame(basis):
    amplitude, _ = ellipsoid(basis)
    mesh = amplitude_mesh(amplitude, 0.5, basis)
    assert volume(mesh) == pytest.approx(4 / 3 * np.pi * AXES.prod(), rel=0.02)
    np.testing.assert_allclose(mesh.points.max(axis=0), AXES, rtol=0.03)
    np.testing.assert_allclose(mesh.points.min(axis=0), -AXES, rtol=0.03)
    # and not only as long, but everywhere where it should be
    np.testing.assert_allclose(np.linalg.norm(mesh.points / AXES, axis=1), 1, atol=0.02)
    assert is_closed(mesh)


@HANDS
def test_the_colour_is_the_phase_there(basis):
    amplitude, phase = ellipsoid(basis)
    mesh = amplitude_mesh(amplitude, 0.5, basis)
    np.testing.assert_allclose(mesh.values(phase), mesh.points @ SLOPE, atol=1e-4)


def test_a_crystal_lies_in_nm_and_takes_what_is_known_next_to_its_surface():
    voxel = 6.0
    basis = voxel * np.eye(3)[:, ::-1]
    amplitude, phase = ellipsoid(basis, (35, 37, 33))
    inside = amplitude >= 0.5
    phase = np.where(inside, phase, np.nan)  # nothing is known on the outer side
    crystal = Crystal(amplitude, phase, phase, phase, inside, voxel, np.array([20.0, 0, 0]))
    mesh = amplitude_mesh(crystal.amplitude, 0.5, laboratory_basis(crystal))
    values = mesh.values(crystal.phase)
    assert volume(mesh) == pytest.approx(4 / 3 * np.pi * AXES.prod(), rel=0.02)
    error = values - mesh.points @ SLOPE
    assert np.abs(error).max() <= voxel * np.abs(SLOPE).sum()
    # x, y and z are not confused: the slopes along them differ
    found = np.linalg.lstsq(mesh.points, values, rcond=None)[0]
    np.testing.assert_allclose(found, SLOPE, rtol=0.1)


@HANDS
@pytest.mark.parametrize("at", [(3, 9, 12), (11, 2, 5)])
def test_a_marked_voxel_of_the_diffraction(basis, at):
    intensity = np.zeros((16, 12, 14), dtype=np.float32)
    intensity[at] = 1000
    steps = basis / 3000
    mesh = diffraction_mesh(intensity, 500, steps)
    q = steps @ (np.array(at) - [8, 6, 7])
    np.testing.assert_allclose(mesh.points.mean(axis=0), q, rtol=1e-5)
    distances = np.linalg.norm(mesh.points, axis=1)
    assert distances.min() < np.linalg.norm(q) < distances.max()
    # an octahedron: where log(1 + counts) reaches that of the level on the way to each neighbour
    share = 1 - np.log1p(500) / np.log1p(1000)
    assert volume(mesh) == pytest.approx(4 / 3 * share**3 * abs(np.linalg.det(steps)), rel=1e-3)


def test_a_surface_ends_where_the_array_does():
    ramp = np.broadcast_to(np.arange(8.0)[:, None, None], (8, 6, 6))
    mesh = isosurface(ramp, 3.5, np.eye(3))
    np.testing.assert_allclose(mesh.points[:, 0], -0.5)
    assert area(mesh) == pytest.approx(25)
    closed = isosurface(ramp, 3.5, np.eye(3), most=1000)
    assert is_closed(closed)
    assert not is_closed(mesh)


@pytest.mark.parametrize("level", [0.05, 1.0, np.nan])
def test_levels_of_an_amplitude(level):
    amplitude, _ = ellipsoid(SHEARED)
    with pytest.raises(ParameterError, match="share of the highest amplitude"):
        amplitude_mesh(amplitude, level, SHEARED)


@pytest.mark.parametrize("level", [0.0, -1.0, 7.0, np.nan])
def test_levels_of_an_intensity(level):
    with pytest.raises(ParameterError, match="below 7"):
        diffraction_mesh(np.arange(8.0).reshape(2, 2, 2), level, np.eye(3))


def test_levels_that_cut_nothing():
    with pytest.raises(ParameterError, match="from 1 to 1"):
        isosurface(np.ones((4, 4, 4)), 0.5, np.eye(3))


def test_levels_by_default():
    assert diffraction_level(np.array([0, 1e6])) == 200
    assert diffraction_level(np.array([0, 1000])) == 10  # not single photons
    assert diffraction_level(np.array([0, 20])) == 2  # but below the peak
