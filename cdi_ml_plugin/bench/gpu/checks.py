"""Whether a device computes what the CPU does, and a seed in company what it does alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ...data.measurement import Measurement
from ...data.result import Run
from ...engine import loop
from ...engine.plan import Plan
from ...engine.progress import Progress
from ...engine.start import Start
from ...physics.alignment import object_error
from ...physics.moduli import HELD_OUT
from ..cnn import HELD_OUT_CRYSTALS, crystal
from .scale import Chain, Scale, Task, Tasks

DEVICES = "Devices and precisions"
SEEDS = "Seeds, together and alone"
CRYSTAL = 3  # its number
SAME = 0.01  # object error between two devices below which they have found the same
ROUNDING = 3.0  # times what single precision makes of a chain, on the CPU alone
ALIKE = 0.05  # of χ²
OTHER = "NOT the same"

CPU = torch.device("cpu")


class Found(NamedTuple):
    """Runs of one chain, and how long they took."""

    runs: list[Run]
    seconds: float


def tasks(scale: Scale, device: torch.device) -> Tasks:
    """Rows of the two tables of checks."""
    measurement, truth = crystal(CRYSTAL, replace(HELD_OUT_CRYSTALS, field=scale.voxels))
    runs: dict[tuple[str, torch.device, str], Found] = {}

    def found(name: str, place: torch.device, precision: str) -> Found:
        key = (name, place, precision)
        if key not in runs:
            runs[key] = _run(measurement, scale.chains[name], [0], place, precision)
        return runs[key]

    def compared(
        name: str, one: tuple[torch.device, str], other: tuple[torch.device, str]
    ) -> dict[str, Any]:
        first, second = found(name, *one), found(name, *other)
        row = _differences(first, second, truth)
        if one[0] != other[0]:
            double = found(name, CPU, "double").runs[0].object
            rounding = object_error(first.runs[0].object, double)
            row["verdict"] = _verdict(row, rounding, name == next(iter(scale.chains)))
        return row

    pairs = [((CPU, "single"), (CPU, "double"))]
    if device.type != "cpu":
        pairs.append(((CPU, "single"), (device, "single")))
    for name in scale.chains:
        for one, other in pairs:
            label = f"{other[0].type}, {other[1]}, against {one[0].type}, {one[1]}"
            yield Task(
                DEVICES,
                {"chain": name, "voxels": scale.voxels, "what": label},
                partial(compared, name, one, other),
            )
    for name, chain in scale.chains.items():
        yield Task(
            SEEDS,
            {"chain": name, "voxels": scale.voxels, "seeds": scale.seeds},
            partial(_company, measurement, chain, scale.seeds, device),
        )


def _run(
    measurement: Measurement,
    chain: Chain,
    seeds: Sequence[int],
    device: torch.device,
    precision: str = "single",
) -> Found:
    """All seeds in one batch, whatever the device."""
    plan = Plan.of(chain.sequence, chain.parameters).on(measurement, HELD_OUT, device, precision)
    began = time.perf_counter()
    runs = loop.run(plan, seeds, Start(), [], Progress(False, plan.step.iterations))
    return Found(runs, time.perf_counter() - began)


def _differences(first: Found, second: Found, truth: NDArray[Any]) -> dict[str, Any]:
    (one,), (other,) = first.runs, second.runs
    return {
        "object error between them": object_error(other.object, one.object),
        "χ²": one.metrics["chi2"],
        "χ², other": other.metrics["chi2"],
        "held-out χ²": one.metrics["chi2_held_out"],
        "held-out χ², other": other.metrics["chi2_held_out"],
        "error to the truth": object_error(one.object, truth),
        "error to the truth, other": object_error(other.object, truth),
        "s": first.seconds,
        "s, other": second.seconds,
    }


def _verdict(row: dict[str, Any], rounding: float, short: bool) -> str:
    """What two devices came to; `rounding` is what the chain makes of single precision by itself."""
    apart = row["object error between them"]
    if apart <= SAME:
        return "the same"
    if short:
        return OTHER
    if apart <= ROUNDING * rounding:
        return "as far apart as rounding brings it"
    if abs(row["χ²"] - row["χ², other"]) <= ALIKE * row["χ²"]:
        return "another object of the same χ²"
    return OTHER


def _company(
    measurement: Measurement, chain: Chain, count: int, device: torch.device
) -> dict[str, Any]:
    with _one_thread(device):
        together = _run(measurement, chain, range(count), device)
        alone = [_run(measurement, chain, [seed], device) for seed in range(count)]
        again = _run(measurement, chain, [0], device)
    objects = [run.object for run in together.runs]
    others = [found.runs[0].object for found in alone]
    apart = [_apart(one, other) for one, other in zip(objects, others, strict=True)]
    return {
        "to the bit": sum(distance == 0 for distance in apart),
        "furthest apart": max(apart),
        "alone twice": _apart(again.runs[0].object, others[0]),
        "s, together": together.seconds,
        "s, one by one": sum(found.seconds for found in alone),
    }


def _apart(one: NDArray[Any], other: NDArray[Any]) -> float:
    """‖one − other‖ / ‖other‖, 0 where they are the same to the bit."""
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


@contextmanager
def _one_thread(device: torch.device) -> Iterator[None]:
    """On several threads of a CPU torch cuts a batch elsewhere than a single array, and rounds so."""
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
