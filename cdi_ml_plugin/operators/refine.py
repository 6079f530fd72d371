"""REFINE: a network fitted to one pattern, as a phasing algorithm like any other."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from ..errors import AlgorithmError, ParameterError
from ..nn import fit_losses, kinds, weights
from ..nn.fit import SMALLEST, Fit
from ..physics.projections import blur
from .base import OPEN, Operator, warn_if_undetermined, whole, within
from .cnn import CNN

if TYPE_CHECKING:
    from ..physics.moduli import Moduli
    from ..physics.state import State

SCHEDULES = ("cosine", "paper")
SWITCH = 200  # epochs between the turns of Adam and SGD, and between the falls of the learning rate
FALL = 0.95
LAST = 0.05  # of the learning rate, where the cosine ends
LOOK = 10  # epochs on a GPU from one look to the next at whether the fit goes on


@dataclass(frozen=True)
class REFINE(Operator):
    """Fit the weights of a network to the pattern alone: ``n*REFINE`` runs n epochs.

    The paper's unsupervised mode. First in a chain the network's output is the object
    (**untrained**). After other algorithms it is a correction to the object reached there and starts
    at zero, so nothing is lost. With `weights` (**transfer**) the network is a trained one: one that
    takes no guess, as the paper's, begins with its prediction; one that does corrects what `CNN` predicts.

    The network fills a box around the support; after other algorithms it may leave that support by
    about a voxel, and what follows goes on from the object and the support that it leaves. The object
    kept is that of the epoch with the lowest held-out χ², or the one it was given where no epoch has
    a lower one: a chain is never worse by that figure for holding it. The fit never sees those voxels,
    but the choice does, so the held-out χ² of a chain with REFINE is a little flattered.

    Parameters
    ----------
    weights : str
        ``"none"`` (random), or weights as `CNN` takes them, which bring their own network.
    network : str
        What is untrained, of the entry points ``cdi_ml_plugin.networks``: ``fast``, the U-net, which is
        handed autocorrelation and present object and returns real and imaginary part; ``paper``, √I to
        amplitude and phase.
    channels : int
        Of the untrained network, on its finest grid.
    loss : str
        Of the entry points ``cdi_ml_plugin.losses``: ``chi2``, ``paper`` (equations 7 and 8),
        ``pearson``, ``poisson``, ``gaussian``.
    rate : float
        Learning rate.
    schedule : {"cosine", "paper"}
        Adam with a rate that falls to 5 % along a cosine; or the paper's Adam and SGD in turn, 200
        epochs each, the rate falling by 5 % each time. With the paper's network, loss and schedule
        take its rate of 0.006 too.

    Notes
    -----
    Source: equations (7), (8) and "Unsupervised Learning Approach" of the paper. On data of 64³ all
    defaults but `weights` were found by measurement, see docs/figures.md.
    """

    weights: str = OPEN
    network: str = OPEN
    channels: int = OPEN
    loss: str = OPEN
    rate: float = OPEN
    schedule: str = OPEN
    triggered: ClassVar = False
    keys: ClassVar = {
        "weights": "refine_weights",
        "network": "refine_network",
        "channels": "refine_channels",
        "loss": "refine_loss",
        "rate": "refine_learning_rate",
        "schedule": "refine_schedule",
    }
    defaults: ClassVar = {
        "weights": "none",
        "network": "fast",
        "channels": 8,
        "loss": "chi2",
        "rate": 0.001,
        "schedule": "cosine",
    }

    def __post_init__(self) -> None:
        whole("refine_channels", self.channels, 4, 512)
        if self.channels is not OPEN and self.channels % 4:
            raise ParameterError(f"refine_channels = {self.channels}: give a multiple of 4")
        within("refine_learning_rate", self.rate, 1e-7, 1)
        for key, value, valid in (
            ("refine_network", self.network, kinds.names()),
            ("refine_schedule", self.schedule, SCHEDULES),
        ):
            if value is not OPEN and not (isinstance(value, str) and value in valid):
                raise ParameterError(f"{key} = {value!r}: give one of {', '.join(valid)}")
        for key, text in (("refine_weights", self.weights), ("refine_loss", self.loss)):
            if text is not OPEN and not isinstance(text, str):
                raise ParameterError(f"{key} = {text!r}: give a name")

    def bytes_per_voxel(self) -> int:
        """As measured where the object fills half of each axis; it is less where that is smaller."""
        return 280 + kinds.find(self.network).bytes_per_channel * self.channels

    def check(self) -> None:
        """Raise ParameterError, NetworkError or WeightsError where loss, network or weights cannot be had."""
        fit_losses.find(self.loss)
        kinds.find(self.network)
        if self.weights != "none":
            weights.load(self.weights)

    def _begin(self, state: State, data: Moduli, count: int) -> None:
        if min(data.shape) < SMALLEST:
            raise AlgorithmError(
                f"REFINE needs {SMALLEST} voxels along each axis, the data have {data.shape}: "
                "leave it out"
            )
        if self.weights != "none" and kinds.find(weights.load(self.weights)[1].preset).passes > 1:
            # Predict an object first: the network corrects one.
            fresh = [index for index, seed in enumerate(state.seeds) if seed.fresh]
            if fresh:
                CNN(weights=self.weights).bind({}).start(state, data, fresh)
        runs = [_Run(self, state, data, index, count) for index in range(len(state.seeds))]
        state.memory["runs"] = runs

    def _step(self, state: State, data: Moduli) -> None:
        state.chi2 = torch.stack([run.epoch() for run in state.memory["runs"]])

    def _end(self, state: State, data: Moduli) -> None:
        for index, run in enumerate(state.memory["runs"]):
            if not bool(run.sound):
                state.seeds[index].note(
                    f"REFINE: the loss became NaN or infinite in epoch {int(run.good) + 1}, where it "
                    "ended: lower refine_learning_rate",
                )
            if not bool(run.lowest < run.fit.start[0]):
                state.seeds[index].note(
                    "REFINE did not improve on the object it was given, which is kept"
                )
                continue
            state.object[index] = run.best
            if run.fit.fresh:
                blurred = blur(run.best.abs()[None], 1.0)[0]
                state.support[index] = blurred >= 0.1 * blurred.max()
            else:
                state.support[index] = run.fit.region


class _Run:
    """The epochs of one seed: optimisers, learning rate, the best object so far."""

    def __init__(self, given: REFINE, state: State, data: Moduli, index: int, epochs: int) -> None:
        seed = int(torch.randint(2**62, (), generator=state.seeds[index].generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if given.weights == "none":
                kind = kinds.find(given.network)
                network = kinds.made(kind, given.channels)
            else:
                trained, card = weights.load(given.weights)
                kind = kinds.find(card.preset)
                network = copy.deepcopy(trained).requires_grad_(True)
        fresh = state.seeds[index].fresh
        self.fit = Fit(network, kind, data, state.object[index], state.support[index], fresh)
        warn_if_undetermined(state, data, index, 2 * int(self.fit.region.sum()))
        if kind.half_precision and not self.fit.half:
            state.seeds[index].note(
                f"REFINE ran in single precision: on this {state.object.device.type} bfloat16 is slower"
            )
        self.loss = fit_losses.find(given.loss)
        self.schedule, self.rate, self.epochs, self.done = given.schedule, given.rate, epochs, 0
        self.adam = torch.optim.Adam(network.parameters(), lr=given.rate)
        self.sgd = torch.optim.SGD(network.parameters(), lr=given.rate)
        self.lowest, self.reached = self.fit.start  # the best by held-out χ²; χ² where fitted
        self.best = torch.zeros_like(state.object[index], dtype=torch.complex64)
        self.sound = torch.ones_like(self.lowest, dtype=torch.bool)  # no loss was NaN or infinite
        self.good = torch.zeros_like(self.lowest, dtype=torch.int64)  # epochs so far that were
        self.look = LOOK if state.object.is_cuda else 1

    def epoch(self) -> torch.Tensor:
        """One step of the optimiser whose turn it is; returns χ² over the fitted voxels, ().

        All it comes to stays on the device, so that a GPU is never waited for, and has the epochs of all
        seeds to do. One that diverges keeps the object of an earlier epoch.
        """
        if self.done % self.look == 0 and not bool(self.sound):
            return self.reached
        optimiser = self._turn()
        # Give L₃ the weight that equation (8) ends with where there is an object from the outset.
        progress = self.done / max(1, self.epochs - 1) if self.fit.fresh else 1.0
        with torch.enable_grad():
            obj, model, hidden = self.fit.forward()
            loss = self.loss(model, self.fit.measured, self.fit.unit, progress)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        self.sound = self.sound & loss.detach().isfinite()
        self.good = self.good + self.sound
        judged = self.fit.judge(model, hidden)
        better = self.sound & (judged < self.lowest)
        self.lowest = torch.where(better, judged, self.lowest)
        self.best = torch.where(better, obj.detach(), self.best)
        self.reached = torch.where(self.sound, self.fit.chi2(model), self.reached)
        optimiser.step()
        self.done += 1
        return self.reached

    def state_dict(self) -> dict[str, Any]:
        """What the epochs have changed."""
        names = ("done", "lowest", "reached", "best", "sound", "good")
        parts = {part: getattr(self, part).state_dict() for part in ("adam", "sgd")}
        return {
            **{name: getattr(self, name) for name in names},
            **parts,
            "network": self.fit.network.state_dict(),
        }

    def load_state_dict(self, values: dict[str, Any]) -> None:
        """Go on from there."""
        for name, value in values.items():
            if name == "network":
                self.fit.network.load_state_dict(value)
            elif name in ("adam", "sgd"):
                getattr(self, name).load_state_dict(value)
            else:
                setattr(self, name, value)

    def _turn(self) -> torch.optim.Optimizer:
        turn = self.done // SWITCH
        if self.schedule == "paper":
            optimiser: Any = self.adam if turn % 2 == 0 else self.sgd
            rate = self.rate * FALL**turn
        else:
            optimiser = self.adam
            share = 0.5 + 0.5 * math.cos(math.pi * self.done / self.epochs)
            rate = self.rate * (LAST + (1 - LAST) * share)
        for group in optimiser.param_groups:
            group["lr"] = rate
        return optimiser
