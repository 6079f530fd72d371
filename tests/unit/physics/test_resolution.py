"""Resolution from what runs have in common: transfer function and Fourier shell correlation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cdi_ml_plugin.data.measurement import Measurement
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.geometry.geometry import Geometry
from cdi_ml_plugin.physics.resolution import (
    fourier_shell_correlation,
    half_bit,
    shell_correlation_resolution,
    transfer_resolution,
)
from cdi_ml_plugin.physics.shells import shells
from support.results import GEOMETRY

SHAPE = (32, 32, 32)


def white(seed: int) -> np.ndarray:
    parts = np.random.default_rng(seed).normal(size=(2, *SHAPE))
    return parts[0] + 1j * parts[1]


def beyond(common: np.ndarray, own: np.ndarray, q: float, geometry: Geometry) -> np.ndarray:
    """An object whose transform is that of `common` up to |Q| = q, and beyond it that of `own`."""
    index = np.indices(SHAPE).reshape(3, -1) - 16
    radius = np.linalg.norm(geometry.reciprocal_basis() @ index, axis=0).reshape(SHAPE)
    inner = np.fft.ifftshift(radius < q)
    waves = [np.fft.fftn(np.fft.ifftshift(one)) for one in (common, own)]
    return np.fft.fftshift(np.fft.ifftn(np.where(inner, *waves)))


def test_correlation_of_one_object_is_1_and_of_white_noise_0() -> None:
    parts = shells(SHAPE)
    np.testing.assert_allclose(fourier_shell_correlation(white(0), white(0), parts), 1)
    opposite = fourier_shell_correlation(white(0), -2 * white(0), parts)
    np.testing.assert_allclose(opposite, -1)
    curve = fourier_shell_correlation(white(0), white(1), parts)
    voxels = parts.sums(np.ones(SHAPE))
    deviations = curve * np.sqrt(2 * voxels)  # a complex voxel counts twice
    assert np.abs(deviations).max() < 4
    assert 0.5 < np.sqrt(np.mean(deviations**2)) < 1.5
    assert np.isnan(fourier_shell_correlation(white(0), np.zeros(SHAPE), parts)).all()


def test_half_a_bit() -> None:
    assert half_bit(np.array([1.0]))[0] == pytest.approx(1, abs=1e-3)
    # the information of a voxel of the sum: log₂(1 + SNR) = ½, with a correlation of SNR/2 / (1 + SNR/2)
    half = (2**0.5 - 1) / 2
    assert half_bit(np.array([1e12]))[0] == pytest.approx(half / (1 + half), abs=1e-3)


def test_the_shell_where_halves_part() -> None:
    last = float(shells(SHAPE, GEOMETRY.reciprocal_basis()).q[-1])
    inside = np.ones(SHAPE, dtype=bool)
    for share in (0.3, 0.5):
        halves = tuple(beyond(white(0), white(n), share * last, GEOMETRY) for n in (1, 2))
        found, why = shell_correlation_resolution(halves, inside, SHAPE, GEOMETRY)
        assert found == pytest.approx(2 * math.pi / (share * last), rel=0.12)
        assert not why
    # a window of half the array has steps of Q twice as wide
    twice, _ = shell_correlation_resolution(halves, inside, (64, 64, 64), GEOMETRY)
    assert twice == pytest.approx(found / 2)
    found, why = shell_correlation_resolution((white(0), white(0)), inside, SHAPE, GEOMETRY)
    assert math.isnan(found)
    assert f"better than {2 * math.pi / last:.3g} nm" in why


@pytest.mark.parametrize("number", [4, 16])
def test_the_transfer_function_of_phases_that_are_random_beyond(number: int) -> None:
    modulus = np.abs(np.fft.fftn(white(0)))

    def random(seed: int) -> np.ndarray:
        return np.fft.ifftn(modulus * np.exp(1j * np.angle(np.fft.fftn(white(seed)))))

    geometry = GEOMETRY
    last = float(shells(SHAPE, geometry.reciprocal_basis()).q[-1])
    common = np.fft.fftshift(np.fft.ifftn(np.fft.fftn(white(0))))
    runs = [
        beyond(common, np.fft.fftshift(random(n)), 0.4 * last, geometry)
        for n in range(1, number + 1)
    ]
    measurement = Measurement(diffraction(common))
    found, why = transfer_resolution(np.mean(runs, axis=0), number, measurement, geometry)
    if number == 4:  # 1/√4 is above 1/e: nothing can be said
        assert math.isnan(found)
        assert "too few runs" in why
        assert "0.50" in why
    else:
        assert found == pytest.approx(2 * math.pi / (0.4 * last), rel=0.12)
        assert not why
    found, why = transfer_resolution(common, 16, measurement, geometry)
    assert math.isnan(found)
    assert "never falls below 1/e" in why
    assert f"better than {2 * math.pi / last:.3g} nm" in why
