"""Particles and their patterns for training, drawn in batches on the training device.

Everything lives in the field of a network: a cube of N voxels in reciprocal space, and the N/2 cube
in the middle of direct space that holds the particle. Each family (a kind of particle, or of damage
to its pattern) has a name and can be left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

from ..errors import ParameterError
from . import defects
from .bodies import SHAPES, extent, outlines
from .chance import grid, rotations, some, uniform
from .detector import measured

OBJECTS = ("winterbottom", "uneven", "void", "wall", "grains", "dislocation", "waves")
PATTERNS = (
    "oversampling", "off_centre", "coherence", "background", "noise", "threshold", "hot", "stale",
    "range", "gaps", "beamstop",
)  # fmt: skip
FAMILIES = (*SHAPES, *OBJECTS, *PATTERNS)
PAPER = ("superellipsoid",)
FILL = (0.5, 0.88)  # of its cube, along each axis
COUNTS = (5.5, 9.0)
SKEW = 1.5  # power of the uniform number that the range of the phase is drawn by
OFF_CENTRE = 0.75  # voxels of the field, for half of the patterns


@dataclass(frozen=True)
class Batch:
    """Patterns and what they came from.

    Attributes
    ----------
    modulus : float32 (batch, N, N, N)
        √I, centred, 0 where it is not known.
    known : bool (batch, N, N, N)
    object : complex64 (batch, N/2, N/2, N/2)
        Centred, its largest amplitude about 1.
    touched : dict of int64 tensor (k,)
        For each family that not all belong to: the numbers of those that do.
    """

    modulus: torch.Tensor
    known: torch.Tensor
    object: torch.Tensor
    touched: dict[str, torch.Tensor] = field(default_factory=dict)

    def to(self, device: torch.device) -> Batch:
        """Bring it to a device."""
        touched = {name: which.to(device) for name, which in self.touched.items()}
        return Batch(
            self.modulus.to(device), self.known.to(device), self.object.to(device), touched
        )


@dataclass(frozen=True)
class Particles:
    """What is drawn.

    Parameters
    ----------
    field : int
        N, voxels along each axis of the pattern.
    families : tuple of str
        Of `FAMILIES`, at least one shape; each of the others touches a share of the particles.
        ``superellipsoid``, ``faceted``: shapes. ``winterbottom``: a plane cuts them. ``uneven``, ``void``,
        ``wall``, ``grains``, ``dislocation``: see `defects`. ``waves``: the phase is a sum of cosines and
        Gaussians in place of a correlated field. ``oversampling``: the particle fills another share of its
        cube along each axis, in a sheared frame. ``off_centre``: the peak is not at the centre.
        ``coherence``, ``background``, ``noise`` (Poisson counts), ``threshold`` (of counts), ``hot`` voxels,
        a ``stale`` frame, a ``range`` beyond which nothing is known, ``gaps`` and ``beamstop``: see `detector`.
    phase : (float, float)
        Radians from the lowest to the highest phase; small ones are drawn more often (see `SKEW`).
    fill : (float, float)
        Share of its cube that a particle takes along an axis; 2 / fill is the oversampling.
    fine : int
        The particle is drawn on a grid this much finer than the field's, and its transform cut
        to the field, as a detector does it.
    counts : (float, float)
        Powers of ten of the photons in a pattern.

    Notes
    -----
    With the one family ``superellipsoid``, ``phase=(1, 1)`` and ``fine=1`` these are the paper's
    training particles ("Training Data" of the paper), noise-free.
    """

    field: int = 32
    families: tuple[str, ...] = FAMILIES
    phase: tuple[float, float] = (0.0, 16.0)
    fill: tuple[float, float] = FILL
    fine: int = 2
    counts: tuple[float, float] = COUNTS

    def __post_init__(self) -> None:
        unknown = [name for name in self.families if name not in FAMILIES]
        if unknown or not set(SHAPES) & set(self.families):
            raise ParameterError(
                f"families {', '.join(self.families)!r}: give names of {', '.join(FAMILIES)}, "
                f"among them {' or '.join(SHAPES)}"
            )
        if self.field < 8 or self.field % 4 or self.fine < 1:
            raise ParameterError(
                f"field = {self.field}, fine = {self.fine}: give a multiple of 4 from 8, and from 1"
            )
        if not 0.2 <= self.fill[0] <= self.fill[1] <= 0.95:
            raise ParameterError(f"fill = {self.fill}: give 0.2 <= low <= high <= 0.95")
        if not 0 <= self.phase[0] <= self.phase[1]:
            raise ParameterError(f"phase = {self.phase}: give 0 <= low <= high, in rad")

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """Draw `count` particles and their patterns, on the generator's device."""
        n, half = self.field, self.field // 2
        particle, touched = self._particles(count, generator)
        wave = _cubes(particle, _there(n, half, self.fine))
        obj = particle if self.fine == 1 else _cubes(wave, _back(n, half))
        largest = obj.abs().amax((1, 2, 3), keepdim=True)
        intensity = (wave / largest).abs().square()
        intensity, known, damaged = measured(intensity, self.families, self.counts, generator)
        return Batch(intensity.sqrt(), known, obj / largest, touched | damaged)

    def _particles(
        self, count: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """ρ = s·exp(iφ) on the fine grid, (count, M, M, M) with M = fine·N/2, and which are of what family."""
        size, families = self.field // 2 * self.fine, self.families
        gauge, touched = outlines(count, families, generator)
        turn = rotations(count, generator)
        fill = uniform((count, 3), *self.fill, generator)
        if "oversampling" in families:
            shear = torch.eye(3, device=generator.device) + 0.2 * torch.randn(
                (count, 3, 3), generator=generator, device=generator.device
            ).triu(1)
            turn = turn @ shear
        else:
            fill = fill[:, :1].expand(-1, 3)
        centre, reach = extent(gauge, turn)
        if "oversampling" not in families:
            reach = reach.amax(1, keepdim=True).expand(-1, 3)
        voxels = fill * (size / 2)  # from the centre to the surface
        place = grid(size, generator.device) / voxels[:, :, None]
        radius = gauge(turn @ (centre[:, :, None] + reach[:, :, None] * place))
        edge = voxels.mean(1, keepdim=True)
        amplitude = (0.5 - (radius - 1) * edge).clamp_(0, 1)
        phase = self._strain(amplitude, place, fill, generator, touched)
        if "dislocation" in families:
            touched["dislocation"] = defects.dislocate(amplitude, phase, place, generator)
        if "grains" in families:
            touched["grains"] = defects.make_grains(amplitude, phase, place, generator)
        if "wall" in families:
            touched["wall"] = defects.make_wall(phase, place, generator)
        if "void" in families:
            touched["void"] = defects.make_void(amplitude, place, edge, generator)
        if "uneven" in families:
            touched["uneven"] = defects.make_uneven(amplitude, size, generator)
        obj = torch.polar(amplitude, phase).reshape(-1, size, size, size)
        if families == PAPER:
            return obj, touched
        return self._centred(obj, generator, touched), touched

    def _strain(
        self,
        amplitude: torch.Tensor,
        place: torch.Tensor,
        fill: torch.Tensor,
        generator: torch.Generator,
        touched: dict[str, torch.Tensor],
    ) -> torch.Tensor:
        """Phase (batch, p) whose range inside the particle is that which is drawn."""
        count, size = len(fill), self.field // 2 * self.fine
        lengths = uniform((count, 3), 0.15, 0.5, generator) * fill * size
        phase = defects.smooth_noise(size, lengths, generator).flatten(1)
        if "waves" in self.families:
            which = some(count, defects.WAVES, generator)
            phase[which] = defects.waves(place[which], generator)
            touched["waves"] = which
        inside = amplitude > 0.5
        low = phase.masked_fill(~inside, torch.inf).amin(1, keepdim=True)
        high = phase.masked_fill(~inside, -torch.inf).amax(1, keepdim=True)
        least, most = self.phase
        wide = least + (most - least) * uniform((count, 1), 0, 1, generator) ** SKEW
        return wide * ((phase - low) / (high - low)).clamp_(0, 1)

    def _centred(
        self, obj: torch.Tensor, generator: torch.Generator, touched: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        """Take the mean phase ramp out of objects: their patterns lie on q = 0, or a little beside it."""
        count, size = obj.shape[:2]
        steps = [(obj * obj.roll(1, axis).conj()).sum((1, 2, 3)).angle() for axis in (1, 2, 3)]
        step = torch.stack(steps, 1)
        if "off_centre" in self.families:
            which = some(count, 0.5, generator)
            beside = uniform((len(which), 3), -OFF_CENTRE, OFF_CENTRE, generator)
            step[which] += 2 * torch.pi / (self.fine * self.field) * beside
            touched["off_centre"] = which
        axis = torch.arange(size, device=obj.device) - size // 2
        turn = torch.exp(-1j * step[:, :, None] * axis)
        z, y, x = turn.unbind(1)
        return obj * z[:, :, None, None] * y[:, None, :, None] * x[:, None, None, :]


def _there(n: int, half: int, fine: int) -> torch.Tensor:
    """Orthonormal transform of fine·half centred voxels, padded to fine·n, cut to n; (n, fine·half)."""
    q, r = (torch.arange(m, dtype=torch.float64) - m // 2 for m in (n, fine * half))
    return torch.exp(-2j * torch.pi * torch.outer(q, r) / (fine * n)) / math.sqrt(fine * n)


def _back(n: int, half: int) -> torch.Tensor:
    """Orthonormal inverse transform of n centred voxels, cut to half, (half, n)."""
    r, q = (torch.arange(m, dtype=torch.float64) - m // 2 for m in (half, n))
    return torch.exp(2j * torch.pi * torch.outer(r, q) / n) / math.sqrt(n)


def _cubes(array: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Multiply cubes (batch, m, m, m) along each axis by a matrix (n, m)."""
    matrix = matrix.to(array)
    batch, m = array.shape[:2]
    n = len(matrix)
    array = matrix @ (array @ matrix.T)
    return (matrix @ array.reshape(batch, m, n * n)).reshape(batch, n, n, n)
