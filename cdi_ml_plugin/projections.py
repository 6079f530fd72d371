"""Pure functions on tensors, batch first: the modulus projection, blurring, moduli."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from .fourier import to_direct, to_reciprocal
from .state import Data, State

TINY = 1e-30  # keeps 1/|F| finite; a voxel with |F|² below it has no phase to keep


def modulus(obj: torch.Tensor, out: torch.Tensor, spare: torch.Tensor) -> torch.Tensor:
    """|obj| into `out`; `spare` is complex working room. Several times faster than ``abs``."""
    torch.mul(torch.view_as_real(obj), torch.view_as_real(obj), out=torch.view_as_real(spare))
    squared = torch.view_as_real(spare)
    return torch.add(squared[..., 0], squared[..., 1], out=out).clamp_min_(TINY).sqrt_()


def project_modulus(obj: torch.Tensor, state: State, data: Data) -> torch.Tensor:
    """Give the transform of objects the measured moduli; masked and held-out voxels float.

    Parameters
    ----------
    obj : complex tensor (batch, z, y, x)
        Left as it is, unless it is ``state.wave``.
    state : State
        Lends its working room; ``state.chi2`` is set to χ² = Σ(|F|−√I)²/ΣI over the fitted
        voxels of `obj` (the paper's L₄; the same number as cohere's recorded error).

    Returns
    -------
    complex tensor (batch, z, y, x)
        It is ``state.wave``: use it before the next projection.
    """
    wave = to_reciprocal(obj, out=state.wave)
    magnitude = modulus(wave, state.modulus, state.spare)
    ratio = torch.div(data.amplitude, magnitude, out=state.ratio)
    magnitude.sub_(data.amplitude)
    if data.floating is not None:
        magnitude.masked_fill_(data.floating, 0)
        ratio.masked_fill_(data.floating, 1)
    residual = magnitude.flatten(1)
    state.chi2 = torch.linalg.vecdot(residual, residual) / data.power
    wave.mul_(ratio)
    return to_direct(wave, out=wave)


@lru_cache(maxsize=64)
def _kernel(n: int, sigma: float, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Blurring along an axis of n voxels as a matrix: scipy's filter applied to every unit vector."""
    rows = gaussian_filter1d(np.eye(n), sigma, axis=0, mode="reflect")
    return torch.from_numpy(rows).to(device=device, dtype=dtype)


def blur(array: torch.Tensor, sigma: float) -> torch.Tensor:
    """Gaussian filter of real arrays (batch, z, y, x), equal to scipy's ``gaussian_filter``.

    The kernel ends at 4 σ, so along each axis the filter is a narrow band of a matrix; blocks of
    that band are multiplied, which is the fastest way on a CPU and fast enough on a GPU.
    """
    along_z = torch.empty_like(array)
    along_y = torch.empty_like(array)
    for rows, band, window in _bands(array, 1, sigma):
        along_z[:, rows] = torch.matmul(band, array[:, window].flatten(2)).unflatten(
            2, array.shape[2:]
        )
    for rows, band, window in _bands(array, 2, sigma):
        along_y[:, :, rows] = torch.matmul(band, along_z[:, :, window])
    blurred = along_z
    for rows, band, window in _bands(array, 3, sigma):
        blurred[..., rows] = torch.matmul(along_y[..., window], band.T)
    return blurred


def _bands(
    array: torch.Tensor, axis: int, sigma: float, block: int = 32
) -> Iterator[tuple[slice, torch.Tensor, slice]]:
    """For each block of rows of the kernel: the rows, the part of the kernel, what it acts on."""
    n = array.shape[axis]
    reach = int(4 * sigma + 0.5)
    kernel = _kernel(n, sigma, array.dtype, array.device)
    for start in range(0, n, block):
        rows = slice(start, min(n, start + block))
        window = slice(max(0, rows.start - reach), min(n, rows.stop + reach))
        yield rows, kernel[rows, window], window
