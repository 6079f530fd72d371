"""Milliseconds of algorithms, predictions and fits, and patterns a second in training."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...data.measurement import Measurement
from ...engine.plan import Plan
from ...engine.start import fresh_state
from ...fourier import diffraction, to_direct, to_reciprocal
from ...nn import kinds, weights
from ...nn.field import Field
from ...nn.pattern import InField, Pattern
from ...nn.predict import first_guess
from ...physics.moduli import HELD_OUT, Moduli
from ...simulate.particle import strained_crystal
from ...training.objective import generator, training_loss
from ...training.recipe import Recipe
from ...training.single import Mixed, Single
from ...utils.device import half_pays
from ..cnn import there_and_back
from ..engine import STOCK_PARAMETERS
from .scale import Scale, Task, Tasks

ALGORITHMS = "An iteration, ms"
PREDICTION = "A prediction, there and back, ms"
NETWORKS = "A network alone, ms"
REFINE = "An epoch of REFINE, ms"
TRAINING = "A step of training, ms"
WORDS = ("ER", "HIO", "MLE", "SEARCH")
LONG = 10_000  # iterations: more than are timed
PRECISIONS = ("32-true", "bf16-mixed")
STEPS = (3, 20)  # of training that are timed, at least and at most


def tasks(scale: Scale, device: torch.device) -> Tasks:
    """Rows of all tables."""
    for voxels, seeds in scale.algorithms:
        row = {"voxels": voxels, "seeds": seeds}
        yield Task(ALGORITHMS, row, partial(_iterations, voxels, seeds, scale.budget, device))
    for voxels, batch in product(scale.predicted, scale.batches):
        row = {"voxels": voxels, "candidates": batch}
        yield Task(PREDICTION, row, partial(_prediction, voxels, batch, scale.budget, device))
    for name, batch in product(kinds.every(), scale.batches):
        named = {"network": name, "batch": batch}
        yield Task(NETWORKS, named, partial(_network, name, batch, scale.budget, device))
    for name, step in scale.refined.items():
        fitted = {"network": name, "voxels": scale.voxels}
        yield Task(REFINE, fitted, partial(_epoch, step, scale.voxels, scale.budget, device))
    for batch, precision in product(scale.trained, PRECISIONS):
        trained = {"batch": batch, "precision": precision}
        yield Task(TRAINING, trained, partial(_training, batch, precision, scale.budget, device))


def milliseconds(action: Callable[[], object], budget: float, device: torch.device) -> float:
    """Of one call: the median of some blocks of calls, which take `budget` seconds in all.

    A block ends when the device is done, so that calls follow each other as in a loop.
    """
    once = _seconds(action, 1, device)
    if once > 4 * budget:
        return 1e3 * once
    once = _seconds(action, 1, device)  # without what is loaded and set up once
    if once > budget:
        return 1e3 * once
    blocks = 5 if 5 * once < budget else 1
    calls = min(50, max(1, int(budget / (blocks * once))))
    return 1e3 * float(np.median([_seconds(action, calls, device) for _ in range(blocks)]))


def _seconds(action: Callable[[], object], calls: int, device: torch.device) -> float:
    _finish(device)
    began = time.perf_counter()
    for _ in range(calls):
        action()
    _finish(device)
    return (time.perf_counter() - began) / calls


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@lru_cache(maxsize=1)
def _measurement(voxels: int) -> Measurement:
    rng = np.random.default_rng(0)
    crystal = strained_crystal((voxels,) * 3, np.eye(3), size=voxels / 3.5, rng=rng)
    intensity = diffraction(crystal)
    return Measurement(rng.poisson(intensity * (1e7 / intensity.sum())))


def _pair(voxels: int, seeds: int, budget: float, device: torch.device) -> float:
    wave = torch.randn((seeds, voxels, voxels, voxels), dtype=torch.complex64, device=device)
    return milliseconds(lambda: to_direct(to_reciprocal(wave)), budget, device)


@torch.no_grad()
def _iterations(voxels: int, seeds: int, budget: float, device: torch.device) -> dict[str, Any]:
    measurement = _measurement(voxels)
    row = {"FFT pair": _pair(voxels, seeds, budget, device)}
    for word in WORDS:
        plan = Plan.of(f"10*ER + {word}", STOCK_PARAMETERS)
        job = plan.on(measurement, HELD_OUT, device, "single")
        state = fresh_state(job, range(seeds))
        first, last = (block.operator for block in job.step.blocks())
        for _ in range(10):
            first.step(state, job.data)
        last.begin(state, job.data, LONG)
        row[word] = milliseconds(partial(last.step, state, job.data), budget, device)
    return row


def _prediction(voxels: int, batch: int, budget: float, device: torch.device) -> dict[str, Any]:
    network, card = weights.load("fast")
    preset = kinds.find(card.preset)
    moved = kinds.quickest(preset, copy.deepcopy(network).to(device), device)
    data = Moduli.of(_measurement(voxels), HELD_OUT, device)
    whole = partial(there_and_back, preset, moved, data, batch)

    def way() -> None:
        place = Field.of(data, preset.field)
        modulus, _ = place.to_field(data)
        half = preset.field // 2
        place.to_data(modulus[None, :half, :half, :half].to(torch.complex64))

    return {
        "there and back alone": milliseconds(way, budget, device),
        "all": milliseconds(whole, budget, device),
    }


@torch.no_grad()
def _network(name: str, batch: int, budget: float, device: torch.device) -> dict[str, Any]:
    kind = kinds.find(name)
    network = kinds.made(kind).eval().to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    field = torch.rand((batch, *[kind.field] * 3), device=device)
    pattern = Pattern.of(field, torch.ones_like(field, dtype=torch.bool))
    guess = first_guess(pattern, [torch.Generator()] * batch)
    features = kinds.handed(kind, InField(kind, pattern, guess))
    row: dict[str, Any] = {}
    for precision in PRECISIONS:
        if _pays(precision, device):
            mixed = Mixed(network, precision == PRECISIONS[1])
            row[precision] = milliseconds(partial(mixed, features), budget, device)
    return row


def _epoch(step: str, voxels: int, budget: float, device: torch.device) -> dict[str, Any]:
    job = Plan.of(f"10*ER + {step}", STOCK_PARAMETERS).on(
        _measurement(voxels), HELD_OUT, device, "single"
    )
    with torch.no_grad():
        state = fresh_state(job, [0])
        first, fit = (block.operator for block in job.step.blocks())
        for _ in range(10):
            first.step(state, job.data)
        state.seeds[0].fresh = False
        fit.begin(state, job.data, LONG)
        once = milliseconds(partial(fit.step, state, job.data), budget, device)
    (run,) = state.memory["runs"]
    edge = "×".join(str(part.stop - part.start) for part in run.fit.box)
    return {"box": edge, "ms": once, "bfloat16": "yes" if run.fit.half else "no"}


def _pays(precision: str, device: torch.device) -> bool:
    return precision == PRECISIONS[0] or half_pays(device)


def _training(batch: int, precision: str, budget: float, device: torch.device) -> dict[str, Any]:
    """Draw, forward, back; means, since what a step does is drawn too."""
    if not _pays(precision, device):
        return {"note": f"no bfloat16 in this {device.type}"}
    recipe = Recipe(batch=batch)
    network = kinds.made(recipe.network).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    (optimiser,) = recipe.optimisers(network)
    fabric = Single(device, precision, Path())
    network, optimiser = fabric.setup(network, optimiser)
    spent = {"draw": 0.0, "forward": 0.0, "back": 0.0}

    @contextmanager
    def counted(part: str) -> Iterator[None]:
        _finish(device)
        began = time.perf_counter()
        yield
        _finish(device)
        spent[part] += time.perf_counter() - began

    def one(number: int) -> None:
        numbers = generator(recipe, device, 0, number)
        with counted("draw"):
            drawn = recipe.particles.draw(batch, numbers)
        with counted("forward"):
            loss = training_loss(recipe, network, drawn, numbers)
        with counted("back"):
            optimiser.zero_grad()
            fabric.backward(loss)
            fabric.clip_gradients(network, optimiser, 1.0, False)
            optimiser.step()

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    one(0)
    spent = dict.fromkeys(spent, 0.0)
    least, most = STEPS
    steps = 0
    while steps < least or (steps < most and sum(spent.values()) < 6 * budget):
        steps += 1
        one(steps)
    row: dict[str, Any] = {part: 1e3 * seconds / steps for part, seconds in spent.items()}
    row["patterns a second"] = batch * steps / sum(spent.values())
    if device.type == "cuda":
        row["GB"] = torch.cuda.max_memory_allocated(device) / 1e9
    return row
