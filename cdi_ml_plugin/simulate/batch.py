"""Particles and their patterns for training, drawn in batches on the training device.

Everything lives in the field of a network: a cube of N voxels in reciprocal space, and the N/2 cube
in the middle of direct space that holds the particle. Each family (a kind of particle, or of damage
to its pattern) has a name and can be left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from ..errors import ParameterError
from ..fourier import to_centre, to_corner, to_direct, to_reciprocal
from . import shapes

SHAPES = ("superellipsoid", "faceted")
FAMILIES = (*SHAPES, "dislocation", "oversampling", "noise", "gaps", "range", "coherence")
FILL = (0.5, 0.88)  # of its cube, along each axis
COUNTS = (5.5, 9.0)
Gauge = Callable[
    [torch.Tensor], torch.Tensor
]  # points (batch, 3, p) → 1 on the surface, linear along rays
PAPER = ("superellipsoid",)
COARSE = 24  # voxels along an axis where a shape is first drawn, to find its extent and centre


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
    """

    modulus: torch.Tensor
    known: torch.Tensor
    object: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """Bring it to a device."""
        return Batch(self.modulus.to(device), self.known.to(device), self.object.to(device))


@dataclass(frozen=True)
class Particles:
    """What is drawn.

    Parameters
    ----------
    field : int
        N, voxels along each axis of the pattern.
    families : tuple of str
        Of `FAMILIES`. At least one shape. ``dislocation``: a quarter of the particles has one.
        ``oversampling``: the particle fills a random share of its cube along each axis, in a
        sheared frame. ``noise``: Poisson counts over more than three decades. ``gaps``: bands
        without data. ``range``: nothing is known beyond a random limit along each axis.
        ``coherence``: a little blur of the intensity.
    phase : (float, float)
        Radians from the lowest to the highest phase; drawn uniformly between these.
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
    phase: tuple[float, float] = (0.0, 10.0)
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
        particle = self._particles(count, generator)
        padded = functional.pad(particle, [self.field // 2 * self.fine // 2] * 6)
        wave = _centre_cut(to_centre(to_reciprocal(to_corner(padded))), self.field)
        obj = particle
        if self.fine > 1:
            obj = _centre_cut(to_centre(to_direct(to_corner(wave))), self.field // 2)
        largest = obj.abs().amax((1, 2, 3), keepdim=True)
        intensity, known = self._measured((wave / largest).abs().square(), generator)
        return Batch(intensity.sqrt(), known, obj / largest)

    def _particles(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """ρ = s·exp(iφ) on the fine grid, (count, M, M, M) with M = fine·N/2."""
        size = self.field // 2 * self.fine
        gauge = self._shape(count, generator)
        turn = _rotations(count, generator)
        fill = _uniform((count, 3), *self.fill, generator)
        if "oversampling" in self.families:
            shear = torch.eye(3, device=generator.device) + 0.2 * torch.randn(
                (count, 3, 3), generator=generator, device=generator.device
            ).triu(1)
            turn = turn @ shear
        else:
            fill = fill[:, :1].expand(-1, 3)
        centre, reach = _extent(gauge, turn)
        if "oversampling" not in self.families:
            reach = reach.amax(1, keepdim=True).expand(-1, 3)
        pace = reach / (fill * (size / 2))  # of the shape's own lengths, per voxel
        points = centre[:, :, None] + pace[:, :, None] * _grid(size, generator.device)
        radius = gauge(turn @ points).reshape(-1, size, size, size)
        edge = (fill.mean(1) * (size / 2)).reshape(-1, 1, 1, 1)  # voxels from centre to surface
        amplitude = (0.5 - (radius - 1) * edge).clamp(0, 1)
        lengths = _uniform((count, 3), 0.12, 0.45, generator) * fill * size
        phase = _smooth_noise(size, lengths, generator)
        inside = amplitude > 0.5
        low = phase.masked_fill(~inside, torch.inf).amin((1, 2, 3), keepdim=True)
        high = phase.masked_fill(~inside, -torch.inf).amax((1, 2, 3), keepdim=True)
        wide = _uniform((count, 1, 1, 1), *self.phase, generator)
        phase = wide * ((phase - low) / (high - low)).clamp(0, 1)
        if "dislocation" in self.families:
            phase = phase + _dislocations(points, centre, reach, generator).reshape(phase.shape)
        obj = torch.polar(amplitude, phase)
        return obj if self.families == PAPER else _centred_pattern(obj)

    def _shape(self, count: int, generator: torch.Generator) -> Gauge:
        kinds = [name for name in SHAPES if name in self.families]
        first = _superellipsoids(count, generator)
        if kinds == ["superellipsoid"]:
            return first
        second = _polyhedra(count, generator)
        if kinds == ["faceted"]:
            return second
        choice = torch.rand((count, 1), generator=generator, device=generator.device) < 0.4
        return lambda points: torch.where(choice, first(points), second(points))

    def _measured(
        self, intensity: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What a detector makes of an intensity, and which voxels it knows."""
        count, n = intensity.shape[:2]
        device = generator.device
        axis = torch.arange(n, device=device) - n // 2
        known = torch.ones_like(intensity, dtype=torch.bool)
        if "coherence" in self.families:
            width = _chance(count, 0.4, generator) * _uniform((count, 1), 0.2, 0.5, generator)
            # a blur by σ voxels is a product of the autocorrelation with this
            line = torch.exp(-0.5 * (2 * torch.pi / n * axis * width).square())
            window = line[:, :, None, None] * line[:, None, :, None] * line[:, None, None, :]
            patterson = to_direct(to_corner(intensity).to(torch.complex64)) * to_corner(window)
            intensity = to_centre(to_reciprocal(patterson).real).clamp_min(0)
        if "noise" in self.families:
            counts = 10 ** _uniform((count, 1, 1, 1), *self.counts, generator)
            scale = counts / intensity.sum((1, 2, 3), keepdim=True)
            intensity = torch.poisson(intensity * scale, generator=generator) / scale
        if "range" in self.families:
            limit = _uniform((count, 3), 0.5, 1.5, generator) * (n / 2)
            near = axis.abs() <= limit[:, :, None]
            known &= near[:, 0, :, None, None] & near[:, 1, None, :, None] & near[:, 2, None, None]
        if "gaps" in self.families:
            for view in ((count, 1, n, 1), (count, 1, 1, n)):
                place = _uniform((count, 1), 2, n / 2, generator)
                place = place * (1 - 2 * _chance(count, 0.5, generator))
                half = _chance(count, 0.25, generator) * _uniform((count, 1), 0.5, 2, generator)
                known &= ((axis - place).abs() >= half).reshape(view)
        return intensity * known, known


