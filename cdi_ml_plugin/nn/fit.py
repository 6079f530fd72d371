"""A network whose output is the object behind one pattern, or a correction to an object at hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import nn
from torch.nn import functional

from ..fourier import to_centre, to_direct, to_reciprocal
from ..physics.moduli import Moduli
from ..physics.projections import TINY, blur, modulus
from ..utils.device import half_pays
from . import kinds, losses
from .network import FILL, Given, Network

MULTIPLE = 8  # of which the edges of the box are: a network may halve its grid three times
SMALLEST = 16  # voxels: what three halvings leave must be more than one voxel
# A correction is a small part of the network's output: the first steps of Adam move that output by
# about 1, whatever the gradient, and would undo the object. In units of the highest amplitude it is so
# many times √χ² of that object: about as wrong as it may be.
GAIN = 1.5
LARGEST_GAIN = 0.1
OUTSIDE = 0.05  # of the support blurred by one voxel: as far as a correction may leave the support


class OnData(Given):
    """What a network is handed on the data's own voxels: an object (z, y, x) and the box around it."""

    def __init__(
        self, kind: Network, data: Moduli, obj: torch.Tensor, box: tuple[slice, slice, slice]
    ) -> None:
        self.kind, self.data, self.obj, self.box = kind, data, obj, box
        self.shape = [part.stop - part.start for part in box]
        self.twice = [2 * n for n in self.shape]

    @property
    def modulus(self) -> torch.Tensor:
        pattern = centre_crop(to_centre(self.data.amplitude), self.twice)
        return (pattern / pattern.max()).float()[None]

    @property
    def lags(self) -> torch.Tensor:
        patterson = to_centre(to_direct(self.data.amplitude.square().to(torch.complex64)))
        lags = torch.stack(
            [centre_crop(part, self.twice) for part in (patterson.real, patterson.imag)]
        )
        size = torch.linalg.vector_norm(lags, dim=0)
        return (lags / (size * size.max()).sqrt().clamp_min(1e-20))[None]

    @property
    def guess(self) -> torch.Tensor:
        self.kind.takes_guess()
        return self._scaled(self.obj)

    @property
    def projected(self) -> torch.Tensor:
        self.kind.takes_guess()
        wave = to_reciprocal(self.obj)
        size = modulus(wave[None])[0]
        wanted = self.data.amplitude
        if self.data.unfitted is not None:
            wanted = torch.where(self.data.unfitted > 0, size, wanted)
        return self._scaled(to_direct(wave * (wanted / size)))

    @cached_property
    def _scale(self) -> torch.Tensor | float:
        power = self.obj.abs().square().sum()
        filled = FILL * math.prod(self.shape)
        return (filled / power).sqrt() if float(power) > 0 else 1.0

    def _scaled(self, obj: torch.Tensor) -> torch.Tensor:
        return (self._scale * obj[self.box])[None].to(torch.complex64)


