"""What an algorithm is, and how algorithms are chained: `+` and `n*`.

A chain is a small tree of `Step`: operators at the leaves, `Chain` and `Repeat` above them. Text
(`cdi_ml_plugin.operators.sequence`) and Python build the same tree, and ``str()`` of it is the text.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from inspect import get_annotations
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from ..errors import AlgorithmError, ParameterError, SequenceError

if TYPE_CHECKING:
    from ..physics.moduli import Moduli
    from ..physics.state import State


OPEN: Any = None  # default of an operator's field that the parameters are to fill
CLASS_VARIABLE = re.compile(r"(\w+\.)*ClassVar\b")  # as text, whatever typing is imported as
SUB_TRIGGER = re.compile("[A-Z]+[0-9]+", re.IGNORECASE | re.ASCII)


class Block(NamedTuple):
    """`times` consecutive iterations of one operator, as the engine runs them."""

    operator: Operator
    times: int
    triggers: tuple[str, ...]


class Step(ABC):
    """Anything that can stand in a chain."""

    def __add__(self, other: Step) -> Chain:
        if not isinstance(other, Step):
            return NotImplemented
        return Chain((*_parts(self), *_parts(other)))

    def __rmul__(self, times: int) -> Repeat:
        return Repeat(times, self)

    @abstractmethod
    def blocks(self, count: int = 1) -> Iterator[Block]:
        """Unroll into runs of one operator, `count` times over."""

    @abstractmethod
    def operators(self) -> Iterator[Operator]:
        """Every operator of the tree, in order, once for each place it stands at."""

    @abstractmethod
    def bind(self, parameters: Mapping[str, Any]) -> Step:
        """Return the same tree with every parameter that was left open taken from `parameters`."""

    @abstractmethod
    def __str__(self) -> str: ...

    @property
    def iterations(self) -> int:
        """Number of iterations in all (steps such as a support update count as none)."""
        return sum(block.times for block in self.blocks() if block.operator.counts)


def _parts(step: Step) -> tuple[Step, ...]:
    return step.parts if isinstance(step, Chain) else (step,)


@dataclass(frozen=True)
class Chain(Step):
    """Steps one after the other: ``A + B``."""

    parts: tuple[Step, ...]

    def blocks(self, count: int = 1) -> Iterator[Block]:
        for _ in range(count):
            for part in self.parts:
                yield from part.blocks()

    def operators(self) -> Iterator[Operator]:
        for part in self.parts:
            yield from part.operators()

    def bind(self, parameters: Mapping[str, Any]) -> Chain:
        return Chain(tuple(part.bind(parameters) for part in self.parts))

    def __str__(self) -> str:
        return " + ".join(map(str, self.parts))


@dataclass(frozen=True)
class Repeat(Step):
    """One step several times: ``n * A``."""

    times: int
    body: Step

    def __post_init__(self) -> None:
        if isinstance(self.times, bool) or not isinstance(self.times, int):
            raise SequenceError(
                f"a step can be repeated a whole number of times, not {self.times!r}"
            )
        if self.times < 1:
            raise SequenceError(
                f"{self.times}*{self.body}: a step runs at least once, give 1 or more"
            )

    def blocks(self, count: int = 1) -> Iterator[Block]:
        for _ in range(count):
            yield from self.body.blocks(self.times)

    def operators(self) -> Iterator[Operator]:
        return self.body.operators()

    def bind(self, parameters: Mapping[str, Any]) -> Repeat:
        return Repeat(self.times, self.body.bind(parameters))

    def __str__(self) -> str:
        body = f"({self.body})" if isinstance(self.body, Chain | Repeat) else str(self.body)
        return f"{self.times}*{body}"


@dataclass(frozen=True)
class Triggered(Step):
    """An operator with cohere's sub-triggers: ``HIO.SW0``."""

    operator: Operator
    triggers: tuple[str, ...]

    def __post_init__(self) -> None:
        names = tuple(str(name).upper() for name in self.triggers)
        if not names or not all(map(SUB_TRIGGER.fullmatch, names)):
            raise SequenceError(
                f"sub-triggers {self.triggers!r} of {self.operator}: name them as SW0, PHC1"
            )
        object.__setattr__(self, "triggers", names)

    def blocks(self, count: int = 1) -> Iterator[Block]:
        yield Block(self.operator, count, self.triggers)

    def operators(self) -> Iterator[Operator]:
        yield self.operator

    def bind(self, parameters: Mapping[str, Any]) -> Triggered:
        return Triggered(self.operator.bind(parameters), self.triggers)

    def __str__(self) -> str:
        return ".".join((str(self.operator), *self.triggers))


