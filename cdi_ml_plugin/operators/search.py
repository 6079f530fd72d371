"""SEARCH: the object found on the smallest part of the pattern that shows it, and brought to the whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from numpy.typing import NDArray

from ..physics.alignment import centre_shift, object_error
from ..physics.coherence import gaussian, judged, refined, set_gaussian
from ..physics.level import Level
from ..physics.metrics import free_llk
from ..physics.projections import random_phases
from ..physics.state import State
from ..physics.supports import extent, grown, keeping
from .base import OPEN, Operator, within
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
SURE = 0.12  # of the iterations, without the cap, once two starts agree
AGREE = 0.015  # squared error between two starts that have found the same
KEPT = 0.3  # of the rms nearby: what has less is outside


Start = tuple[torch.Tensor, torch.Tensor]  # object and support (1, z, y, x)


class Candidate(NamedTuple):
    """Object (z, y, x), its support, and its free log-likelihood on its level."""

    object: torch.Tensor
    support: torch.Tensor
    llk: float


@dataclass(frozen=True)
class SEARCH(Operator):
    """Search for the object on a small part of the pattern: ``n*SEARCH`` after CNN, or from random phases.

    Along an axis on which the crystal is oversampled by more than twice `oversampling`, every second
    voxel of the pattern is enough, and so on; where the crystal has more than some 16 voxels across, the
    central part of the pattern shows its form. There two rounds of HIO look for it, the second from the
    end of the first, and what foretells the held-out voxels best is kept. Then the part grows, with a few
    iterations on each level, and in the end the object is brought to the whole pattern, in a support that
    keeps it. ER is left to do.

    In the rounds HIO caps the amplitude (`cap`, see `classical.capped`) every other eighth of the way,
    where the part holds all but a little of the power: in a coarse picture a strained crystal has no
    even amplitude.

    Notes
    -----
    Where the held-out voxels say that the beam is not fully coherent, the second round and what follows go
    on with a kernel, see `physics.coherence`.

    The judge is the Poisson log-likelihood of the held-out voxels; where the data have none, as in
    cohere, the search holds some out for itself.
    """

    cap: float = OPEN
    oversampling: float = OPEN
    triggered: ClassVar = False
    searches: ClassVar = True
    keys: ClassVar = {"cap": "search_cap", "oversampling": "search_oversampling"}
    defaults: ClassVar = {"cap": 1.3, "oversampling": 2.0}

    def __post_init__(self) -> None:
        within("search_cap", self.cap, 0, 10)
        within("search_oversampling", self.oversampling, 1, 100)

    def _begin(self, state: State, data: Moduli, count: int) -> None:
        state.memory["runs"] = [
            Search(self, state, data, index, count) for index in range(len(state.seeds))
        ]

    def _step(self, state: State, data: Moduli) -> None:
        state.chi2 = torch.stack(
            [next(run.chi2, run.inner.chi2[0]) for run in state.memory["runs"]]
        )

    def _end(self, state: State, data: Moduli) -> None:
        for run in state.memory["runs"]:
            run.finish(state)


def search(words: SEARCH, state: State, data: Moduli, runs: Iterable[int], count: int) -> None:
    """Search at one go, for some runs of a batch."""
    for index in runs:
        run = Search(words, state, data, index, count)
        for _ in run.chi2:
            pass
        run.finish(state)


class Search:
    """The search of one seed: an iteration each time that `chi2` is asked for the next."""

    def __init__(self, words: SEARCH, state: State, data: Moduli, index: int, count: int) -> None:
        self.words, self.seed, self.index, self.count = words, state.seeds[index], index, count
        obj, support = state.object[index], state.support[index]
        self.shift = centre_shift(obj, support)
        support = support.roll(self.shift, (0, 1, 2))
        self.levels = levels(data, support, words.oversampling)
        self.level = self.levels[0]
        obj, support = self.level.down(obj.roll(self.shift, (0, 1, 2)), support)
        self.inner = State(
            object=obj[None],
            support=support[None],
            seeds=[replace(self.seed, found=False, notes=[])],
            noise_tolerance=state.noise_tolerance,
        )
        self.best: Candidate | None = None
        self.variance: torch.Tensor | None = None
        self.chi2 = self._rounds()
        parts = ", then ".join("×".join(map(str, one.data.shape)) for one in self.levels)
        every = "×".join(map(str, self.level.stride))
        thinned = f", every {every}-th of them" if max(self.level.stride) > 1 else ""
        self.seed.note(f"SEARCH on {parts} voxels{thinned}")

    def _rounds(self) -> Iterator[torch.Tensor]:
        upper = len(self.levels) - 1
        each = min(CLIMB, self.count // (2 * upper + 2))
        count = self.count - upper * each
        if self.seed.found:  # what is there takes part
            yield from self._settle(SETTLE)
            count -= SETTLE
        cap = self.words.cap if self.level.beyond <= BEYOND else 0.0
        left, agree = count, False
        ends: list[NDArray[Any]] = []
        for start, (share, until) in zip(self._starts(), STARTS, strict=False):
            self.inner.object, self.inner.support = start()
            yield from self._round(round(share * count), BEGIN, cap, until)
            left -= round(share * count)
            end = (self.inner.object[0] * self.inner.support[0]).cpu().numpy()
            agree = any(object_error(end, other) ** 2 < AGREE for other in ends)
            ends.append(end)
            if agree:
                self.seed.note(f"SEARCH: after {count - left} iterations two starts agree")
                break
        self._back()
        self._coherence()
        rest = round(SURE * count) if agree else left
        yield from self._round(rest, 0, 0.0, 0, found=agree)
        for level in self.levels[1:]:
            self._back()
            self._climb(level)
            yield from self._round(each, 0, 0.0, 0, found=True)

    def _starts(self) -> list[Callable[[], Start]]:
        """What is there, what was left to be tried beside it, and random phases where nothing was given."""
        there = (self.inner.object, self.inner.support)
        others, self.seed.others = self.seed.others, []
        starts: list[Callable[[], Start]] = [
            lambda: there,
            *(partial(self._bring, other) for other in others),
        ]
        if self.seed.from_random:
            starts += [partial(self._random, there[1].clone())] * (len(STARTS) - 1)
        return starts

    def _bring(self, other: Callable[[], tuple[torch.Tensor, ...]]) -> Start:
        """Another start, of the whole pattern."""
        obj, support = other()[:2]
        shift = centre_shift(obj, support)
        obj, support = (one.roll(shift, (0, 1, 2)) for one in (obj, support))
        obj, support = self.level.down(obj, support)
        return obj[None], support[None]

    def _random(self, support: torch.Tensor) -> Start:
        obj = random_phases(self.level.data.amplitude, self.seed.generator)
        return obj[None] * support, support.clone()

    def _round(
        self, count: int, begin: int, cap: float, until: float, found: bool = False
    ) -> Iterator[torch.Tensor]:
        """ER, HIO with the cap for a share of the way, then the support that keeps, and ER."""
        inner, data = self.inner, self.level.data
        inner.seeds[0].found = found
        settle = min(SETTLE, count // 4)
        search = count - settle
        wrap, hio, strict = ASW().bind({}), HIO(0.9, 0.0), HIO(0.9, cap)
        for done in range(search):
            inner.progress = 0.999 * done / search
            if done and done % EVERY == 0:
                wrap.step(inner, data)
            operator: Operator = strict if done < until * search else hio
            if begin and done // EVERY % 3 == 2:  # let go now and then, in a first round
                operator = hio
            if done < min(begin, search // 4):
                operator = ER()
            operator.step(inner, data)
            yield inner.chi2[0]
        yield from self._settle(settle)

    def _settle(self, count: int) -> Iterator[torch.Tensor]:
        inner, data = self.inner, self.level.data
        inner.progress = 1.0
        inner.support = keeping(inner.object, inner.support, KEPT)
        if not count:
            self._judge()
        for left in reversed(range(count)):
            ER().step(inner, data)
            if not left:  # before the yield: after the last one nobody asks for more
                self._judge()
            yield inner.chi2[0]

    def _judge(self) -> None:
        """Keep the object if it foretells the held-out voxels better than the best so far."""
        inner, data = self.inner, self.level.data
        obj = inner.object[0] * inner.support[0]
        if self.variance is not None:
            self._blur(refined(obj, data, self.variance))
        llk = free_llk(obj, data, inner.transfer[0])
        if self.best is None or not llk >= self.best.llk:
            self.best = Candidate(obj, inner.support[0].clone(), llk)

    def _coherence(self) -> None:
        """Find whether the beam is fully coherent, by what there is so far."""
        assert self.best is not None
        variance = judged(self.best.object, self.level.data)
        if variance is not None:
            self._blur(variance)
            llk = free_llk(self.best.object, self.level.data, self.inner.transfer[0])
            self.best = self.best._replace(llk=llk)

    def _blur(self, variance: torch.Tensor) -> None:
        self.variance = variance
        self.inner.transfer = [gaussian(self.level.data.shape, variance)]

    def _back(self) -> None:
        """Go on from the best so far."""
        if self.best is not None:
            self.inner.object = self.best.object[None].clone()
            self.inner.support = self.best.support[None].clone()

    def _climb(self, level: Level) -> None:
        obj, support = self.level.climb(self.inner.object[0], self.inner.support[0], level)
        self.inner.object, self.inner.support = obj[None], support[None]
        self.level, self.best = level, None
        if self.variance is not None:
            self._blur(self.variance)

    def finish(self, state: State) -> None:
        """Bring object, support and coherence to the whole pattern; also of a search that was cut short."""
        self._back()
        obj, support = self.inner.object[0], self.inner.support[0]
        obj, support = self.level.up(obj * support, support)
        back = [-shift for shift in self.shift]
        obj, support = obj.roll(back, (0, 1, 2)), support.roll(back, (0, 1, 2))
        state.object[self.index] = obj
        state.support[self.index] = grown(keeping(obj[None], support[None], KEPT))[0]
        self.seed.fresh, self.seed.found, self.seed.judged = False, True, True
        if self.variance is not None:
            stride = torch.tensor(self.level.stride).to(self.variance)
            set_gaussian(state, self.index, self.variance * stride.square())


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
