"""SEARCH: the object found on the smallest part of the pattern that shows it, and brought to the whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from .base import OPEN, Operator, within
from .lockstep import advance
from .rounds import Search

if TYPE_CHECKING:
    from ..physics.level import Shared
    from ..physics.moduli import Moduli
    from ..physics.state import State


@dataclass(frozen=True)
class SEARCH(Operator):
    """Search for the object on a small part of the pattern: ``n*SEARCH`` after CNN, or from random phases.

    Along an axis on which the crystal is oversampled by more than twice `oversampling`, every second
    voxel of the pattern is enough, and so on; where the crystal has more than some 16 voxels across, the
    central part of the pattern shows its form. There up to three starts look for it, and what foretells
    the held-out voxels best goes on. Then the part grows, with a few iterations on each level, and in the
    end the object is brought to the whole pattern, in a support that keeps it. ER is left to do.

    In the rounds of the starts HIO caps the amplitude (`cap`, see `classical.capped`), where the part holds
    all but a little of the power: in a coarse picture a strained crystal has no even amplitude.

    Notes
    -----
    After the starts wider and wider kernels of the beam are tried for a few iterations each; one that
    foretells the held-out voxels better is kept, see `beam` and `physics.coherence`.

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
        state.memory["runs"] = _begun(self, state, data, range(len(state.seeds)), count)

    def _step(self, state: State, data: Moduli) -> None:
        advance(state.memory["runs"])
        state.chi2 = torch.cat([run.inner.chi2 for run in state.memory["runs"]])

    def _end(self, state: State, data: Moduli) -> None:
        for run in state.memory["runs"]:
            run.finish(state)


def search(words: SEARCH, state: State, data: Moduli, runs: Iterable[int], count: int) -> None:
    """Search at one go, for some runs of a batch."""
    begun = _begun(words, state, data, runs, count)
    while advance(begun):
        pass
    for run in begun:
        run.finish(state)


def _begun(
    words: SEARCH, state: State, data: Moduli, runs: Iterable[int], count: int
) -> list[Search]:
    shared: Shared = {}
    return [
        Search(words.cap, words.oversampling, state, data, index, count, shared) for index in runs
    ]
