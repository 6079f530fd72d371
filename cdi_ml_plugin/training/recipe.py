"""What is trained, on what, and how: everything that decides the weights, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import nn

from ..errors import ParameterError
from ..nn import kinds
from ..nn.network import Network, Polar
from ..simulate.batch import FAMILIES, PAPER, Particles

OPTIMISERS = ("adamw", "paper")
LOSSES = ("error", "overlap", "paper")
WARM_UP = 200  # steps
EPOCH = 28_500  # patterns: 95 % of the paper's 30,000
TURNS = 4  # of Adam and SGD, a quarter of the run each; at each the learning rate falls


@dataclass(frozen=True)
class Recipe:
    """A training run.

    Parameters
    ----------
    preset : str
        Name of the network, of the entry points ``cdi_ml_plugin.networks``.
    families, phase
        See `cdi_ml_plugin.simulate.batch.Particles`.
    loss : {"error", "overlap", "paper"}
        Error of the object and χ² of the pattern; the error's square in place of the error; or
        equation (6) of the paper.
    twin : bool
        Whether a prediction may be either of the two twins, the nearer one counts.
    optimiser : {"adamw", "paper"}
        AdamW with warm-up, cosine, and an average of the weights (EMA); or Adam and SGD in turn,
        a quarter of the run each (the paper's 25 epochs of 100), the learning rate falling by 5 %
        at each turn.
    steps, batch : int
        Steps of the optimiser in all, patterns in each. Every pattern is new.
    rate : float
        Learning rate.
    seed : int
        Of the first weights and of all patterns.
    warm_up : int
        Steps in which the learning rate of ``adamw`` rises.
    """

    preset: str = "fast"
    families: tuple[str, ...] = FAMILIES
    phase: tuple[float, float] = (0.0, 16.0)
    loss: str = "error"
    twin: bool = True
    optimiser: str = "adamw"
    steps: int = 20_000
    batch: int = 16
    rate: float = 1e-3
    seed: int = 0
    warm_up: int = WARM_UP

    def __post_init__(self) -> None:
        for name, known in (
            ("preset", kinds.names()),
            ("loss", LOSSES),
            ("optimiser", OPTIMISERS),
        ):
            if getattr(self, name) not in known:
                raise ParameterError(
                    f"{name} = {getattr(self, name)!r}: give one of {', '.join(known)}"
                )
        for name in ("steps", "batch", "rate", "warm_up"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"{name} = {getattr(self, name)!r}: give a number above 0")
        if self.loss == "paper" and (self.twin or not isinstance(self.network, Polar)):
            raise ParameterError(
                "loss = 'paper' is for amplitudes and phases from 0 to 1, which a network has to predict apart "
                "and which have no twin: give --recipe paper and --no-twin, or another loss"
            )
        _ = self.particles

    @classmethod
    def fast(cls, batch: int = 16, processes: int = 1) -> Recipe:
        """For any network: all families, the error of the object, as many steps whatever the batch."""
        return cls(batch=batch)

    @classmethod
    def paper(cls, batch: int = 16, processes: int = 1) -> Recipe:
        """The paper's: its network, particles, loss, and 100 epochs of its optimisers."""
        return cls(
            preset="paper",
            families=PAPER,
            phase=(1.0, 1.0),
            loss="paper",
            twin=False,
            optimiser="paper",
            steps=100 * EPOCH // (batch * processes),
            batch=batch,
            rate=0.01,
        )

    @classmethod
    def of(cls, values: dict[str, Any]) -> Recipe:
        """Take the values of `as_dict` back.

        Raises
        ------
        ParameterError
            One is of another kind, or out of range.
        """
        given: dict[str, Any] = {}
        for item in fields(cls):
            if item.name not in values:
                continue
            value, default = values[item.name], item.default
            if isinstance(default, tuple):
                right = isinstance(value, list | tuple) and all(
                    isinstance(one, str if item.name == "families" else int | float)
                    for one in value
                )
                right = right and (item.name == "families" or len(value) == len(default))
            else:
                right = isinstance(
                    value, int | float if isinstance(default, float) else type(default)
                )
            if not right:
                raise ParameterError(f"recipe: {item.name} = {value!r} is of another kind")
            given[item.name] = tuple(value) if isinstance(default, tuple) else value
        return cls(**given)

    def command(self) -> str:
        """Give the command that trains by this recipe."""
        bases = {name: make(16, 1) for name, make in RECIPES.items()}
        same = [name for name, base in bases.items() if base.preset == self.preset]
        kind = (same or list(RECIPES))[0]
        base = bases[kind]
        words = ["cdi-ml train FOLDER", f"--recipe {kind}"]
        for name, value in self.as_dict().items():
            if value == getattr(base, name):
                continue
            if name == "preset":
                words.append(f"--network {value}")
            elif name == "twin":
                words.append("--twin" if value else "--no-twin")
            elif name == "warm_up":
                continue  # that of fine-tuning, which has a command of its own
            elif name == "families":
                words.append(f"--families {','.join(value)}")
            elif name == "phase":
                words.append("--phase {:g} {:g}".format(*value))
            else:
                words.append(f"--{name} {value:g}" if name == "rate" else f"--{name} {value}")
        return " ".join(words)

    def as_dict(self) -> dict[str, Any]:
        """Give plain values, for JSON."""
        return asdict(self)

    @property
    def network(self) -> Network:
        """The network that `preset` names."""
        return kinds.find(self.preset)

    @property
    def particles(self) -> Particles:
        """What is drawn; the paper's particles are drawn on the field's own grid, as it does."""
        fine = 1 if self.families == PAPER else 2
        return Particles(self.network.field, self.families, self.phase, fine=fine)

    @property
    def averages(self) -> bool:
        """Whether the weights that are kept are a running average."""
        return self.optimiser == "adamw"

    def optimisers(self, network: nn.Module) -> list[torch.optim.Optimizer]:
        """Optimisers that take turns."""
        if self.optimiser == "adamw":
            return [torch.optim.AdamW(network.parameters(), lr=self.rate, weight_decay=0.01)]
        return [
            torch.optim.Adam(network.parameters(), lr=self.rate),
            torch.optim.SGD(network.parameters(), lr=self.rate),
        ]

    def turn(self, step: int) -> tuple[int, float]:
        """Which optimiser has its turn at a step, and its learning rate."""
        if self.optimiser == "adamw":
            warm = min(1.0, (step + 1) / self.warm_up)
            fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))
            return 0, self.rate * warm * max(fall, 0.01)
        turns = TURNS * step // self.steps
        return turns % 2, self.rate * 0.95**turns


RECIPES: dict[str, Callable[[int, int], Recipe]] = {"fast": Recipe.fast, "paper": Recipe.paper}
