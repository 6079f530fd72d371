"""A short list of what a user should look at before a result is believed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from ..data.checks import Check, check, check_edge, check_frames, check_oversampling, level_of
from ..data.result import Result
from ..physics.alignment import object_error
from ..physics.supports import extent

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


def checks(result: Result) -> list[Check]:
    """Look at data and result.

    Returns
    -------
    list of Check
        Of the frames, saturation, the peak's place, oversampling, the prediction, the amplitude, the
        support, the agreement of the runs, and unknowns; without those that do not apply.
    """
    return [
        *check_frames(result.measurement),
        check_edge(result.measurement),
        *_sampling(result),
        *_object(result),
        *_agreement(result),
    ]


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
    yield check_oversampling([n / size for n, size in zip(body.shape, sizes, strict=True)])
    unknowns, known = 2 * int(support.sum()), int((~mask).sum())
    level = "red" if known < unknowns else "green"
    yield check(
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
    sound = [run for run in result.runs if run.object.any() and np.isfinite(run.object).all()]
    others = [run for run in sound if run is not chosen][:COMPARED]
    if not others or chosen not in sound:
        yield Check("seeds", "amber", "one start alone", "take five: --seeds 5")
        return
    box = _about(np.any([run.support for run in (chosen, *others)], axis=0))
    errors = [object_error(run.object[box], chosen.object[box]) ** 2 for run in others]
    middle = float(np.median(errors))
    level = level_of(middle, *AGREE)
    yield check(
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
