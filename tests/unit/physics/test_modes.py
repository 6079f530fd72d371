"""Orthogonal modes of several objects."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin.physics.modes import modes
from cdi_ml_plugin.simulate.particle import strained_crystal

SHAPE = (16, 20, 18)


def crystal(seed: int = 0) -> np.ndarray:
    return strained_crystal(SHAPE, np.eye(3), size=9, rng=np.random.default_rng(seed))


def stack(number: int, noise: float = 0.3) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    parts = rng.normal(size=(2, number, *SHAPE)) * noise
    return [crystal() + one + 1j * two for one, two in zip(*parts, strict=True)]


def test_they_are_orthogonal_and_keep_the_power_of_every_voxel() -> None:
    objects = stack(5)
    found, shares = modes(objects)
    assert found.dtype == np.complex64
    flat = found.reshape(5, -1).astype(complex)
    overlap = flat.conj() @ flat.T
    power = np.mean([np.sum(np.abs(one) ** 2) for one in objects])
    np.testing.assert_allclose(np.diag(overlap).real, shares * power, rtol=1e-4)
    assert np.abs(overlap - np.diag(np.diag(overlap))).max() < 1e-4 * power
    assert shares.sum() == pytest.approx(1)
    assert (np.diff(shares) < 0).all()
    mean = np.mean([np.abs(one) ** 2 for one in objects], axis=0)
    np.testing.assert_allclose(np.sum(np.abs(found) ** 2, axis=0), mean, rtol=1e-3, atol=1e-5)


def test_of_what_is_the_same_there_is_one() -> None:
    found, shares = modes([crystal()] * 4)
    np.testing.assert_allclose(shares, [1, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(found[0], crystal(), atol=1e-5)


def test_what_is_common_and_how_they_differ() -> None:
    common, other = crystal(), crystal(3)
    other = other - common * np.vdot(common, other) / np.vdot(common, common)
    found, shares = modes([common + 0.2 * other, common - 0.2 * other])
    powers = np.array([np.linalg.norm(common) ** 2, 0.04 * np.linalg.norm(other) ** 2])
    np.testing.assert_allclose(shares, powers / powers.sum(), rtol=1e-5)
    np.testing.assert_allclose(found[0], common, atol=1e-4)
    np.testing.assert_allclose(found[1], 0.2 * other, atol=1e-4)


def test_the_strongest_alone() -> None:
    every, all_shares = modes(stack(4))
    found, shares = modes(stack(4), 2)
    np.testing.assert_array_equal(found, every[:2])
    np.testing.assert_array_equal(shares, all_shares)
