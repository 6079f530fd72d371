"""What a fit to one measured pattern can minimise, by name: entry points ``cdi_ml_plugin.losses``.

Each is a function of

* ``model``, ``measured``: real tensors (k,), |F| and √I of the k fitted voxels, in one unit. Masked and
  held-out voxels are not among them, so that no loss can see them;
* ``unit``: modulus of one photon in that unit; 0 where the data show no counting noise;
* ``progress``: how much of the fit is done, 0 to 1;

and returns one number, differentiable in ``model``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ..errors import ParameterError
from ..utils.plugins import Group
from . import losses

LOSSES = Group("cdi_ml_plugin.losses", "refine_loss", str.lower, ParameterError)
Loss = Callable[[torch.Tensor, torch.Tensor, float, float], torch.Tensor]
DARK = 0.1  # photons a voxel: keeps the gradient finite where a photon fell and the model has none
READ_OUT = 1.0  # photons², added to the variance of a Gaussian: where nothing fell it is not 0


def find(name: str) -> Loss:
    """Import the loss of that name.

    Raises
    ------
    ParameterError
        There is none of that name, or it cannot be imported.
    """
    loss: Loss = LOSSES.load(name)
    return loss


def weight(progress: float) -> float:
    """β₁ of equation (8) with k = 1, λ = 0.5: from 10⁴ at the start to 1 at the end.

    β₁ = a₀ (1/λ) exp(−n/λ), with a₁ = 0, a₀ = 5000 and the epoch n scaled so that the last is at
    λ ln 10⁴; the paper leaves a₀, a₁ and the scale of n open.
    """
    return 1e4 * math.exp(-math.log(1e4) * progress)


def paper(
    model: torch.Tensor, measured: torch.Tensor, unit: float, progress: float
) -> torch.Tensor:
    """l_u = (β₁ L₃ + β₂ L₄)/(β₁ + β₂), β₂ = 1 (the paper's equation 7), L₃ as printed."""
    beta = weight(progress)
    correlation = losses.modified_pearson(model, measured)
    return (beta * correlation + losses.chi_square(model, measured)) / (beta + 1)


def chi2(model: torch.Tensor, measured: torch.Tensor, unit: float, progress: float) -> torch.Tensor:
    """Σ(|F| − √I)² / ΣI: the paper's L₄, which ER minimises too."""
    return losses.chi_square(model, measured)


def pearson(
    model: torch.Tensor, measured: torch.Tensor, unit: float, progress: float
) -> torch.Tensor:
    """1 − r_p of |F| and √I, the plain coefficient."""
    return losses.pearson(model, measured)


def poisson(
    model: torch.Tensor, measured: torch.Tensor, unit: float, progress: float
) -> torch.Tensor:
    """Half the mean Poisson deviance, ⟨m − n + n log(n/m)⟩: m photons in the model, n counted.

    About 1/2 where the model is right and counts are many. Where the data show no counting noise, a
    photon is taken to be their mean intensity.
    """
    expected, counted = _photons(model, unit), _photons(measured, unit)
    return (expected - counted + torch.special.xlogy(counted, counted / expected)).mean()


def gaussian(
    model: torch.Tensor, measured: torch.Tensor, unit: float, progress: float
) -> torch.Tensor:
    """Half the mean of (m − n)²/σ², σ² = n + read-out: Gaussian log-likelihood of intensities."""
    expected, counted = _photons(model, unit), _photons(measured, unit)
    return ((expected - counted).square() / (counted + READ_OUT)).mean() / 2


def _photons(modulus: torch.Tensor, unit: float) -> torch.Tensor:
    return (modulus / (unit or 1.0)).square() + DARK
