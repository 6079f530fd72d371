"""A short list of what a user should look at before a result is believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from ..data.measurement import Measurement
from ..data.result import Result
from ..physics.alignment import object_error
from ..physics.supports import extent

LEVELS = ("green", "amber", "red")
SATURATED = 1000  # counts from which on one value, the largest, in several voxels is no accident
SEVERAL = 4  # voxels of it
AT_EDGE = (0.01, 0.1)  # of the maximum, the brightest voxel of an outer face: amber from, red from
OVERSAMPLING = (2.2, 2.0)  # of the array to the object, along an axis: amber below, red below
SEEN = (
    0.25  # of the rms amplitude in the support: what has less is margin, and no part of the extent
)
UNEVEN = (
    0.4  # standard deviation of the amplitude two voxels inside the support, as share of its mean
)
INSIDE = 2  # voxels
AGREE = (0.1, 0.3)  # squared error between two runs: amber from, red from
COMPARED = 3  # runs that are held against the chosen one
FEW = 0.05  # of an extent, the share of its fullest plane from which a plane of the support counts


class Check(NamedTuple):
    """What was looked at, how it is (one of `LEVELS`), what was seen, and what to do."""

    name: str
    level: str
    seen: str
    do: str = ""

    def __str__(self) -> str:
        return f"{self.level}: {self.name}: {self.seen}" + (f"; {self.do}" if self.do else "")


def checks(result: Result) -> list[Check]:
    """Look at data and result.

    Returns
    -------
    list of Check
        Of the frames, saturation, the peak's place, oversampling, the prediction, the amplitude, the
        support, the agreement of the runs, and unknowns; without those that do not apply.
    """
    return [
        *_data(result.measurement),
        *_sampling(result),
        *_object(result),
        *_agreement(result),
    ]


def _check(name: str, level: str, seen: str, do: str) -> Check:
    """Say what to do only where there is something."""
    return Check(name, level, seen, "" if level == "green" else do)


def _level(value: float, amber: float, red: float) -> str:
    """How a value is that should be low; of one that should be high give all negative."""
    return LEVELS[int(value >= amber) + int(value >= red)]


def _data(measurement: Measurement) -> Iterator[Check]:
    intensity, mask = measurement.intensity, measurement.mask
    known = np.where(mask, 0, intensity)
    counts = known.sum((1, 2))
    filled = np.flatnonzero(counts > 0)
    inner = [frame for frame in range(filled[0], filled[-1]) if counts[frame] == 0]
    yield _check(
        "frames",
        "amber" if inner else "green",
        f"{len(inner)} without a count between others ({', '.join(map(str, inner[:5]))})"
        if inner
        else "none is empty between others",
        "look at them: the detector may have missed them, or written one twice",
    )
    same = [
        int(a)
        for a in range(len(known) - 1)
        if known[a].any() and np.array_equal(known[a], known[a + 1])
    ]
    if same:
        yield Check(
            "stale frames",
            "red",
            f"frame {same[0] + 1} is frame {same[0]} once more ({len(same)} such)",
            "leave the repeated one out",
        )
    top = float(known.max())
    alike = int((known == top).sum())
    saturated = top >= SATURATED and alike >= SEVERAL
    masked = measurement.provenance.get("saturated")  # by the level that the file itself gives
    if isinstance(masked, int) and masked > 0 and not saturated:
        level, seen = "amber", f"{masked} voxels reached the detector's level, and are masked"
    else:
        level = "red" if saturated else "green"
        seen = f"{alike} voxels have the largest value, {top:g}" if saturated else "none seen"
    yield _check("saturation", level, seen, "mask them, or measure with less beam")
    faces = [known.take(end, axis) for axis in range(3) for end in (0, -1)]
    share = max(float(face.max()) for face in faces) / top
    level = _level(share, *AT_EDGE)
    yield _check(
        "edge",
        level,
        f"the brightest voxel of an outer face has {share:.1%} of the maximum",
        "crop wider: the peak or its fringes are cut",
    )


def _sampling(result: Result) -> Iterator[Check]:
    support, mask = result.support, result.measurement.mask
    if not support.any():
        yield Check("support", "red", "it is empty", "look at the data")
        return
    size = np.abs(result.object).astype(np.float64)
    body = support & (size >= SEEN * np.sqrt(np.mean(size[support] ** 2)))
    if not body.any():  # NaN, of a run that did not end well
        body = support
    sizes = extent(torch.from_numpy(body), FEW)
    ratios = [n / size for n, size in zip(body.shape, sizes, strict=True)]
    level = _level(-min(ratios), *(-limit for limit in OVERSAMPLING))
    yield _check(
        "oversampling",
        level,
        " × ".join(f"{ratio:.1f}" for ratio in ratios),
        "do not bin; measure with finer steps or from further away",
    )
    unknowns, known = 2 * int(support.sum()), int((~mask).sum())
    level = "red" if known < unknowns else "green"
    yield _check(
        "unknowns",
        level,
        f"{known:,} measured voxels for {unknowns:,} unknowns",
        "the data do not determine the object: mask less, crop wider",
    )


def _object(result: Result) -> Iterator[Check]:
    used = result.metrics.get("cnn_used")
    if used is not None:
        yield Check(
            "prediction",
            "green" if used else "amber",
            "CNN's was taken" if used else "CNN's was no better than chance, and was not taken",
            "" if used else "take more seeds",
        )
    inside = np.abs(result.object).astype(np.float64)[
        binary_erosion(result.support, iterations=INSIDE)
    ]
    if inside.any():
        spread = float(inside.std() / inside.mean())
        level = "amber" if spread > UNEVEN else "green"
        yield Check(
            "amplitude",
            level,
            f"varies by {spread:.0%} of its mean inside the crystal",
            ""
            if level == "green"
            else "look at the slices: stripes or holes are signs of a bad run",
        )
    words = ("the support cuts", "the support ran away", "support held")
    said = [note for note in result.run.notes if note.startswith(words)]
    yield Check(
        "support",
        "red" if said else "green",
        said[0] if said else "within its bounds, and not cutting the object",
    )


def _agreement(result: Result) -> Iterator[Check]:
    """Hold some runs against the chosen one; one start alone says nothing of it."""
    chosen = result.run
    others = [run for run in result.runs if run is not chosen and run.object.any()][:COMPARED]
    if not others or not chosen.object.any():
        yield Check("seeds", "amber", "one start alone", "take five: --seeds 5")
        return
    box = _about(np.any([run.support for run in (chosen, *others)], axis=0))
    errors = [object_error(run.object[box], chosen.object[box]) ** 2 for run in others]
    middle = float(np.median(errors))
    level = _level(middle, *AGREE)
    yield _check(
        "seeds",
        level,
        f"{len(others) + 1} runs differ by {middle:.1%} of their power",
        "take more iterations or another chain",
    )


def _about(support: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Box about the centre that holds a support, with a voxel of room: to compare in all of it would take long."""
    slices = []
    for axis, n in enumerate(support.shape):
        places = np.flatnonzero(support.any(tuple(a for a in range(3) if a != axis)))
        reach = min(max(abs(places - n // 2)) + 2, (n - 1) // 2)
        slices.append(slice(n // 2 - reach, n // 2 + reach + 1))
    return tuple(slices)
