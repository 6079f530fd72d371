"""REFINE: a network fitted to one pattern, as a phasing algorithm like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch.nn import functional

from ..errors import AlgorithmError
from ..fourier import to_centre, to_reciprocal
from ..nn import losses
from ..nn.model import Network
from ..projections import blur
from .base import OPEN, Operator, whole, within

if TYPE_CHECKING:
    from ..state import Data, State

SWITCH = 200  # epochs between the turns of Adam and SGD, and between the falls of the learning rate
FALL = 0.95
SMALLEST = 16  # voxels: what three halvings leave must be more than one voxel
# A correction is this small a part of the network's output: the first steps of Adam move that output
# by about 2, whatever the gradient, which would undo the object that is to be corrected.
GAIN = 0.01


@dataclass(frozen=True)
class REFINE(Operator):
    """Fit the weights of an untrained network to the pattern: ``n*REFINE`` runs n epochs.

    The paper's unsupervised mode: loss (7) with the weight (8), Adam and SGD in turn. First in a
    chain, the network's output is the object. After other algorithms, it is a correction to the
    object reached there (and starts at zero), so nothing is lost. The object kept is that of the
    epoch with the lowest held-out χ²: the fit never sees those voxels, but the choice does, so the
    held-out χ² of a chain with REFINE is a little flattered.

    Source: equations (7), (8) and "Unsupervised Learning Approach" of the paper.
    """

    channels: int = OPEN
    rate: float = OPEN
    triggered: ClassVar = False
    keys: ClassVar = {"channels": "refine_channels", "rate": "refine_learning_rate"}
    defaults: ClassVar = {"channels": 16, "rate": 0.006}

    def __post_init__(self) -> None:
        whole("refine_channels", self.channels, 1, 512)
        within("refine_learning_rate", self.rate, 1e-7, 1)

    def _begin(self, state: State, data: Data, count: int) -> None:
        if min(data.shape) < SMALLEST:
            raise AlgorithmError(
                f"REFINE needs {SMALLEST} voxels along each axis, the data have {data.shape}: "
                "leave it out"
            )
        state.memory["fits"] = [
            _Fit.of(state, data, index, count, self.channels, self.rate)
            for index in range(len(state.seeds))
        ]

    def _step(self, state: State, data: Data) -> None:
        chi2 = [fit.epoch(data) for fit in state.memory["fits"]]
        state.chi2 = torch.tensor(chi2, device=state.object.device)

    def _end(self, state: State, data: Data) -> None:
        for index, fit in enumerate(state.memory["fits"]):
            if fit.best is None:
                state.note(
                    index, "REFINE did not improve on the object it was given, which is kept"
                )
                continue
            state.object[index] = fit.best
            if fit.base is None:
                blurred = blur(fit.best.abs()[None], 1.0)[0]
                state.support[index] = blurred >= 0.1 * blurred.max()


@dataclass
class _Fit:
    """The fit of one network to one pattern."""

    network: Network
    pattern: torch.Tensor
    box: tuple[slice, slice, slice]
    base: torch.Tensor | None
    adam: torch.optim.Optimizer
    sgd: torch.optim.Optimizer
    epochs: int
    lowest: float
    best: torch.Tensor | None = None
    done: int = 0

    @classmethod
    def of(
        cls, state: State, data: Data, index: int, epochs: int, channels: int, rate: float
    ) -> _Fit:
        levels = 3
        box = surrounding_box(state.support[index], 2**levels)
        size = [b.stop - b.start for b in box]
        seed = int(torch.randint(2**62, (), generator=state.generators[index]))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = Network(channels, levels)
        base = None
        lowest = float("inf")
        current = state.object[index] * state.support[index]
        if not state.fresh[index] and bool(current.any()):
            lowest = _judge(to_reciprocal(current).abs(), data)
            base = current[box].to(torch.complex64)
            for last in (network.amplitude[-1], network.phase[-1]):
                for parameter in last.parameters():
                    torch.nn.init.zeros_(parameter)
        network.to(state.object.device)
        network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        pattern = centre_crop(to_centre(data.amplitude), [2 * n for n in size])
        pattern = (pattern / pattern.max()).float()[None, None]
        return cls(
            network=network,
            pattern=pattern.contiguous(memory_format=torch.channels_last_3d),
            box=box,
            base=base,
            adam=torch.optim.Adam(network.parameters(), lr=rate),
            sgd=torch.optim.SGD(network.parameters(), lr=rate),
            epochs=epochs,
            lowest=lowest,
        )

    def epoch(self, data: Data) -> float:
        """One step of the optimiser whose turn it is; returns χ² over the fitted voxels."""
        adam_turn = self.done // SWITCH % 2 == 0
        optimiser = self.adam if adam_turn else self.sgd
        if self.done and self.done % SWITCH == 0:
            for group in (*self.adam.param_groups, *self.sgd.param_groups):
                group["lr"] *= FALL
        fitted = data.fitted
        measured = data.amplitude[fitted].float()
        with torch.enable_grad():
            obj = self._object(data)
            modulus = to_reciprocal(obj).abs()
            scale = (modulus[fitted] * measured).sum() / modulus[fitted].square().sum()
            model = scale * modulus[fitted]
            # what starts from an object has the correlation behind it: weight (8) at its end
            progress = 1.0 if self.base is not None else self.done / max(1, self.epochs - 1)
            loss = losses.unsupervised(model, measured, progress)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        chi2 = float(losses.chi_square(model.detach(), measured))
        judged = _judge(scale.detach() * modulus.detach(), data)
        if judged < self.lowest:
            self.lowest = judged
            self.best = (scale * obj).detach().clone()
        optimiser.step()
        self.done += 1
        return chi2

    def _object(self, data: Data) -> torch.Tensor:
        amplitude, phase = self.network(self.pattern)[0]
        if self.base is None:
            inside = torch.polar(functional.relu(amplitude), functional.relu(phase))
        else:
            size = self.base.abs()
            inside = torch.polar(
                functional.relu(size + GAIN * size.max() * amplitude),
                self.base.angle() + GAIN * phase,
            )
        obj = torch.zeros(data.shape, dtype=torch.complex64, device=inside.device)
        obj[self.box] = inside
        return obj


def _judge(modulus: torch.Tensor, data: Data) -> float:
    """χ² over the held-out voxels, or over the fitted ones where none are held out."""
    if len(data.held_out):
        return float(
            losses.chi_square(
                modulus.flatten()[data.held_out], data.measured.flatten()[data.held_out]
            )
        )
    return float(losses.chi_square(modulus[data.fitted], data.amplitude[data.fitted]))


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
