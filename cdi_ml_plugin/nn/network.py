"""What a kind of network is: what it is handed, how it is made, and what its output means.

A kind is a class below `Network` in any package, made known by an entry point of
``cdi_ml_plugin.networks``; `cdi_ml_plugin.nn.kinds` finds it. Prediction, `REFINE` and training use
it alike, and know none by its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional

from ..errors import NetworkError

FILL = 0.3  # share of the cube that an object of amplitude 1 is taken to fill
# Lowest, highest, and a step, of what a class says of itself.
_WHOLE = {
    "field": (32, 256, 16),
    "passes": (1, 16, 1),
    "channels": (4, 512, 4),
    "bytes_per_channel": (0, 100_000, 1),
}
_BOOL = ("half_precision", "either_twin")


class Given(ABC):
    """What is known of some objects, from which `Network.features` takes what it needs.

    Everything is centred and float32 or complex64, in the scale of an object of amplitude 1 that fills
    `FILL` of its grid. The grid (z, y, x) of the objects is a cube of half the field, or in `REFINE` a
    box of the data's own voxels: then its edges may differ. They are multiples of 8 from 16 on.
    Nothing here may be changed in place.
    """

    @property
    @abstractmethod
    def modulus(self) -> torch.Tensor:
        """√I at low frequencies (batch, 2z, 2y, 2x), the highest 1; 0 where it is not known."""

    @property
    @abstractmethod
    def lags(self) -> torch.Tensor:
        """Autocorrelation P (batch, 2, 2z, 2y, 2x): real and imaginary part of P/√|P|, the highest |P| 1."""

    @property
    @abstractmethod
    def guess(self) -> torch.Tensor:
        """Estimate of the objects (batch, z, y, x), complex.

        Raises
        ------
        NetworkError
            The network has ``passes = 1``, and so takes none.
        """

    @property
    @abstractmethod
    def projected(self) -> torch.Tensor:
        """`guess` with the measured moduli put in (batch, z, y, x), complex; raises as it does."""


class Network(ABC):
    """A kind of network. A subclass writes `features`, `build` and `decode`.

    Attributes
    ----------
    name : str
        As its entry point's; default the name of the class in small letters.
    field : int
        N, voxels along each axis of the cube that a pattern is brought into for a prediction: a
        multiple of 16. The object is N/2 voxels wide.
    heads : tuple of str
        Submodules of what `build` makes whose parameters, set to 0, make it return 0; of a
        ``Sequential`` the last part counts. `REFINE` begins so where it corrects an object.
    passes : int
        How often its output is handed back to it, as the guess. With 1 it takes no guess.
    channels : int
        What `build` is given where weights are trained and loaded.
    half_precision : bool
        Whether it bears bfloat16. Batch normalisation does not.
    either_twin : bool
        Whether an object and its twin are equally right, where it is fine-tuned.
    bytes_per_channel : int
        Memory for each voxel of the data and each channel that `REFINE` takes for it.
    shipped : Path or None
        File of the weights that come with it, which are then known by its name.
    """

    name: ClassVar[str]
    field: ClassVar[int]
    heads: ClassVar[tuple[str, ...]]
    passes: ClassVar[int] = 1
    channels: ClassVar[int] = 32
    half_precision: ClassVar[bool] = False
    either_twin: ClassVar[bool] = True
    bytes_per_channel: ClassVar[int] = 115
    shipped: ClassVar[Path | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()
        for name, (low, high, step) in _WHOLE.items():
            value = getattr(cls, name, low)
            right = isinstance(value, int) and not isinstance(value, bool)
            if not right or not low <= value <= high or value % step:
                raise cls.broken(
                    f"{name} = {value!r}: give a multiple of {step} from {low} to {high}"
                )
        for name in _BOOL:
            if not isinstance(getattr(cls, name), bool):
                raise cls.broken(f"{name} = {getattr(cls, name)!r}: give True or False")
        heads = getattr(cls, "heads", ("",))
        if not (isinstance(heads, tuple) and heads and all(isinstance(h, str) for h in heads)):
            raise cls.broken(f"heads = {heads!r}: give a tuple of names of submodules")

    # --- what an author writes ----------------------------------------------------------------
    @abstractmethod
    def features(self, given: Given) -> torch.Tensor:
        """Real tensor (batch, channels, …) that the module takes."""

    @abstractmethod
    def build(self, channels: int) -> nn.Module:
        """Make the module with random weights; `channels`, a multiple of 4, says how wide it is."""

    @abstractmethod
    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        """Objects (batch, z, y, x), complex, of what the module returned, as float32.

        `size` is the modulus that an amplitude of 1 stands for: the object is proportional to it.
        """

    # --- what an author may write -------------------------------------------------------------
    def correct(
        self, output: torch.Tensor, base: torch.Tensor, size: float, gain: float
    ) -> torch.Tensor:
        """Objects `base` (batch, z, y, x) with the output as a correction, a small part of it.

        An output of 0 corrects nothing, and its gradient there is not 0. So it is where `decode` is
        linear; else write it.
        """
        return base + self.decode(output, gain * size)

    def untrained(self, channels: int) -> nn.Module:
        """What `REFINE` fits from random weights, where it is another than `build` makes."""
        return self.build(channels)

    # --- what is asked of it ------------------------------------------------------------------
    def silence(self, module: nn.Module) -> None:
        """Set `heads` of a module to 0, so that it returns nothing."""
        for name in self.heads:
            try:
                part = module.get_submodule(name)
            except AttributeError as error:
                raise self.broken(f"its module has no part {name!r}, which heads names") from error
            last = part[-1] if isinstance(part, nn.Sequential) else part
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def takes_guess(self) -> None:
        """Raise NetworkError where it takes no guess."""
        if self.passes == 1:
            raise self.broken("is handed no guess, as it has passes = 1: give more to use one")

    @classmethod
    def broken(cls, what: str) -> NetworkError:
        """Error that names the network."""
        return NetworkError(f"network {cls.name}: {what}")


class Polar(Network):
    """A network whose module returns (batch, 2, z, y, x): amplitude and phase (rad) before a ReLU.

    It needs neither `decode` nor `correct`, and can be trained with the paper's loss, which compares
    amplitudes and phases.
    """

    def amplitude_and_phase(self, output: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both (batch, z, y, x), phase in rad, neither negative."""
        amplitude, phase = output.relu().unbind(1)
        return amplitude, phase

    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        amplitude, phase = self.amplitude_and_phase(output)
        return torch.polar(size * amplitude, phase)

    def correct(
        self, output: torch.Tensor, base: torch.Tensor, size: float, gain: float
    ) -> torch.Tensor:
        first, second = output.unbind(1)
        amplitude = base.abs() + gain * size * first
        return torch.polar(functional.relu(amplitude), base.angle() + gain * second)
