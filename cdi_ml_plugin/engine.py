"""The one driver: it unrolls a chain, applies triggers, watches, stops, and returns a `Result`."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from . import metrics
from .errors import AlgorithmError, ParameterError
from .fourier import to_direct
from .measurement import Measurement
from .operators.base import Operator, Step
from .operators.support import ASW, AUTO, SW, box
from .parameters import check
from .progress import Progress
from .result import Result, Run
from .sequence import check_length, parse
from .state import Data, State
from .triggers import Trigger, all_triggers

DEFAULT_SEQUENCE = "3*(20*ER + 180*HIO) + 20*ER"
HELD_OUT = 0.03
DTYPES = {"single": torch.complex64, "double": torch.complex128}
BYTES_PER_VOXEL = (
    80  # of one run: object, wave, working room, and what a transform takes for itself
)


def reconstruct(
    measurement: Measurement,
    sequence: str | Step | None = None,
    *,
    seeds: int | Sequence[int] | None = None,
    parameters: Mapping[str, Any] | None = None,
    held_out: float = HELD_OUT,
    device: str | torch.device | None = None,
    precision: str = "single",
    start: ArrayLike | None = None,
    support: ArrayLike | None = None,
    progress: bool = False,
) -> Result:
    """Phase a measurement.

    Parameters
    ----------
    measurement : Measurement
    sequence : str or Step, optional
        A chain such as ``"3*(20*ER + 180*HIO) + 20*ER"`` or ``3 * (20 * ER() + 180 * HIO())``;
        without one, ``parameters["algorithm_sequence"]`` or the default chain.
    seeds : int or sequence of int, optional
        How many starts, or the seed of each. Default: ``parameters["reconstructions"]`` or one.
    parameters : mapping, optional
        Keys of cohere's ``config_rec``. Without ``initial_support_area`` the start support comes
        from the autocorrelation (`AUTO`); without ``shrink_wrap_…`` keys the support is updated
        by `ASW`, unless the sequence does it.
    held_out : float
        Share of the measured voxels that no algorithm sees; the best run is chosen by them.
    device : str or torch.device, optional
        Default: a CUDA device where there is one, else the CPU.
    precision : {"single", "double"}
    start : complex (z, y, x), optional
        An object to start from, centred, instead of random phases.
    support : bool (z, y, x), optional
        The start support, centred; without one, where `start` is above a twentieth of its maximum.
    progress : bool
        Show a progress bar with χ² and r_p.

    Returns
    -------
    Result

    Raises
    ------
    SequenceError, ParameterError, AlgorithmError
        The chain or a parameter is not valid; every run went to NaN.

    Notes
    -----
    One seed gives the same object to the bit on one device, whatever other seeds run beside it.
    An interruption (Ctrl-C) ends the current iteration and returns what there is.
    """
    job = Job.of(
        measurement, sequence, parameters or {}, held_out, device, precision, start is not None
    )
    given = _start(measurement, start, support, job.data)
    numbers = _seeds(seeds, job.parameters)
    runs: list[Run] = []
    began = time.perf_counter()
    size = _batch_size(job.data, len(numbers), job.device)
    with (
        interruption() as stop,
        Progress(progress, job.step.iterations * -(-len(numbers) // size)) as bar,
    ):
        for first in range(0, len(numbers), size):
            if stop and runs:  # the first batch gives a result however early the interruption
                break
            runs += job.run(numbers[first : first + size], given, stop, bar)
    seconds = time.perf_counter() - began
    notes = list(job.notes)
    if len(runs) < len(numbers):
        notes.append(f"interrupted: {len(runs)} of {len(numbers)} starts were run")
    if all(run.reason == "not finite" for run in runs):
        raise AlgorithmError(f"every run became NaN or infinite: {runs[0].notes[-1]}")
    return Result(
        measurement=measurement,
        runs=tuple(runs),
        best=_best(runs),
        sequence=str(job.step),
        parameters=job.parameters,
        device=str(job.device),
        seconds=seconds,
        notes=tuple(notes),
    )


@dataclass(frozen=True, eq=False)
class Job:
    """A chain made ready: operators bound to their parameters, data on the device."""

    step: Step
    parameters: dict[str, Any]
    data: Data
    device: torch.device
    dtype: torch.dtype
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        measurement: Measurement,
        sequence: str | Step | None,
        given: Mapping[str, Any],
        held_out: float,
        device: str | torch.device | None,
        precision: str,
        started: bool = False,
    ) -> Job:
        if precision not in DTYPES:
            raise ParameterError(f"precision = {precision!r}: give one of {', '.join(DTYPES)}")
        if not 0 <= held_out <= 0.5:
            raise ParameterError(f"held_out = {held_out!r}: give a share from 0 to 0.5")
        chosen = sequence if sequence is not None else given.get("algorithm_sequence")
        if chosen is None:
            chosen = DEFAULT_SEQUENCE
        if not isinstance(chosen, str | Step):
            raise ParameterError(f"sequence = {chosen!r}: give a text or a chain of operators")
        tree = chosen if isinstance(chosen, Step) else parse(chosen)
        check_length(tree)
        extra = {key for o in tree.operators() for key in o.keys.values()}
        parameters, notes = check(given, extra | OWN_KEYS)
        place = _device(device)
        dtype = DTYPES[precision]
        if parameters.get("init_guess") == "continue" and not started:
            raise ParameterError(
                'init_guess = "continue" needs an object: give start=…, or let cdi-ml read continue_dir'
            )
        data = Data.of(measurement, held_out, place, dtype.to_real())
        if held_out and not len(data.held_out):
            notes.append("nothing is held out: no measured voxel is dimmer than 1 % of the maximum")
        return cls(tree.bind(parameters), parameters, data, place, dtype, notes)

    @torch.no_grad()
    def run(self, seeds: Sequence[int], start: Start, stop: list[bool], bar: Progress) -> list[Run]:
        """Run the whole chain for a batch of seeds."""
        triggers = all_triggers(self.step, self.parameters, self.data)
        state = self.fresh_state(seeds, start)
        searching = max(
            1,
            sum(b.times for b in self.step.blocks() if b.operator.counts and b.operator.triggered),
        )
        history: list[torch.Tensor] = []
        lost: dict[int, str] = {}
        for block in self.step.blocks():
            operator = block.operator
            operator.begin(state, self.data, block.times)
            for _ in range(block.times):
                if stop or len(lost) == len(seeds):
                    break
                self._iterate(operator, state, triggers)
                if operator.counts:
                    history.append(state.chi2)
                    self._watch(state, operator, lost)
                    state.iteration += 1
                    state.progress += operator.triggered / searching
                    bar.advance(state, self.data)
            operator.end(state, self.data)
            state.fresh = state.fresh and not operator.counts
            if stop or len(lost) == len(seeds):
                break
        return self._finish(state, history, lost, bool(stop))

    def _iterate(self, operator: Operator, state: State, triggers: list[Trigger]) -> None:
        active = triggers if operator.triggered and operator.counts else []
        for trigger in active:
            if trigger.before and state.iteration in trigger.rows:
                trigger.act(state, self.data, trigger.rows[state.iteration])
        operator.step(state, self.data)
        for trigger in active:
            if not trigger.before and state.iteration in trigger.rows:
                trigger.act(state, self.data, trigger.rows[state.iteration])

    def fresh_state(self, seeds: Sequence[int], start: Start | None = None) -> State:
        """Start objects and supports for a batch of seeds."""
        start = start or Start()
        shape = (len(seeds), *self.data.shape)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        state = State(
            object=torch.empty(shape, dtype=self.dtype, device=self.device),
            support=torch.ones(shape, dtype=torch.bool, device=self.device),
            seeds=list(seeds),
            generators=generators,
            iterations=self.step.iterations,
            fresh=start.object is None,
        )
        if start.support is not None:
            state.support[:] = start.support.to(self.device)
        elif "initial_support_area" in self.parameters:
            state.support[:] = box(self.data.shape, self.parameters["initial_support_area"]).to(
                self.device
            )
        elif start.object is not None:
            state.object[:] = start.object.to(self.device)
            SW(0.05, 1.0).step(state, self.data)  # where the object is
        else:
            state.object.zero_()
            AUTO().bind(self.parameters).step(state, self.data)
        for index, generator in enumerate(generators):
            if start.object is not None:
                state.object[index] = start.object.to(self.device)
            else:
                angle = torch.rand(self.data.shape, generator=generator) * (2 * torch.pi)
                wave = torch.polar(self.data.amplitude, angle.to(self.data.amplitude))
                state.object[index] = to_direct(wave) * state.support[index]
        return state

    def _watch(self, state: State, operator: Operator, lost: dict[int, str]) -> None:
        """Set a run that is no longer finite to zero, so that the others of its batch go on."""
        if state.iteration % 10 and self.device.type != "cpu":
            return  # each look waits for the GPU
        for index in (~torch.isfinite(state.chi2)).nonzero()[:, 0].tolist():
            if index not in lost and operator.defines_chi2:
                lost[index] = f"not finite at iteration {state.iteration} in {operator}"
                state.note(index, lost[index])
                state.object[index] = 0

    def _finish(
        self, state: State, history: list[torch.Tensor], lost: dict[int, str], stopped: bool
    ) -> list[Run]:
        if stopped:
            state.object.mul_(state.support)  # an HIO iterate is no object outside its support
        chi2 = (
            torch.stack(history).float().cpu().numpy() if history else np.empty((0, 1), np.float32)
        )
        runs = []
        for index, seed in enumerate(state.seeds):
            if not bool(torch.isfinite(state.object[index]).all()) and index not in lost:
                lost[index] = "not finite at the end"
                state.note(index, lost[index])
                state.object[index] = 0
            figures = metrics.figures(state.object[index][None], self.data)[0]
            if index in lost:
                figures = dict.fromkeys(figures, float("nan"))
            scaled = (state.object[index] * self.data.scale).to(torch.complex64).cpu().numpy()
            runs.append(
                Run(
                    seed=seed,
                    object=scaled,
                    support=state.support[index].cpu().numpy(),
                    metrics=figures,
                    history={"chi2": chi2[:, min(index, chi2.shape[1] - 1)].copy()},
                    reason="not finite"
                    if index in lost
                    else "interrupted"
                    if stopped
                    else "completed",
                    notes=tuple(state.notes[index]),
                )
            )
        return runs


@dataclass(frozen=True, eq=False)
class Start:
    """What to start from instead of random phases, in the scale of the data."""

    object: torch.Tensor | None = None
    support: torch.Tensor | None = None


OWN_KEYS = {*AUTO.keys.values(), *ASW.keys.values()}


def _start(
    measurement: Measurement, start: ArrayLike | None, support: ArrayLike | None, data: Data
) -> Start:
    def tensor(name: str, array: ArrayLike | None, kind: type) -> torch.Tensor | None:
        if array is None:
            return None
        values: NDArray[Any] = np.ascontiguousarray(array, dtype=kind)
        if values.shape != measurement.shape:
            raise ParameterError(
                f"{name} has shape {values.shape}, the measurement {measurement.shape}: give the same"
            )
        if not np.isfinite(values).all():
            raise ParameterError(f"{name} holds NaN or infinite voxels")
        return torch.from_numpy(values)

    obj = tensor("start", start, np.complex128)
    for name, array in (("start", start), ("support", support)):
        if array is not None and not np.any(array):
            raise ParameterError(f"{name} is empty: give at least one voxel that is not 0")
    return Start(None if obj is None else obj / data.scale, tensor("support", support, bool))


def _device(wanted: str | torch.device | None) -> torch.device:
    try:
        place = torch.device(wanted or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ParameterError(f"device {wanted!r} cannot be used: {reason}") from error
    return place


def _seeds(seeds: int | Sequence[int] | None, parameters: Mapping[str, Any]) -> list[int]:
    if seeds is None:
        seeds = int(parameters.get("reconstructions", 1))
    numbers: Sequence[Any] = [*range(seeds)] if isinstance(seeds, int) else [*seeds]
    if not numbers or not all(isinstance(n, Integral) and 0 <= int(n) < 2**63 for n in numbers):
        raise ParameterError(f"seeds = {seeds!r}: give at least one, each a whole number from 0")
    return [int(number) for number in numbers]


def _batch_size(data: Data, wanted: int, device: torch.device) -> int:
    """How many seeds run at once: on a CPU one at a time is as fast and takes the least memory."""
    if device.type != "cuda":
        return 1
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(wanted, int(0.8 * free / (BYTES_PER_VOXEL * data.amplitude.numel()))))


def _best(runs: Sequence[Run]) -> int:
    for figure in ("chi2_held_out", "chi2"):
        values = np.array([run.metrics[figure] for run in runs])
        if np.isfinite(values).any():
            return int(np.nanargmin(values))
    return 0


@contextmanager
def interruption() -> Iterator[list[bool]]:
    """Turn the first Ctrl-C into a flag that is looked at between iterations; the second one acts.

    Outside the main thread, where Python takes no signals, nothing changes.
    """
    stop: list[bool] = []
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handler(number: int, frame: object) -> None:
        if stop:
            raise KeyboardInterrupt
        stop.append(True)

    previous = signal.signal(signal.SIGINT, handler)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, previous)
