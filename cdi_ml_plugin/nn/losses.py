"""The terms of the paper's losses, equations (6) to (8), on moduli that they are handed."""

from __future__ import annotations

import torch


def chi_square(model: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
    """L₄ = Σ(√I_p − √I_m)² / ΣI_m."""
    return (model - measured).square().sum() / measured.square().sum()


def modified_pearson(model: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
    """L₃ = 1 − Σ|x_p−x̄_p|·|x_g−x̄_g| / √(Σ(x_p−x̄_p)² Σ(x_g−x̄_g)²), absolute values as printed.

    They make L₃ blind to the sign of a deviation; `pearson` is the form without them.
    """
    first, second = model - model.mean(), measured - measured.mean()
    return 1 - (first.abs() * second.abs()).sum() / _norms(first, second)


def pearson(model: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
    """1 − r_p, the plain Pearson coefficient."""
    first, second = model - model.mean(), measured - measured.mean()
    return 1 - (first * second).sum() / _norms(first, second)


def _norms(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """‖first‖ ‖second‖, not 0: a prediction of nothing must cost 1 and not spoil its whole batch."""
    return (first.norm() * second.norm()).clamp_min(1e-20)


def relative(model: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """L₁, L₂ = √Σ(x_p−x_g)² / √Σx_g², for each entry of a batch."""
    return (model - target).flatten(1).norm(dim=1) / target.flatten(1).norm(dim=1)


def supervised(
    amplitude: torch.Tensor,
    phase: torch.Tensor,
    truth: torch.Tensor,
    wave: torch.Tensor,
    modulus: torch.Tensor,
) -> torch.Tensor:
    """l_s of equation (6) with all α = 1, for each entry of a batch: amplitude, phase, L₃ of √I.

    The true phase is taken from 0 to 2π in the true particle and is 0 outside of it, where a
    predicted phase counts too.
    """
    true_phase = torch.where(truth.abs() > 0, truth.angle() % (2 * torch.pi), 0)
    pairs = zip(wave.abs(), modulus, strict=True)
    patterns = torch.stack([modified_pearson(one, other) for one, other in pairs])
    return (relative(amplitude, truth.abs()) + relative(phase, true_phase) + patterns) / 3


def overlap(obj: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """1 − |⟨ρ_p, ρ_g⟩|² / (‖ρ_p‖²‖ρ_g‖²), for each entry of a batch.

    The square of the object error that is left when global phase and scale are removed.
    """
    product = (obj.conj() * truth).flatten(1).sum(1).abs().square()
    powers = [x.abs().square().flatten(1).sum(1) for x in (obj, truth)]
    return 1 - product / (powers[0] * powers[1]).clamp_min(1e-20)
