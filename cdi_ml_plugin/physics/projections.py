"""Pure functions on tensors, batch first: the modulus projection, blurring, moduli."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from ..fourier import to_direct, to_reciprocal
from .moduli import Moduli
from .state import State

TINY = 1e-30  # keeps 1/|F| finite; a voxel with |F|² below it has no phase to keep
LEFT = 0.01  # of its own light, what the widest kernel leaves to a voxel
# Voxels that a CPU takes through all the steps at once, while they are in its cache.
BLOCK = 262_144


def slabs(array: torch.Tensor) -> Iterator[slice]:
    """Cut the z axis of (batch, z, y, x) so that a slab stays in the cache; a GPU takes it whole."""
    _, z, y, x = array.shape
    step = z if array.is_cuda else max(1, BLOCK // (y * x))
    for first in range(0, z, step):
        yield slice(first, min(z, first + step))


def modulus(obj: torch.Tensor) -> torch.Tensor:
    """|obj|, several times faster than ``abs``; 1e-15 where it is 0."""
    size = torch.empty(obj.shape, dtype=obj.real.dtype, device=obj.device)
    for slab in slabs(obj):
        parts = torch.view_as_real(obj[:, slab])
        parts = parts * parts  # square() is slower
        torch.add(parts[..., 0], parts[..., 1], out=size[:, slab]).clamp_min_(TINY).sqrt_()
    return size


def random_phases(amplitude: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Object (z, y, x) of a corner-centred modulus with random phases, drawn on the CPU."""
    angle = torch.rand(amplitude.shape, generator=generator) * (2 * torch.pi)
    return to_direct(torch.polar(amplitude, angle.to(amplitude)))


def smeared(values: torch.Tensor, transfer: torch.Tensor) -> torch.Tensor:
    """Real array (z, y, x), corner-centred, blurred by the kernel of a `transfer`, see `coherence`."""
    change = torch.fft.rfftn(values).mul(transfer)
    return torch.fft.irfftn(change, s=values.shape).add_(values)


def shown(wave: torch.Tensor, transfer: Sequence[torch.Tensor | None]) -> torch.Tensor:
    """Moduli (batch, z, y, x) that a beam shows of transforms: blurred where it is partly coherent."""
    size = modulus(wave)
    for one, kernel in zip(size, transfer, strict=True):
        if kernel is not None:
            # A kernel leaves each voxel some of its own light: rounding may not take it away.
            light = one.square()
            torch.sqrt(torch.maximum(smeared(light, kernel), light * LEFT), out=one)
    return size


def project_modulus(
    obj: torch.Tensor, state: State, data: Moduli, slack: float | torch.Tensor = 0.0
) -> torch.Tensor:
    """Give the transform of objects the measured moduli in the fitted voxels; in the others it keeps its own.

    Parameters
    ----------
    obj : complex tensor (batch, z, y, x)
        Left as it is.
    state : State
        ``state.chi2`` is set to χ² = Σ(|F|−√I)²/ΣI over the fitted voxels of `obj` (the paper's
        L₄; the same number as cohere's recorded error).
    slack : float or real tensor (batch, 1, 1, 1)
        In units of the amplitude: moduli come this near to the measured ones and no nearer.

    Returns
    -------
    complex tensor (batch, z, y, x)
        A new tensor.
    """
    wave = to_reciprocal(obj)
    amplitude = data.amplitude[None] if state.filtered is None else state.filtered
    limit: Any = slack  # torch clamps to numbers and to tensors alike
    residual = torch.zeros_like(state.chi2)
    blurs = any(kernel is not None for kernel in state.transfer)
    model = shown(wave, state.transfer) if blurs else None
    for slab in slabs(wave):
        part, unfitted = wave[:, slab], data.unfitted
        size = modulus(part) if model is None else model[:, slab]
        # Give an unfitted voxel the modulus that it has: it leaves no residual, and is scaled by 1.
        wanted = (
            amplitude[:, slab].expand_as(size)
            if unfitted is None
            else torch.addcmul(amplitude[:, slab], unfitted[slab], size)
        )
        difference = size - wanted
        flat = difference.flatten(1)
        residual += torch.linalg.vecdot(flat, flat)
        if isinstance(slack, torch.Tensor) or slack:
            wanted = wanted + difference.clamp_(-limit, limit)
        part.mul_(wanted / size)
    state.chi2 = residual / data.power
    return to_direct(wave)


@lru_cache(maxsize=64)
def _kernel(n: int, sigma: float, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Blurring along an axis of n voxels as a matrix: scipy's filter applied to every unit vector."""
    rows = gaussian_filter1d(np.eye(n), sigma, axis=0, mode="reflect")
    return torch.from_numpy(rows).to(device=device, dtype=dtype)


def blur(array: torch.Tensor, sigma: float) -> torch.Tensor:
    """Gaussian filter of real arrays (batch, z, y, x), equal to scipy's ``gaussian_filter``.

    The kernel ends at 4 σ, so along each axis the filter is a narrow band of a matrix; blocks of
    that band are multiplied, for a slab of the array at a time.
    """
    depth, height = (_bands(n, sigma, array) for n in array.shape[1:3])
    # Take the whole matrix up to 128 voxels: a band along x would have to be copied out of every row.
    width = _bands(array.shape[3], sigma, array, whole=128)
    slabs = []
    for band, window in depth:
        # Blur along z, then y and x of the slab that this gives, while it is in the cache.
        rows = array[:, window]
        slab = torch.matmul(band, rows.flatten(2)).reshape(-1, len(band), *array.shape[2:])
        slab = _joined([torch.matmul(band, slab[:, :, window]) for band, window in height], 2)
        slabs.append(
            _joined([torch.matmul(slab[..., window], band.T) for band, window in width], 3)
        )
    return _joined(slabs, 1)


def _joined(pieces: list[torch.Tensor], axis: int) -> torch.Tensor:
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, axis)


def _bands(
    n: int, sigma: float, like: torch.Tensor, whole: int = 64
) -> list[tuple[torch.Tensor, slice]]:
    """For each block of rows of the kernel: the part that is not zero, and what it acts on."""
    reach = int(4 * sigma + 0.5)
    kernel = _kernel(n, sigma, like.dtype, like.device)
    block = n if n <= whole else 32
    bands = []
    for start in range(0, n, block):
        stop = min(n, start + block)
        window = slice(max(0, start - reach), min(n, stop + reach))
        bands.append((kernel[start:stop, window], window))
    return bands
