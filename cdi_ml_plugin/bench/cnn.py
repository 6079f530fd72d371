"""``cdi-ml bench cnn``: what a prediction costs, and how often a chain that begins with it succeeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..data.measurement import Measurement, data_digest
from ..engine.kept import weights_digests
from ..engine.run import reconstruct
from ..fourier import diffraction
from ..nn import kinds
from ..nn.field import Field
from ..nn.judge import Judge
from ..nn.network import Network
from ..nn.pattern import Pattern
from ..nn.predict import estimate, first_guess, predict
from ..operators.cnn import CNN
from ..operators.sequence import parse
from ..physics.alignment import object_error
from ..physics.moduli import HELD_OUT, Moduli
from ..simulate.batch import Particles
from .engine import medians
from .table import append, read, table

SHAPES = ((64, 64, 64), (128, 128, 128), (210, 256, 256))
# The stock sequence cut short would end with HIO, whose iterates are no objects: each ends with ER.
CHAINS = {
    60: "10*ER + 30*HIO + 20*ER",
    200: "20*ER + 130*HIO + 50*ER",
    620: "3*(20*ER + 160*HIO) + 80*ER",
}
# What is phased: any strain, an oversampling of 2.3 to 6 along each axis; the dimmest voxel is one count.
HELD_OUT_CRYSTALS = Particles(
    field=64,
    families=(
        "superellipsoid",
        "faceted",
        "dislocation",
        "oversampling",
        "noise",
        "gaps",
        "coherence",
    ),
    phase=(0.0, 10.0),
    fill=(0.33, 0.88),
    fine=1,
    counts=(6.5, 9.0),
)
FIRST_SEED = 900_000_000  # no training step draws from these


class Case(NamedTuple):
    """One thing to phase; the object that it came from, where that is known."""

    name: str
    measurement: Measurement
    truth: NDArray[np.complex64] | None
    seed: int


def crystal(
    index: int, particles: Particles = HELD_OUT_CRYSTALS
) -> tuple[Measurement, NDArray[np.complex64]]:
    """One held-out crystal: its measurement, of `particles.field` voxels, and the object that it came from."""
    drawn = particles.draw(1, torch.Generator().manual_seed(FIRST_SEED + index))
    intensity = drawn.modulus[0].square().numpy()
    smallest = float(intensity[intensity > 0].min())  # that is one count
    truth = np.pad(drawn.object[0].numpy(), particles.field // 4)
    return Measurement(np.rint(intensity / smallest), (~drawn.known[0]).numpy()), truth


def speed_table(device: str) -> Iterator[str]:
    """Lines of milliseconds: the network alone by batch, and a prediction by the data's shape."""
    place = torch.device(device)
    yield f"torch {torch.__version__}, {torch.get_num_threads()} threads, {device}"
    for name, preset in kinds.every().items():
        # the time does not depend on the weights
        network = kinds.made(preset).eval().to(place, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        network = kinds.quickest(preset, network, place)
        for batch in (1, 4, 16):
            field = torch.rand((batch, *[preset.field] * 3), device=place)
            pattern = Pattern.of(field, torch.ones_like(field, dtype=torch.bool))
            guess = first_guess(pattern, [torch.Generator()] * batch)

            def one(
                preset: Any = preset,
                network: Any = network,
                pattern: Any = pattern,
                guess: Any = guess,
            ) -> None:
                with torch.no_grad():
                    estimate(preset, network, pattern, guess, 1)

            (once,) = medians([one], 6, device)
            yield f"{name}, one pass of {batch}: {once:.1f} ms"
        for shape in SHAPES:
            data = Moduli.of(_box(shape), HELD_OUT, place)

            whole = partial(there_and_back, preset, network, data, CNN.defaults["candidates"])
            yield f"{name}, CNN on {'×'.join(map(str, shape))}: {medians([whole], 6, device)[0]:.0f} ms"


def _box(shape: tuple[int, int, int]) -> Measurement:
    """10⁸ photons of a box that is a third of the array wide: oversampled 3 times along each axis, as scans are."""
    box = np.zeros(shape, np.complex64)
    box[tuple(slice(n // 2 - n // 6, n // 2 + n // 6) for n in shape)] = 1
    intensity = diffraction(box)
    return Measurement(np.random.default_rng(0).poisson(intensity * (1e8 / intensity.sum())))


def there_and_back(preset: Network, network: nn.Module, data: Moduli, candidates: int) -> None:
    """What `CNN` does with a pattern for one seed: into the field, predicted, judged, and back."""
    place = Field.of(data, preset.field)
    seen, numbers = place.to_field(data), torch.Generator().manual_seed(0)
    polish, judge = CNN.defaults["polish"], Judge(place, data)
    found = predict(preset, network, seen, candidates, polish, numbers, judge)
    place.to_data(found.object[None])


def simulated(numbers: Iterable[int]) -> Iterator[Case]:
    """Held-out crystals, one start of each chain for each."""
    for index in numbers:
        measurement, truth = crystal(index)
        yield Case(f"crystal {index}", measurement, truth, 0)


def measured(measurement: Measurement, seeds: int) -> Iterator[Case]:
    """One pattern, `seeds` starts of each chain."""
    for seed in range(seeds):
        yield Case(f"seed {seed}", measurement, None, seed)


def compare(
    cases: Iterable[Case], out: Path, chains: Mapping[str, tuple[str, int]] | None = None
) -> Iterator[str]:
    """Phase each case by every chain; one JSON line each goes to `out`, those there are kept.

    `chains` maps a name to a sequence and its number of starts. A line is kept for the same counts,
    mask, sequence, seeds and weights.
    """
    done = read(out)
    chains = chains or default_chains()
    rows = []
    for case in cases:
        for name, (sequence, starts) in chains.items():
            if starts > 1 and case.truth is None:
                continue  # the cases are so many starts already
            seeds = [starts * case.seed + start for start in range(starts)]
            key = f"{case.name}, {name}, {seeds}, {sequence}, {data_digest(case.measurement)}"
            key = ", ".join([key, *weights_digests(parse(sequence).bind({}))])
            if key not in done:
                result = reconstruct(case.measurement, sequence, seeds=seeds)
                if len(result.runs) < starts or any(
                    run.reason == "interrupted" for run in result.runs
                ):
                    raise KeyboardInterrupt
                row = {
                    "key": key,
                    "case": case.name,
                    "chain": name,
                    "sequence": result.sequence,
                    "seeds": seeds,
                    "seconds": result.seconds,
                    **result.metrics,
                }
                if case.truth is not None:
                    row["object_error"] = object_error(result.object, case.truth)
                append(out, row)
                done[key] = row
            rows.append(done[key])
    yield from table(rows)


def default_chains() -> dict[str, tuple[str, int]]:
    """Chains that the benchmark compares: name → (sequence, number of starts)."""
    chains = {"CNN, not polished": ("CNN(polish=0)", 1), "CNN 0": ("CNN", 1)}
    for iterations, chain in CHAINS.items():
        chains[f"random {iterations}"] = (chain, 1)
        chains[f"CNN {iterations}"] = (f"CNN + {chain}", 1)
    chains["random 620, best of 5"] = (CHAINS[620], 5)
    return chains
