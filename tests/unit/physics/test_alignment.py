"""Comparison of objects: blind to what diffraction cannot see, and to nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.physics.alignment import align, object_error, twin
from cdi_ml_plugin.simulate.particle import strained_crystal

SHAPES = [(16, 20, 18), (15, 17, 21), (16, 17, 18)]
relaxed = settings(max_examples=20, deadline=None, derandomize=True)


def crystal(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    return strained_crystal(shape, np.eye(3), size=8, rng=np.random.default_rng(seed))


def shifted(obj: np.ndarray, shift: tuple[float, ...]) -> np.ndarray:
    """Move an object by a phase ramp; where the shift is whole, by whole voxels."""
    grids = np.meshgrid(*map(np.fft.fftfreq, obj.shape), indexing="ij")
    ramp = np.exp(-2j * np.pi * sum(g * s for g, s in zip(grids, shift, strict=True)))
    return np.fft.ifftn(np.fft.fftn(obj) * ramp)


def test_the_ramp_is_a_shift() -> None:
    obj = crystal(SHAPES[0])
    np.testing.assert_allclose(
        shifted(obj, (2, -1, 3)), np.roll(obj, (2, -1, 3), (0, 1, 2)), atol=1e-6
    )


@relaxed
@example(SHAPES[0], 0, (0.0, 1.5, 1.5), 0.0, 1.0, False)  # midway between voxels
@example(SHAPES[2], 0, (0.5, -0.5, 0.5), 1.0, 1.0, True)
@given(
    shape=st.sampled_from(SHAPES),
    seed=st.integers(0, 50),
    shift=st.tuples(*[st.floats(-9, 9)] * 3),
    angle=st.floats(-3.1, 3.1),
    scale=st.floats(0.01, 100),
    conjugate=st.booleans(),
)
def test_blind_to_shift_phase_twin_and_scale(
    shape: tuple[int, int, int],
    seed: int,
    shift: tuple[float, float, float],
    angle: float,
    scale: float,
    conjugate: bool,
) -> None:
    true = crystal(shape, seed)
    other = shifted(true, shift) * np.exp(1j * angle)
    if conjugate:
        other = np.conj(other[::-1, ::-1, ::-1])
    assert object_error(scale * other, true) < 1e-4
    np.testing.assert_allclose(align(other, true), true, atol=2e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_twin_diffracts_alike_and_comes_back(shape: tuple[int, int, int]) -> None:
    true = torch.from_numpy(crystal(shape))
    other = twin(true)
    assert not torch.allclose(other, true, atol=0.1)
    pattern = diffraction(true.numpy())
    np.testing.assert_allclose(diffraction(other.numpy()), pattern, atol=1e-5 * pattern.max())
    torch.testing.assert_close(twin(other), true)
    # about the centre, voxel n // 2
    centre = torch.zeros(shape, dtype=torch.complex64)
    centre[tuple(n // 2 for n in shape)] = 1j
    torch.testing.assert_close(twin(centre), centre.conj().resolve_conj())


@pytest.mark.parametrize("shape", SHAPES)
def test_not_blind_to_another_crystal(shape: tuple[int, int, int]) -> None:
    true = crystal(shape)
    assert object_error(true.conj(), true) > 0.3  # conjugated but not flipped
    assert object_error(true[::-1, ::-1, ::-1], true) > 0.3  # flipped but not conjugated
    assert object_error(crystal(shape, seed=1), true) > 0.3
    assert object_error(np.abs(true), true) > 0.1  # the strain is gone
    assert object_error(np.zeros_like(true), true) == 1


@relaxed
@given(size=st.floats(0.01, 0.5), seed=st.integers(0, 20))
def test_measures_what_is_wrong(size: float, seed: int) -> None:
    """An error orthogonal to the object is reported as its own size over the object's."""
    true = crystal(SHAPES[0])
    error = np.zeros_like(true)
    error[np.unravel_index(seed, true.shape)] = size * np.linalg.norm(true)
    assert object_error(true + error, true) == pytest.approx(size / np.hypot(1, size), rel=0.1)