@dataclass(frozen=True)
class Operator(Step):
    """Base of every algorithm. A subclass is a frozen dataclass that writes `_step`.

    Its fields are its parameters. A field whose default is `OPEN` is filled by the engine from the
    reconstruction parameters, under the key that `keys` names, or else with `defaults`.

    Attributes
    ----------
    name : str
        How the algorithm is called in a sequence; the class name unless set.
    counts : bool
        Whether it is an iteration. A step that only sets the support, say, is none, and does not
        move the triggers of the iterations after it.
    triggered : bool
        Whether the triggers (support updates, twin removal) act in its iterations.
    defines_chi2 : bool
        Whether each iteration sets ``state.chi2``.
    updates_support : bool
        Whether it keeps the support up to date: a sequence that has such a step gets no other
        support update.
    makes_start : bool
        Whether it makes an object to start from: in a genetic algorithm it acts in the first
        generation only. Where it takes its own object it says so, by
        ``state.seeds[index].fresh = state.seeds[index].from_random = False``.
    settles : bool
        Whether it settles what is found: such iterations at the end of a chain are its closing, where
        the search is over and the support is updated once and no more.
    searches : bool
        Whether it looks for the object by itself, without triggers, and leaves it found: what follows is
        the closing, if it settles.
    keys : mapping
        Field name → key of the reconstruction parameters (cohere's names where it has one).
    defaults : mapping
        Field name → value where neither the field nor the parameters give one.
    """

    name: ClassVar[str]
    counts: ClassVar[bool] = True
    triggered: ClassVar[bool] = True
    defines_chi2: ClassVar[bool] = True
    updates_support: ClassVar[bool] = False
    makes_start: ClassVar[bool] = False
    settles: ClassVar[bool] = False
    searches: ClassVar[bool] = False
    keys: ClassVar[Mapping[str, str]] = {}
    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__
        own = [base for base in cls.__mro__ if base not in Operator.__mro__]
        for field, kind in ((f, k) for base in own for f, k in get_annotations(base).items()):
            if field in _TAKEN and not CLASS_VARIABLE.match(str(kind)):
                raise AlgorithmError(
                    f"{cls.__name__}.{field}: the engine uses that name itself: call the parameter "
                    "something else, or annotate it as ClassVar where it is no parameter"
                )

    def check(self) -> None:
        """Raise where it cannot run here at all; called for the whole chain before any work."""

    def bytes_per_voxel(self) -> int:
        """Memory that a run takes while it acts, in all, in single precision; more than is free is refused."""
        return 120

    # --- what an algorithm writes -------------------------------------------------------------
    def _begin(self, state: State, data: Moduli, count: int) -> None:
        """Prepare `count` iterations. State that lives across them goes into ``state.memory``."""

    @abstractmethod
    def _step(self, state: State, data: Moduli) -> None:
        """Do one iteration: change ``state.object`` or ``state.support``, record ``state.chi2``."""

    def _end(self, state: State, data: Moduli) -> None:
        """Finish after the last of the iterations (also after an interruption)."""

    # --- what the engine calls ----------------------------------------------------------------
    def begin(self, state: State, data: Moduli, count: int) -> None:
        """Public face of `_begin`."""
        self._begin(state, data, count)

    def step(self, state: State, data: Moduli) -> None:
        """Run `_step` and hold it to its contract: shapes and types do not change."""
        before = (state.object.shape, state.object.dtype, state.support.shape)
        version = data.version
        self._step(state, data)
        if version != data.version:
            raise AlgorithmError(
                f"{self} changed the measured moduli: an algorithm only reads them"
            )
        after = (state.object.shape, state.object.dtype, state.support.shape)
        if before != after:
            raise AlgorithmError(
                f"{self} changed (object shape, object type, support shape) from {before} to {after}: "
                "an algorithm must keep them"
            )

    def end(self, state: State, data: Moduli) -> None:
        """Public face of `_end`; drops what `_begin` and `_step` kept."""
        self._end(state, data)
        state.memory.clear()

    # --- the tree -----------------------------------------------------------------------------
    def on(self, *triggers: str) -> Triggered:
        """Attach cohere's sub-triggers, as ``HIO().on("SW0")`` for ``HIO.SW0``."""
        return Triggered(self, triggers)

    def blocks(self, count: int = 1) -> Iterator[Block]:
        yield Block(self, count, ())

    def operators(self) -> Iterator[Operator]:
        yield self

    def bind(self, parameters: Mapping[str, Any]) -> Self:
        values = {
            f.name: parameters.get(self.keys.get(f.name, ""), self.defaults.get(f.name))
            for f in fields(self)
            if getattr(self, f.name) is OPEN
        }
        return replace(self, **values) if values else self

    def __str__(self) -> str:
        given = [
            f"{f.name}={_python(getattr(self, f.name))!r}"
            for f in fields(self)
            if getattr(self, f.name) != f.default
        ]
        return f"{self.name}({', '.join(given)})" if given else self.name


# Names that no field of an algorithm may have, since it would hide what the engine calls.
_TAKEN = {name for name in [*dir(Operator), *Operator.__annotations__] if name[:2] != "__"}


def warn_if_undetermined(state: State, data: Moduli, index: int, unknowns: int) -> None:
    """Note where there are fewer fitted voxels than real numbers to be found."""
    known = data.amplitude.numel() - len(data.masked) - len(data.held_out)
    if known < unknowns:
        state.seeds[index].note(
            f"{known:,} measured voxels for {unknowns:,} unknowns (two for each voxel of the support): "
            "the data do not determine the object; measure with more oversampling, or mask less",
        )


def _python(value: Any) -> Any:
    """Give a number of NumPy as Python's own, whose ``repr`` can be read back."""
    return value.item() if hasattr(value, "item") else value


def whole(name: str, value: Any, low: int, high: int = 100_000) -> None:
    """Raise ParameterError unless `value` is a whole number in range; an open field passes."""
    within(name, value, low, high)
    if value is not OPEN and not isinstance(value, Integral):
        raise ParameterError(f"{name} = {value!r}: give a whole number from {low} to {high}")


def within(name: str, value: Any, low: float, high: float) -> None:
    """Raise ParameterError unless ``low <= value <= high``; an open field passes."""
    if value is OPEN:
        return
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= value <= high:  # type: ignore[operator]
        raise ParameterError(f"{name} = {value!r}: give a number from {low:g} to {high:g}")
