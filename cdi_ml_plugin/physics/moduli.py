"""The measured moduli on the device, which runs share and nobody writes to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from ..data.measurement import Measurement
from ..fourier import to_corner
from .noise import photon_gain

HELD_OUT = 0.03  # share of the measured voxels

# Voxels brighter than this share of the maximum carry the low frequencies that anchor an object:
# they are never held out.
BRIGHT = 0.01

# Choose the held-out voxels of a measurement alike, whatever the seeds of the runs.
HELD_OUT_SEED = 20260101


@dataclass(frozen=True, eq=False)
class Moduli:
    """The measured moduli on the device, corner-centred.

    Attributes
    ----------
    amplitude : real tensor (z, y, x)
        √I divided by `scale`; 0 in every voxel that is not fitted.
    unfitted : real tensor (z, y, x) or None
        1 in the voxels that no algorithm may see, because they are masked or held out; 0 in the
        fitted ones. None where all are fitted.
    measured : real tensor (z, y, x)
        √I divided by `scale` in every voxel that is not masked, held out or not.
    held_out : int64 tensor (k,)
        Flat indices of the held-out voxels.
    masked : int64 tensor (m,)
        Flat indices of the masked voxels.
    scale : float
        √counts per unit of amplitude; the mean square of `amplitude` is 1.
    power : float
        Σ amplitude².
    counting : float or None
        Standard deviation of √I from counting, in √counts, where it is known already.
    """

    amplitude: torch.Tensor
    unfitted: torch.Tensor | None
    measured: torch.Tensor
    held_out: torch.Tensor
    masked: torch.Tensor
    scale: float
    power: float
    counting: float | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        z, y, x = self.amplitude.shape
        return z, y, x

    @property
    def version(self) -> tuple[int, int]:
        """Changes where anybody writes into the moduli, which runs share and nobody may."""
        return self.amplitude._version, self.measured._version

    @property
    def fitted(self) -> torch.Tensor | slice:
        """Index of the fitted voxels, which the algorithms see."""
        return slice(None) if self.unfitted is None else self.unfitted == 0

    @cached_property
    def noise(self) -> float:
        """Standard deviation of √I from counting, in units of `amplitude`; 0 where none is seen.

        √n of Poisson counts has the variance 1/4, whatever their mean.
        """
        if self.counting is not None:
            return self.counting / self.scale
        intensity = self.measured.square()
        intensity.view(-1)[self.masked] = 0
        return 0.5 * photon_gain(intensity * self.scale**2) ** 0.5 / self.scale

    def judged(self) -> Moduli:
        """These, or the same with some voxels held out where none are."""
        if len(self.held_out):
            return self
        masked = torch.zeros_like(self.measured, dtype=torch.bool)
        masked.view(-1)[self.masked] = True
        measured = self.measured * self.scale
        hidden = choose(measured, masked, HELD_OUT)
        return self.build(measured, masked, hidden, self.noise * self.scale)

    @classmethod
    def of(
        cls,
        measurement: Measurement,
        held_out: float,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> Moduli:
        """Bring a measurement to the device and set a share `held_out` of its voxels aside."""
        amplitude = to_corner(torch.from_numpy(np.sqrt(measurement.intensity))).to(dtype)
        mask = to_corner(torch.from_numpy(measurement.mask.copy()))
        hidden = choose(amplitude, mask, held_out)
        return cls.build(amplitude.to(device), mask.to(device), hidden.to(device))

    @classmethod
    def build(
        cls,
        measured: torch.Tensor,
        masked: torch.Tensor,
        held_out: torch.Tensor,
        counting: float | None = None,
    ) -> Moduli:
        """Moduli of √I (z, y, x), corner-centred, in √counts, and of two masks of that shape."""
        unfitted = masked | held_out
        seen = measured.masked_fill(unfitted, 0)
        power = float(seen.square().sum(dtype=torch.float64))
        scale = (power / seen.numel()) ** 0.5 or 1.0
        return cls(
            amplitude=seen / scale,
            unfitted=unfitted.to(measured) if bool(unfitted.any()) else None,
            measured=measured / scale,
            held_out=held_out.flatten().nonzero()[:, 0],
            masked=masked.flatten().nonzero()[:, 0],
            scale=scale,
            power=power / scale**2,
            counting=counting,
        )


def choose(amplitude: torch.Tensor, mask: torch.Tensor, share: float) -> torch.Tensor:
    """Which voxels are held out, bool (z, y, x): a share of those measured, none of them bright."""
    candidates = (~mask & (amplitude <= BRIGHT**0.5 * amplitude.max())).flatten().nonzero()[:, 0]
    generator = torch.Generator().manual_seed(HELD_OUT_SEED)
    draw = torch.randperm(len(candidates), generator=generator)
    count = min(round(share * int((~mask).sum())), len(candidates))
    chosen = torch.zeros_like(mask)
    chosen.view(-1)[candidates[draw[:count]]] = True
    return chosen
