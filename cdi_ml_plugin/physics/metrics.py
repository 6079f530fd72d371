"""Figures of merit of objects: χ², Pearson's r_p, held-out χ²."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ..fourier import to_reciprocal
from .moduli import Moduli
from .projections import BLOCK, modulus


def figures(obj: torch.Tensor, data: Moduli) -> list[dict[str, float]]:
    """χ², Pearson's r_p and held-out χ² of objects (batch, z, y, x), one dict each.

    χ² = Σ(|F|−√I)²/ΣI (the paper's L₄) and r_p, the plain Pearson coefficient of |F| and √I, are
    taken over every measured voxel; ``chi2_held_out`` is the same χ² over the voxels that no
    algorithm has seen (NaN where there are none, or none with counts). Double precision.
    """
    return [_figures(one, data) for one in obj]


def _figures(obj: torch.Tensor, data: Moduli) -> dict[str, float]:
    model = modulus(to_reciprocal(obj)[None]).flatten()
    measured = data.measured.flatten()
    known = torch.ones_like(measured, dtype=torch.bool)
    known[data.masked] = False
    # Sum in double precision, a piece at a time: whole copies in double would not fit.
    sums = torch.zeros(7, dtype=torch.float64, device=measured.device)
    for first in range(0, len(model), BLOCK):
        piece = slice(first, first + BLOCK)
        inside = known[piece]
        fit, target = model[piece][inside].double(), measured[piece][inside].double()
        count = torch.ones_like(fit).sum()
        residual = (fit - target).square().sum()
        sums += torch.stack(
            [count, fit.sum(), target.sum(), fit @ fit, target @ target, fit @ target, residual]
        )
    n, sum_f, sum_t, ff, tt, ft, residual = sums.tolist()
    norm = math.sqrt(max(0.0, (ff - sum_f**2 / n) * (tt - sum_t**2 / n)))
    hidden = measured[data.held_out].double()
    unseen = float(hidden.square().sum())  # 0 where no count fell into the held-out voxels
    missed = float((model[data.held_out] - hidden).square().sum())
    return {
        "chi2": residual / tt,
        "pearson": (ft - sum_f * sum_t / n) / norm if norm > 0 else float("nan"),
        "chi2_held_out": missed / unseen if unseen > 0 else float("nan"),
    }


def best(runs: Sequence[Mapping[str, float | None]]) -> int:
    """Which of several figures of merit are the best: the lowest held-out χ², or χ² without one."""
    for name in ("chi2_held_out", "chi2"):
        values = np.array([figures.get(name) for figures in runs], dtype=float)
        if np.isfinite(values).any():
            return int(np.nanargmin(values))
    return 0