class Fit:
    """The network, what it is handed, and the way from its output to moduli.

    Parameters
    ----------
    network : nn.Module
    kind : Network
        What it takes and returns.
    obj, support : complex and bool (z, y, x)
        Where the chain is.
    fresh : bool
        Whether `obj` is random phases and no more: then the output is the object, else it is added
        to `obj`.

    Attributes
    ----------
    region : bool (z, y, x)
        Where the object may be.
    measured : real (k,)
        √I of the fitted voxels.
    half : bool
        Whether the network runs in bfloat16.
    unit : float
        Modulus of one photon; 0 where the data show no noise.
    start : two tensors ()
        What `judge` and `chi2` say of the object handed in; infinite where it is fresh.

    Notes
    -----
    What an epoch comes to stays on the device: to read a number there is to wait for it.
    """

    def __init__(
        self,
        network: nn.Module,
        kind: Network,
        data: Moduli,
        obj: torch.Tensor,
        support: torch.Tensor,
        fresh: bool,
    ) -> None:
        self.data, self.kind, self.fresh = data, kind, fresh
        self.half = kind.half_precision and half_pays(obj.device)
        self.box = surrounding_box(support, MULTIPLE)
        obj = (obj * support).to(torch.complex64)
        if fresh:
            self.region = torch.zeros_like(support)
            self.region[self.box] = True
            self.base = torch.zeros_like(obj[self.box])
            # an object of amplitude 1 that fills a share of the box scatters as much as was measured
            power = data.power / (FILL * self.base.numel())
            self.size, self.gain = power**0.5, 1.0
        else:
            self.region = blur(support[None].float(), 1.0)[0] > OUTSIDE
            self.base = obj[self.box]
            self.size = float(self.base.abs().max())
            kind.silence(network)
        self.inside = self.region[self.box]
        self.network = network.to(obj.device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        seen = kinds.handed(kind, OnData(kind, data, obj, self.box))
        if not kind.half_precision and obj.device.type == "cpu":
            # torch takes a batch of one in single precision along a path that is several times slower
            seen = seen.expand(2, -1, -1, -1, -1)  # twins: statistics and gradients are the same
            seen = seen.contiguous(memory_format=torch.channels_last_3d)
        self.seen = seen
        self.fitted = None  # places of the fitted voxels; a mask is looked through again each time
        if data.unfitted is not None:
            self.fitted = (data.unfitted == 0).flatten().nonzero()[:, 0]
        self.measured = self._seen(data.amplitude).float()
        self.hidden = data.measured.flatten()[data.held_out]
        self.unit = 2 * data.noise
        never = torch.full((), math.inf, device=obj.device)
        self.start = never, never
        if not fresh:
            model, hidden = self._moduli(obj)
            self.start = self.judge(model, hidden), self.chi2(model)
            self.gain = min(LARGEST_GAIN, GAIN * float(self.start[1]) ** 0.5)

    def forward(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Object (z, y, x) in the scale that fits best; its moduli where fitted (k,), where held out."""
        with torch.autocast(self.seen.device.type, torch.bfloat16, enabled=self.half):
            output = kinds.returned(self.kind, self.network, self.seen)[:1]
        if self.fresh:
            inside = self.kind.decode(output, self.size)
        else:
            inside = self.kind.correct(output, self.base[None], self.size, self.gain)
        inside = kinds.checked(self.kind, inside, (1, *self.base.shape))[0]
        obj = torch.zeros(self.data.shape, dtype=torch.complex64, device=inside.device)
        obj[self.box] = inside * self.inside
        model, hidden = self._moduli(obj)
        scale = (model * self.measured).sum() / model.square().sum().clamp_min(TINY)
        return scale * obj, scale * model, (scale * hidden).detach()

    def _moduli(self, obj: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        wave = to_reciprocal(obj)
        size = (wave.real.square() + wave.imag.square() + TINY).sqrt()
        return self._seen(size), size.flatten()[self.data.held_out]

    def _seen(self, values: torch.Tensor) -> torch.Tensor:
        """Values (z, y, x) of the fitted voxels, (k,)."""
        values = values.flatten()
        return values if self.fitted is None else values.index_select(0, self.fitted)

    def chi2(self, model: torch.Tensor) -> torch.Tensor:
        """χ² over the fitted voxels, ()."""
        return losses.chi_square(model.detach(), self.measured)

    def judge(self, model: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """χ² over the held-out voxels, or the fitted ones where none are held out; ()."""
        if not len(self.hidden):
            return self.chi2(model)
        return losses.chi_square(hidden, self.hidden)


def surrounding_box(support: torch.Tensor, multiple: int) -> tuple[slice, slice, slice]:
    """A box around a support (z, y, x) with a margin, its sides multiples of a number.

    The network fills this box and nothing else, which keeps the problem over-determined (the paper
    takes half the array, whatever the particle).
    """
    tight = bounding_box(support) or tuple(slice(n // 4, 3 * n // 4) for n in support.shape)
    slices = []
    for inside, n in zip(tight, support.shape, strict=True):
        size = min(-(-int(1.2 * (inside.stop - inside.start) + 2) // multiple), n // multiple)
        size = multiple * max(size, min(2, n // multiple))
        start = min(max(0, (inside.start + inside.stop - size) // 2), n - size)
        slices.append(slice(start, start + size))
    z, y, x = slices
    return z, y, x


def bounding_box(support: torch.Tensor) -> tuple[slice, ...] | None:
    """Smallest box that holds a support (z, y, x); None where it is empty."""
    rows = support.any(2)
    axes = (rows.any(1), rows.any(0), support.any(0).any(0))
    places = [axis.nonzero()[:, 0] for axis in axes]
    if not len(places[0]):
        return None
    return tuple(slice(int(place[0]), int(place[-1]) + 1) for place in places)


def centre_crop(array: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Crop a centred array (z, y, x) to a shape, or pad it with zeros, keeping its centre."""
    for axis, size in enumerate(shape):
        before = size // 2 - array.shape[axis] // 2
        after = size - array.shape[axis] - before
        pad = [0, 0] * 3
        pad[2 * (2 - axis)], pad[2 * (2 - axis) + 1] = before, after
        array = functional.pad(array, pad)
    return array
