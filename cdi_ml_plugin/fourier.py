"""The only Fourier transforms of the package: sign, centring and scale are stated here, once.

Convention
----------
* object → data is ``fftn(norm="ortho")``, that is exp(−i…); Parseval holds without factors.
* Outside, objects and intensities are centred: the origin is voxel ``n // 2`` of each axis.
* Inside the engine the diffraction array is corner-centred (q = 0 at voxel 0), and the object
  stays centred. A shift of the object's origin multiplies its transform by a phase ramp, which no
  modulus sees, so the engine needs no shift at all in its loop.

In cohere
---------
* axes are (x, y, z);
* object → data is exp(+i…) without a factor: an object there is the complex conjugate of the one
  here, divided by √N;
* centred data are shifted by ``n // 2``, which brings the peak of an even axis to voxel 0, that of
  an odd one to voxel n − 1: on odd axes cohere's objects carry a phase ramp.

In PyNX
-------
* object → data is exp(−i…), as here, and so are the axes (z, y, x); its runner shifts data as cohere does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .errors import ParameterError

AXES = (-3, -2, -1)


def to_reciprocal(obj: torch.Tensor) -> torch.Tensor:
    """Transform objects (…, z, y, x) to diffraction amplitudes, corner-centred, orthonormal."""
    return torch.fft.fftn(obj, dim=AXES, norm="ortho")


def to_direct(amplitude: torch.Tensor) -> torch.Tensor:
    """Invert `to_reciprocal`."""
    return torch.fft.ifftn(amplitude, dim=AXES, norm="ortho")


def to_corner(array: torch.Tensor) -> torch.Tensor:
    """Move the origin of the last three axes from the centre to voxel 0."""
    return torch.fft.ifftshift(array, dim=AXES)


def to_centre(array: torch.Tensor) -> torch.Tensor:
    """Move the origin of the last three axes from voxel 0 to the centre (voxel ``n // 2``)."""
    return torch.fft.fftshift(array, dim=AXES)


def central(array: torch.Tensor, most: int) -> torch.Tensor:
    """The lowest frequencies of a corner-centred array (z, y, x), centred, `most` along an axis."""
    middle = [slice(max(0, n // 2 - most // 2), n // 2 - most // 2 + most) for n in array.shape]
    return to_centre(array)[tuple(middle)]


def about_centre(array: torch.Tensor, shape: Sequence[int], fill: float = 0) -> torch.Tensor:
    """Crop centred arrays (…, z, y, x) about their centre, or pad them with `fill`."""
    pads: list[int] = []  # last axis first; a negative one crops
    for old, new in zip(reversed(array.shape[-3:]), reversed(shape), strict=True):
        before = new // 2 - old // 2
        pads += [before, new - old - before]
    return torch.nn.functional.pad(array, pads, value=fill) if any(pads) else array


def resample(obj: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Objects (…, z, y, x) whose transforms are those of `obj`, cropped or zero-padded about q = 0.

    The field of view stays, the voxels grow or shrink; centred; Σ|object|² is that of the window.
    """
    if tuple(obj.shape[-3:]) == tuple(shape):
        return obj
    spectrum = about_centre(to_centre(to_reciprocal(to_corner(obj))), shape)
    return to_centre(to_direct(to_corner(spectrum)))


def diffraction(obj: NDArray[Any]) -> NDArray[np.float32]:
    """Intensity |FT|² of a centred object, centred, as float32 (z, y, x); Σ I = Σ |obj|².

    Raises
    ------
    ParameterError
        No numbers, or not three axes.
    """
    try:
        obj = np.asarray(obj)
    except (ValueError, TypeError) as error:
        raise ParameterError(f"object is no array of numbers: {error}") from error
    if obj.dtype.kind not in "biufc" or obj.ndim < 3 or not obj.size:
        raise ParameterError(
            f"object of shape {obj.shape}, {obj.dtype}: three axes of numbers are needed"
        )
    amplitude = to_reciprocal(torch.from_numpy(np.ascontiguousarray(obj, dtype=np.complex64)))
    intensity: NDArray[np.float32] = to_centre(amplitude.abs().square()).numpy()
    return intensity


def autocorrelation(intensity: torch.Tensor) -> torch.Tensor:
    """Modulus of the Patterson map of corner-centred intensities (…, z, y, x), returned centred."""
    return to_centre(to_direct(intensity.to(torch.complex64)).abs())


def shift_ramp(
    shape: Sequence[int], shift: torch.Tensor, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Phase ramp that moves an object by `shift` (3,) voxels, sub-voxel too; complex."""
    ramp = torch.zeros((), dtype=shift.dtype, device=device)
    for axis, (n, s) in enumerate(zip(shape, shift.tolist(), strict=True)):
        view = [1, 1, 1]
        view[axis] = n
        ramp = ramp + (torch.fft.fftfreq(n, dtype=shift.dtype, device=device) * s).reshape(view)
    return torch.exp(-2j * torch.pi * ramp)


def phase_in_cohere(obj: torch.Tensor) -> torch.Tensor:
    """Phase (rad) that cohere would show for an object: its transform is exp(+i…), ours exp(−i…)."""
    return -obj.angle()


def from_cohere(image: NDArray[Any]) -> NDArray[Any]:
    """Object (z, y, x) in this package's sign, from cohere's (x, y, z); the type is kept."""
    obj: NDArray[Any] = (image.T * _odd_ramp(image.shape[::-1]).conj()).conj()
    return np.ascontiguousarray(obj, dtype=np.result_type(image.dtype, np.complex64))


def to_cohere(obj: NDArray[Any]) -> NDArray[Any]:
    """Invert `from_cohere`."""
    image: NDArray[Any] = (obj.conj() * _odd_ramp(obj.shape)).T
    return np.ascontiguousarray(image, dtype=obj.dtype)


def from_pynx(obj: NDArray[Any]) -> NDArray[Any]:
    """Object (z, y, x) of this package, from one of PyNX's runner: of one hand, ramps on odd axes.

    Its runner, too, shifts data by ``n // 2``; an object has its origin at voxel ``n // 2``.
    """
    return np.ascontiguousarray(obj * _odd_ramp(obj.shape), dtype=obj.dtype)


def data_from_cohere(data: NDArray[Any]) -> NDArray[Any]:
    """Data (z, y, x) with the peak in the middle, from those (x, y, z) that cohere works with."""
    middle: NDArray[Any] = np.fft.ifftshift(data).T
    return middle


def _odd_ramp(shape: tuple[int, ...]) -> NDArray[np.complex128]:
    """Give the phase factor exp(2πi m/n) along every odd axis of an array (z, y, x)."""
    factor = np.ones((1, 1, 1), dtype=np.complex128)
    for axis, n in enumerate(shape):
        if n % 2:
            wave = np.exp(2j * np.pi * np.arange(n) / n)
            factor = factor * np.expand_dims(wave, [a for a in range(3) if a != axis])
    return factor
