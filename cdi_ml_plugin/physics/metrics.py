"""Figures of merit, and comparison of objects up to what diffraction cannot see."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..fourier import shift_ramp, to_direct, to_reciprocal
from .projections import BLOCK, modulus
from .state import Data

Real = NDArray[np.floating]


def figures(obj: torch.Tensor, data: Data) -> list[dict[str, float]]:
    """χ², Pearson's r_p and held-out χ² of objects (batch, z, y, x), one dict each.

    χ² = Σ(|F|−√I)²/ΣI (the paper's L₄) and r_p, the plain Pearson coefficient of |F| and √I, are
    taken over every measured voxel; ``chi2_held_out`` is the same χ² over the voxels that no
    algorithm has seen (NaN where there are none, or none with counts). Double precision.
    """
    return [_figures(one, data) for one in obj]


def _figures(obj: torch.Tensor, data: Data) -> dict[str, float]:
    model = modulus(to_reciprocal(obj)[None]).flatten()
    measured = data.measured.flatten()
    known = torch.ones_like(measured, dtype=torch.bool)
    known[data.masked] = False
    # sums in double precision, a piece at a time: whole copies in double would not fit
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


def align(
    obj: NDArray[np.complexfloating], truth: NDArray[np.complexfloating]
) -> NDArray[np.complex128]:
    """Bring an object onto a reference: sub-voxel shift, global phase, and conjugate twin removed.

    Parameters
    ----------
    obj, truth : complex (z, y, x)
        Of one shape, centred.

    Returns
    -------
    complex128 (z, y, x)
        The version of `obj`, or of its twin ρ*(−r), that is nearest to `truth` among all shifts
        and global phases.
    """
    reference = torch.from_numpy(np.ascontiguousarray(truth, dtype=np.complex128))
    candidate = torch.from_numpy(np.ascontiguousarray(obj, dtype=np.complex128))
    wanted = to_reciprocal(reference)
    versions = [_register(to_reciprocal(one), wanted) for one in (candidate, twin(candidate))]
    errors = [float((one - wanted).abs().square().sum()) for one in versions]
    aligned: NDArray[np.complex128] = to_direct(versions[int(np.argmin(errors))]).numpy()
    return aligned


def twin(obj: torch.Tensor) -> torch.Tensor:
    """The conjugate twin ρ*(−r) of centred objects: the same diffraction pattern."""
    flipped = obj.flip((-3, -2, -1)).conj()
    even = [1 if n % 2 == 0 else 0 for n in obj.shape[-3:]]
    return flipped.roll(even, (-3, -2, -1)).resolve_conj()


def _register(wave: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Shift a transform to where its object overlaps best with the wanted one, and turn its phase."""
    cross = wanted * wave.conj()
    overlap = to_direct(cross)
    peak = np.unravel_index(int(overlap.abs().argmax()), overlap.shape)
    shift = torch.tensor(
        [p if p <= n // 2 else p - n for p, n in zip(peak, overlap.shape, strict=True)],
        dtype=torch.float64,
    )
    axes = [2 * torch.pi * torch.fft.fftfreq(n, dtype=torch.float64) for n in wave.shape]
    # between the voxels the overlap has several maxima: look at it every eighth of a voxel
    nearby = torch.linspace(-1, 1, 17, dtype=torch.float64)
    ramps = [
        torch.exp(1j * torch.outer(q, whole + nearby)) for q, whole in zip(axes, shift, strict=True)
    ]
    fine = _sums(cross, ramps)
    best = np.unravel_index(int(fine.abs().argmax()), fine.shape)
    shift = shift + nearby[torch.tensor(best)]
    # Newton steps on |Σ cross·ramp|², whose maximum is the best sub-voxel shift
    one = torch.eye(3, dtype=torch.int64)
    for _ in range(4):
        # Σ cross·ramp·q_z^a·q_y^b·q_x^c for all powers up to 2: the ramp is a product over the axes
        powers = [
            torch.exp(1j * q * s)[:, None] * q[:, None] ** torch.arange(3)
            for q, s in zip(axes, shift, strict=True)
        ]
        sums = _sums(cross, powers)
        total = sums[0, 0, 0]
        first = 1j * sums[tuple(one)]
        second = -sums[tuple((one[:, None] + one).movedim(2, 0))]
        gradient = 2 * (first * total.conj()).real
        hessian = 2 * (second * total.conj() + torch.outer(first, first.conj())).real
        step = torch.linalg.lstsq(hessian, -gradient[:, None]).solution[:, 0]
        if not bool(torch.isfinite(step).all()) or float(step.abs().max()) > 1:
            break
        shift = shift + step
    moved_wave = wave * shift_ramp(wave.shape, shift).to(wave.dtype)
    total = (wanted * moved_wave.conj()).sum()
    return moved_wave * (total / total.abs() if total.abs() > 0 else 1)


def _sums(cross: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
    """Σ over voxels of cross·w_z[:, a]·w_y[:, b]·w_x[:, c], for all (a, b, c)."""
    for weight in weights:
        cross = torch.tensordot(cross, weight, dims=([0], [0]))
    return cross


def object_error(obj: NDArray[np.complexfloating], truth: NDArray[np.complexfloating]) -> float:
    """‖ρ − ρ_true‖ / ‖ρ_true‖ after removing shift, global phase, twin and overall scale."""
    aligned = align(obj, truth)
    power = float(np.vdot(aligned, aligned).real)
    if power == 0:
        return 1.0
    scale = float(np.vdot(aligned, truth).real) / power
    return float(np.linalg.norm(scale * aligned - truth) / np.linalg.norm(truth))


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
    # how far the faces of the array are from its centre
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
