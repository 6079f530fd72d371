"""CNN: the trained prediction of object and support, as a phasing algorithm like any other."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from ..errors import ParameterError
from ..fourier import to_reciprocal
from ..nn import weights
from ..nn.canonical import Canonical
from ..nn.losses import chi_square
from ..nn.predict import PRESETS, Pattern, Preset, estimate, first_guess
from ..projections import blur, modulus
from .base import OPEN, Operator, whole, within

if TYPE_CHECKING:
    from ..state import Data, State


@dataclass(frozen=True)
class CNN(Operator):
    """Trained prediction of object and support from the pattern alone, in a fraction of a second.

    The pattern is brought into the network's field, whatever its shape and oversampling, and the
    prediction back. Each seed takes the best by χ² of `candidates` predictions that start from
    different random phases, so that seeds give different objects. The object that was there before
    (random phases within the autocorrelation's support, or what an earlier algorithm reached) is
    kept, and a note says so, where the prediction explains the pattern no better.

    ``cnn_chi2`` and ``cnn_chi2_before`` among the metrics are the two that were compared,
    ``cnn_used`` is 1 or 0.

    Source: "Supervised Learning Approach" of the paper; the presets differ, see their cards.
    """

    weights: str = OPEN
    candidates: int = OPEN
    threshold: float = OPEN
    counts: ClassVar = False
    keys: ClassVar = {
        "weights": "cnn_weights",
        "candidates": "cnn_candidates",
        "threshold": "cnn_support_threshold",
    }
    defaults: ClassVar = {"weights": "fast", "candidates": 4, "threshold": 0.2}

    def __post_init__(self) -> None:
        if self.weights is not OPEN and not isinstance(self.weights, str):
            raise ParameterError(
                f"cnn_weights = {self.weights!r}: give the name of a preset or of a file"
            )
        whole("cnn_candidates", self.candidates, 1, 64)
        within("cnn_support_threshold", self.threshold, 0.01, 0.9)

    def check(self) -> None:
        """Raise WeightsError where the weights cannot be had."""
        weights.load(self.weights)

    def _step(self, state: State, data: Data) -> None:
        preset, network = _network(self.weights, state.object.device)
        canonical = Canonical.of(data, preset.field)
        seen = canonical.to_field(data)
        for index, generator in enumerate(state.generators):
            predicted = predict(preset, network, seen, self.candidates, generator)
            obj = canonical.to_data(predicted[None])[0].to(state.object.dtype)
            support = where(obj, self.threshold)
            obj, chi2 = _fitted(obj * support, data)
            before = _fitted(state.object[index] * state.support[index], data)[1]
            used = bool(chi2 < before)
            state.figures[index].update(
                cnn_chi2=float(chi2), cnn_chi2_before=float(before), cnn_used=float(used)
            )
            if used:
                state.object[index], state.support[index] = obj, support
                state.fresh = False
            else:
                state.note(
                    index,
                    f"CNN explains the pattern no better (χ² {float(chi2):.2g}) than what was there "
                    f"({float(before):.2g}), which is kept",
                )


@lru_cache(maxsize=2)
def _network(source: str, device: torch.device) -> tuple[Preset, nn.Module]:
    network, card = weights.load(source)
    if device.type != "cpu":
        network = copy.deepcopy(network).to(device)
    return PRESETS[card.preset], network


@torch.no_grad()
def predict(
    preset: Preset,
    network: nn.Module,
    seen: tuple[torch.Tensor, torch.Tensor],
    candidates: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """Best of several predictions by χ² in the field; complex (n, n, n).

    Parameters
    ----------
    seen : float32 and bool (N, N, N)
        √I in the field and where it is known, centred.
    """
    count = candidates if preset.passes > 1 else 1  # the paper's network takes no guess
    field, known = (one.expand(count, -1, -1, -1) for one in seen)
    pattern = Pattern.of(field, known)
    guess = first_guess(pattern, [generator] * count)
    obj = estimate(preset, network, pattern, guess, preset.passes)
    obj, wave = pattern.scaled(obj, pattern.wave(obj))
    return obj[int(pattern.chi2(wave).argmin())]


def where(obj: torch.Tensor, threshold: float) -> torch.Tensor:
    """Support of an object (z, y, x): where its blurred amplitude reaches a share of its own rms."""
    blurred = blur(modulus(obj[None]), 1.0)[0]
    bright = blurred > 0.5 * blurred.max()
    support: torch.Tensor = blurred >= threshold * blurred[bright].square().mean().sqrt()
    return support


def _fitted(obj: torch.Tensor, data: Data) -> tuple[torch.Tensor, torch.Tensor]:
    """Object in the scale that fits the data best, and its χ² over the fitted voxels."""
    fitted = data.fitted
    model, measured = modulus(to_reciprocal(obj)[None])[0][fitted], data.amplitude[fitted]
    scale = (
        model @ measured if model.dim() == 1 else (model * measured).sum()
    ) / model.square().sum()
    return scale * obj, chi_square(scale * model, measured)
