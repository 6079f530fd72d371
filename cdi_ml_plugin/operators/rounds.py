"""The rounds of a search on a small part of the pattern, from one to the next and up to the whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from ..physics.alignment import centre_shift, object_error
from ..physics.coherence import set_gaussian
from ..physics.level import Level
from ..physics.metrics import free_llk
from ..physics.projections import random_phases
from ..physics.state import State
from ..physics.supports import extent, grown, keeping
from .base import Operator
from .beam import Beam, Candidate
from .classical import ER, HIO
from .support import ASW

if TYPE_CHECKING:
    from ..physics.moduli import Moduli

ACROSS = 16  # voxels across a crystal from which its form is found
LEAST = 0.6  # of the axes: a part larger than this saves too little
BEYOND = 0.012  # of the power beyond the part: with more, the amplitude found in it is not even
SETTLE = 10  # iterations of ER that end each round, before it is judged
CLIMB = 30  # iterations on each level above the first
BEGIN = 20  # iterations of ER that begin the first round
EVERY = 10  # iterations from one support to the next
# The rounds on the first level: share of its iterations, and of each share what is under the cap.
STARTS = ((0.26, 0.8), (0.15, 0.0), (0.4, 0.8))  # from the object that is there, and from others
# Rounds on the first level that each try a wider kernel of the beam: share of its iterations.
KERNELS = (0.05, 0.05, 0.05)
SURE = 0.12  # of the iterations, without the cap, once two starts agree
AGREE = 0.015  # squared error between two starts that have found the same
KEPT = 0.3  # of the rms nearby: what has less is outside


_KEPT = ("done", "starts", "ends", "agree")  # of a search, beside what has types of its own


Start = tuple[torch.Tensor, torch.Tensor]  # object and support (1, z, y, x)


class Round(NamedTuple):
    """A part of a search: what it begins from, its iterations, and the share of them that is under the cap."""

    begins: str  # "there", "start", "kernel", "best" or "higher"
    iterations: int
    until: float = 0.0


class Search:
    """The search of one seed: an iteration each time that `chi2` is asked for the next."""

    def __init__(
        self,
        cap: float,
        oversampling: float,
        state: State,
        data: Moduli,
        index: int,
        count: int,
    ) -> None:
        self.cap, self.seed, self.index, self.count = cap, state.seeds[index], index, count
        obj, support = state.object[index], state.support[index]
        self.shift = centre_shift(obj, support)
        support = support.roll(self.shift, (0, 1, 2))
        self.levels = levels(data, support, oversampling)
        self.level = self.levels[0]
        obj, support = self.level.down(obj.roll(self.shift, (0, 1, 2)), support)
        self.inner = State(
            object=obj[None],
            support=support[None],
            seeds=[replace(self.seed, found=False, notes=[], others=[])],
            noise_tolerance=state.noise_tolerance,
        )
        self.best: Candidate | None = None
        known = self.seed.coherence
        stride = torch.tensor(self.level.stride)
        self.beam = Beam(None if known is None else known / stride.to(known).square())
        self._blur()
        self.left, self.done = self._plan(), 0  # rounds, and iterations of the first of them
        self.starts: list[tuple[torch.Tensor | None, torch.Tensor]] = []
        self.ends: list[torch.Tensor] = []
        self.agree = False
        self.chi2 = self._rounds()
        parts = ", then ".join("×".join(map(str, one.data.shape)) for one in self.levels)
        every = "×".join(map(str, self.level.stride))
        thinned = f", every {every}-th of them" if max(self.level.stride) > 1 else ""
        self.seed.note(f"SEARCH on {parts} voxels{thinned}")

    def _plan(self) -> list[Round]:
        upper = len(self.levels) - 1
        each = min(CLIMB, self.count // (2 * upper + 2))
        count = self.count - upper * each
        first = []
        if self.seed.found:  # what is there takes part
            first = [Round("there", SETTLE)]
            count -= SETTLE
        starts = 1 + len(self.seed.others) + (len(STARTS) - 1 if self.seed.from_random else 0)
        rounds = [Round("start", round(share * count), u) for share, u in STARTS[:starts]]
        if self._blurs(count):
            rounds += [Round("kernel", round(share * count)) for share in KERNELS]
        last = Round("best", count - sum(one.iterations for one in rounds))
        self.first = count
        return [*first, *rounds, last, *[Round("higher", each)] * upper]

    def _rounds(self) -> Iterator[torch.Tensor]:
        while self.left:
            one = self.left[0]
            if not self.done:
                self._enter(one)
            if one.begins == "there":
                yield from self._settle(one.iterations, one.iterations)
            else:
                yield from self._round(one)
            self.left, self.done = self.left[1:], 0
            if one.begins == "start" and not self.agree:
                self._compare()
            elif one.begins == "kernel":
                self._weigh()

    def _enter(self, one: Round) -> None:
        inner = self.inner
        if one.begins == "start":
            self.starts = self.starts or self._starts()
            obj, support = self.starts.pop(0)
            if obj is None:
                obj = random_phases(self.level.data.amplitude, self.seed.generator)[None] * support
            inner.object, inner.support = obj, support
        elif one.begins == "kernel":
            self._back()
            self._widen()
        elif one.begins == "best":
            self._back()
        elif one.begins == "higher":
            self._back()
            self._climb(self.levels[self.levels.index(self.level) + 1])

    def _compare(self) -> None:
        """Go on to the last round of the first level once two starts have found the same."""
        end = (self.inner.object[0] * self.inner.support[0]).cpu()
        ends = [other.numpy() for other in self.ends]
        self.ends.append(end)
        if any(object_error(end.numpy(), other) ** 2 < AGREE for other in ends):
            self.agree = True
            level = [one for one in self.left if one.begins != "higher"]
            done = self.first - sum(one.iterations for one in level)
            self.seed.note(f"SEARCH: after {done} iterations two starts agree")
            kernels = [one for one in level if one.begins == "kernel"]
            last = Round("best", round(SURE * self.first))
            self.left = [*kernels, last, *self.left[len(level) :]]

    def _starts(self) -> list[tuple[torch.Tensor | None, torch.Tensor]]:
        """What is there, what was left to be tried beside it, and random phases where nothing was given."""
        there = (self.inner.object, self.inner.support)
        others, self.seed.others = self.seed.others[: len(STARTS) - 1], []
        given = [there, *(self._bring(other) for other in others)]
        random = len(STARTS) - len(given) if self.seed.from_random else 0
        return [*given, *((None, there[1].clone()) for _ in range(random))]

    def _bring(self, other: Callable[[], tuple[torch.Tensor, ...]]) -> Start:
        """Another start, of the whole pattern."""
        obj, support = other()[:2]
        shift = centre_shift(obj, support)
        obj, support = (one.roll(shift, (0, 1, 2)) for one in (obj, support))
        obj, support = self.level.down(obj, support)
        return obj[None], support[None]

    def _round(self, one: Round) -> Iterator[torch.Tensor]:
        """ER, HIO with the cap for a share of the way, then the support that keeps, and ER."""
        inner, data = self.inner, self.level.data
        first = one.begins == "start"
        found = one.begins in ("kernel", "higher") or (one.begins == "best" and self.agree)
        inner.seeds[0].found = found
        settle = min(SETTLE, one.iterations // 4)
        search = one.iterations - settle
        cap = self.cap if first and self.level.beyond <= BEYOND else 0.0
        wrap, hio, strict = ASW().bind({}), HIO(0.9, 0.0), HIO(0.9, cap)
        for done in range(self.done, search):
            inner.progress = 0.999 * done / search
            if done and done % EVERY == 0:
                wrap.step(inner, data)
            operator: Operator = strict if done < one.until * search else hio
            if first and done // EVERY % 3 == 2:  # let go now and then, in a first round
                operator = hio
            if first and done < min(BEGIN, search // 4):
                operator = ER()
            operator.step(inner, data)
            self.done += 1
            yield inner.chi2[0]
        yield from self._settle(one.iterations, settle)

    def _settle(self, count: int, settle: int) -> Iterator[torch.Tensor]:
        """The last `settle` iterations of a round."""
        inner, data = self.inner, self.level.data
        inner.progress = 1.0
        if self.done == count - settle:
            inner.support = keeping(inner.object, inner.support, KEPT)
        if not settle:
            self._judge()
        while self.done < count:
            ER().step(inner, data)
            self.done += 1
            if self.done == count:  # before the yield: after the last one nobody asks for more
                self._judge()
            yield inner.chi2[0]

    def state_dict(self) -> dict[str, Any]:
        """How far it is."""
        return {
            **{name: getattr(self, name) for name in _KEPT},
            "left": [tuple(one) for one in self.left],
            "best": None if self.best is None else tuple(self.best),
            "beam": self.beam.state_dict(),
            "level": self.levels.index(self.level),
            "inner": self.inner.state_dict(),
        }

    def load_state_dict(self, values: Mapping[str, Any]) -> None:
        """Go on from there."""
        for name in _KEPT:
            setattr(self, name, values[name])
        self.left = [Round(*one) for one in values["left"]]
        self.best = None if values["best"] is None else Candidate(*values["best"])
        self.beam.load_state_dict(values["beam"])
        self.level = self.levels[values["level"]]
        self.inner.load_state_dict(values["inner"])

    def _judge(self) -> None:
        """Keep the object if it foretells the held-out voxels better than the best so far."""
        inner, data = self.inner, self.level.data
        obj = inner.object[0] * inner.support[0]
        self.beam.refine(obj, data)
        self._blur()
        llk = free_llk(obj, data, inner.transfer[0])
        if self.best is None or not llk >= self.best.llk:
            self.best = Candidate(obj, inner.support[0].clone(), llk)

    def _blurs(self, count: int) -> bool:
        """Whether wider kernels of the beam are tried."""
        enough = count * KERNELS[0] >= SETTLE
        return enough and (self.seed.coherence is not None or not self.seed.judged)

    def _blur(self) -> None:
        """Take the beam for what it is thought to be by now."""
        self.inner.transfer = [self.beam.kernel(self.level.data.shape)]

    def _widen(self) -> None:
        """Try a wider kernel of the beam."""
        assert self.best is not None
        self.beam.widen(self.best, self.level.data)
        self.best = None
        self._blur()

    def _weigh(self) -> None:
        """Keep the wider kernel if it is better, and try none where there is none to be found."""
        assert self.best is not None
        self.best = self.beam.weigh(self.best, self.level.data)
        self._blur()
        if self.beam.settled:
            spared = [one for one in self.left if one.begins == "kernel"]
            last, *higher = self.left[len(spared) :]
            more = sum(one.iterations for one in spared)
            self.left = [last._replace(iterations=last.iterations + more), *higher]

    def _back(self) -> None:
        """Go on from the best so far."""
        if self.best is not None:
            self.inner.object = self.best.object[None].clone()
            self.inner.support = self.best.support[None].clone()

    def _climb(self, level: Level) -> None:
        obj, support = self.level.climb(self.inner.object[0], self.inner.support[0], level)
        self.inner.object, self.inner.support = obj[None], support[None]
        self.level, self.best = level, None
        self._blur()

    def finish(self, state: State) -> None:
        """Bring object, support and coherence to the whole pattern; also of a search that was cut short."""
        self._back()
        obj, support = self.inner.object[0], self.inner.support[0]
        obj, support = self.level.up(obj * support, support)
        back = [-shift for shift in self.shift]
        obj, support = obj.roll(back, (0, 1, 2)), support.roll(back, (0, 1, 2))
        state.object[self.index] = obj
        state.support[self.index] = grown(keeping(obj[None], support[None], KEPT))[0]
        self.seed.fresh, self.seed.found = False, True
        self.seed.judged |= self.beam.before is not None
        if (variance := self.beam.variance) is not None:
            stride = torch.tensor(self.level.stride).to(variance)
            set_gaussian(state, self.index, variance * stride.square())


def levels(data: Moduli, support: torch.Tensor, oversampling: float) -> list[Level]:
    """Parts of a pattern on which to search for the object in a support (z, y, x), coarse to full."""
    extents = extent(support)
    stride = [
        max(1, int(n / (size * oversampling))) for n, size in zip(data.shape, extents, strict=True)
    ]
    share = min(1.0, ACROSS / math.prod(extents) ** (1 / 3))
    steps = 0 if share > LEAST else math.ceil(-math.log2(share))
    return [
        Level.of(data, stride, share ** (1 - step / max(1, steps))) for step in range(steps)
    ] + [Level.of(data, stride, 1.0)]
