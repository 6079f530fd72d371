"""Displacement, strain, size and resolution of crystals that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cdi_ml_plugin import Geometry, Measurement, reconstruct
from cdi_ml_plugin.crystal.analysis import analyse
from cdi_ml_plugin.crystal.crystal import FAINT, object_level
from cdi_ml_plugin.crystal.figures import edge_width
from cdi_ml_plugin.crystal.of_result import crystal_of
from cdi_ml_plugin.crystal.phase import without_ramp
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.simulate.particle import coordinates

SHAPE = (48, 56, 52)


@pytest.fixture(scope="module")
def geometry():
    # steps that make the voxels of SHAPE about 10 nm on each side
    return Geometry(
        energy=9.0, distance=1.0, theta=0.2, chi=90.0, phi=-5.0, delta=32.174, gamma=12.6346,
        step=0.025, reference=(24, 300, 300), binning=(1, 4, 4),
    )  # fmt: skip


def ball(points, radius=90.0, edge=12.0):
    distance = np.sqrt((points**2).sum(axis=0)) - radius
    return np.clip(0.5 - distance / edge, 0, 1)


def test_size_and_volume(geometry):
    points = coordinates(SHAPE, geometry.direct_basis(SHAPE))
    obj = ball(points).astype(np.complex64)
    found = analyse(obj, np.abs(obj) > 0, geometry)
    figures = found.figures
    assert figures["diameter_nm"] == pytest.approx(180, rel=0.02)
    for axis in "xyz":
        assert figures[f"size_{axis}_nm"] == pytest.approx(180, abs=0.3 * found.voxel)
    assert figures["volume_nm3"] == pytest.approx(4 / 3 * np.pi * 90**3, rel=0.02)
    assert figures["area_nm2"] == pytest.approx(4 * np.pi * 90**2, rel=0.02)
    assert figures["voxel_nm"] == found.voxel
    assert figures["strain_rms"] < 1e-5
    assert analyse(obj, np.abs(obj) > 0, geometry, voxel=4.0).voxel == 4.0


def test_a_lattice_that_is_wider_shifts_the_peak(geometry):
    """u = ε·(r along Q): the peak moves to q(1 − ε), and nothing of it is strain of the crystal."""
    points = coordinates(SHAPE, geometry.direct_basis(SHAPE))
    q = geometry.momentum_transfer()
    along = np.tensordot(q / np.linalg.norm(q), points, axes=1)
    obj = ball(points) * np.exp(-1j * np.linalg.norm(q) * 5e-4 * along)
    found = analyse(obj, np.abs(obj) > 0, geometry, d_spacing=2 * np.pi / np.linalg.norm(q))
    assert found.figures["mean_strain"] == pytest.approx(5e-4, rel=2e-3)
    np.testing.assert_allclose(found.q, q * (1 - 5e-4), rtol=1e-5)
    assert found.figures["strain_rms"] < 1e-5


def test_displacement_and_strain(geometry):
    points = coordinates(SHAPE, geometry.direct_basis(SHAPE))
    q = geometry.momentum_transfer()
    direction = q / np.linalg.norm(q)

    def field(r):  # nm
        return 0.05 * np.sin(np.tensordot(direction, r, axes=1) / 40) ** 2

    obj = ball(points) * np.exp(-1j * np.linalg.norm(q) * field(points))
    found = analyse(obj, np.abs(obj) > 0, geometry)
    z, y, x = np.meshgrid(*found.axes(), indexing="ij")
    place = np.stack([x, y, z])
    inner = np.sqrt((place**2).sum(axis=0)) < 60
    expected = field(place)
    difference = (found.displacement - expected)[inner]
    assert np.abs(difference - difference.mean()).max() < 0.05 * np.ptp(expected[inner])
    slope = 0.05 / 40 * np.sin(2 * np.tensordot(direction, place, axes=1) / 40)
    assert np.abs(found.strain - slope)[inner].max() < 0.12 * slope[inner].max()
    assert np.isnan(found.displacement[~found.inside]).all()
    # the phase runs over more than 2π here, and is unwrapped
    assert np.ptp(found.phase[found.inside]) == pytest.approx(np.linalg.norm(q) * 0.05, rel=0.1)


def test_without_ramp_undoes_a_ramp():
    rng = np.random.default_rng(0)
    wave = rng.random(SHAPE) + 0j
    index = np.meshgrid(*[np.arange(n) - n // 2 for n in SHAPE], indexing="ij")
    ramp = np.exp(1j * (0.3 * index[0] - 0.2 * index[1] + 0.05 * index[2] + 1))
    flat, gradient = without_ramp(wave * ramp)
    np.testing.assert_allclose(gradient, [0.3, -0.2, 0.05], atol=1e-12)
    np.testing.assert_allclose(flat, wave, atol=1e-12)


@pytest.mark.parametrize("edge", [15.0, 30.0])
def test_edge_width(edge):
    points = coordinates((64, 64, 64), 5.0 * np.eye(3))
    width = edge_width(ball(points, edge=edge), 5.0)
    assert width == pytest.approx(0.8 * edge, abs=3)  # linear: from 90 to 10 %


def test_of_a_result(geometry):
    points = coordinates(SHAPE, geometry.direct_basis(SHAPE))
    counts = diffraction((30 * ball(points, radius=60)).astype(np.complex64))
    measurement = Measurement(counts, provenance={"geometry": geometry.numbers()})
    assert measurement.geometry == geometry
    result = reconstruct(
        measurement, "60*ER", seeds=2, parameters={"initial_support_area": [0.4] * 3}
    )
    found = crystal_of(result)
    assert found is not None
    assert "resolution_prtf_nm" in found.figures
    named = crystal_of(result, material="Au", hkl=(1, 1, 1), uncertain={"beam_zero": 0.0})
    assert named is not None
    d = named.figures["d_spacing_nm"]
    assert named.figures["mean_strain"] == pytest.approx(d / (0.40782 / np.sqrt(3)) - 1)
    # of a real object both are the peak itself
    assert named.figures["d_spacing_mass_nm"] == pytest.approx(d, rel=2e-5)
    assert named.errors["mean_strain"] > 0
    assert named.errors["d_spacing_mass_nm"] < found.errors["d_spacing_mass_nm"]
    assert crystal_of(reconstruct(Measurement(counts), "2*ER")) is None


def test_what_is_no_crystal(geometry):
    obj = np.zeros(SHAPE, dtype=np.complex64)
    with pytest.raises(ParameterError, match="0 everywhere"):
        analyse(obj, np.ones(SHAPE, dtype=bool), geometry)
    with pytest.raises(ParameterError, match=r"support has shape \(3, 3, 3\)"):
        analyse(obj, np.ones((3, 3, 3), dtype=bool), geometry)
    obj[20:25, 20:25, 20:25] = 1
    with pytest.raises(ParameterError, match="no voxel is above it"):
        analyse(obj, np.abs(obj) > 0, geometry, level=1)
    for level in (-0.1, 0, 1.1, float("nan"), True, "half"):
        with pytest.raises(ParameterError, match="level"):
            analyse(obj, np.abs(obj) > 0, geometry, level=level)
    with pytest.raises(ParameterError, match="d_spacing"):
        analyse(obj, np.abs(obj) > 0, geometry, d_spacing=-1.0)


@pytest.mark.parametrize(("radius", "blur"), [(6, 1.3), (10, 0.6), (10, 1.3)])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_volume_above_the_level_is_that_of_the_body_before_it_was_blurred(radius, blur, noise):
    """Of balls a few voxels wide: half of the median of all, edge included, has up to 40 % more."""
    rng = np.random.default_rng(radius)
    fine = np.linalg.norm(coordinates((132,) * 3, np.eye(3) / 3), axis=0) < radius
    amplitude = gaussian_filter(fine.astype(float), 3 * blur)[1::3, 1::3, 1::3]
    true = fine.sum() / 27
    waves = [gaussian_filter(rng.standard_normal(amplitude.shape), blur) for _ in range(2)]
    wave = amplitude + noise * (waves[0] + 1j * waves[1]) / np.std(waves) / np.sqrt(2)
    found = np.abs(wave) * (amplitude > 0.05)
    found[tuple(rng.integers(20, 24, 3))] *= 1.5  # a hot voxel, by which all are divided
    found /= found.max()
    volume = (found >= object_level(found)).sum()
    # the middle of a Gaussian edge lies at half; curvature takes a few per cent of a small ball
    assert volume == pytest.approx(true, rel=0.05)


def test_the_surface_is_at_half_of_the_bulk():
    assert object_level(np.array([0.05, 0.05, 0.8, 0.9, 1.0])) == pytest.approx(0.45)
    # as much edge as bulk
    assert object_level(np.array([*np.linspace(0.1, 0.7, 50), *[0.8] * 50, 1.0])) == pytest.approx(
        0.4
    )
    assert object_level(np.zeros(3)) == FAINT
    assert object_level(np.array([0.05, 0.12, 0.15])) == FAINT  # below it there is noise
