"""How much is measured: on a GPU, on a CPU, and in a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from ...engine.parameters import DEFAULT_SEQUENCE
from ..engine import STOCK, STOCK_PARAMETERS

REFINE = {"fast": "REFINE", "paper": "REFINE(network='paper', channels=16, rate=0.006)"}


class Task(NamedTuple):
    """A row of a table: what tells it from the others, and how its figures are had."""

    table: str
    row: dict[str, Any]
    measure: Callable[[], dict[str, Any]]


Tasks = Iterator[Task]


class Chain(NamedTuple):
    """What is run in a check."""

    sequence: str
    parameters: Mapping[str, Any] = {}


CHAINS = {
    "short": Chain("10*ER + 15*HIO + 10*ER", STOCK_PARAMETERS),
    "ER/HIO": Chain(STOCK, STOCK_PARAMETERS),
    "default": Chain(DEFAULT_SEQUENCE),
    "REFINE and MLE": Chain("CNN + 100*SEARCH + 20*ER + 20*REFINE + 20*ER + 50*MLE"),
}


@dataclass(frozen=True)
class Scale:
    """Sizes of everything.

    Parameters
    ----------
    voxels : int
        Of the crystals that chains are checked on, along an axis.
    chains : mapping
        Name → chain, for the checks. The first one is too short for rounding to grow.
    seeds : int
        That run together in a check.
    algorithms : tuple of (voxels, seeds)
        For the milliseconds of an iteration.
    predicted : tuple of int
        Voxels along an axis of what is predicted from.
    batches : tuple of int
        Objects that a network predicts at once.
    trained : tuple of int
        Patterns in a step of training; the last but one goes into the training that follows.
    refined : mapping
        Name → REFINE, for the milliseconds of an epoch.
    budget : float
        Seconds for a figure.
    validated : int
        Patterns of a validation.
    reserve : float
        Minutes that the end of the training takes: validation, and writing.
    save_every : float
        Minutes between two checkpoints.
    """

    voxels: int = 64
    chains: Mapping[str, Chain] = field(default_factory=lambda: CHAINS)
    seeds: int = 8
    algorithms: tuple[tuple[int, int], ...] = (
        (64, 1), (64, 8), (128, 1), (128, 8), (256, 1), (256, 8),
    )  # fmt: skip
    predicted: tuple[int, ...] = (64, 128, 256)
    batches: tuple[int, ...] = (1, 8, 32)
    trained: tuple[int, ...] = (16, 64, 256, 1024)
    refined: Mapping[str, str] = field(default_factory=lambda: REFINE)
    budget: float = 0.5
    validated: int = 512
    reserve: float = 0.75
    save_every: float = 1.0


GPU = Scale()
CPU = Scale(
    chains=CHAINS | {"ER/HIO": Chain("20*ER + 150*HIO + 20*ER", STOCK_PARAMETERS)},
    seeds=2,
    algorithms=((64, 1), (64, 8), (128, 1)),
    predicted=(64, 128),
    trained=(16, 32),
    validated=128,
    reserve=0.4,
)
QUICK = Scale(
    voxels=32,
    chains={
        "short": Chain("3*ER + 5*HIO + 3*ER", STOCK_PARAMETERS),
        "default": Chain("CNN + 20*SEARCH + 5*ER"),
        "REFINE and MLE": Chain("CNN + 5*ER + 2*REFINE(channels=4) + 5*MLE"),
    },
    seeds=2,
    algorithms=((32, 1), (32, 2)),
    predicted=(32,),
    batches=(1, 2),
    trained=(2, 4),
    refined={"fast": "REFINE(channels=4)"},
    budget=0.02,
    validated=4,
    reserve=0.0,
)


def scale(device: torch.device, quick: bool) -> Scale:
    """What is measured on a device."""
    if quick:
        return QUICK
    return CPU if device.type == "cpu" else GPU
