"""What the engine hands to an algorithm beside the moduli: the state of a batch, which changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

import torch


class NotKept(Exception):
    """An algorithm holds something between its iterations that cannot be written to a file."""


@dataclass(eq=False)
class Seed:
    """What belongs to one start of a batch alone.

    Attributes
    ----------
    number : int
        What its random numbers come from.
    generator : torch.Generator
        On the CPU, so that every device draws the same numbers.
    fresh : bool
        Whether the object is still nothing but random phases.
    from_random : bool
        Whether the object goes back to random phases: not to one that was given, nor to what a
        network predicts.
    found : bool
        Whether a search has found the object: what follows keeps it, with the full noise tolerance and a
        support that is no longer tight.
    coherence : real tensor (3,) or None
        Variances of the beam's kernel along z, y, x, in voxels² of the pattern; None where the beam is
        taken to be fully coherent, or its kernel is of another kind.
    judged : bool
        Whether its coherence was judged by the held-out voxels, or is not to be.
    others : list of functions
        What an algorithm leaves for a search to try beside the object: each gives an object (z, y, x) and
        its support when it is called.
    runs_away : bool
        Whether the support would leave its largest size.
    before : object and support (z, y, x), or None
        From just before it did so last.
    notes : list of str
        What was adapted on the way.
    figures : dict
        An algorithm's own figures of merit, beside the result's.
    """

    number: int
    generator: torch.Generator
    fresh: bool = True
    from_random: bool = True
    found: bool = False
    coherence: torch.Tensor | None = None
    judged: bool = False
    others: list[Callable[[], tuple[torch.Tensor, ...]]] = field(default_factory=list)
    runs_away: bool = False
    before: tuple[torch.Tensor, torch.Tensor] | None = None
    notes: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, number: int, started: bool = False) -> Seed:
        """A start of that number; `started` where there is an object to start from."""
        generator = torch.Generator().manual_seed(number)
        return cls(number, generator, fresh=not started, from_random=not started, found=started)

    def note(self, text: str) -> None:
        """Record, once, what was adapted for this run."""
        if text not in self.notes:
            self.notes.append(text)

    def passed_by(self, trigger: str) -> bool:
        """Whether a trigger that serves a search from random phases leaves this run alone; noted.

        Such a trigger cuts or blurs what a run holds, which would spoil an object that was given or
        predicted. cohere drops the same ones where it continues from an object.
        """
        if not self.from_random:
            self.note(
                f"{trigger} serves a search from random phases, and would spoil the object that this "
                "run starts from: skipped"
            )
        return not self.from_random

    def state_dict(self) -> dict[str, Any]:
        """All that belongs to it, as tensors and plain values."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        found["generator"] = self.generator.get_state()
        found["others"] = [other() for other in self.others]
        return found

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave; the generator stays the same object."""
        for name, value in values.items():
            if name == "generator":
                self.generator.set_state(value)
            else:
                setattr(self, name, value)
        self.others = [partial(_given, *other) for other in values["others"]]


def _given(*parts: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return parts


@dataclass(eq=False)
class State:
    """What the algorithms change. The batch (one entry a seed) is the first axis.

    Attributes
    ----------
    object : complex tensor (batch, z, y, x)
        Centred, in the scale of ``Moduli.amplitude``.
    support : bool tensor (batch, z, y, x)
    seeds : list of Seed
        What belongs to one start alone: random numbers, notes, figures of merit.
    iteration, iterations : int
        Iterations done so far and in the whole chain.
    progress : float
        Share done, from 0 to 1, of the search: of the iterations in which triggers act (epochs of a
        network are not among them), but for the ER that ends a chain.
    noise_tolerance : float
        Standard deviations of the counting noise that a modulus may be off, where an algorithm
        takes heed of it.
    chi2 : real tensor (batch,)
        χ² over the fitted voxels of the object as the last iteration found it; NaN before.
    phase_allowed : bool tensor (batch, z, y, x) or None
        cohere's phase constraint, in force beside the support where it is set.
    memory : dict
        What an algorithm keeps across its own consecutive iterations. A long run can be taken up between
        two of them where that is tensors, plain values, lists and dicts of such, and objects with torch's
        ``state_dict`` and ``load_state_dict`` that ``_begin`` makes; else before and after them.
    averaged : (real tensor (batch, z, y, x), int) or None
        Sum of the moduli that cohere's average takes the mean of, and of how many.
    filtered : real tensor (batch or 1, z, y, x) or None
        What `project_modulus` takes for ``Moduli.amplitude`` while a low-pass is on.
    transfer : list of tensor (z, y, x // 2 + 1) or None
        For each of the batch, what the beam's coherence does to its pattern, see `physics.coherence`;
        None where it is full.
    """

    object: torch.Tensor
    support: torch.Tensor
    seeds: list[Seed]
    iteration: int = 0
    iterations: int = 0
    progress: float = 0.0
    noise_tolerance: float = 0.0
    chi2: torch.Tensor = field(init=False)
    phase_allowed: torch.Tensor | None = None
    filtered: torch.Tensor | None = None
    transfer: list[torch.Tensor | None] = field(default_factory=list)
    memory: dict[str, Any] = field(default_factory=dict)
    averaged: tuple[torch.Tensor, int] | None = None

    def __post_init__(self) -> None:
        self.transfer = self.transfer or [None] * len(self.seeds)
        self.chi2 = torch.full((len(self.seeds),), torch.nan, device=self.object.device)
        self.zero = torch.zeros((), dtype=self.object.dtype, device=self.object.device)

    @property
    def allowed(self) -> torch.Tensor:
        """Where the object may be: the support, and cohere's phase constraint where it is set."""
        return self.support if self.phase_allowed is None else self.support & self.phase_allowed

    def state_dict(self) -> dict[str, Any]:
        """All that changes, as tensors and plain values.

        Raises
        ------
        NotKept
            `memory` holds something else.
        """
        memory = _kept(self.memory)
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return found | {"memory": memory, "seeds": [seed.state_dict() for seed in self.seeds]}

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        for name, value in values.items():
            if name == "memory":
                self.memory = _restored(self.memory, value)
            elif name == "seeds":
                for seed, own in zip(self.seeds, value, strict=True):
                    seed.load_state_dict(own)
            else:
                setattr(self, name, value)


def _kept(value: Any) -> Any:
    """Tensors and plain values of an algorithm's memory."""
    if hasattr(value, "state_dict"):
        return _kept(value.state_dict())
    if isinstance(value, dict):
        return {key: _kept(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        parts = [_kept(item) for item in value]
        return tuple(parts) if isinstance(value, tuple) else parts
    if torch.is_tensor(value):
        value = value.detach().resolve_conj().resolve_neg()  # NumPy knows no such views
        if value.layout != torch.strided or value.dtype == torch.bfloat16:  # nor these
            raise NotKept(f"{value.dtype}, {value.layout}")
        return value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise NotKept(type(value).__name__)


def _restored(now: Any, value: Any) -> Any:
    """Memory as it was kept, its objects those that are there `now`."""
    if hasattr(now, "load_state_dict"):
        now.load_state_dict(value)
        return now
    if isinstance(value, dict):
        there = now if isinstance(now, dict) else {}
        return {key: _restored(there.get(key), item) for key, item in value.items()}
    if isinstance(value, list) and isinstance(now, list) and len(now) == len(value):
        return [_restored(*pair) for pair in zip(now, value, strict=True)]
    return value
