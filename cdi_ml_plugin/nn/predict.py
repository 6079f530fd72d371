"""From a pattern in a network's field to an object in its cube: what the network is handed.

A field is a cube of N voxels in reciprocal space, centred; the object fills the N/2 cube in the
middle of direct space, so that the problem stays over-determined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from ..fourier import to_centre, to_corner, to_direct, to_reciprocal
from ..physics.projections import blur, modulus
from .paper import Fold, Network
from .unet import UNet

FILL = 0.3  # share of the cube that an object of amplitude 1 is taken to fill
POLISH_THRESHOLD = 0.3  # of the rms amplitude inside
FEATURES = 20  # channels that `UNet` is handed: 16 of the autocorrelation, 4 of the estimate


@dataclass(frozen=True)
class Preset:
    """A network and the field it works in."""

    name: str
    field: int
    passes: int

    def build(self) -> nn.Module:
        """Make the network with random weights."""
        if self.name == "paper":
            return Network(32, levels=3, fold=False)
        return UNet(FEATURES, 32)


PRESETS = {p.name: p for p in (Preset("paper", 64, 1), Preset("fast", 32, 3))}


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

    def fitted(self, obj: torch.Tensor) -> torch.Tensor:
        """Bring objects to the scale that fits best."""
        return self.scaled(obj, self.wave(obj))[0]

    def misfit(self, obj: torch.Tensor) -> torch.Tensor:
        """χ² of objects brought to the scale that fits best, (batch,)."""
        return self.chi2(self.scaled(obj, self.wave(obj))[1])

    def autocorrelation(self) -> torch.Tensor:
        """Sixteen channels (batch, 16, n, n, n): lag 2r over voxel r, its square root's two parts."""
        patterson = to_centre(to_direct(self.modulus.square().to(torch.complex64)))
        patterson = patterson / patterson.abs().amax((1, 2, 3), keepdim=True)
        root = patterson / patterson.abs().sqrt().clamp_min(1e-6)
        folded: torch.Tensor = Fold()(torch.stack([root.real, root.imag], 1))
        return folded


def first_guess(pattern: Pattern, generators: Sequence[torch.Generator]) -> torch.Tensor:
    """Known moduli with random phases, one generator an object: what breaks the tie of the twins."""
    shape = pattern.modulus.shape[1:]
    turns = torch.stack([torch.rand(shape, generator=g, device=g.device) for g in generators])
    angle = (2 * torch.pi * turns).to(pattern.modulus.device)
    return pattern.cube(torch.polar(pattern.modulus, angle))


def estimate(
    preset: Preset, network: nn.Module, pattern: Pattern, guess: torch.Tensor, passes: int
) -> torch.Tensor:
    """Object (batch, N/2, N/2, N/2), complex, in a scale and a global phase of the network's own.

    `passes` times the estimate is handed back to the network.
    The paper's network takes √I alone, and once.
    """
    if preset.name == "paper":
        return torch.polar(*amplitude_and_phase(network, pattern))
    lags = pattern.autocorrelation()
    for _ in range(passes):
        guess, wave = pattern.scaled(guess, pattern.wave(guess))
        projected = pattern.cube(pattern.project(wave))
        parts = [guess.real, guess.imag, projected.real, projected.imag]
        features = torch.cat([lags, torch.stack(parts, 1)], 1)
        features = features.contiguous(memory_format=torch.channels_last_3d)
        real, imaginary = network(features).float().unbind(1)
        guess = torch.complex(real, imaginary)
    return guess


def amplitude_and_phase(network: nn.Module, pattern: Pattern) -> tuple[torch.Tensor, torch.Tensor]:
    """Output of the paper's network: both (batch, N/2, N/2, N/2), phase in rad, neither negative."""
    field = to_centre(pattern.modulus)
    field = field / field.amax((1, 2, 3), keepdim=True)
    amplitude, phase = network(field[:, None]).float().relu().unbind(1)
    return amplitude, phase


def search(
    preset: Preset, network: nn.Module, pattern: Pattern, guess: torch.Tensor, iterations: int
) -> torch.Tensor:
    """Objects (batch, N/2, N/2, N/2) by network and HIO in turn, then `iterations` // 2 of ER.

    HIO finds what the network does not see, and the network, which has learnt from such objects,
    mends what HIO leaves: wrong phases, both twins at once, noise. The paper's network predicts once.
    """
    obj = estimate(preset, network, pattern, guess, 1)
    for _ in range(preset.passes - 1):
        if iterations:
            obj = polish(pattern, pattern.fitted(obj), iterations)
        obj = estimate(preset, network, pattern, obj, 1)
    return polish(pattern, pattern.fitted(obj), iterations // 2, hio=0)


def polish(
    pattern: Pattern,
    obj: torch.Tensor,
    iterations: int,
    support: torch.Tensor | None = None,
    hio: float = 2 / 3,
) -> torch.Tensor:
    """HIO for a share of the iterations and then ER, in the field: as cheap as a pass.

    The support follows the object every ten iterations and never leaves the cube; it begins as
    `support` (batch, N/2, N/2, N/2), or where the object is.
    """
    margin = [pattern.half // 2] * 6
    full = functional.pad(obj, margin)
    if support is None:
        support = _bright(full, None)
    else:
        support = functional.pad(support, margin)
    cube = functional.pad(torch.ones_like(obj, dtype=torch.bool), margin)
    for iteration in range(iterations):
        if iteration and iteration % 10 == 0:
            support = _bright(full, support)
        support = support & cube
        # the object may stay centred: its shift is a ramp that no modulus sees
        projected = to_direct(pattern.project(to_reciprocal(full)))
        outside = full - 0.9 * projected if iteration < int(hio * iterations) else 0 * full
        full = torch.where(support, projected, outside)
    return full[cube].reshape(obj.shape)


def _bright(obj: torch.Tensor, support: torch.Tensor | None) -> torch.Tensor:
    """Where the blurred amplitude reaches a share of its rms in the support, or in what is bright."""
    blurred = blur(modulus(obj), 0.6)
    if support is None:
        support = blurred > 0.3 * blurred.amax((1, 2, 3), keepdim=True)
    power = (blurred.square() * support).sum((1, 2, 3)) / support.sum((1, 2, 3)).clamp_min(1)
    return blurred >= POLISH_THRESHOLD * power.sqrt()[:, None, None, None]
