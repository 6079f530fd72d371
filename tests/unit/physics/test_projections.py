"""The building blocks, held to scipy and to their own laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from cdi_ml_plugin.physics import projections
from cdi_ml_plugin.physics.projections import blur, modulus


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(3, 40)] * 3),
    sigma=st.sampled_from([0.8, 1.0, 2.3, 6.0]),
    block=st.sampled_from([500, 10**6]),
)
def test_blur_is_scipys(shape: tuple[int, int, int], sigma: float, block: int) -> None:
    array = np.random.default_rng(0).random((2, *shape))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projections, "BLOCK", block)
        ours = blur(torch.from_numpy(array), sigma)
    theirs = np.stack([gaussian_filter(one, sigma) for one in array])
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-12)


def test_modulus_is_abs() -> None:
    wave = torch.randn(2, 5, 6, 7, dtype=torch.complex64) * 1e4
    torch.testing.assert_close(modulus(wave), wave.abs())
