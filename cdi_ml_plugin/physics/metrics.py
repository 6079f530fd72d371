"""Figures of merit of objects: χ², Pearson's r_p, Poisson likelihood, evenness of the amplitude."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.quantities import RANKED
from ..fourier import to_reciprocal
from .moduli import Moduli
from .projections import BLOCK, TINY, shown

NAN = float("nan")
GUARD = 0.1  # photons that PyNX adds to a model below as many, within the logarithm
COUNTED = 0.5  # photon gain from which on, as it is estimated, an intensity is in counts


def figures(
    obj: torch.Tensor,
    data: Moduli,
    support: torch.Tensor,
    transfer: Sequence[torch.Tensor | None] | None = None,
) -> list[dict[str, float]]:
    """Figures of merit of objects, one dict each, summed in double precision.

    Parameters
    ----------
    obj : complex tensor (batch, z, y, x)
        In the scale of ``Moduli.amplitude``.
    data : Moduli
    support : bool tensor (batch, z, y, x)
    transfer : sequence of tensor (z, y, x // 2 + 1) or None, optional
        Of a beam that is not fully coherent, see `physics.coherence`: |F| is then what it shows.

    Returns
    -------
    list of dict
        ``chi2`` = Σ(|F|−√I)²/ΣI (the paper's L₄) and ``pearson``, the plain coefficient of |F| and √I,
        over every measured voxel. ``chi2_held_out``: that χ² over the voxels that no algorithm has
        seen (NaN where there are none, or none with counts).

        ``free_llk``: PyNX's free Poisson log-likelihood, the mean over the held-out voxels of
        2 (m − n + n ln(n/m')) for n counts where the model m = |F|² expects m (2m without counts); NaN
        where none are held out. m' is m, or m + 0.1 photons where m is below 0.1: where a model
        expects nothing a photon costs much, but not everything. ``llk``: PyNX's, the sum of the same over
        the fitted voxels, divided by their number less that of the support's voxels; NaN unless that
        is positive. About 1 for the true object where counts are many, less where they are few.

        ``amplitude_spread``: standard deviation of |ρ| in the support, as share of its mean;
        ``amplitude_mean_to_max``: 1 − mean/maximum. Both are 0 for an even amplitude, NaN for none.

    Notes
    -----
    Source: PyNX 2025.1, ``pynx.utils.math.llk_poisson`` and ``CDI.get_llk``, as its CPU operators use
    them (its GPU kernels leave out the factor 2). cdiutils 0.2.1 ranks by the same two
    evennesses, but takes the deviation in the object's own unit, and the mode in place of the mean.
    """
    return [
        _fit(one, data, int(inside.sum()), kernel) | _evenness(one, inside)
        for one, inside, kernel in zip(obj, support, transfer or [None] * len(obj), strict=True)
    ]


def _fit(
    obj: torch.Tensor, data: Moduli, unknowns: int, transfer: torch.Tensor | None
) -> dict[str, float]:
    model = shown(to_reciprocal(obj)[None], [transfer]).flatten()
    measured = data.measured.flatten()
    known = torch.ones_like(measured, dtype=torch.bool)
    known[data.masked] = False
    guard = GUARD * _photon(data) / data.scale**2
    # Sum in double precision, a piece at a time: whole copies in double would not fit.
    sums = torch.zeros(8, dtype=torch.float64, device=measured.device)
    for first in range(0, len(model), BLOCK):
        piece = slice(first, first + BLOCK)
        inside = known[piece]
        fit, target = model[piece][inside].double(), measured[piece][inside].double()
        count = torch.ones_like(fit).sum()
        residual = (fit - target).square().sum()
        logs = _logs(fit, target, guard)
        products = [fit @ fit, target @ target, fit @ target]
        sums += torch.stack([count, fit.sum(), target.sum(), *products, residual, logs])
    n, sum_f, sum_t, ff, tt, ft, residual, logs = sums.tolist()
    norm = math.sqrt(max(0.0, (ff - sum_f**2 / n) * (tt - sum_t**2 / n)))
    hidden, predicted = measured[data.held_out].double(), model[data.held_out].double()
    held_out = len(hidden)
    unseen = float(hidden.square().sum())  # 0 where no count fell into the held-out voxels
    missed = float((predicted - hidden).square().sum())
    llk = 2 * (ff - tt + logs)
    free = 2 * float(predicted @ predicted - unseen + _logs(predicted, hidden, guard))
    freedom = n - held_out - unknowns
    return {
        "chi2": residual / tt,
        "pearson": (ft - sum_f * sum_t / n) / norm if norm > 0 else NAN,
        "chi2_held_out": missed / unseen if unseen > 0 else NAN,
        "free_llk": free * data.scale**2 / held_out if held_out else NAN,
        "llk": (llk - free) * data.scale**2 / freedom if freedom > 0 else NAN,
    }


def free_llk(obj: torch.Tensor, data: Moduli, transfer: torch.Tensor | None = None) -> float:
    """Free Poisson log-likelihood of an object (z, y, x) alone, see `figures`; infinite for none."""
    model = shown(to_reciprocal(obj)[None], [transfer]).flatten()[data.held_out]
    return likelihood(model, data.measured.flatten()[data.held_out], data)


def likelihood(model: torch.Tensor, measured: torch.Tensor, data: Moduli) -> float:
    """Twice the mean negative Poisson log-likelihood of moduli (k,); infinite where it is none."""
    model, measured = model.double(), measured.double()
    logs = _logs(model, measured, GUARD * _photon(data) / data.scale**2)
    excess = model @ model - measured @ measured + logs
    found = 2 * float(excess) * data.scale**2 / max(1, len(measured))
    return found if math.isfinite(found) else math.inf


def misfits(
    obj: torch.Tensor, data: Moduli, transfer: torch.Tensor | None = None
) -> dict[str, tuple[float, float]]:
    """How many times what counting alone gives the Poisson likelihoods of an object (z, y, x) are.

    So scans of more counts and of less can be compared.

    Returns
    -------
    dict
        ``"fitted"`` and ``"held_out"``, of those voxels: the ratio, about 1 where nothing but counting keeps an object
        from the data, and the standard deviation that counting gives it; NaN where there are no such voxels.
    """
    photon = _photon(data)
    model = shown(to_reciprocal(obj)[None], [transfer]).flatten()
    fitted = torch.ones_like(model, dtype=torch.bool)
    fitted[data.masked] = False
    fitted[data.held_out] = False
    grid, means, variances = _counting()
    found = {}
    for name, voxels in (("fitted", fitted.nonzero()[:, 0]), ("held_out", data.held_out)):
        counts = (model[voxels].double().square() * (data.scale**2 / photon)).cpu().numpy()
        place = np.log(np.clip(counts, grid[0], grid[-1]))
        expected = photon * float(np.interp(place, np.log(grid), means).sum())
        deviation = photon * math.sqrt(np.interp(place, np.log(grid), variances).sum())
        llk = likelihood(model[voxels], data.measured.flatten()[voxels], data) * len(voxels)
        known = expected > 0
        found[name] = (llk / expected, deviation / expected) if known else (NAN, NAN)
    return found


@cache
def _counting() -> NDArray[np.float64]:
    """Expected counts, and mean and variance of 2 (m − n + n ln(n/m')) of Poisson numbers n of them, (3, k)."""
    from scipy.stats import poisson  # takes its time

    grid = np.geomspace(1e-4, 1e2, 200)  # below next to nothing, above as of a normal distribution
    numbers = np.arange(250.0)
    guarded = (grid + GUARD * (grid < GUARD))[:, None]
    logs = numbers * np.log(np.maximum(numbers, 1) / guarded)
    each = 2 * (grid[:, None] - numbers + logs)
    share = poisson.pmf(numbers, grid[:, None])
    mean = (share * each).sum(1)
    return np.stack([grid, mean, (share * each**2).sum(1) - mean**2])


def _logs(fit: torch.Tensor, target: torch.Tensor, guard: float) -> torch.Tensor:
    """Σ n ln(n/m') of moduli √m and √n, by PyNX's guard."""
    model, counts = fit.square(), target.square()
    guarded = model.add_(guard * (model < guard))
    return counts @ (counts / guarded).clamp_min_(TINY).log_()


def _photon(data: Moduli) -> float:
    """Units of intensity that a photon makes: 1 of counts, less where they were divided by something."""
    gain = (2 * data.noise * data.scale) ** 2
    return gain if gain < COUNTED else 1.0


def _evenness(obj: torch.Tensor, support: torch.Tensor) -> dict[str, float]:
    amplitude = obj[support].abs().double()
    highest = float(amplitude.max()) if len(amplitude) else 0.0
    mean = float(amplitude.mean()) if highest > 0 else NAN
    return {
        "amplitude_spread": float(amplitude.std(correction=0)) / mean if highest > 0 else NAN,
        "amplitude_mean_to_max": 1 - mean / highest if highest > 0 else NAN,
    }


def ranked_by(runs: Sequence[Mapping[str, float | None]]) -> str:
    """Which figure of merit tells the best of several runs: the first of `RANKED` that they all have.

    Runs that ended without an object have none, and do not count.
    """
    known = np.isfinite([_column(runs, name) for name in RANKED])
    missing = (known.any(0) & ~known).any(1)
    return RANKED[int(np.argmin(missing))]


def best(runs: Sequence[Mapping[str, float | None]]) -> int:
    """Which of several runs is the best by their figures of merit; the first where none has any."""
    values = _column(runs, ranked_by(runs))
    return int(np.nanargmin(values)) if np.isfinite(values).any() else 0


def _column(runs: Sequence[Mapping[str, float | None]], name: str) -> NDArray[np.float64]:
    return np.array([figures.get(name) for figures in runs], dtype=float)
