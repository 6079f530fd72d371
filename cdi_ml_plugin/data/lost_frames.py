"""Frames that are not of the scan: never recorded, or of the exposure before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .measurement import Measurement

Counts = NDArray[np.float64]
Frames = NDArray[np.intp]

RATIO = (
    5.0  # a frame at an end with as many times the counts of the two beside it is not of the scan
)
FALL = 10.0  # times, as which no curve falls that is sampled finely enough
SURE = 3.0  # standard deviations of counting noise, beyond that
LEAST = 30  # counts of such a frame
LIVELY = 1000  # counts of a frame; beside it none is dark
DARK = 0.01  # of the counts of each frame beside it: that or less is dark
MIRRORED = 0.1  # the same for the frame as far on the other side of the peak
SAME_PLACE = 0.75  # frames between the one and the other, mirrored
FEW = 4  # lively frames; of so narrow a curve nothing is said beyond the part that has two sides
NONE = 10  # counts; a frame with as few is dark in the tails


def mask_lost_frames(m: Measurement) -> Measurement:
    """Mask frames that the frames beside them contradict, and note it.

    A frame was not recorded if it holds a hundredth or less of the counts of the frame on either side of it, which
    hold 1000 or more in the same pixels (a closed shutter); or if it holds none, and nor does any from it to an
    end of the scan (files made for more points than were measured read as zeros). But a rocking curve has such
    frames by itself, between its fringes and in its tails: it has them on both sides of the peak, and where the
    frame as far on the other side is dark too, both stay.

    A first or last frame is none of the scan (the exposure before it is read in its place) if it holds more
    than five times the counts of each of the two that follow, beyond counting noise, where the curve falls as
    fast nowhere else, and more than ten times anywhere.

    Parameters
    ----------
    m : Measurement
        As recorded: before threshold, binning and cropping; hot pixels masked.

    Returns
    -------
    Measurement
        `m` itself, where no frame is lost.
    """
    there = np.flatnonzero(~m.mask.all(axis=(1, 2)))
    totals = m.intensity.sum(axis=(1, 2), dtype=np.float64)
    dark = _dark(m, there, totals)
    stray = _stray(m, np.setdiff1d(there, dark), totals)
    kept = np.ones(len(m.intensity), dtype=bool)
    kept[[*dark, *stray]] = False
    if kept.all() or not m.intensity[kept].any():
        return m
    mask = m.mask.copy()
    mask[~kept] = True
    said = []
    if dark:
        most = totals[dark].max()
        counts = f"with {most:.4g} counts or less" if most else "without a count"
        said.append(
            f"{frames(dark)} masked: {counts} beside frames of {LIVELY} or more, so not recorded"
        )
    said += [
        f"{frames([i])} masked: {totals[i]:.4g} counts, more than {RATIO:g} times those of the frames beside it, "
        "so not of this scan"
        for i in stray
    ]
    steps = (*m.provenance.get("steps", ()), *said)
    return m.changed(
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


def _dark(m: Measurement, there: Frames, totals: Counts) -> list[int]:
    """Frames of `there`, those with a measured pixel, that were not recorded."""
    counts, found = totals[there], []
    for run in _dips(counts):
        beside = [there[i] for i in (run[0] - 1, run[-1] + 1) if 0 <= i < len(there)]
        if all(_darker(m, there[i], other) for i in run for other in beside) and not _mirrored(
            counts, run
        ):
            found += [int(there[i]) for i in run]
    return found


def _dips(counts: Counts) -> list[range]:
    """Runs of dark frames between two that are lively, or without a count between one and an end."""
    runs, first, last = [], 0, len(counts) - 1
    while first <= last:
        limit = DARK * counts[first - 1] if first and counts[first - 1] >= LIVELY else 0
        stop = first
        while stop <= last and counts[stop] <= limit:
            stop += 1
        ends = [counts[i] for i in (first - 1, stop) if 0 <= i <= last]
        limit = DARK * min(ends) if len(ends) == 2 else 0
        if ends and min(ends) >= LIVELY and (counts[first:stop] <= limit).all() and stop > first:
            runs.append(range(first, stop))
        first = max(stop, first + 1)
    return runs


def _darker(m: Measurement, frame: int, other: int) -> bool:
    """Whether a frame is dark beside another, in the pixels that both have."""
    level = _total(m, other, ~m.mask[frame])
    return level >= LIVELY and _total(m, frame, ~m.mask[other]) <= DARK * level


def _mirrored(counts: Counts, run: range) -> bool:
    """Whether the frame as far on the other side of the peak is dark too.

    Where that is off the end of a curve of few frames, it counts as dark.
    """
    top = int(counts.argmax())
    peak = np.arange(max(top - 1, 0), min(top + 2, len(counts)))
    lost = counts[peak] <= DARK * counts[top]
    centre = top if lost.any() else np.average(peak, weights=counts[peak])
    nearest = min(run, key=lambda i: abs(i - centre))
    others = [
        i
        for i in range(len(counts))
        if abs(i + nearest - 2 * centre) <= SAME_PLACE and i not in run
    ]
    for i in others:
        beside = [counts[j] for j in (i - 1, i + 1) if 0 <= j < len(counts)]
        if counts[i] <= max(NONE, MIRRORED * min(beside)):
            return True
    return not others and int((counts >= LIVELY).sum()) < FEW


def _stray(m: Measurement, there: Frames, totals: Counts) -> list[int]:
    """The first and the last frame, where the two beside them contradict it."""
    if len(there) < 4:
        return []
    falls = [_falls(totals[there]), _falls(totals[there[::-1]])]
    found = []
    for order, own, back in ((there, *falls), (there[::-1], *falls[::-1])):
        end, *beside = order[:3]
        level = max(_total(m, i, ~m.mask[end]) for i in beside)
        counts = max(_total(m, end, ~m.mask[i]) for i in beside)
        sure = SURE * np.sqrt(counts + RATIO**2 * level)
        if (
            end in (0, len(totals) - 1)
            and counts >= LEAST
            and counts > RATIO * level + sure
            and own[0] > min(FALL, max(*own[1:], *back[:-1]))
            and totals[order[1:]].max() >= 100
        ):
            found.append(int(end))
    return found


def _falls(counts: Counts) -> Counts:
    """How many times the counts of the two that follow each frame has; a few counts are as good as none."""
    falls: Counts = counts[:-2] / (np.maximum(counts[1:-1], counts[2:]) + 3)
    return falls


def _total(m: Measurement, frame: int, where: NDArray[np.bool_]) -> float:
    """Counts of a frame in some of its pixels."""
    counts: NDArray[np.float32] = m.intensity[frame][where]
    return float(counts.sum(dtype=np.float64))
