"""CNN: the trained prediction of object and support, as a phasing algorithm like any other."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from ..errors import ParameterError
from ..fourier import to_reciprocal
from ..nn import kinds, weights
from ..nn.field import Field
from ..nn.judge import Judge
from ..nn.network import Network
from ..nn.predict import Prediction, predictions
from ..physics.projections import blur, modulus
from .base import OPEN, Operator, whole, within
from .search import SEARCH, search

if TYPE_CHECKING:
    from ..physics.moduli import Moduli
    from ..physics.state import State

TOGETHER = 16  # predictions that a GPU makes at once


@dataclass(frozen=True)
class CNN(Operator):
    """Trained prediction of object and support from the pattern alone, in a fraction of a second.

    The pattern is brought into the network's field, whatever its shape and oversampling, and the
    prediction back. Each seed draws `candidates` starts of random phases. On each, network and
    `polish` iterations of HIO and ER in the field, which is small, take turns, and the one that foretells
    the held-out voxels best is taken, so that seeds give different objects.

    A random start in the support of the autocorrelation gets the same iterations alone. Where it foretells
    the held-out voxels clearly better, the prediction is no better than chance: a note says so and that
    start is taken instead. Where an earlier algorithm has reached an object that is nearer still, all stays
    as it is. ``cnn_chi2`` and ``cnn_chi2_chance`` among the metrics are the χ² of the two in the field;
    ``cnn_used`` is 1 where the prediction was taken, else 0.

    `search` iterations of SEARCH follow at once: 0 here, where ``n*SEARCH`` stands in the chain, and in cohere
    as many as the default chain has, since what comes after it there is slower.

    Source: "Supervised Learning Approach" of the paper; the presets differ, see their cards.
    """

    weights: str = OPEN
    candidates: int = OPEN
    polish: int = OPEN
    threshold: float = OPEN
    search: int = OPEN
    counts: ClassVar = False
    makes_start: ClassVar = True
    keys: ClassVar = {
        "weights": "cnn_weights",
        "candidates": "cnn_candidates",
        "polish": "cnn_polish",
        "threshold": "cnn_support_threshold",
        "search": "cnn_search",
    }
    defaults: ClassVar = {
        "weights": "fast",
        "candidates": 2,
        "polish": 20,
        "threshold": 0.2,
        "search": 0,
    }

    def __post_init__(self) -> None:
        if self.weights is not OPEN and not isinstance(self.weights, str):
            raise ParameterError(
                f"cnn_weights = {self.weights!r}: give the name of a preset or of a file"
            )
        whole("cnn_candidates", self.candidates, 1, 64)
        whole("cnn_search", self.search, 0)
        whole("cnn_polish", self.polish, 0, 10_000)
        within("cnn_support_threshold", self.threshold, 0.01, 0.9)

    def check(self) -> None:
        """Raise WeightsError where the weights cannot be had."""
        weights.load(self.weights)

    def _step(self, state: State, data: Moduli) -> None:
        taken = self.start(state, data, range(len(state.seeds)))
        if self.search:
            search(SEARCH().bind({}), state, data, taken, self.search)

    def start(self, state: State, data: Moduli, runs: Iterable[int]) -> list[int]:
        """Predict for some runs of the batch, and take what explains the pattern best; which were taken."""
        starts = []
        preset, network = _network(self.weights, state.object.device)
        data = data.judged()
        place = Field.of(data, preset.field)
        seen, judge = place.to_field(data), Judge(place, data)
        runs = list(runs)
        # Draw from copies: where nothing is taken from here, later algorithms draw as without CNN.
        drawn = [_copy(state.seeds[index].generator) for index in runs]
        given = preset, network, seen, self.candidates, self.polish
        predict = partial(predictions, *given, judge=judge)
        # A GPU takes several seeds at once. On a CPU that is no faster, and what a convolution rounds depends
        # on how many there are, so each seed goes alone.
        many = max(1, TOGETHER // self.candidates) if state.object.is_cuda else 1
        predicted = in_batches(predict, drawn, many)
        for index, numbers, found in zip(runs, drawn, predicted, strict=True):
            seed = state.seeds[index]
            bring = partial(_bring, place, data, state.object.dtype, self.threshold)
            obj, support, chi2 = bring(found.object)
            reached = torch.tensor(torch.inf)
            if not seed.fresh:
                reached = _to_scale(state.object[index] * state.support[index], data)[1]
            taken = bool(chi2 < reached)  # NaN is not taken
            if taken:
                state.object[index], state.support[index] = obj, support
                seed.fresh = seed.from_random = seed.found = False
                seed.others = [partial(bring, other) for other in found.others]
                starts.append(index)
                seed.generator.set_state(numbers.get_state())
            else:
                seed.note(
                    f"CNN explains the pattern no better (χ² {chi2:.2g}) than what was there "
                    f"({reached:.2g}), which is kept"
                )
            if not found.trusted:
                seed.note(
                    f"CNN: its prediction (χ² {found.chi2:.2g} in its field) is no better than a "
                    f"random start with the same iterations ({found.chance:.2g}), which takes its place"
                )
            seed.figures.update(
                cnn_chi2=found.chi2,
                cnn_chi2_chance=found.chance,
                cnn_used=float(taken and found.trusted),
            )
        return starts


def in_batches(
    predict: Callable[[Sequence[torch.Generator]], list[Prediction]],
    generators: Sequence[torch.Generator],
    many: int,
) -> list[Prediction]:
    """Predictions for seeds, `many` at a time: always as many, for the bits of a seed may depend on it."""
    found: list[Prediction] = []
    for first in range(0, len(generators), many):
        some = generators[first : first + many]
        idle = [torch.Generator() for _ in range(many - len(some))]
        found += predict([*some, *idle])[: len(some)]
    return found


def _copy(generator: torch.Generator) -> torch.Generator:
    return torch.Generator().set_state(generator.get_state())


def _bring(
    place: Field, data: Moduli, kind: torch.dtype, threshold: float, found: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Object, support (z, y, x) and χ² on the data of what was found in the field."""
    obj = place.to_data(found[None])[0].to(kind)
    support = where(obj, threshold)
    obj, chi2 = _to_scale(obj * support, data)
    return obj, support, chi2


def _network(source: str, device: torch.device) -> tuple[Network, nn.Module]:
    network, card = weights.load(source)
    if device.type != "cpu":
        network = _moved(card.checksum, source, device)
    kind = kinds.find(card.preset)
    return kind, kinds.quickest(kind, network, device)


@lru_cache(maxsize=2)
def _moved(checksum: str, source: str, device: torch.device) -> nn.Module:
    """The weights of that checksum on another device."""
    return copy.deepcopy(weights.load(source)[0]).to(device)


def where(obj: torch.Tensor, threshold: float) -> torch.Tensor:
    """Support of an object (z, y, x): where its blurred amplitude reaches a share of its own rms."""
    blurred = blur(modulus(obj[None]), 1.0)[0]
    bright = blurred > 0.5 * blurred.max()
    support: torch.Tensor = blurred >= threshold * blurred[bright].square().mean().sqrt()
    return support


def _to_scale(obj: torch.Tensor, data: Moduli) -> tuple[torch.Tensor, torch.Tensor]:
    """Object in the scale that fits the data best, and its χ² over the fitted voxels."""
    model, known = modulus(to_reciprocal(obj)[None])[0], data.amplitude
    if data.unfitted is not None:
        model = model.mul_(1 - data.unfitted)  # the amplitude is 0 there too
    scale = torch.linalg.vecdot(model.flatten(), known.flatten()) / model.square().sum()
    return scale * obj, (scale * model - known).square().sum() / data.power
