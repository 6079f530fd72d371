"""From a pattern in a network's field to an object in its cube: what the network is handed.

A field is a cube of N voxels in reciprocal space, centred; the object fills the N/2 cube in the
middle of direct space, so that the problem stays over-determined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import nn

from ..physics.supports import half_autocorrelation
from . import kinds
from .network import Network
from .pattern import InField, Pattern
from .polish import polish


def first_guess(pattern: Pattern, generators: Sequence[torch.Generator]) -> torch.Tensor:
    """Known moduli with random phases, one generator an object: what breaks the tie of the twins."""
    shape = pattern.modulus.shape[1:]
    turns = torch.stack([torch.rand(shape, generator=g, device=g.device) for g in generators])
    angle = (2 * torch.pi * turns).to(pattern.modulus.device)
    return pattern.cube(torch.polar(pattern.modulus, angle))


def estimate(
    preset: Network, network: nn.Module, pattern: Pattern, guess: torch.Tensor, passes: int
) -> torch.Tensor:
    """Object (batch, N/2, N/2, N/2), complex, in a scale and a global phase of the network's own.

    Of several `passes` each takes what the one before it returned.
    """
    cube = (len(pattern.modulus), *[pattern.half] * 3)
    for _ in range(passes):
        found = output(preset, network, pattern, guess)
        guess = kinds.checked(preset, preset.decode(found), cube)
    return guess


def output(
    preset: Network, network: nn.Module, pattern: Pattern, guess: torch.Tensor
) -> torch.Tensor:
    """What the module returns in one pass."""
    features = kinds.handed(preset, InField(preset, pattern, guess))
    return kinds.returned(preset, network, features)


def search(
    preset: Network, network: nn.Module, pattern: Pattern, guess: torch.Tensor, iterations: int
) -> torch.Tensor:
    """Objects (batch, N/2, N/2, N/2) by network and HIO in turn, then `iterations` // 2 of ER.

    HIO finds what the network does not see, and the network, which has learnt from such objects,
    mends what HIO leaves: wrong phases, both twins at once, noise. One that takes no guess predicts once.
    """
    obj = estimate(preset, network, pattern, guess, 1)
    for _ in range(preset.passes - 1):
        if iterations:
            obj = polish(pattern, pattern.to_scale(obj), iterations)
        obj = estimate(preset, network, pattern, obj, 1)
    return polish(pattern, pattern.to_scale(obj), iterations // 2, hio=0)


ASTRAY = 0.3  # rad

# Times the score of chance: up to here the prediction is the better start, since what it has wrong is
# mended soon, and what a random start has wrong stays.
TIE = 2.0


Scores = Callable[[torch.Tensor], torch.Tensor]  # a number for each object, less for a better one


class Prediction(NamedTuple):
    """Object (n, n, n), complex, of prediction or chance, and how they were judged.

    Attributes
    ----------
    object
        The best prediction; or, where it is not trusted, the random start.
    chi2, chance : float
        χ² in the field of the best prediction, and of a random start with the same iterations.
    trusted : bool
        Whether the prediction was taken.
    others
        Objects that a search may try beside it: no judge is sure.
    """

    object: torch.Tensor
    chi2: float
    chance: float
    trusted: bool = True
    others: tuple[torch.Tensor, ...] = ()


def predict(
    preset: Network,
    network: nn.Module,
    seen: tuple[torch.Tensor, torch.Tensor],
    candidates: int,
    iterations: int,
    generator: torch.Generator,
    judge: Scores | None = None,
) -> Prediction:
    """The one of `predictions` for one seed."""
    return predictions(preset, network, seen, candidates, iterations, [generator], judge)[0]


@torch.no_grad()
def predictions(
    preset: Network,
    network: nn.Module,
    seen: tuple[torch.Tensor, torch.Tensor],
    candidates: int,
    iterations: int,
    generators: Sequence[torch.Generator],
    judge: Scores | None = None,
) -> list[Prediction]:
    """Best of several predictions, against a random start that gets the same iterations; for each seed.

    Parameters
    ----------
    seen : float32 and bool (N, N, N)
        √I in the field and where it is known, centred.
    generators : sequence of torch.Generator
        One for each seed: what is computed for all of them is computed in one batch.
    judge : callable, optional
        Gives a number for each of the objects (batch, n, n, n), less for a better one; without it χ² in
        the field.
    """
    seeds = len(generators)
    field, known = (one.expand(seeds * candidates, -1, -1, -1) for one in seen)
    pattern = Pattern.of(field, known)
    guess = first_guess(pattern, [one for one in generators for _ in range(candidates)])
    if preset.passes > 1:
        obj = search(preset, network, pattern, guess, iterations)
    else:  # a network that takes no guess: its one prediction, with phases a little astray
        once = Pattern(pattern.modulus[:1], pattern.known[:1])
        each = (candidates, *guess.shape[1:])
        turns = torch.cat([torch.randn(each, generator=one) for one in generators])
        turns = turns.to(field.device)
        obj = estimate(preset, network, once, guess, 1) * torch.polar(
            torch.ones_like(turns), ASTRAY * turns
        )
        obj = polish(pattern, pattern.to_scale(obj), 2 * iterations)
    alone = Pattern(pattern.modulus[:seeds], pattern.known[:seeds])
    support = half_autocorrelation(alone.modulus[0], 0.02, 1.2)
    middle = slice(pattern.half // 2, pattern.half // 2 + pattern.half)
    support = support[middle, middle, middle].expand(seeds, -1, -1, -1)
    start = alone.to_scale(guess[::candidates] * support)
    random = polish(alone, start, 2 * iterations, support)
    tried = _Tried(*_in_scale(pattern, obj)).split(candidates)
    chance = _Tried(*_in_scale(alone, random)).split(1)
    return [_best(*each, judge) for each in zip(tried, chance, strict=True)]


class _Tried(NamedTuple):
    """Objects (batch, n, n, n) and their χ² in the field."""

    objects: torch.Tensor
    chi2: torch.Tensor

    def split(self, size: int) -> list[_Tried]:
        """So many to each."""
        return [
            _Tried(self.objects[first : first + size], self.chi2[first : first + size])
            for first in range(0, len(self.chi2), size)
        ]


def _best(predicted: _Tried, random: _Tried, judge: Scores | None) -> Prediction:
    """What is to be taken of the predictions for one seed and of its random start."""
    scores = [each.chi2 if judge is None else judge(each.objects) for each in (predicted, random)]
    score, lucky = (each.nan_to_num(torch.inf) for each in scores)
    first, *others = (predicted.objects[i] for i in score.argsort(stable=True).tolist())
    trusted = float(score.min()) <= TIE * float(lucky)
    lot = random.objects[0]
    best = (first, *others, lot) if trusted else (lot, first, *others)
    chi2 = float(predicted.chi2[int(score.argmin())])
    return Prediction(best[0], chi2, float(random.chi2), trusted, best[1:])


def _in_scale(pattern: Pattern, obj: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Objects in the scale that fits best, and their χ²."""
    obj, wave = pattern.scaled(obj, pattern.wave(obj))
    return obj, pattern.chi2(wave).nan_to_num(torch.inf)
