"""Shells of |q|, and what is summed in them."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.physics.shells import crossing, prtf, shells, spectral_weight
from support.comparisons import SHAPE, crystal


@pytest.mark.parametrize("shape", [(16, 16, 16), (15, 20, 12)])
def test_shells_without_geometry_are_shares_of_nyquist(shape: tuple[int, int, int]) -> None:
    parts = shells(shape)
    assert parts.unit == "Nyquist"
    assert parts.complete == pytest.approx(1)
    width = parts.q[1] - parts.q[0]
    assert parts.q[-1] + width / 2 == pytest.approx(1)
    offsets = [2 * (i - n // 2) / n for i, n in zip(np.indices(shape), shape, strict=True)]
    radius = np.sqrt(np.sum(np.square(offsets), axis=0))
    inside = radius < 1 - 1e-9
    assert (np.abs(parts.q[parts.index[inside]] - radius[inside]) <= width / 2 + 1e-9).all()
    assert (parts.index[radius > 1 + 1e-9] == len(parts.q)).all()
    assert parts.sums(np.ones(shape)).sum() == (parts.index < len(parts.q)).sum()


def test_shells_with_geometry_are_in_its_unit() -> None:
    basis = np.diag([0.01, 0.02, 0.02])
    basis[0, 2] = 0.005  # not orthogonal
    parts = shells((20, 20, 20), basis)
    assert parts.unit == "1/nm"
    assert parts.q[-1] < 10 * np.hypot(0.02, 0.005) <= parts.q[-1] + parts.q[0] * 1.001
    q = float(np.linalg.norm(basis @ [2, -3, 1]))
    assert abs(parts.q[parts.index[12, 7, 11]] - q) <= parts.q[0] * 1.001
    # 10 planes from the centre to the first face, of which shear changes the distance
    assert parts.complete == pytest.approx(10 / np.linalg.norm(np.linalg.inv(basis)[0]))


def test_spectral_weight_is_a_sum_over_known_voxels() -> None:
    amplitude = np.random.default_rng(0).random(SHAPE)
    mask = np.random.default_rng(1).random(SHAPE) < 0.3
    parts = shells(SHAPE)
    weight = spectral_weight(amplitude, parts, mask)
    for shell in (0, 5, len(parts.q) - 1):
        expected = amplitude[(parts.index == shell) & ~mask].sum()
        assert weight[shell] == pytest.approx(expected)
    assert (spectral_weight(amplitude, parts) >= weight).all()


def test_prtf_of_agreement_is_1_and_of_random_phases_1_over_root_n() -> None:
    obj = crystal()
    parts = shells(SHAPE)
    amplitude = np.sqrt(diffraction(obj))
    np.testing.assert_allclose(prtf(amplitude, diffraction(obj), parts), 1, rtol=1e-5)
    rng = np.random.default_rng(0)
    number = 25
    total = sum(amplitude * np.exp(2j * np.pi * rng.random(SHAPE)) for _ in range(number))
    curve = prtf(np.abs(total) / number, diffraction(obj), parts)
    np.testing.assert_allclose(curve[4:], number**-0.5, rtol=0.2)
    assert np.mean(curve[4:]) == pytest.approx(number**-0.5, rel=0.05)


def test_prtf_sees_no_masked_voxel_and_no_bias_where_counts_are_rare() -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :10] = True
    parts = shells(SHAPE)
    mean = np.full(SHAPE, 0.05)  # counts a voxel
    counts = rng.poisson(mean).astype(float)
    counts[mask] = 1e6
    curve = prtf(np.sqrt(mean), counts, parts, mask)
    np.testing.assert_allclose(curve[8:], 1, rtol=0.15)
    assert np.isnan(prtf(np.sqrt(mean), np.zeros(SHAPE), parts)).all()


def test_crossing() -> None:
    q = np.array([0.0, 1, 2, 3])
    assert crossing(q, np.array([1, 0.8, 0.4, 0.9]), 0.5) == pytest.approx(1.75)
    assert crossing(q, np.array([1, np.nan, 0.4, 0.1]), 0.7) == pytest.approx(1)
    assert crossing(q, np.array([1, 0.8, 0.7, 0.6]), 0.5) is None
    assert crossing(q, np.array([0.3, 0.8, 0.7, 0.6]), 0.5) == 0
