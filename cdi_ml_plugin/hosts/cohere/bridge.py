"""The bridge: runs this package's algorithms on the arrays of cohere's ``Rec``."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...data.measurement import Measurement
from ...errors import ParameterError
from ...fourier import data_from_cohere, from_cohere, to_cohere
from ...physics.moduli import Moduli
from ...physics.state import Seed, State
from ...utils.device import find_device
from ..foreign import LOCK, seed_number
from ..log import log, log_turn
from .options import Options, operators

# What serves a search from random phases: cohere's step, and the trigger it comes from.
SEARCHING = {
    "lowpass_filter_operation": "lowpass_filter_trigger",
    "phc_operation": "phc_trigger",
    "twin_operation": "twin_trigger",
}
TWIN_STILL = " (1*TWIN in the sequence cuts all the same)"
_count = itertools.count()


@dataclass(frozen=True)
class Turn:
    """Place of one iteration among the consecutive ones of an algorithm."""

    name: str
    count: int
    first: bool
    last: bool


class Bridge:
    """This package's algorithms in one reconstruction of cohere.

    Parameters
    ----------
    rec : cohere_core.controller.phasing.Rec
        Its iteration loop is initialised.
    phasing : module
        cohere's ``phasing``, which holds the library of arrays, ``devlib``.
    steps : mapping
        Step name → name of an algorithm.
    generation : int or None
        Of a genetic algorithm.
    random : bool
        Whether the reconstruction starts from random numbers.

    Raises
    ------
    ParameterError, WeightsError, MeasurementError
        An option, the weights or the data are not usable.
    """

    def __init__(
        self,
        rec: Any,
        phasing: ModuleType,
        steps: Mapping[str, str],
        generation: int | None,
        random: bool,
    ) -> None:
        if isinstance(rec, phasing.CoupledRec):
            raise ParameterError(
                "a multipeak reconstruction has one object for several patterns, which "
                f"{', '.join(_names(rec, steps))} cannot phase: take it out of algorithm_sequence"
            )
        self.rec, self.phasing = rec, phasing
        self.options = Options.of(rec.params)
        self.operators = operators(rec.params, _names(rec, steps))
        for operator in self.operators.values():
            operator.check()
        self.device = self._device()
        # as cohere: its numpy backend is in double precision
        double = isinstance(rec.iter_data, np.ndarray)
        self.kind = torch.complex128 if double else torch.complex64
        self.late = bool(generation)
        self.started = not random
        self.turns = turns([f.__name__ for f in rec.flow], steps)
        self.data, self.seen = self._data(), rec.iter_data
        self.state: State | None = None
        self.seed: Seed | None = None  # from the first turn on
        self.skipped: set[str] = set()
        if not self.late and any(map(self._starts, self.turns)):
            rec.flow = [self._waiting(f) if f.__name__ in SEARCHING else f for f in rec.flow]

    def iterate(self) -> None:
        """Do what the present iteration of cohere's loop has for this package."""
        turn = self.turns[self.rec.iter]
        operator = self.operators[turn.name]
        if self.late and operator.makes_start:
            log(f"{turn.name} makes starts, and acts in generation 0 only: skipped")
            return
        with LOCK, torch.no_grad():
            # cohere's low-pass filter, a trigger, makes another array
            filtered = self.seen is not self.rec.iter_data
            if filtered and (turn.first or operator.triggered):
                self.data, self.seen = self._data(), self.rec.iter_data
            if turn.first:
                self.state = self._begin()
                operator.begin(self.state, self.data, turn.count)
            assert self.state is not None
            if operator.triggered and not turn.first:
                self._read(self.state)
            before = self.state.support.clone()
            operator.step(self.state, self.data)
            if turn.last:
                operator.end(self.state, self.data)
            self._write(self.state, before)
            if turn.last:
                self._close(turn, self.state)

    # --- a block of iterations ----------------------------------------------------------------
    def _begin(self) -> State:
        if self.seed is None:
            self.seed = Seed.of(self._seed(), self.started)
        if any(i not in self.turns for i in range(self.rec.iter)):  # cohere's had their turn
            self.seed.fresh = False
        shape = (1, *self.data.shape)
        state = State(
            object=torch.empty(shape, dtype=self.kind, device=self.device),
            support=torch.empty(shape, dtype=torch.bool, device=self.device),
            seeds=[self.seed],
            iterations=self.rec.iter_no,
        )
        self._read(state)
        return state

    def _close(self, turn: Turn, state: State) -> None:
        (seed,) = state.seeds
        seed.fresh = seed.fresh and not self.operators[turn.name].counts
        place = f"iteration {self.rec.iter - turn.count + 1}"
        place += f" to {self.rec.iter}" if turn.count > 1 else ""
        log_turn(turn.name, place, seed)
        self.state = None  # its arrays are large

    def _seed(self) -> int:
        """Give a seed that follows from cohere's own random start, and never twice in a process.

        cohere takes the seed of its numpy backend from the clock: two threads may get the same.
        """
        return seed_number(self._numpy(self.rec.ds_image)) + next(_count)

    def _starts(self, iteration: int) -> bool:
        """Whether an algorithm that makes a start has the turn in that iteration."""
        turn = self.turns.get(iteration)
        return turn is not None and self.operators[turn.name].makes_start

    def _waiting(self, operation: Callable[[], None]) -> Callable[[], None]:
        """One of cohere's steps that serve a search from random phases: not where there is a start."""
        trigger = SEARCHING[operation.__name__]

        def step() -> None:
            coming = trigger != "twin_trigger" and self._starts(self.rec.iter)
            started = self.started if self.seed is None else not self.seed.from_random
            if not started and not coming:
                operation()
                return
            if trigger == "lowpass_filter_trigger":
                self.rec.iter_data = self.rec.data
            if trigger not in self.skipped:
                self.skipped.add(trigger)
                log(
                    f"{trigger} in iteration {self.rec.iter} would spoil the object that is started "
                    "from: skipped" + TWIN_STILL * (trigger == "twin_trigger")
                )

        step.__name__ = operation.__name__
        return step

    # --- arrays -------------------------------------------------------------------------------
    def _device(self) -> torch.device:
        data = self.rec.iter_data
        if self.options.device is not None:
            return find_device(self.options.device)
        if isinstance(data, torch.Tensor) and data.device.type == "cuda":
            return data.device
        if isinstance(data, np.ndarray | torch.Tensor):
            return torch.device("cpu")
        return find_device(None)  # cupy: the GPU, where torch sees one

    def _numpy(self, array: Any) -> NDArray[Any]:
        found: NDArray[Any] = np.asarray(self.phasing.devlib.to_numpy(array))
        return found

    def _data(self) -> Moduli:
        amplitude = data_from_cohere(self._numpy(self.rec.iter_data)).astype(np.float32)
        mask = amplitude < 0  # frames that cohere marks as missing
        if self.options.zeros == "unknown":
            mask |= amplitude == 0
        measurement = Measurement(np.where(mask, 0, np.square(amplitude)), mask)
        return Moduli.of(measurement, 0, self.device, self.kind.to_real())

    @property
    def _scale(self) -> float:
        """√N of the two transforms, and the unit of the data here."""
        return float(self.data.amplitude.numel() ** 0.5 / self.data.scale)

    def _read(self, state: State) -> None:
        """Take object, support and phase constraint from cohere."""

        def tensor(array: NDArray[Any]) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

        state.object[0] = tensor(from_cohere(self._numpy(self.rec.ds_image))) * self._scale
        state.support[0] = tensor(self._numpy(self.rec.support).T > 0)
        # 1 where there is no constraint; before 4.3 it is part of the support
        correction = getattr(self.rec, "phc_correction", 1)
        free = isinstance(correction, int)
        state.phase_allowed = None if free else tensor(self._numpy(correction).T > 0)[None]

    def _write(self, state: State, before: torch.Tensor) -> None:
        """Give object and support to cohere; the support only where it was changed."""
        obj = (state.object[0] / self._scale).cpu().numpy()
        self.rec.ds_image = self._theirs(to_cohere(obj))
        if not torch.equal(before, state.support):
            kind = self._numpy(self.rec.support).dtype
            self.rec.support = self._theirs(state.support[0].cpu().numpy().T.astype(kind, "C"))

    def _theirs(self, array: NDArray[Any]) -> Any:
        make = self.phasing.devlib.from_numpy
        # before 4.5 the library itself knows its device, and before 4.3 it takes none
        told = hasattr(self.rec, "dev") and len(inspect.signature(make).parameters) > 1
        return make(array, device=self.rec.dev) if told else make(array)


def turns(flow: list[str], steps: Mapping[str, str]) -> dict[int, Turn]:
    """Iteration → turn of an algorithm, from the names of cohere's unrolled loop."""
    names: dict[int, str] = {}
    iteration = -1
    for step in flow:
        if step == "next":
            iteration += 1
        elif step in steps:
            names[iteration] = steps[step]
    found: dict[int, Turn] = {}
    for first, name in names.items():
        if names.get(first - 1) == name:
            continue
        stop = first
        while names.get(stop) == name:
            stop += 1
        for i in range(first, stop):
            found[i] = Turn(name, stop - first, i == first, i == stop - 1)
    return found


def _names(rec: Any, steps: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(steps[f.__name__] for f in rec.flow if f.__name__ in steps))
