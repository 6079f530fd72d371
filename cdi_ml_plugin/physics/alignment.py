"""Comparison of objects up to what diffraction cannot see: shift, global phase, conjugate twin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import ParameterError
from ..fourier import shift_ramp, to_direct, to_reciprocal
from ..utils.values import volume


@dataclass(frozen=True, eq=False)
class Placing:
    """How an object was brought onto a reference.

    Attributes
    ----------
    turned : bool
        Whether its conjugate twin was taken.
    shift : float64 tensor (3,)
        Voxels that it, or its twin, was moved by.
    """

    turned: bool
    shift: torch.Tensor

    def of_support(self, support: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A support (z, y, x) brought the same way: the voxels that are more than half in it."""
        part = torch.from_numpy(np.ascontiguousarray(support, dtype=np.complex128))
        wave = to_reciprocal(twin(part) if self.turned else part)
        moved: NDArray[np.bool_] = (to_direct(wave * _ramp(wave, self.shift)).real > 0.5).numpy()
        return moved


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

    Raises
    ------
    ParameterError
        No arrays of finite numbers, (z, y, x), of one shape.
    """
    return placed(obj, truth)[0]


def placed(
    obj: NDArray[np.complexfloating], truth: NDArray[np.complexfloating]
) -> tuple[NDArray[np.complex128], Placing]:
    """As `align`, and how it was done."""
    truth = volume("truth", truth)
    obj = volume("object", obj, truth.shape)
    reference = torch.from_numpy(np.ascontiguousarray(truth, dtype=np.complex128))
    candidate = torch.from_numpy(np.ascontiguousarray(obj, dtype=np.complex128))
    wanted = to_reciprocal(reference)
    versions = [_register(to_reciprocal(one), wanted) for one in (candidate, twin(candidate))]
    errors = [float((one - wanted).abs().square().sum()) for one, _ in versions]
    turned = int(np.argmin(errors))
    wave, shift = versions[turned]
    aligned: NDArray[np.complex128] = to_direct(wave).numpy()
    return aligned, Placing(bool(turned), shift)


def twin(obj: torch.Tensor) -> torch.Tensor:
    """The conjugate twin ρ*(−r) of centred objects: the same diffraction pattern."""
    flipped = obj.flip((-3, -2, -1)).conj()
    even = [1 if n % 2 == 0 else 0 for n in obj.shape[-3:]]
    return flipped.roll(even, (-3, -2, -1)).resolve_conj()


def centre_shift(obj: torch.Tensor, support: torch.Tensor) -> list[int]:
    """Voxels by which to roll an object (z, y, x) so that its centre of mass is that of the array."""
    weight = (obj.abs() * support).double()
    total = weight.sum()
    if not bool(torch.isfinite(total)) or float(total) == 0:
        return [0, 0, 0]
    shift = []
    for axis, n in enumerate(obj.shape):
        others = [a for a in range(3) if a != axis]
        angle = torch.arange(n, device=obj.device) * (2 * torch.pi / n)
        # Take the mean on a circle: the object may lie across the edge of the array.
        mean = (weight.sum(others) * torch.polar(torch.ones_like(angle), angle)).sum().angle()
        shift.append(n // 2 - round(float(mean) * n / (2 * torch.pi)))
    return shift


def _register(wave: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Shift a transform to where its object overlaps best with the wanted one, and turn its phase.

    Returns it, and the shift in voxels.
    """
    cross = wanted * wave.conj()
    overlap = to_direct(cross)
    peak = np.unravel_index(int(overlap.abs().argmax()), overlap.shape)
    shift = torch.tensor(
        [p if p <= n // 2 else p - n for p, n in zip(peak, overlap.shape, strict=True)],
        dtype=torch.float64,
    )
    axes = [2 * torch.pi * torch.fft.fftfreq(n, dtype=torch.float64) for n in wave.shape]
    # Look every eighth of a voxel: between voxels the overlap has several maxima.
    nearby = torch.linspace(-1, 1, 17, dtype=torch.float64)
    ramps = [
        torch.exp(1j * torch.outer(q, whole + nearby)) for q, whole in zip(axes, shift, strict=True)
    ]
    fine = _sums(cross, ramps)
    best = np.unravel_index(int(fine.abs().argmax()), fine.shape)
    shift = shift + nearby[torch.tensor(best)]
    # Maximise |Σ cross·ramp|² by Newton steps: there is the best sub-voxel shift.
    one = torch.eye(3, dtype=torch.int64)
    for _ in range(4):
        # Sum cross·ramp·q_z^a·q_y^b·q_x^c for all powers up to 2, axis by axis: the ramp is a product.
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
    moved_wave = wave * _ramp(wave, shift)
    total = (wanted * moved_wave.conj()).sum()
    return moved_wave * (total / total.abs() if total.abs() > 0 else 1), shift


def _ramp(wave: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    return shift_ramp(wave.shape, shift).to(wave.dtype)


def _sums(cross: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
    """Σ over voxels of cross·w_z[:, a]·w_y[:, b]·w_x[:, c], for all (a, b, c)."""
    for weight in weights:
        cross = torch.tensordot(cross, weight, dims=([0], [0]))
    return cross


def object_error(obj: NDArray[np.complexfloating], truth: NDArray[np.complexfloating]) -> float:
    """‖ρ − ρ_true‖ / ‖ρ_true‖ after removing shift, global phase, twin and overall scale.

    Raises
    ------
    ParameterError
        See `align`; or the truth is 0 everywhere.
    """
    if not volume("truth", truth).any():
        raise ParameterError("truth is 0 everywhere: there is nothing to compare with")
    aligned = align(obj, truth)
    power = float(np.vdot(aligned, aligned).real)
    if power == 0:
        return 1.0
    scale = float(np.vdot(aligned, truth).real) / power
    return float(np.linalg.norm(scale * aligned - truth) / np.linalg.norm(truth))
