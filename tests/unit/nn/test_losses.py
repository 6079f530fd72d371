"""The losses of supervised training."""

from __future__ import annotations

import pytest
import torch

from cdi_ml_plugin.nn import losses
from cdi_ml_plugin.nn.pattern import Pattern
from cdi_ml_plugin.simulate.batch import PAPER, Particles


def test_supervised_loss_is_equation_6() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.polar(torch.tensor([[[[1.0, 0.5, 0.0]]]]), torch.tensor([[[[0.2, 0.6, 3.0]]]]))
    amplitude = torch.tensor([[[[0.9, 0.5, 0.2]]]])
    phase = torch.tensor([[[[0.2, 0.5, 0.3]]]])  # the last is outside, where the true one is 0
    wave, modulus = torch.rand((2, 1, 4, 4, 4), generator=generator)
    got = losses.supervised(amplitude, phase, truth, wave, modulus)
    first = ((0.1**2 + 0.2**2) / (1 + 0.25)) ** 0.5
    second = ((0.1**2 + 0.3**2) / (0.2**2 + 0.6**2)) ** 0.5
    one, other = wave - wave.mean(), modulus - modulus.mean()
    third = 1 - float((one.abs() * other.abs()).sum() / (one.norm() * other.norm()))
    assert float(got[0]) == pytest.approx((first + second + third) / 3, rel=1e-5)


def test_a_prediction_of_nothing_costs_and_does_not_spoil_its_batch() -> None:
    truth = Particles(32, PAPER, (1.0, 1.0), fine=1).draw(2, torch.Generator().manual_seed(0))
    pattern = Pattern.of(truth.modulus, truth.known)
    amplitude = truth.object.abs() * torch.tensor([1.0, 0.0])[:, None, None, None]
    amplitude.requires_grad_()
    phase = (truth.object.angle() % (2 * torch.pi)) * (truth.object.abs() > 0)
    wave = pattern.wave(torch.polar(amplitude, phase))
    loss = losses.supervised(amplitude, phase, truth.object, wave, pattern.modulus)
    assert loss.tolist() == pytest.approx([0, 2 / 3], abs=2e-3)
    loss.mean().backward()  # type: ignore[no-untyped-call]
    assert amplitude.grad is not None
    assert bool(amplitude.grad.isfinite().all())
