"""What the engine hands to an algorithm: `Data` (fixed) and `State` (what changes)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ..data.measurement import Measurement
from ..fourier import to_corner
from .noise import photon_gain

# Voxels brighter than this share of the maximum carry the low frequencies that anchor an object:
# they are never held out.
BRIGHT = 0.01
HELD_OUT_SEED = (
    20260101  # one choice of held-out voxels for a measurement, whatever the runs' seeds
)


@dataclass(frozen=True, eq=False)
class Data:
    """The measured moduli on the device, corner-centred.

    Attributes
    ----------
    amplitude : real tensor (z, y, x)
        √I divided by `scale`; 0 in every voxel that is not fitted.
    floating : real tensor (z, y, x) or None
        1 in the voxels that no algorithm may see, masked or held out; 0 elsewhere. None where
        there are none.
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
    """

    amplitude: torch.Tensor
    floating: torch.Tensor | None
    measured: torch.Tensor
    held_out: torch.Tensor
    masked: torch.Tensor
    scale: float
    power: float

    @property
    def shape(self) -> tuple[int, int, int]:
        z, y, x = self.amplitude.shape
        return z, y, x

    @property
    def fitted(self) -> torch.Tensor | slice:
        """Index of the voxels that the algorithms see."""
        return slice(None) if self.floating is None else self.floating == 0

    @cached_property
    def noise(self) -> float:
        """Standard deviation of √I from counting, in units of `amplitude`; 0 where none is seen.

        √n of Poisson counts has the variance 1/4, whatever their mean.
        """
        intensity = self.measured.square()
        intensity.view(-1)[self.masked] = 0
        return 0.5 * photon_gain(intensity * self.scale**2) ** 0.5 / self.scale

    @classmethod
    def of(
        cls,
        measurement: Measurement,
        held_out: float,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> Data:
        """Bring a measurement to the device and set a share `held_out` of its voxels aside."""
        amplitude = to_corner(torch.from_numpy(np.sqrt(measurement.intensity))).to(dtype)
        mask = to_corner(torch.from_numpy(measurement.mask.copy()))
        candidates = (
            (~mask & (amplitude <= BRIGHT**0.5 * amplitude.max())).flatten().nonzero()[:, 0]
        )
        generator = torch.Generator().manual_seed(HELD_OUT_SEED)
        draw = torch.randperm(len(candidates), generator=generator)
        count = min(round(held_out * int((~mask).sum())), len(candidates))
        chosen = candidates[draw[:count]].sort().values
        floating = mask.clone()
        floating.view(-1)[chosen] = True
        fitted = amplitude.masked_fill(floating, 0)
        power = float(fitted.square().sum(dtype=torch.float64))
        scale = (power / fitted.numel()) ** 0.5 or 1.0
        return cls(
            amplitude=(fitted / scale).to(device),
            floating=floating.to(device, dtype) if bool(floating.any()) else None,
            measured=(amplitude / scale).to(device),
            held_out=chosen.to(device),
            masked=mask.flatten().nonzero()[:, 0].to(device),
            scale=scale,
            power=power / scale**2,
        )


@dataclass(eq=False)
class State:
    """What the algorithms change. The batch (one entry a seed) is the first axis.

    Attributes
    ----------
    object : complex tensor (batch, z, y, x)
        Centred, in the scale of ``Data.amplitude``.
    support : bool tensor (batch, z, y, x)
    seeds : list of int
    generators : list of torch.Generator
        One a seed, on the CPU, so that every device draws the same numbers.
    iteration, iterations : int
        Iterations done so far and in the whole chain.
    progress : float
        Share done, from 0 to 1, of the search: of the iterations in which triggers act (epochs of a
        network are not among them), but for the ER that ends a chain.
    noise_tolerance : float
        Standard deviations of the counting noise that a modulus may be off, where an algorithm
        takes heed of it.
    from_random : bool
        Whether the chain began with random phases: not with an object that was given, nor with what
        a network predicts.
    fresh : list of bool
        For each seed, whether the object is still nothing but random phases.
    chi2 : real tensor (batch,)
        χ² over the fitted voxels of the object as the last iteration found it; NaN before.
    phase_allowed : bool tensor (batch, z, y, x) or None
        cohere's phase constraint, in force beside the support where it is set.
    memory : dict
        What an algorithm keeps across its own consecutive iterations.
    notes : list of list of str
        For each seed, what was adapted on the way.
    figures : list of dict
        For each seed, an algorithm's own figures of merit, beside the result's.
    """

    object: torch.Tensor
    support: torch.Tensor
    seeds: list[int]
    generators: list[torch.Generator]
    iteration: int = 0
    iterations: int = 0
    progress: float = 0.0
    noise_tolerance: float = 0.0
    from_random: bool = True
    fresh: list[bool] = field(default_factory=list)
    chi2: torch.Tensor = field(init=False)
    phase_allowed: torch.Tensor | None = None
    memory: dict[str, Any] = field(default_factory=dict)
    notes: list[list[str]] = field(init=False)
    figures: list[dict[str, float]] = field(init=False)

    def __post_init__(self) -> None:
        self.fresh = self.fresh or [True] * len(self.seeds)
        self.chi2 = torch.full((len(self.seeds),), torch.nan, device=self.object.device)
        self.notes = [[] for _ in self.seeds]
        self.figures = [{} for _ in self.seeds]
        self.zero = torch.zeros((), dtype=self.object.dtype, device=self.object.device)

    @property
    def allowed(self) -> torch.Tensor:
        """Where the object may be: the support, and cohere's phase constraint where it is set."""
        return self.support if self.phase_allowed is None else self.support & self.phase_allowed

    def note(self, index: int, text: str) -> None:
        """Record, once, what was adapted for the run at `index` of the batch."""
        if text not in self.notes[index]:
            self.notes[index].append(text)
