"""Frames that are not of the scan: never recorded, or of the exposure before it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .measurement import Measurement

RATIO = (
    10.0  # a frame at an end with as many times the counts of the two beside it is not of the scan
)
LIVELY = 1000  # counts of a frame; beside it none is without a single count


def mask_lost_frames(m: Measurement) -> Measurement:
    """Mask frames that the frames beside them contradict, and note it.

    A frame was not recorded if it holds no count at all while each frame beside it (at an end of the
    scan the one that there is) holds 1000 or more in the same pixels: files made for more points than
    were measured read as zeros. A first or last frame is none of the scan if it holds more than ten
    times the counts (plus 100) of each of the two that follow: the exposure before the scan, or the
    shutter, is read in its place.

    Parameters
    ----------
    m : Measurement
        As recorded: before threshold, binning and cropping; hot pixels masked.

    Returns
    -------
    Measurement
        `m` itself, where no frame is lost.
    """
    dark = _dark(m)
    stray = [i for i in _stray(m, dark) if i not in dark]
    kept = np.ones(len(m.intensity), dtype=bool)
    kept[[*dark, *stray]] = False
    if kept.all() or not m.intensity[kept].any():
        return m
    mask = m.mask.copy()
    mask[~kept] = True
    said = []
    if dark:
        said.append(
            f"{frames(dark)} masked: without a count beside frames of {LIVELY} or more, so not recorded"
        )
    said += [
        f"{frames([i])} masked: {m.intensity[i].sum(dtype=np.float64):.4g} counts, more than {RATIO:g} times "
        "those of the frames beside it, so not of this scan"
        for i in stray
    ]
    steps = (*m.provenance.get("steps", ()), *said)
    return Measurement(
        m.intensity, mask, {**m.provenance, "steps": steps, "notes": (*m.notes, *said)}
    )


def frames(numbers: list[int]) -> str:
    """Name frames, those that follow each other as a range: ``frames 3, 32-39``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    more = ", …" if len(words) > 8 else ""
    return f"frame{'s' if len(numbers) > 1 else ''} {', '.join(words[:8])}{more}"


def _dark(m: Measurement) -> list[int]:
    """Frames without a count, in runs whose neighbours are lively."""
    measured = _measured(m)
    empty: NDArray[np.bool_] = measured & ~m.intensity.any(axis=(1, 2))
    count, found, first = len(empty), [], 0
    while first < count:
        last = first
        if empty[first]:
            while last + 1 < count and (empty[last + 1] or not measured[last + 1]):
                last += 1
            beside = [i for i in (first - 1, last + 1) if 0 <= i < count and measured[i]]
            here = ~m.mask[first]
            if beside and all(_total(m, i, here) >= LIVELY for i in beside):
                found += [i for i in range(first, last + 1) if empty[i]]
        first = last + 1
    return found


def _stray(m: Measurement, dark: list[int]) -> list[int]:
    """The first and the last frame, where the two beside them contradict it."""
    there = [i for i in np.flatnonzero(_measured(m)).tolist() if i not in dark]
    found = []
    for order in (there, there[::-1]):
        if len(order) < 4 or order[0] not in (0, len(m.intensity) - 1):
            continue
        end, *beside = order[:3]
        most = max(_total(m, i, ~m.mask[end]) for i in beside)
        own = max(_total(m, end, ~m.mask[i]) for i in beside)
        if own > RATIO * most + 100 and any(_total(m, i, ...) >= 100 for i in order[1:]):
            found.append(end)
    return found


def _total(m: Measurement, frame: int, where: Any) -> float:
    """Counts of a frame in some of its pixels."""
    counts: NDArray[np.float32] = m.intensity[frame][where]
    return float(counts.sum(dtype=np.float64))


def _measured(m: Measurement) -> NDArray[np.bool_]:
    """Frames that are not masked altogether."""
    found: NDArray[np.bool_] = np.asarray(~m.mask.all(axis=(1, 2)))
    return found
