"""The rounds of a search on a small part of the pattern, from one to the next and up to the whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from ..physics.alignment import centre_shift, object_error
from ..physics.coherence import set_gaussian
from ..physics.level import Level, Shared, levels
from ..physics.metrics import free_llk
from ..physics.projections import random_phases
from ..physics.state import State
from ..physics.supports import grown, keeping
from .base import Operator
from .beam import Beam, Candidate
from .classical import ER, HIO
from .support import ASW

if TYPE_CHECKING:
    from ..physics.moduli import Moduli

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
WRAP, SETTLING, SEARCHING = ASW().bind({}), ER(), HIO(0.9, 0.0)


_KEPT = ("done", "starts", "ends", "agree")  # of a search, beside what has types of its own


Start = tuple[torch.Tensor, torch.Tensor]  # object and support (1, z, y, x)


class Round(NamedTuple):
    """A part of a search: what it begins from, its iterations, and the share of them that is under the cap."""

    begins: str  # "there", "start", "kernel", "best" or "higher"
    iterations: int
    until: float = 0.0

    @property
    def settle(self) -> int:
        """How many of its last iterations are of ER, in a support that keeps."""
        return self.iterations if self.begins == "there" else min(SETTLE, self.iterations // 4)


class Search:
    """The search of one seed: `ask` says what is to be done with `inner`, and `did` that it was done.

    Levels that others of the batch have found already are taken from `shared`, where they are looked up by
    what part of the pattern they are.
    """

    def __init__(
        self,
        cap: float,
        oversampling: float,
        state: State,
        data: Moduli,
        index: int,
        count: int,
        shared: Shared,
    ) -> None:
        self.strict = HIO(0.9, cap)
        self.seed, self.index, self.count = state.seeds[index], index, count
        obj, support = state.object[index], state.support[index]
        self.shift = centre_shift(obj, support)
        support = support.roll(self.shift, (0, 1, 2))
        self.levels = levels(data, support, oversampling, shared)
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

    def ask(self) -> Operator | None:
        """The algorithm of the next iteration, `inner` being made ready for it; None after the last."""
        while self.left:
            one = self.left[0]
            if not self.done:
                self._enter(one)
            if self.done < one.iterations:
                return self._next(one)
            self._leave(one)
        return None

    def did(self) -> None:
        """An iteration was done: end the round at once with its last one, for there may be no next."""
        self.done += 1
        if self.done == self.left[0].iterations:
            self._leave(self.left[0])

    def _next(self, one: Round) -> Operator:
        """HIO with the cap for a share of the way, then the support that keeps, and ER."""
        inner, done = self.inner, self.done
        search = one.iterations - one.settle
        if done >= search:
            inner.progress = 1.0
            if done == search:
                self._keep()
            return SETTLING
        inner.progress = 0.999 * done / search
        if done and done % EVERY == 0:
            WRAP.step(inner, self.level.data)
        if one.begins != "start":
            return SEARCHING
        if done < min(BEGIN, search // 4):
            return SETTLING
        even = self.level.beyond <= BEYOND and done < one.until * search
        let_go = done // EVERY % 3 == 2  # now and then
        return self.strict if even and not let_go else SEARCHING

    def _leave(self, one: Round) -> None:
        if not one.settle:
            self._keep()
        self._judge()
        self.left, self.done = self.left[1:], 0
        if one.begins == "start" and not self.agree:
            self._compare()
        elif one.begins == "kernel":
            self._weigh()

    def _keep(self) -> None:
        """Take the support that keeps what is found."""
        self.inner.support = keeping(self.inner.object, self.inner.support, KEPT)

    def _enter(self, one: Round) -> None:
        inner = self.inner
        settled = one.begins == "best" and self.agree
        inner.seeds[0].found = one.begins in ("kernel", "higher") or settled
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
