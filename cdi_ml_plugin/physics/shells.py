"""Shells of constant |Q|, and what is summed in them: spectral weight, transfer function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Shells:
    """Shells of constant |Q| about the centre of a diffraction array; Q = 0 at voxel ``n // 2``.

    Attributes
    ----------
    index : int (z, y, x)
        The shell of each voxel; ``len(q)`` where it lies beyond the last.
    q : float (k,)
        |Q| in the middle of each shell, in `unit`.
    unit : str
        ``"Nyquist"`` (shares of the Nyquist frequency of each axis) or ``"1/nm"``.
    complete : float
        Up to this |Q| no shell is cut by the edge of the array.
    """

    index: NDArray[np.int64]
    q: NDArray[np.float64]
    unit: str
    complete: float

    def sums(self, values: Real, mask: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Σ of values (z, y, x) in each shell, over the voxels that `mask` does not exclude."""
        kept = slice(None) if mask is None else ~mask
        index, weights = self.index[kept].ravel(), values[kept].ravel()
        sums = np.bincount(index, weights, len(self.q) + 1)[:-1]
        return np.asarray(sums, dtype=np.float64)


def shells(shape: Sequence[int], basis: Real | None = None) -> Shells:
    """Divide a diffraction array into shells, as many as its shortest axis has voxels on a side.

    Parameters
    ----------
    shape : three ints
    basis : float (3, 3), optional
        Steps of Q from voxel to voxel in 1/nm, columns along the array's axes, as
        `Geometry.reciprocal_basis` gives them. Without it |Q| is in shares of the Nyquist frequency of
        each axis, that is ``2·(i − n // 2) / n``.

    Returns
    -------
    Shells
        Of equal width, up to the end of the longest axis in Q.
    """
    size = np.asarray(shape, dtype=float)
    steps = np.diag(2 / size) if basis is None else np.asarray(basis, dtype=float)
    q = np.zeros((3, *shape))
    for axis, n in enumerate(shape):
        view = [1, 1, 1]
        view[axis] = n
        q += steps[:, axis, None, None, None] * (np.arange(n) - n // 2).reshape(view)
    radius = np.sqrt(np.square(q).sum(0))
    last = float((np.linalg.norm(steps, axis=0) * size / 2).max())
    count = max(2, min(shape) // 2)
    index = np.minimum((radius * (count / last)).astype(np.int64), count)
    # Find how far the faces of the array are from its centre.
    faces = size / 2 / np.linalg.norm(np.linalg.inv(steps), axis=1)
    middles = (np.arange(count, dtype=np.float64) + 0.5) * (last / count)
    return Shells(index, middles, "Nyquist" if basis is None else "1/nm", float(faces.min()))


def spectral_weight(
    amplitude: Real, parts: Shells, mask: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Fourier spectral weight: the diffraction amplitude summed over shells of constant |Q|.

    Parameters
    ----------
    amplitude : float (z, y, x)
        |F| or √I, centred, √counts.
    parts : Shells
    mask : bool (z, y, x), optional
        True excludes.

    Returns
    -------
    float (k,)
        √counts; 0 in a shell of which no voxel is known.

    Notes
    -----
    Source: Fig. 3(i) of the paper.
    """
    return parts.sums(amplitude, mask)


def prtf(
    amplitude: Real, intensity: Real, parts: Shells, mask: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Phase-retrieval transfer function |⟨F⟩| / √I of a mean of aligned objects, in shells.

    Parameters
    ----------
    amplitude : float (z, y, x)
        |⟨F⟩|, modulus of the transform of the mean object, centred, √counts.
    intensity : float (z, y, x)
        Counts, centred.
    parts : Shells
    mask : bool (z, y, x), optional
        True excludes.

    Returns
    -------
    float (k,)
        1 where all objects agree and explain the counts, 1/√N where the phases of N are random; NaN in
        a shell without counts.

    Notes
    -----
    The root of Σ|⟨F⟩|² / ΣI of each shell. A mean of the ratios of single voxels would leave out those
    without counts, and be wrong by their share where counts are rare.

    References
    ----------
    Shapiro et al., PNAS 102, 15343 (2005); Chapman et al., J. Opt. Soc. Am. A 23, 1179 (2006).
    """
    counts = parts.sums(intensity, mask)
    power = parts.sums(np.square(amplitude, dtype=np.float64), mask)
    return np.sqrt(np.divide(power, counts, out=np.full_like(power, np.nan), where=counts > 0))


def crossing(q: Real, curve: Real, level: float) -> float | None:
    """Where a curve first falls below a level, linear between its points; None where it does not.

    Points that are NaN are left out. A curve that begins below crosses at its first point.
    """
    known = np.isfinite(curve)
    q, curve = q[known], curve[known]
    below = np.flatnonzero(curve < level)
    if not below.size:
        return None
    at = int(below[0])
    if at == 0:
        return float(q[0])
    share = (curve[at - 1] - level) / (curve[at - 1] - curve[at])
    return float(q[at - 1] + share * (q[at] - q[at - 1]))
