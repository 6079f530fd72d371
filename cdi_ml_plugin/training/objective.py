"""One batch: draw it, predict it, judge the prediction."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ..nn import losses
from ..nn.network import Polar
from ..nn.pattern import Pattern
from ..nn.polish import polish
from ..nn.predict import estimate, first_guess, output, search
from ..physics.alignment import twin
from ..simulate.batch import Batch
from .recipe import Recipe

CHI2_WEIGHT = 0.5
NEAR_ENOUGH = 0.01  # of an object's norm: errors below this are no matter
SCAN_WEIGHT = 4.0  # of χ² alone: some hundredths, where the overlap beside it is some tenths
CHUNK = 32
CHAIN = (
    24  # iterations between two passes, half as many at the end: 60 of a network of three passes
)
SOLVED = 0.1  # squared error
SHORTEST, LONGEST = 6, 30  # iterations of a polish between two passes
HELD_OUT = 2**32  # of the seeds: no training step is that late
VALIDATION_SEED = 0  # one for all recipes, so that a fine-tuning is compared with its start


def generator(recipe: Recipe, device: torch.device, rank: int, step: int) -> torch.Generator:
    """Random numbers of one step on one process: a run can go on from any step."""
    mixed = np.random.SeedSequence((recipe.seed, rank, step)).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(mixed) >> 1)


def training_loss(
    recipe: Recipe,
    network: nn.Module,
    batch: Batch,
    numbers: torch.Generator,
    measured: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> torch.Tensor:
    """Loss of one batch, of a guess as a network that takes one can meet it.

    Parameters
    ----------
    measured : (modulus, known), optional
        Patterns (count, N, N, N) of unknown objects that go through the network in the same batch.
        They are judged by the physics alone: χ² of the predicted object's diffraction.
    """
    modulus, known = batch.modulus, batch.known
    if measured is not None:
        modulus, known = torch.cat([modulus, measured[0]]), torch.cat([known, measured[1]])
    pattern = Pattern.of(modulus, known)
    guess = _guess(recipe, network, pattern, numbers)
    obj, parts = _predicted(recipe, network, pattern, guess, 1)
    if measured is None:
        return _judge(recipe, obj, parts, batch, pattern).mean()
    count = len(batch.object)
    drawn = Pattern(pattern.modulus[:count], pattern.known[:count])
    scans, guessed = Pattern(pattern.modulus[count:], pattern.known[count:]), obj[count:]
    supervised = _judge(recipe, obj[:count], parts[:, :count], batch, drawn)
    physics = scans.misfit(guessed)
    return torch.cat([supervised, SCAN_WEIGHT * physics]).mean()


@torch.no_grad()
def _guess(
    recipe: Recipe, network: nn.Module, pattern: Pattern, numbers: torch.Generator
) -> torch.Tensor:
    """Random phases, or what some earlier passes made of them, half of them polished as in the chain.

    So the network learns to go on from its own output and to mend what HIO has come to: wrong
    phases, both twins at once, noise.
    """
    guess = first_guess(pattern, [numbers] * len(pattern.modulus))
    if recipe.network.passes == 1:
        return guess

    def drawn(top: int) -> int:
        return int(torch.randint(top + 1, (), generator=numbers, device=numbers.device))

    earlier = drawn(recipe.network.passes - 1)
    for turn in range(earlier + 1):
        if drawn(1):
            guess = polish(pattern, pattern.to_scale(guess), SHORTEST + drawn(LONGEST - SHORTEST))
        if turn < earlier:
            guess = estimate(recipe.network, network, pattern, guess, 1)
    return guess


def _predicted(
    recipe: Recipe, network: nn.Module, pattern: Pattern, guess: torch.Tensor, passes: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Objects (batch, n, n, n), and amplitude and phase (2, batch, n, n, n) that make them up."""
    kind = recipe.network
    if isinstance(kind, Polar):
        guess = estimate(kind, network, pattern, guess, passes - 1)
        found = output(kind, network, pattern, guess)
        parts = torch.stack(kind.amplitude_and_phase(found))
        return torch.polar(*parts), parts
    obj = estimate(kind, network, pattern, guess, passes)
    return obj, torch.stack([obj.abs(), obj.angle()])


