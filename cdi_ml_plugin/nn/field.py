"""A measured pattern of any shape in a network's field, and the object found there brought back.

Coordinates, along each axis of n data voxels and N field voxels:

* q, in data voxels from the centre of the array: field voxel m lies at ``origin + pitch·m``;
* r, in data voxels of direct space: field voxel s lies at ``s·n / (N·pitch)``;

so that q·r/n and m·s/N are the same phase, but for the ramp of `origin`, which goes with the
object. Intensities are resampled, not amplitudes: an intensity is a sum over the lags of the
autocorrelation, few enough to be known exactly between the voxels of an oversampled pattern.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..data.extents import LOW, SMOOTH, extent_of
from ..fourier import autocorrelation, central, to_corner
from ..physics.moduli import Moduli
from ..physics.projections import blur

FILL_AIM = 0.7  # of its cube, along each axis: the middle of `simulate.batch.FILL`
MARGIN = 1.1  # lags up to this share of the extent are kept exactly
# Lags between these shares fade out of the kernel that fills unknown voxels; and the least weight
# of known voxels by which it divides, so that the middle of a wide gap fades to 0.
FADE = (0.9, 1.2)
LEAST = 0.15
NEAR = 2.0  # data voxels: half width of what decides whether a field voxel is known, at least

Matrices = Sequence[torch.Tensor]


@dataclass(frozen=True)
class Field:
    """Where a network's field lies in a measured pattern.

    Parameters
    ----------
    shape : (z, y, x)
        Of the data, from 32 to 512 voxels along each axis.
    field : int
        N, even: voxels along each axis of the field.
    pitch : (3,) floats
        Step of the field, in data voxels of reciprocal space.
    origin : (3,) floats
        Where the field's q = 0 lies, in data voxels from voxel ``n // 2``.
    """

    shape: tuple[int, int, int]
    field: int
    pitch: tuple[float, ...]
    origin: tuple[float, ...]

    @classmethod
    def of(cls, data: Moduli, field: int) -> Field:
        """Place the field so that the object fills `FILL_AIM` of its cube along each axis.

        The field's q = 0 is the circular mean of the intensity, as in training.
        """
        intensity = _low(data.amplitude).square()
        if data.unfitted is not None:
            unfitted = _low(data.unfitted)
            weight = blur(1 - unfitted[None], SMOOTH)[0].clamp_min(1e-6)
            average = blur(intensity[None], SMOOTH)[0] / weight
            intensity = torch.addcmul(intensity, unfitted, average)
        sizes = zip(intensity.shape, extents(intensity), strict=True)
        pitch = tuple(FILL_AIM * n / (2 * e) for n, e in sizes)
        return cls(data.shape, field, pitch, centre(intensity))

    def to_field(self, data: Moduli) -> tuple[torch.Tensor, torch.Tensor]:
        """Resample the fitted intensities.

        Voxels that are not fitted are first filled from those around them, with the kernel of all
        intensities of the object's extent: scattered ones leave no trace. Not known is what lies
        more than half a voxel beyond the data, or mostly among voxels that are not fitted.

        Returns
        -------
        modulus : float32 tensor (N, N, N)
            √I, centred, in the scale of ``data.amplitude``; 0 where it is not known.
        known : bool tensor (N, N, N)
            Centred.
        """
        kernels, fills, hats, inside, box = [], [], [], [], []
        for n, step, first in zip(self.shape, self.pitch, self.origin, strict=True):
            q = _numbers(n)
            x = first + step * (torch.arange(self.field, dtype=torch.float64) - self.field // 2)
            extent = FILL_AIM * n / (2 * step)
            # The window fades about the last lag that field and data both hold, as much above as
            # below: such a kernel decays fast, so that the noise of the peak stays at the peak.
            middle = min(n, n / step) / 2
            flat = min(MARGIN * extent, middle)
            kernels.append(_kernel(x, q, n, flat, 2 * middle - flat))
            inside.append((x >= q.min() - 0.5) & (x <= q.max() + 0.5))
            # unknown voxels are dealt with among those that the field covers
            reach = max(NEAR, step)
            place = ((q >= x[0] - reach) & (q <= x[-1] + reach)).nonzero()[:, 0]
            box.append(place)
            q = q[place]
            fills.append(_kernel(q, q, n, FADE[0] * extent, min(FADE[1] * extent, n / 2)))
            hat = (1 - (x[:, None] - q).abs() / reach).clamp_min(0)
            hats.append(hat / hat.sum(1, keepdim=True).clamp_min(1e-9))
        intensity = data.amplitude.square()
        field = _along(intensity, kernels)
        known = (inside[0][:, None, None] & inside[1][:, None] & inside[2]).to(field.device)
        if data.unfitted is not None:
            unfitted = _part(data.unfitted, box)
            known &= _along(unfitted, hats) <= 0.5
            # For a voxel that stands alone this is the one value that an object of that extent
            # can have there (least squares).
            weighed = _along(torch.stack([_part(intensity, box), 1 - unfitted]), fills)
            patch = unfitted * (weighed[0] / weighed[1].clamp_min(LEAST)).clamp_min(0)
            field += _along(patch, [k[:, place] for k, place in zip(kernels, box, strict=True)])
        return (field.clamp_min(0).sqrt() * known).float(), known

    def to_data(self, obj: torch.Tensor) -> torch.Tensor:
        """Bring objects from the field to the grid of the data.

        Between the voxels of its cube an object is the sum of sinc functions that its voxels
        stand for; its transform is cut to what the field covers.

        Parameters
        ----------
        obj : complex tensor (batch, N/2, N/2, N/2)
            Centred.

        Returns
        -------
        complex tensor (batch, z, y, x)
            Centred. Its orthonormal transform has the values that the orthonormal transform of
            `obj`, padded to the field, has there: in the scale of ``data.amplitude`` if `obj` was
            fitted to what `to_field` gives. So the sum of its squares is ∏ `pitch` times that of
            `obj`.
        """
        half = self.field // 2
        matrices = []
        for n, step, first in zip(self.shape, self.pitch, self.origin, strict=True):
            q = _numbers(n)
            q = q[(q - first).abs() <= step * half]
            r = torch.arange(n, dtype=torch.float64) - n // 2
            s = torch.arange(half, dtype=torch.float64) - half // 2
            back = _turns(torch.outer(r, q) / n)
            there = _turns(-torch.outer((q - first) / step, s) / self.field)
            matrices.append(back @ there / math.sqrt(n * self.field))
        return _along(obj, matrices)


def extents(intensity: torch.Tensor) -> tuple[float, ...]:
    """Voxels that the object covers along each axis, from the autocorrelation; see `extent_of`.

    Parameters
    ----------
    intensity : real tensor (z, y, x)
        Corner-centred, no voxel left out.

    Returns
    -------
    (3,) floats
        Not whole; from `FEWEST` to half the array, which it is also where there is no intensity.
    """
    lags = autocorrelation(intensity)
    largest = lags.max()
    if not float(largest) > 0:
        return tuple(n / 2 for n in lags.shape)
    spans = []
    for axis, n in enumerate(lags.shape):
        others = [other for other in range(3) if other != axis]
        line = (lags.amax(others)[n // 2 :] / largest).double().cpu()
        spans.append(extent_of(line.numpy(), n))
    return tuple(spans)


def _low(array: torch.Tensor) -> torch.Tensor:
    """The lowest `LOW` frequencies along each axis of a corner-centred array: enough for extents."""
    return to_corner(central(array, LOW).contiguous()) if max(array.shape) > LOW else array


def centre(intensity: torch.Tensor) -> tuple[float, ...]:
    """Circular mean of a corner-centred intensity (z, y, x), in voxels from q = 0.

    It is the phase of the autocorrelation one voxel from its centre, which is the mean phase step
    of the object along each axis.
    """
    means = []
    for axis, n in enumerate(intensity.shape):
        others = [other for other in range(3) if other != axis]
        line = intensity.sum(others, dtype=torch.float64).cpu()
        step = (line * _turns(_numbers(n) / n)).sum().angle()
        means.append(float(step) * n / (2 * math.pi))
    return tuple(means)


def _numbers(n: int) -> torch.Tensor:
    """q of the voxels of a corner-centred axis, (n,)."""
    return torch.fft.fftfreq(n, 1 / n, dtype=torch.float64).round()


def _turns(cycles: torch.Tensor) -> torch.Tensor:
    """exp(2πi·cycles)."""
    return torch.exp(2j * torch.pi * cycles)


def _kernel(x: torch.Tensor, q: torch.Tensor, n: int, flat: float, stop: float) -> torch.Tensor:
    """Sum over the lags of an axis of n voxels, (x, q): whole to `flat`, a cosine down to `stop`."""
    lag = torch.arange(math.ceil(stop) + 1, dtype=torch.float64)
    fade = (lag - (flat + stop) / 2) / max(stop - flat, 1e-6) + 0.5
    weight = 0.5 + 0.5 * torch.cos(torch.pi * fade.clamp(0, 1))
    weight[1:] *= 2  # lags of both signs
    return ((_turns(torch.outer(x, lag) / n) * weight) @ _turns(-torch.outer(lag, q) / n)).real / n


def _part(array: torch.Tensor, box: Matrices) -> torch.Tensor:
    """The voxels (z, y, x) with these numbers along each axis."""
    z, y, x = box
    return array[z][:, y][:, :, x]


def _along(array: torch.Tensor, matrices: Matrices) -> torch.Tensor:
    """Multiply (…, z, y, x) along its last three axes by a matrix each."""
    z, y, x = (matrix.to(array) for matrix in matrices)
    planes = torch.matmul(y, torch.matmul(array, x.T))
    result = torch.matmul(z, planes.flatten(-2))
    return result.reshape(*result.shape[:-1], *planes.shape[-2:])
