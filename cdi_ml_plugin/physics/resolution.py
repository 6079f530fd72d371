"""How fine the detail is on which the runs agree: transfer function, and Fourier shell correlation.

Both are of runs on the same counts. They say down to which length the phases come out alike, so what they give is
the best that the data can show: noise that all runs fit alike does not count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..fourier import diffraction, to_centre, to_reciprocal
from ..geometry.geometry import Geometry
from .shells import Shells, crossing, prtf, shells

ENOUGH = 8  # runs of random phases whose transfer function lies below 1/e: 1/√8 = 0.354
FEWEST = 3.0  # independent voxels of a shell that tells anything

Complex = NDArray[np.complexfloating]
Figure = tuple[float, str]  # nm, or NaN and why


def transfer_resolution(
    mean: Complex, runs: int, measurement: Measurement, geometry: Geometry
) -> Figure:
    """2π/|Q| where the transfer function of the mean of aligned runs falls below 1/e.

    Parameters
    ----------
    mean : complex (z, y, x)
        Mean of the aligned objects, of the shape of the data, centred.
    runs : int
        How many they are: the function of N random phases is 1/√N, so that fewer than eight seldom fall so low.
    measurement : Measurement
    geometry : Geometry

    Returns
    -------
    (nm, "") or (NaN, why there is none)
    """
    parts = shells(measurement.shape, geometry.reciprocal_basis())
    curve = prtf(np.sqrt(diffraction(mean)), measurement.intensity, parts, measurement.mask)
    at = crossing(parts.q, curve, 1 / math.e)
    if at is not None:
        return 2 * math.pi / at, ""
    if runs < ENOUGH:
        return math.nan, (
            f"too few runs: random phases of {runs} would agree to {runs**-0.5:.2f}, above 1/e: "
            f"take --seeds {ENOUGH}"
        )
    return math.nan, f"never falls below 1/e within the data: {_better(parts)}"


def shell_correlation_resolution(
    halves: tuple[Complex, Complex],
    support: NDArray[np.bool_],
    shape: Sequence[int],
    geometry: Geometry,
) -> Figure:
    """2π/|Q| where the shell correlation of the means of two halves of the runs falls below half a bit a voxel.

    Parameters
    ----------
    halves : two complex (z, y, x)
        In a window about the centre of the array.
    support : bool (z, y, x)
        In that window: the object's share of it tells how many voxels of a shell are independent.
    shape : three ints
        Of the data.
    geometry : Geometry

    Returns
    -------
    (nm, "") or (NaN, why there is none)

    Notes
    -----
    Halves of the runs, and not refits to halves of the counts: such refits start from one object and keep its
    phases, so that they agree on what is wrong, too.
    """
    window = halves[0].shape
    wider = [n / m for n, m in zip(shape, window, strict=True)]  # a step of Q, of the window's
    parts = shells(window, geometry.reciprocal_basis() * wider)
    known = parts.sums(np.ones(window)) * float(np.mean(support))
    curve = np.where(known >= FEWEST, fourier_shell_correlation(*halves, parts), np.nan)
    at = crossing(parts.q, curve - half_bit(np.maximum(known, 1)), 0)
    if at is not None:
        return 2 * math.pi / at, ""
    return math.nan, f"never falls below half a bit a voxel within the data: {_better(parts)}"


def fourier_shell_correlation(one: Complex, two: Complex, parts: Shells) -> NDArray[np.float64]:
    """Correlation of the transforms of two objects in shells of |Q|: Re Σ F₁F₂* / √(Σ|F₁|² Σ|F₂|²).

    Parameters
    ----------
    one, two : complex (z, y, x)
        Aligned, of one shape, centred.
    parts : Shells
        Of an array of that shape.

    Returns
    -------
    float64 (k,)
        1 where they agree, about 0 where their phases have nothing in common; NaN where either has no power.

    References
    ----------
    M. van Heel, M. Schatz, J. Struct. Biol. 151, 250 (2005).
    """
    first, second = (_transform(obj) for obj in (one, two))
    product = first.real * second.real + first.imag * second.imag
    powers = [parts.sums(wave.real**2 + wave.imag**2) for wave in (first, second)]
    scale = np.sqrt(powers[0] * powers[1])
    return np.divide(parts.sums(product), scale, out=np.full_like(scale, np.nan), where=scale > 0)


def half_bit(voxels: NDArray[np.floating]) -> NDArray[np.float64]:
    """Shell correlation of two halves whose sum holds half a bit of information a voxel, in shells of so many voxels.

    Notes
    -----
    Source: van Heel and Schatz (2005); `voxels` are the independent ones. They take half of them, for an
    object that is real: its voxels at Q and −Q are the same.
    """
    root = 1 / np.sqrt(np.asarray(voxels, dtype=np.float64))
    found: NDArray[np.float64] = (0.2071 + 1.9102 * root) / (1.2071 + 0.9102 * root)
    return found


def _transform(obj: Complex) -> NDArray[np.complex128]:
    """Centred transform, of a centred object up to a ramp that all have."""
    wave = to_reciprocal(torch.from_numpy(np.ascontiguousarray(obj, dtype=np.complex128)))
    centred: NDArray[np.complex128] = to_centre(wave).numpy()
    return centred


def _better(parts: Shells) -> str:
    return f"better than {2 * math.pi / float(parts.q[-1]):.3g} nm"
