"""A smaller pattern that shows the same object: every so manieth voxel of its central part.

A crystal that is oversampled four times along an axis is still determined by every second voxel
there, and its coarse form by the middle of the pattern. Iterations on such a part cost what it holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.fft import next_fast_len

from ..fourier import about_centre, resample, to_centre, to_corner
from .moduli import HELD_OUT, Moduli, choose
from .supports import extent

ACROSS = 16  # voxels across a crystal from which its form is found
LEAST = 0.6  # of the axes: a part larger than this saves too little

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Level:
    """Part of a pattern, with the way of an object there and back.

    Attributes
    ----------
    data : Moduli
        The part's own; what is held out of the whole is held out of it.
    whole : (z, y, x)
        Voxels of the whole pattern.
    stride : (z, y, x)
        Every how manieth voxel is taken along each axis.
    beyond : float
        Share of the fitted power that lies outside the central part.
    factor : float
        An object here is one of the whole times this.
    """

    data: Moduli
    whole: Shape
    stride: Shape
    beyond: float
    factor: float

    @classmethod
    def of(cls, data: Moduli, stride: Sequence[int], share: float) -> Level:
        """Take every `stride`-th voxel of the central `share` of each axis; q = 0 is one of them."""
        places, inside, central = [], [], []
        for n, every in zip(data.shape, stride, strict=True):
            reach = reached(n, share)
            count = n if reach == n and every == 1 else next_fast_len(-(-reach // every))
            place = n // 2 + every * (torch.arange(count) - count // 2)
            low = n // 2 - reach // 2
            inside.append((place >= low) & (place < low + reach))
            places.append(place.clamp(0, n - 1))
            central.append(slice(low, low + reach))
        z, y, x = (place.to(data.amplitude.device) for place in places)
        index = (z[:, None, None], y[:, None], x)
        known = (inside[0][:, None, None] & inside[1][:, None] & inside[2]).to(z.device)

        def flags(voxels: torch.Tensor) -> torch.Tensor:
            whole = torch.zeros(data.amplitude.numel(), dtype=torch.bool, device=z.device)
            whole[voxels] = True
            return to_centre(whole.view(data.shape))[index]

        measured = to_centre(data.measured)[index].masked_fill(~known, 0) * data.scale
        masked = flags(data.masked) | ~known
        hidden = flags(data.held_out) & known
        if not len(data.held_out):
            hidden = choose(measured, masked, HELD_OUT)
        part = Moduli.build(
            to_corner(measured), to_corner(masked), to_corner(hidden), data.noise * data.scale
        )
        middle = to_centre(data.amplitude)[tuple(central)]
        beyond = 1 - float(middle.square().sum(dtype=torch.float64)) / data.power
        factor = data.scale / part.scale / math.prod(stride) ** 0.5
        steps = (int(stride[0]), int(stride[1]), int(stride[2]))
        return cls(part, data.shape, steps, beyond, factor)

    @property
    def _grid(self) -> list[int]:
        """Voxels of the whole field of view, in those of this part."""
        return [n * every for n, every in zip(self.data.shape, self.stride, strict=True)]

    def down(self, obj: torch.Tensor, support: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Object and support of the whole (z, y, x), near the centre of its array, brought here."""
        here = about_centre(resample(obj, self._grid), self.data.shape) * self.factor
        pitch = [n / m for n, m in zip(self.whole, self._grid, strict=True)]
        return here, regrid(support, self.data.shape, pitch)

    def up(self, obj: torch.Tensor, support: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Invert `down`; beyond the central part the object's transform is 0."""
        there = resample(about_centre(obj, self._grid), self.whole) / self.factor
        pitch = [m / n for n, m in zip(self.whole, self._grid, strict=True)]
        return there, regrid(support, self.whole, pitch)

    def climb(
        self, obj: torch.Tensor, support: torch.Tensor, higher: Level
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Bring object and support to a level of the same stride that shows more of the pattern."""
        shape = higher.data.shape
        pitch = [m / n for n, m in zip(shape, self.data.shape, strict=True)]
        there = resample(obj, shape) * (higher.factor / self.factor)
        return there, regrid(support, shape, pitch)


Shared = dict[tuple[int, ...], Level]  # stride and reach along each axis, and the level of them


def levels(data: Moduli, support: torch.Tensor, oversampling: float, shared: Shared) -> list[Level]:
    """Parts of a pattern on which to search for the object in a support (z, y, x), coarse to full.

    Those that are not in `shared` are put there.
    """
    extents = extent(support)
    stride = [
        max(1, int(n / (size * oversampling))) for n, size in zip(data.shape, extents, strict=True)
    ]
    share = min(1.0, ACROSS / math.prod(extents) ** (1 / 3))
    steps = 0 if share > LEAST else math.ceil(-math.log2(share))
    found = []
    for part in (*(share ** (1 - step / max(1, steps)) for step in range(steps)), 1.0):
        which = (*stride, *(reached(n, part) for n in data.shape))
        if which not in shared:
            shared[which] = Level.of(data, stride, part)
        found.append(shared[which])
    return found


def reached(n: int, share: float) -> int:
    """Voxels in the central `share` of an axis of n."""
    return n if share >= 1 else math.ceil(share * n)


def regrid(support: torch.Tensor, shape: Sequence[int], pitch: Sequence[float]) -> torch.Tensor:
    """Support (z, y, x) on another grid, centre on centre; a voxel there is `pitch` of its own."""
    places = []
    valid = torch.ones((), dtype=torch.bool, device=support.device)
    for axis, (n, old, step) in enumerate(zip(shape, support.shape, pitch, strict=True)):
        view = [1, 1, 1]
        view[axis] = n
        place = ((torch.arange(n) - n // 2) * step).round().long() + old // 2
        place = place.to(support.device).reshape(view)
        valid = valid & (place >= 0) & (place < old)
        places.append(place.clamp(0, old - 1))
    return support[tuple(places)] & valid
