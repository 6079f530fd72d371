"""Lines about which the phase turns: found where they are, and nowhere else; their cuts are no strain."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cdi_ml_plugin import Geometry, Measurement, reconstruct
from cdi_ml_plugin.crystal.analysis import analyse
from cdi_ml_plugin.crystal.crystal import Crystal
from cdi_ml_plugin.crystal.dislocations import find_dislocations
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.physics.alignment import align
from cdi_ml_plugin.simulate.particle import coordinates, strained_crystal
from support.dislocated import AT, RADIUS, Straight

SHAPE = (48, 56, 52)
GEOMETRY = Geometry(
    energy=9.0, distance=1.0, theta=0.2, chi=90.0, phi=-5.0, delta=32.174, gamma=12.6346,
    step=0.025, reference=(24, 300, 300), binning=(1, 4, 4),
)  # fmt: skip
BASIS = GEOMETRY.direct_basis(SHAPE)
POINTS = coordinates(SHAPE, BASIS)


def straight(kind: str) -> Straight:
    return Straight(kind, GEOMETRY.momentum_transfer())


def crystal(obj: np.ndarray) -> Crystal:
    return analyse(obj, np.abs(obj) > 0.1 * np.abs(obj).max(), GEOMETRY)


def check_line(found: Crystal, truth: Straight) -> None:
    """One line, within two voxels of the true one all along, and as long as the ball lets it be."""
    assert len(found.dislocations) == 1
    assert found.figures["dislocations"] == 1
    line = found.dislocations[0]
    assert not line.closed
    assert truth.distance(line.points.T).max() < 2 * found.voxel
    ends = line.points[-1] - line.points[0]
    assert ends @ truth.along == pytest.approx(np.linalg.norm(ends), rel=0.02)  # and its sense
    middle = AT - (AT @ truth.along) * truth.along
    chord = 2 * np.sqrt(RADIUS**2 - middle @ middle)
    assert line.length == pytest.approx(chord, abs=4 * found.voxel)
    assert found.figures["dislocation_length_nm"] == line.length


def check_strain(found: Crystal, truth: Straight, noise: float) -> None:
    """Nowhere more than the truth's, by the cut no other than elsewhere, and none at the core."""
    z, y, x = np.meshgrid(*found.axes(), indexing="ij")
    points = np.stack([x, y, z])
    within = np.linalg.norm(points, axis=0) < RADIUS - 1.5 * found.voxel
    assert np.isnan(found.strain[within & (truth.distance(points) < 1.5 * found.voxel)]).all()
    inner = within & ~np.isnan(found.strain)
    expected = truth.strain(points)
    error = (found.strain - expected)[inner]
    error -= np.median(error)  # of the mean lattice
    cut = (truth.cut(points) < found.voxel)[inner]
    assert cut.sum() > 20
    # a cut that were drawn as strain would be π per voxel, over |Q|
    drawn = np.pi / found.voxel / np.linalg.norm(found.q)
    assert np.abs(error).max() < noise * drawn
    assert np.abs(error[cut]).max() < 0.5 * noise * drawn
    highest = np.abs(expected[inner]).max()
    assert np.abs(found.strain[inner][cut]).max() < highest + noise * drawn
    assert inner.sum() > 0.8 * within.sum()


@pytest.mark.parametrize("kind", ["screw", "edge"])
def test_a_dislocation_is_found_where_it_is(kind: str) -> None:
    truth = straight(kind)
    found = crystal(truth.object(POINTS))
    check_line(found, truth)
    check_strain(found, truth, noise=0.08)
    assert np.isnan(found.figures["displacement_range_nm"])
    assert "dislocation" in found.reasons["displacement_range_nm"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["screw", "edge"])
def test_a_dislocation_is_found_in_noisy_data_that_were_phased(kind: str) -> None:
    truth = straight(kind)
    obj = truth.object(POINTS)
    counts = diffraction(obj)
    counts = np.random.default_rng(0).poisson(1e7 * counts / counts.sum())
    result = reconstruct(Measurement(counts), "CNN + 500*SEARCH + 40*ER", seeds=[0])
    found = crystal(align(result.object * result.support, obj))
    check_line(found, truth)
    check_strain(found, truth, noise=0.12)


def test_a_loop_is_closed() -> None:
    """A prismatic loop: the phase is half the solid angle under which it is seen."""
    axis = np.arange(48) - 24.0
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    ring = 9.0
    about = np.hypot(x, y)
    # turns once about the circle of radius `ring` in the plane z = 0
    wave = np.exp(1j * (np.arctan2(z - 0.3, about - ring) - np.arctan2(z - 0.3, about + ring)))
    (loop,) = find_dislocations(wave, np.sqrt(x**2 + y**2 + z**2) < 20, voxel=2.0)
    assert loop.closed
    assert loop.length == pytest.approx(2 * np.pi * ring * 2.0, rel=0.15)
    np.testing.assert_allclose(np.hypot(*loop.points.T[:2]), ring * 2.0, atol=2.0)
    np.testing.assert_allclose(loop.points[:, 2], 0.6, atol=2.0)


@pytest.mark.parametrize("seed", range(10))
def test_a_crystal_without_one_has_none(seed: int) -> None:
    """Noise as high as a fifth of the amplitude, phases of up to 13 rad, uneven amplitude."""
    rng = np.random.default_rng(seed)
    obj = strained_crystal(SHAPE, BASIS, size=170, rng=rng, phase_range=4.0 + seed, edge=20.0)
    waves = [gaussian_filter(rng.standard_normal(SHAPE), 0.8) for _ in range(3)]
    uneven = 1 + 0.15 * gaussian_filter(waves[2], 4) / gaussian_filter(waves[2], 4).std()
    noisy = obj * uneven + 0.2 * (waves[0] + 1j * waves[1]) / np.std(waves[0]) / np.sqrt(2)
    found = analyse(noisy, np.abs(obj) > 0, GEOMETRY)
    assert found.dislocations == ()
    assert found.figures["dislocations"] == found.figures["dislocation_length_nm"] == 0
    assert np.isfinite(found.strain[found.solid]).mean() > 0.99  # a speck has no neighbours
    assert found.figures["displacement_range_nm"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_noisy_reconstruction_without_one_has_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    obj = strained_crystal(SHAPE, BASIS, size=170, rng=rng, phase_range=3.0 + seed, edge=12.0)
    counts = diffraction(obj)
    counts = rng.poisson(3e5 * counts / counts.sum())
    result = reconstruct(Measurement(counts), "CNN + 40*ER + 160*HIO + 40*ER", seeds=[seed])
    assert analyse(result.object, result.support, GEOMETRY).dislocations == ()


def test_noise_alone_has_no_lines_that_count_but_random_phases_have() -> None:
    rng = np.random.default_rng(0)
    smooth = np.ones((30, 30, 30), dtype=complex)
    smooth[15, 15, 15] = -1  # a step of π to each neighbour
    smooth += 0.3 * (rng.standard_normal(smooth.shape) + 1j * rng.standard_normal(smooth.shape))
    everywhere = np.ones(smooth.shape, dtype=bool)
    assert find_dislocations(smooth, everywhere, 1.0) == ()
    random = np.exp(2j * np.pi * rng.random(smooth.shape))
    assert find_dislocations(random, everywhere, 1.0)
    assert find_dislocations(random, ~everywhere, 1.0) == ()
