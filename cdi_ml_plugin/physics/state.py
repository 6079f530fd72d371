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

HELD_OUT = 0.03  # share of the measured voxels
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
    def version(self) -> tuple[int, int]:
        """Changes where anybody writes into the moduli, which runs share and nobody may."""
        return self.amplitude._version, self.measured._version

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
class Seed:
    """What belongs to one start of a batch alone.

    Attributes
    ----------
    number : int
        What its random numbers come from.
    generator : torch.Generator
        On the CPU, so that every device draws the same numbers.
    fresh : bool
        Whether the object is still nothing but random phases.
    from_random : bool
        Whether the object goes back to random phases: not to one that was given, nor to what a
        network predicts.
    notes : list of str
        What was adapted on the way.
    figures : dict
        An algorithm's own figures of merit, beside the result's.
    """

    number: int
    generator: torch.Generator
    fresh: bool = True
    from_random: bool = True
    notes: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, number: int, started: bool = False) -> Seed:
        """A start of that number; `started` where there is an object to start from."""
        generator = torch.Generator().manual_seed(number)
        return cls(number, generator, fresh=not started, from_random=not started)

    def note(self, text: str) -> None:
        """Record, once, what was adapted for this run."""
        if text not in self.notes:
            self.notes.append(text)

    def passed_by(self, trigger: str) -> bool:
        """Whether a trigger that serves a search from random phases leaves this run alone; noted.

        Such a trigger cuts or blurs what a run holds, which would spoil an object that was given or
        predicted. cohere drops the same ones where it continues from an object.
        """
        if not self.from_random:
            self.note(
                f"{trigger} serves a search from random phases, and would spoil the object that this "
                "run starts from: skipped"
            )
        return not self.from_random


@dataclass(eq=False)
class State:
    """What the algorithms change. The batch (one entry a seed) is the first axis.

    Attributes
    ----------
    object : complex tensor (batch, z, y, x)
        Centred, in the scale of ``Data.amplitude``.
    support : bool tensor (batch, z, y, x)
    seeds : list of Seed
        What belongs to one start alone: random numbers, notes, figures of merit.
    iteration, iterations : int
        Iterations done so far and in the whole chain.
    progress : float
        Share done, from 0 to 1, of the search: of the iterations in which triggers act (epochs of a
        network are not among them), but for the ER that ends a chain.
    noise_tolerance : float
        Standard deviations of the counting noise that a modulus may be off, where an algorithm
        takes heed of it.
    chi2 : real tensor (batch,)
        χ² over the fitted voxels of the object as the last iteration found it; NaN before.
    phase_allowed : bool tensor (batch, z, y, x) or None
        cohere's phase constraint, in force beside the support where it is set.
    memory : dict
        What an algorithm keeps across its own consecutive iterations.
    filtered : real tensor (batch or 1, z, y, x) or None
        What `project_modulus` takes for ``Data.amplitude`` while a low-pass is on.
    """

    object: torch.Tensor
    support: torch.Tensor
    seeds: list[Seed]
    iteration: int = 0
    iterations: int = 0
    progress: float = 0.0
    noise_tolerance: float = 0.0
    chi2: torch.Tensor = field(init=False)
    phase_allowed: torch.Tensor | None = None
    filtered: torch.Tensor | None = None
    memory: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chi2 = torch.full((len(self.seeds),), torch.nan, device=self.object.device)
        self.zero = torch.zeros((), dtype=self.object.dtype, device=self.object.device)

    @property
    def allowed(self) -> torch.Tensor:
        """Where the object may be: the support, and cohere's phase constraint where it is set."""
        return self.support if self.phase_allowed is None else self.support & self.phase_allowed
