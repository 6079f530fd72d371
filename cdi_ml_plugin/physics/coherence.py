"""Partial coherence: a beam that is not fully coherent blurs the pattern.

A measured intensity is |F|² ⊗ k, with a kernel k of weight 1. In direct space the autocorrelation of the
object is multiplied by the mutual coherence γ, the transform of k, which is 1 at lag 0. `transfer` stands
for γ − 1 throughout, on the half-space of a real transform, (z, y, x // 2 + 1): 0 is full coherence, and
what is added to a weak voxel does not drown in the rounding of the bright ones.

References
----------
J. N. Clark et al., Nat. Commun. 3, 993 (2012): the projection, and Lucy's kernel. Estimating a Gaussian
on the fitted voxels by Gauss-Newton is this package's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..fourier import to_reciprocal
from .metrics import free_llk
from .moduli import Moduli
from .projections import TINY, modulus, smeared
from .state import State

DARK = 1e-3  # of the rms amplitude: moduli below it have no weight in an estimate
WIDEST = 0.25  # of an array, the largest standard deviation that is looked for
STEPS = 4  # of Gauss-Newton from full coherence
CLEARLY = 0.97  # times the free log-likelihood of full coherence: less is a better model
NARROW = 0.25  # voxels², the variance from which Lucy's kernel starts: a delta would stay one


def gaussian(shape: Sequence[int], variance: torch.Tensor) -> torch.Tensor:
    """Transfer of a Gaussian kernel of variances (3,), in voxels² of the pattern along z, y, x."""
    z, y, x = (v * one for v, one in zip(variance, _squares(shape, variance), strict=True))
    return (z + y + x).neg_().expm1_()


def _squares(shape: Sequence[int], like: torch.Tensor) -> list[torch.Tensor]:
    """2π²f² along each axis, as views that broadcast to (z, y, x // 2 + 1)."""
    parts = []
    for axis, n in enumerate(shape):
        f = torch.fft.rfftfreq(n) if axis == 2 else torch.fft.fftfreq(n)
        view = [1, 1, 1]
        view[axis] = len(f)
        parts.append((2 * torch.pi**2 * f.square()).reshape(view).to(like))
    return parts


def refined(obj: torch.Tensor, data: Moduli, variance: torch.Tensor) -> torch.Tensor:
    """One step of Gauss-Newton of Gaussian variances towards the least Σ(√(|F|² ⊗ k) − √I)².

    Parameters
    ----------
    obj : complex tensor (z, y, x)
    data : Moduli
        Its fitted voxels alone are looked at.
    variance : real tensor (3,)
        In voxels² of the pattern.

    Returns
    -------
    real tensor (3,)
        None negative.
    """
    shape = obj.shape
    intensity = modulus(to_reciprocal(obj)[None])[0].square()
    change = gaussian(shape, variance)
    size = smeared(intensity, change).clamp_min_(TINY).sqrt_()
    known = torch.ones_like(size) if data.unfitted is None else 1 - data.unfitted
    lags = torch.fft.rfftn(intensity).mul_(change.add_(1))
    # Let no voxel without light decide: there a modulus says nothing of its slope.
    weight = known / (2 * size.clamp_min(max(data.noise, DARK)))
    misfit = size.sub_(data.amplitude).mul_(known).flatten()
    slopes = [
        torch.fft.irfftn(-one * lags, s=shape).mul_(weight).flatten()
        for one in _squares(shape, variance)
    ]
    left = torch.stack([torch.stack([one @ other for other in slopes]) for one in slopes]).double()
    right = torch.stack([one @ misfit for one in slopes]).double()
    left = left + torch.diag(1e-3 * left.diagonal() + TINY)
    step = torch.linalg.solve(left, right).to(variance)
    limits = torch.tensor([(WIDEST * n) ** 2 for n in shape]).to(variance)
    return torch.minimum((variance - step).clamp_min(0), limits)


def estimated(obj: torch.Tensor, data: Moduli) -> torch.Tensor:
    """Gaussian variances (3,), in voxels², that explain a pattern best with an object (z, y, x)."""
    variance = torch.zeros(3, dtype=obj.real.dtype, device=obj.device)
    for _ in range(STEPS):
        variance = refined(obj, data, variance)
    return variance


def judged(obj: torch.Tensor, data: Moduli) -> torch.Tensor | None:
    """Gaussian variances (3,) of an object (z, y, x), where the held-out voxels say that they are real.

    None where full coherence foretells those voxels as well, or nearly so.
    """
    variance = estimated(obj, data)
    blurred = free_llk(obj, data, gaussian(obj.shape, variance))
    return variance if blurred < CLEARLY * free_llk(obj, data) else None


def set_gaussian(state: State, index: int, variance: torch.Tensor | None) -> None:
    """Give one of a batch a Gaussian kernel of variances (3,), in voxels², and say so in its figures; or none."""
    state.seeds[index].coherence = variance
    if variance is None:
        state.transfer[index] = None
        for axis in "zyx":
            state.seeds[index].figures.pop(f"coherence_{axis}", None)
        return
    state.transfer[index] = gaussian(state.object.shape[1:], variance)
    figures = zip("zyx", variance.sqrt().tolist(), strict=True)
    state.seeds[index].figures.update({f"coherence_{axis}": width for axis, width in figures})


def lucy(
    obj: torch.Tensor,
    data: Moduli,
    transfer: torch.Tensor | None,
    size: Sequence[int],
    iterations: int,
) -> torch.Tensor | None:
    """Transfer of a kernel by Richardson and Lucy's iterations on the fitted voxels.

    Parameters
    ----------
    obj : complex tensor (z, y, x)
    transfer : tensor (z, y, x // 2 + 1) or None
        Of the kernel so far; None to begin.
    size : (z, y, x)
        Voxels of the kernel along each axis.
    iterations : int

    Returns
    -------
    complex tensor (z, y, x // 2 + 1) or None
        None where no kernel explains the fitted voxels better than full coherence does.
    """
    shape = obj.shape
    intensity = modulus(to_reciprocal(obj)[None])[0].square()
    known = torch.ones_like(intensity) if data.unfitted is None else 1 - data.unfitted
    measured = data.amplitude.square()
    near = torch.ones((), dtype=torch.bool, device=obj.device)
    for axis, (n, wide) in enumerate(zip(shape, size, strict=True)):
        view = [1, 1, 1]
        view[axis] = n
        off = (torch.fft.fftfreq(n, device=obj.device) * n).abs().reshape(view)
        near = near & (off <= wide // 2)
    if transfer is None:
        start = torch.full((3,), NARROW, dtype=intensity.dtype, device=obj.device)
        transfer = gaussian(shape, start)
    kernel = torch.fft.irfftn(1 + transfer, s=shape).clamp_min(0) * near
    light = torch.fft.rfftn(intensity)
    weight = torch.fft.irfftn(light.conj() * torch.fft.rfftn(known), s=shape)
    for _ in range(iterations):
        kernel = kernel / kernel.sum()
        model = torch.fft.irfftn(light * torch.fft.rfftn(kernel), s=shape)
        ratio = torch.fft.rfftn(measured / model.clamp_min(TINY) * known)
        pull = torch.fft.irfftn(light.conj() * ratio, s=shape)
        kernel = kernel * (pull / weight.clamp_min(TINY)).clamp_min(0)
    found = torch.fft.rfftn(kernel / kernel.sum()) - 1
    blurred = smeared(intensity, found).clamp_min(TINY).sqrt()
    misfit = [(one - data.amplitude) * known for one in (blurred, intensity.sqrt())]
    better = misfit[0].square().sum() < misfit[1].square().sum()
    return found if bool(better) else None