def _judge(
    recipe: Recipe, obj: torch.Tensor, parts: torch.Tensor, batch: Batch, pattern: Pattern
) -> torch.Tensor:
    wave = pattern.wave(obj)

    def against(truth: torch.Tensor) -> torch.Tensor:
        if recipe.loss != "paper":
            return losses.overlap(obj, truth)
        return losses.supervised(parts[0], parts[1], truth, wave, pattern.modulus)

    loss = against(batch.object)
    if recipe.twin:
        loss = torch.minimum(loss, against(twin(batch.object)))
    if recipe.loss == "error":
        loss = (loss + NEAR_ENOUGH**2).sqrt() - NEAR_ENOUGH
    if recipe.loss != "paper":
        loss = loss + CHI2_WEIGHT * pattern.chi2(pattern.scaled(obj, wave)[1])
    return loss


def validate(
    recipe: Recipe, network: nn.Module, device: torch.device, count: int
) -> dict[str, float]:
    """Figures on patterns that are drawn apart from the training's, always the same.

    ``loss``: as in training, after all passes. ``error``: mean object error, the nearer twin, global
    phase and scale removed; ``error_median``; ``solved``: share with an error below 0.2; ``chi2``:
    median over the known voxels. ``chain``: share with a *squared* error below 0.1 after the passes
    with 60 iterations of HIO and ER between and behind them, as in the first steps of a chain.
    """
    seen = looked_at(recipe, network, device, count)
    return {
        "loss": float(seen.loss.mean()),
        "error": float(seen.error.mean()),
        "error_median": float(seen.error.median()),
        "solved": float((seen.error < 0.2).float().mean()),
        "chi2": float(seen.chi2.median()),
        "chain": float((seen.chain.square() < SOLVED).float().mean()),
    }


class Seen(NamedTuple):
    """Figures (count,) of held-out patterns, see `validate`, and which are of what family."""

    loss: torch.Tensor
    error: torch.Tensor
    chi2: torch.Tensor
    chain: torch.Tensor
    touched: dict[str, torch.Tensor]


@torch.no_grad()
def looked_at(recipe: Recipe, network: nn.Module, device: torch.device, count: int) -> Seen:
    """Draw held-out patterns and predict their objects."""
    found: list[tuple[torch.Tensor, ...]] = []
    touched: dict[str, list[torch.Tensor]] = {}
    training = network.training
    network.eval()
    apart = replace(recipe, seed=VALIDATION_SEED)
    for first in range(0, count, CHUNK):
        # drawn on the CPU, so that they are the same whatever trains
        numbers = generator(apart, torch.device("cpu"), 0, HELD_OUT + first)
        batch = recipe.particles.draw(min(CHUNK, count - first), numbers)
        for name, which in batch.touched.items():
            touched.setdefault(name, []).append(which + first)
        batch = batch.to(device)
        pattern = Pattern.of(batch.modulus, batch.known)
        guess = first_guess(pattern, [numbers] * len(batch.object))
        obj, parts = _predicted(recipe, network, pattern, guess, recipe.network.passes)
        chain = search(recipe.network, network, pattern, guess, CHAIN)
        found.append(
            (
                _judge(recipe, obj, parts, batch, pattern),
                object_error(obj, batch.object),
                pattern.misfit(obj),
                object_error(chain, batch.object),
            )
        )
    network.train(training)
    loss, error, chi2, chains = (torch.cat(each) for each in zip(*found, strict=True))
    kinds = {name: torch.cat(each) for name, each in touched.items()}
    return Seen(loss, error, chi2, chains, kinds)


def object_error(obj: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Error of objects (batch,), the nearer twin, global phase and scale removed."""
    squared = torch.minimum(losses.overlap(obj, truth), losses.overlap(obj, twin(truth)))
    return squared.clamp_min(0).sqrt()
