"""The paper's unsupervised loss, equations (7) and (8), on moduli that it is handed."""

from __future__ import annotations

import math

import torch


def chi_square(model: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
    """L₄ = Σ(√I_p − √I_m)² / ΣI_m."""
    return (model - measured).square().sum() / measured.square().sum()


def modified_pearson(model: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
    """L₃ = 1 − Σ|x_p−x̄_p|·|x_g−x̄_g| / √(Σ(x_p−x̄_p)² Σ(x_g−x̄_g)²), absolute values as printed.

    They make L₃ blind to the sign of a deviation; `pearson` is the form without them.
    """
    first, second = model - model.mean(), measured - measured.mean()
    return 1 - (first.abs() * second.abs()).sum() / (first.norm() * second.norm())


def pearson(model: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
    """1 − r_p, the plain Pearson coefficient."""
    first, second = model - model.mean(), measured - measured.mean()
    return 1 - (first * second).sum() / (first.norm() * second.norm())


def weight(progress: float) -> float:
    """β₁ of equation (8) with k = 1, λ = 0.5: from 10⁴ at the start to 1 at the end.

    β₁ = a₀ (1/λ) exp(−n/λ), with a₁ = 0, a₀ = 5000 and the epoch n scaled so that the last is at
    λ ln 10⁴; the paper leaves a₀, a₁ and the scale of n open.
    """
    return 1e4 * math.exp(-math.log(1e4) * progress)


def unsupervised(model: torch.Tensor, measured: torch.Tensor, progress: float) -> torch.Tensor:
    """l_u = (β₁ L₃ + β₂ L₄)/(β₁ + β₂), β₂ = 1 (equation 7), at `progress` from 0 to 1."""
    beta = weight(progress)
    correlation = modified_pearson(model, measured)
    return (beta * correlation + chi_square(model, measured)) / (beta + 1)
