"""The laws of the losses that REFINE minimises."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cdi_ml_plugin.nn import fit_losses

NAMES = fit_losses.LOSSES.names()


@pytest.fixture
def measured() -> torch.Tensor:
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.uniform(0.5, 30, 400))
    return torch.from_numpy(counts.astype(float) ** 0.5)


@pytest.mark.parametrize("name", NAMES)
def test_lowest_where_model_and_data_agree(name: str, measured: torch.Tensor) -> None:
    """The value there is the least, the gradient there is 0."""
    loss = fit_losses.find(name)
    model = measured.clone().requires_grad_(True)
    there = loss(model, measured, 1.0, 0.5)
    (gradient,) = torch.autograd.grad(there, model)
    assert abs(float(there.detach())) < 1e-12
    assert float(gradient.abs().max()) < 1e-9
    generator = torch.Generator().manual_seed(0)
    for size in (0.01, 0.1, 1.0):
        moved = measured + size * torch.randn(len(measured), generator=generator).double()
        assert float(loss(moved.abs(), measured, 1.0, 0.5)) > 0


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite_where_nothing_was_counted_or_nothing_is_expected(name: str) -> None:
    measured = torch.tensor([0.0, 0.0, 1.0, 2.0, 5.0])
    model = torch.tensor([1e-15, 1.0, 1e-15, 2.0, 4.0], requires_grad=True)
    loss = fit_losses.find(name)(model, measured, 1.0, 1.0)
    (gradient,) = torch.autograd.grad(loss, model)
    assert bool(torch.isfinite(loss.detach()))
    assert bool(torch.isfinite(gradient).all())