def _uniform(
    shape: tuple[int, ...], low: float, high: float, generator: torch.Generator
) -> torch.Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator, device=generator.device)


def _chance(count: int, share: float, generator: torch.Generator) -> torch.Tensor:
    """1 for a share of the batch, 0 for the rest; (count, 1)."""
    return (torch.rand((count, 1), generator=generator, device=generator.device) < share).float()


def _rotations(count: int, generator: torch.Generator) -> torch.Tensor:
    """Rotation matrices (count, 3, 3), uniform over all orientations."""
    q = torch.randn((count, 4), generator=generator, device=generator.device)
    w, x, y, z = (q / q.norm(dim=1, keepdim=True)).unbind(1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def _grid(size: int, device: torch.device) -> torch.Tensor:
    """Voxel numbers from the centre, (3, size³)."""
    axis = torch.arange(size, device=device, dtype=torch.float32) - size // 2
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).flatten(1)


def _superellipsoids(count: int, generator: torch.Generator) -> Gauge:
    """Superellipsoids with semi-axes from 0.5 to 1 and e, n from 0.3 (boxes) to 1.5 (spindles)."""
    semi_axes = _uniform((count, 3, 1), 0.5, 1.0, generator)
    e, n = _uniform((2, count, 1), 0.3, 1.5, generator)

    def gauge(points: torch.Tensor) -> torch.Tensor:
        x, y, z = (points / semi_axes).abs().clamp_min(1e-6).unbind(1)
        return shapes.superellipsoid(x, y, z, e, n)

    return gauge


