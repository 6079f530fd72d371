"""What depends on the surface of a crystal: area, figures at other levels, distributions above and below."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cdi_ml_plugin.crystal.crystal import Crystal
from cdi_ml_plugin.crystal.figures import figures_of, reasons_of, surface_mesh
from cdi_ml_plugin.crystal.histograms import depths, histograms, surface_depth
from cdi_ml_plugin.crystal.sensitivity import sensitivity
from cdi_ml_plugin.errors import ParameterError

VOXEL = 2.0
RADIUS, EDGE = 30.0, 10.0  # nm


def make(amplitude: np.ndarray, strain: np.ndarray) -> Crystal:
    inside = amplitude > 0.1
    found = Crystal(
        amplitude=amplitude.astype(np.float32),
        phase=np.where(inside, -strain, np.nan).astype(np.float32),
        displacement=np.where(inside, strain, np.nan).astype(np.float32),
        strain=np.where(inside, strain, np.nan).astype(np.float32),
        inside=inside,
        voxel=VOXEL,
        q=np.array([0.0, 26.0, 0.0]),
    )
    return replace(found, figures=figures_of(found))


@pytest.fixture(scope="module")
def radius() -> np.ndarray:
    axes = VOXEL * (np.arange(41) - 20)
    return np.sqrt(sum(np.square(axis) for axis in np.meshgrid(axes, axes, axes)))


@pytest.fixture(scope="module")
def ball(radius: np.ndarray) -> Crystal:
    """Its strain is 1e-3 outside of 20 nm, and 0 within."""
    return make(np.clip(0.5 - (radius - RADIUS) / EDGE, 0, 1), 1e-3 * (radius > 20))


def test_a_figure_at_another_level_is_that_of_the_ball_that_ends_there(ball: Crystal) -> None:
    found = sensitivity(ball)
    for side, level in enumerate((0.45, 0.55)):
        ends = RADIUS + EDGE * (0.5 - level)
        assert found["surface_level"][side] == pytest.approx(level)
        assert found["volume_nm3"][side] == pytest.approx(4 / 3 * np.pi * ends**3, rel=0.02)
        assert found["area_nm2"][side] == pytest.approx(4 * np.pi * ends**2, rel=0.01)
        assert found["size_x_nm"][side] == pytest.approx(2 * ends, abs=0.1)
    here = {key: ball.figures[key] for key in found}
    assert found["volume_nm3"][0] > here["volume_nm3"] > found["volume_nm3"][1]
    analysed = replace(ball, level=0.45)
    assert figures_of(analysed)["strain_rms"] == found["strain_rms"][0]
    for share in (0, 1, float("nan")):
        with pytest.raises(ParameterError, match="share"):
            sensitivity(ball, share)


def test_holes_inside_and_specks_near_are_told_from_the_surface(
    ball: Crystal, radius: np.ndarray
) -> None:
    hollow = make(np.where(radius < 8, 0.2, ball.amplitude), ball.strain)
    assert hollow.figures["area_nm2"] == pytest.approx(ball.figures["area_nm2"], rel=1e-6)
    assert hollow.figures["volume_nm3"] < ball.figures["volume_nm3"]
    corners, faces = surface_mesh(ball)
    place = corners - VOXEL * 20
    np.testing.assert_allclose(np.linalg.norm(place, axis=1), RADIUS, atol=0.15)
    assert faces.max() < len(corners)


def test_bulk_and_surface_are_told_apart_by_depth(ball: Crystal, radius: np.ndarray) -> None:
    below = depths(ball)
    near = (radius < RADIUS) & (radius > 5)
    np.testing.assert_allclose(below[near], (RADIUS - radius)[near], atol=0.8 * VOXEL)
    assert (below[~ball.solid] == 0).all()
    found = histograms(ball, depth=10.0, bins=40)["strain"]
    assert found.depth_nm == 10
    assert found.bulk.sum() + found.surface.sum() == ball.solid.sum()
    assert found.surface.sum() / ball.solid.sum() == pytest.approx(1 - (2 / 3) ** 3, abs=0.04)
    assert found.mean["surface"] == pytest.approx(1e-3, rel=0.08)
    assert found.mean["bulk"] < 1e-4
    assert found.std["surface"] < 0.4e-3
    # the amplitude is 1 from 25 nm inwards, where the edge begins
    amplitude = histograms(ball)["amplitude"]
    assert amplitude.depth_nm == surface_depth(ball) == pytest.approx(0.4 * EDGE, abs=1)
    assert amplitude.std["bulk"] < 0.05 < amplitude.std["surface"]
    assert amplitude.edges.size == amplitude.bulk.size + 1


def test_depth_and_bins_out_of_range(ball: Crystal) -> None:
    for given in ({"depth": 0}, {"depth": -1.0}, {"depth": "one"}, {"bins": 0}, {"bins": 2.5}):
        with pytest.raises(ParameterError, match=next(iter(given))):
            histograms(ball, **given)
    deepest = histograms(ball, depth=100.0)["strain"]
    assert deepest.bulk.sum() == 0
    assert np.isnan(deepest.mean["bulk"])


def test_one_voxel_does_not_set_a_range(ball: Crystal) -> None:
    wild = ball.strain.copy()
    wild[20, 20, 20] = 0.3
    spoilt = make(ball.amplitude, wild)
    for key in ("strain_range", "displacement_range_nm"):
        assert spoilt.figures[key] == pytest.approx(1e-3)
    counted = histograms(spoilt)["strain"]
    assert counted.bulk.sum() + counted.surface.sum() == spoilt.solid.sum()
    assert counted.edges[-1] < 0.01


def test_a_crystal_without_a_surface_says_so(ball: Crystal) -> None:
    empty = replace(ball, level=1.01)
    empty = replace(empty, figures=figures_of(empty))
    reasons = reasons_of(empty)
    missing = {key for key, value in empty.figures.items() if np.isnan(value)}
    assert missing == reasons.keys()
    assert "area_nm2" in missing
    with pytest.raises(ParameterError, match="lower"):
        histograms(empty)
