"""``cdi-ml bench refine``: what an epoch costs, and what REFINE adds on strongly strained crystals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from ..data.measurement import Measurement
from ..engine.run import reconstruct
from ..fourier import diffraction
from ..physics.alignment import object_error
from ..simulate.batch import Particles
from . import cnn as bench_cnn
from .cnn import Case

# Strain that random starts seldom solve; Poisson noise, nothing else that disturbs.
STRAINED = Particles(
    field=64,
    families=("superellipsoid", "faceted", "dislocation", "oversampling", "noise"),
    phase=(4.0, 10.0),
    fill=(0.33, 0.88),
    fine=1,
    counts=(7.0, 9.0),
)
END = "50*ER"
# About the same time each on one core, at 64³: an epoch is as long as 20 to 40 iterations.
CHAINS = {
    "ER/HIO": (f"6*(20*ER + 180*HIO) + {END}", 1),
    "CNN + ER/HIO": (f"CNN + 6*(20*ER + 180*HIO) + {END}", 1),
    "REFINE + ER/HIO": (f"30*REFINE(rate=0.003) + 3*(20*ER + 180*HIO) + {END}", 1),
    "CNN + REFINE + ER/HIO": (f"CNN + 30*REFINE + 3*(20*ER + 180*HIO) + {END}", 1),
    "CNN + ER/HIO + REFINE": (
        f"CNN + 3*(20*ER + 180*HIO) + 20*ER + 30*REFINE + {END}",
        1,
    ),
    "CNN + ER/HIO + MLE": ("CNN + 6*(20*ER + 180*HIO) + 20*ER + 50*MLE", 1),
}
EPOCHS = 10
GAP = 4  # voxels
KINDS = {
    "default": "REFINE",
    "untrained, the paper's network": "REFINE(network='paper', channels=16, rate=0.006)",
    "transfer from `fast`": "REFINE(weights='fast')",
}


def strained(numbers: Iterable[int]) -> Iterator[Case]:
    """Strongly strained crystals, one start of each chain for each."""
    for index in numbers:
        measurement, truth = bench_cnn.crystal(index, STRAINED)
        yield Case(f"strained {index}", measurement, truth, 0)


def speed_table(device: str) -> Iterator[str]:
    """Lines of milliseconds an epoch at 64³, for an object that fills a third of each axis."""
    yield f"torch {torch.__version__}, {torch.get_num_threads()} threads, {device}"
    measurement, truth = bench_cnn.crystal(3, STRAINED)
    for name, step in KINDS.items():
        seconds = []
        for epochs in (2, 2, 2 + EPOCHS):  # the first pays for what is loaded and set up once
            result = reconstruct(measurement, f"{epochs}*{step}", start=truth, device=device)
            seconds.append(result.seconds)
        yield f"REFINE, {name}: {1e3 * (seconds[2] - seconds[1]) / EPOCHS:.0f} ms an epoch"


def gap_table(numbers: Iterable[int], device: str) -> Iterator[str]:
    """Lines: object errors with a band of voxels masked, and without, after the same chain."""
    chain = f"CNN + 3*(20*ER + 180*HIO) + 20*ER + 30*REFINE + {END}"
    ratios = []
    for index in numbers:
        _, truth = bench_cnn.crystal(index, STRAINED)
        intensity = diffraction(truth)
        counts = np.random.default_rng(index).poisson(intensity * (3e7 / intensity.sum()))
        mask = np.zeros(truth.shape, dtype=bool)
        first = truth.shape[1] // 2 + 6
        mask[:, first : first + GAP] = True
        errors = [
            min(object_error(run.object, truth) for run in result.runs)
            for result in (
                reconstruct(Measurement(counts, hidden), chain, seeds=3, device=device)
                for hidden in (None, mask)
            )
        ]
        ratios.append(errors[1] / errors[0])
        yield (
            f"strained {index}: object error {errors[0]:.4f}, with a gap of {GAP} voxels "
            f"{errors[1]:.4f} ({ratios[-1]:.2f} times; best of 3 starts)"
        )
    if ratios:
        yield f"median of the ratios {np.median(ratios):.2f}"


def compare(crystals: Iterable[int], out: Path) -> Iterator[str]:
    """Phase strongly strained crystals by every chain, resumable as `bench_cnn.compare`."""
    yield from bench_cnn.compare(strained(crystals), out, CHAINS)
