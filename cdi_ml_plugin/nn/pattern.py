"""Patterns in the field of a network, and how far objects explain them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch.nn import functional

from ..fourier import to_centre, to_corner, to_direct, to_reciprocal
from ..physics.projections import modulus
from .network import FILL, Given, Network


@dataclass(frozen=True)
class Pattern:
    """Patterns in the field, corner-centred, in the scale of an object of amplitude 1.

    Attributes
    ----------
    modulus : float32 (batch, N, N, N)
        0 where it is not known.
    known : bool (batch, N, N, N)
    """

    modulus: torch.Tensor
    known: torch.Tensor

    @classmethod
    def of(cls, seen: torch.Tensor, known: torch.Tensor) -> Pattern:
        """Take centred moduli of any scale; those not known count as 0."""
        seen = to_corner(seen * known)
        power = seen.square().sum((1, 2, 3), keepdim=True)
        wanted = FILL * seen[0].numel() / 8
        return cls(seen * (wanted / power).sqrt(), to_corner(known))

    @property
    def half(self) -> int:
        """Voxels along an edge of the object's cube."""
        return self.modulus.shape[-1] // 2

    def wave(self, obj: torch.Tensor) -> torch.Tensor:
        """Transform of objects (batch, N/2, N/2, N/2)."""
        margin = self.half // 2
        return to_reciprocal(to_corner(functional.pad(obj, [margin] * 6)))

    def cube(self, wave: torch.Tensor) -> torch.Tensor:
        """Invert `wave`, dropping what lies outside the object's cube."""
        part = slice(self.half // 2, self.half // 2 + self.half)
        return to_centre(to_direct(wave))[:, part, part, part]

    def scaled(self, obj: torch.Tensor, wave: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Bring objects and their transforms to the scale that fits the known moduli best."""
        size = wave.abs() * self.known
        fit = (size * self.modulus).sum((1, 2, 3)) / size.square().sum((1, 2, 3)).clamp_min(1e-12)
        fit = fit[:, None, None, None]
        return obj * fit, wave * fit

    def project(self, wave: torch.Tensor) -> torch.Tensor:
        """Give transforms the known moduli; where nothing is known they keep their own."""
        size = modulus(wave)
        return wave * (torch.where(self.known, self.modulus, size) / size)

    def chi2(self, wave: torch.Tensor) -> torch.Tensor:
        """χ² over the known voxels, (batch,)."""
        residual = (wave.abs() - self.modulus) * self.known
        return residual.square().sum((1, 2, 3)) / self.modulus.square().sum((1, 2, 3))

    def to_scale(self, obj: torch.Tensor) -> torch.Tensor:
        """Bring objects to the scale that fits the known moduli best."""
        return self.scaled(obj, self.wave(obj))[0]

    def misfit(self, obj: torch.Tensor) -> torch.Tensor:
        """χ² of objects brought to the scale that fits best, (batch,)."""
        return self.chi2(self.scaled(obj, self.wave(obj))[1])

    @cached_property
    def lags(self) -> torch.Tensor:
        """Real and imaginary part of P/√|P| (batch, 2, N, N, N), P the autocorrelation; centred."""
        patterson = to_centre(to_direct(self.modulus.square().to(torch.complex64)))
        patterson = patterson / patterson.abs().amax((1, 2, 3), keepdim=True)
        root = patterson / patterson.abs().sqrt().clamp_min(1e-6)
        return torch.stack([root.real, root.imag], 1)


class InField(Given):
    """What a network is handed in its field: patterns, and guesses (batch, N/2, N/2, N/2) if it takes any."""

    def __init__(self, kind: Network, pattern: Pattern, guess: torch.Tensor) -> None:
        self.kind, self.pattern, self._guess = kind, pattern, guess

    @property
    def modulus(self) -> torch.Tensor:
        field = to_centre(self.pattern.modulus)
        return field / field.amax((1, 2, 3), keepdim=True)

    @property
    def lags(self) -> torch.Tensor:
        return self.pattern.lags

    @property
    def guess(self) -> torch.Tensor:
        return self._scaled[0]

    @property
    def projected(self) -> torch.Tensor:
        return self.pattern.cube(self.pattern.project(self._scaled[1]))

    @cached_property
    def _scaled(self) -> tuple[torch.Tensor, torch.Tensor]:
        self.kind.takes_guess()
        return self.pattern.scaled(self._guess, self.pattern.wave(self._guess))
