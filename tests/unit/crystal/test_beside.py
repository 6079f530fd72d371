"""A crystal beside the true one: aligned whatever diffraction does not see, and what is left is the error."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin import Geometry
from cdi_ml_plugin.crystal.beside import beside
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.view.figures.truth import draw_truth

SHAPE = (32, 40, 36)
GEOMETRY = Geometry(
    energy=9.0, distance=1.0, theta=0.2, chi=90.0, phi=-5.0, delta=32.174, gamma=12.6346,
    step=0.05, reference=(16, 300, 300), binning=(1, 6, 6),
)  # fmt: skip


@pytest.fixture(scope="module")
def truth():
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in SHAPE], indexing="ij")
    radius = np.sqrt((z / 6) ** 2 + (y / 8) ** 2 + (x / 7) ** 2 + 0.1 * x * y / 60)
    amplitude = np.clip((1.15 - radius) / 0.3, 0, 1)
    return (amplitude * np.exp(1j * (0.02 * x * y + 0.01 * z**2))).astype(np.complex64)


def test_shift_phase_scale_and_twin_are_no_difference(truth):
    twin = np.roll(truth[::-1, ::-1, ::-1].conj(), (1, 1, 1), (0, 1, 2))
    for other in (truth, twin):
        moved = 3.7 * np.exp(0.8j) * np.roll(other, (2, -3, 1), (0, 1, 2))
        pair = beside(moved, truth, GEOMETRY)
        assert pair.truth.amplitude.shape == pair.found.amplitude.shape == pair.phase.shape
        assert np.nanmax(np.abs(pair.amplitude)) < 1e-3
        assert np.nanmax(np.abs(pair.phase)) < 1e-3
        assert np.nanmax(np.abs(pair.strain)) < 1e-6
        assert np.isfinite(pair.phase).sum() == pair.truth.solid.sum()


def test_a_difference_of_phase_is_found_where_it_is(truth):
    x = np.arange(SHAPE[2]) - SHAPE[2] // 2
    bump = 0.3 * np.exp(-(((x - 3) / 2.0) ** 2))
    pair = beside(truth * np.exp(1j * bump), truth, GEOMETRY)
    assert np.nanmax(pair.phase) - np.nanmin(pair.phase) == pytest.approx(0.3, abs=0.1)
    assert np.nanmax(np.abs(pair.amplitude)) < 0.05


def test_it_is_drawn_in_the_colours_of_the_truth(truth):
    pair = beside(truth * np.exp(0.2j), truth, GEOMETRY)
    images = np.reshape([ax.images[0] for ax in draw_truth(pair).axes if ax.images], (-1,))
    assert len(images) == 9
    for one, other in zip(images[0::3], images[1::3], strict=True):
        assert (one.norm.vmin, one.norm.vmax) == (other.norm.vmin, other.norm.vmax)


def test_nothing_to_compare(truth):
    with pytest.raises(ParameterError):
        beside(np.zeros_like(truth), truth, GEOMETRY)
    with pytest.raises(ParameterError):
        beside(truth[:-1], truth, GEOMETRY)
