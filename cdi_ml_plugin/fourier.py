"""The only Fourier transforms of the package: sign, centring and scale are stated here, once.

Convention
----------
* object → data is ``fftn(norm="ortho")``, that is exp(−i…); Parseval holds without factors.
* Outside, objects and intensities are centred: the origin is voxel ``n // 2`` of each axis.
* Inside the engine the diffraction array is corner-centred (q = 0 at voxel 0), and the object
  stays centred. A shift of the object's origin multiplies its transform by a phase ramp, which no
  modulus sees, so the engine needs no shift at all in its loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

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


def diffraction(obj: NDArray[Any]) -> NDArray[np.float32]:
    """Intensity |FT|² of a centred object, centred, as float32 (z, y, x); Σ I = Σ |obj|²."""
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