def _polyhedra(count: int, generator: torch.Generator) -> Gauge:
    """Truncated octahedra with uneven facets: the largest n·r/h, 1 on the surface."""
    device = generator.device
    normals = torch.tensor(shapes.NORMALS, device=device)
    uneven = _uniform((count, 1), 0.05, 0.45, generator)
    heights = 1 - uneven * torch.rand((count, len(normals)), generator=generator, device=device)
    heights[:, 8:] *= _uniform((count, 1), 0.8, shapes.CUBE_TO_OCTAHEDRON, generator)

    def gauge(points: torch.Tensor) -> torch.Tensor:
        nearest = torch.zeros_like(points[:, 0])
        for normal, height in zip(normals, heights.unbind(1), strict=True):
            along = torch.einsum("i,bip->bp", normal, points)
            nearest = torch.maximum(nearest, along / height[:, None])
        return nearest

    return gauge


def _extent(gauge: Gauge, turn: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre of mass and half extent of shapes along the array's axes, (batch, 3) each."""
    points = _grid(COARSE, turn.device) * (5.0 / COARSE)
    inside = gauge(turn @ points.expand(len(turn), -1, -1)) <= 1
    mass = inside.float()
    centre = (mass @ points.T) / mass.sum(1, keepdim=True)
    distance = (points - centre[:, :, None]).abs()
    return centre, (distance * mass[:, None]).amax(2) + 2.5 / COARSE


def _smooth_noise(size: int, lengths: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """White noise convolved with exp(−x²/2L_x² − y²/2L_y² − z²/2L_z²), L (batch, 3) in voxels.

    The noise lies on a grid twice as wide as the cube and half as fine, which such a field does not
    see: were it periodic over the cube, opposite faces of a particle would have the same phase.
    """
    device = lengths.device
    noise = torch.randn((len(lengths), *[size] * 3), generator=generator, device=device)
    place = torch.arange(size, device=device) - size // 2
    away = place[:, None] - 2.0 * place
    z, y, x = torch.exp(-0.5 * (away / lengths[:, :, None, None]).square()).unbind(1)
    noise = noise @ x.transpose(1, 2)[:, None]
    noise = y[:, None] @ noise
    return torch.einsum("bzi,biyx->bzyx", z, noise)


def _dislocations(
    points: torch.Tensor, centre: torch.Tensor, reach: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Phase that winds once about a line near the centre, for a quarter of the batch, (batch, p)."""
    count = len(points)
    place = centre + 0.5 * reach * _uniform((count, 3), -1, 1, generator)
    across = _rotations(count, generator)[:, :2]
    u, v = (across @ (points - place[:, :, None])).unbind(1)
    sign = 1 - 2 * _chance(count, 0.5, generator)
    return _chance(count, 0.25, generator) * sign * torch.atan2(u, v)


def _centred_pattern(obj: torch.Tensor) -> torch.Tensor:
    """Take the mean phase ramp out of objects, so that their patterns are centred on q = 0."""
    count, size = obj.shape[:2]
    points = _grid(size, obj.device)
    ramp = torch.zeros((count, points.shape[1]), device=obj.device)
    for axis in range(3):
        step = (obj * obj.roll(1, axis + 1).conj()).sum((1, 2, 3)).angle()
        ramp += step[:, None] * points[axis]
    return obj * torch.polar(torch.ones_like(ramp), -ramp).reshape(obj.shape)


def _centre_cut(array: torch.Tensor, size: int) -> torch.Tensor:
    """The middle (batch, size, size, size) of centred cubes."""
    first = array.shape[-1] // 2 - size // 2
    part = slice(first, first + size)
    return array[:, part, part, part]
