"""What to look at in measured data before they are phased, and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .measurement import Measurement

LEVELS = ("green", "amber", "red")
SATURATED = 1000  # counts from which on one value, the largest, in several voxels is no accident
SEVERAL = 4  # voxels of it
AT_EDGE = (0.01, 0.1)  # of the maximum, the brightest voxel of an outer face: amber from, red from
OVERSAMPLING = (2.2, 2.0)  # of the array to the object, along an axis: amber below, red below

NEAR = 3  # voxels about the peak among which none should be masked
BEYOND = (0.1, 0.3)  # of a crop along an axis, what lies beyond the frames: amber from, red from
HOT = 0.001  # of the voxels; with more hot ones a mask is missing
FEW = 1e6  # counts; with fewer the chains' figures do not hold
ASIDE = 2.0  # fringes from the peak, within which the centre of mass is expected


class Check(NamedTuple):
    """What was looked at, how it is (one of `LEVELS`), what was seen, and what to do."""

    name: str
    level: str
    seen: str
    do: str = ""

    def __str__(self) -> str:
        return f"{self.level}: {self.name}: {self.seen}" + (f"; {self.do}" if self.do else "")


def check(name: str, level: str, seen: str, do: str) -> Check:
    """Say what to do only where there is something."""
    return Check(name, level, seen, "" if level == "green" else do)


def level_of(value: float, amber: float, red: float) -> str:
    """How a value is that should be low; of one that should be high give all negative."""
    return LEVELS[int(value >= amber) + int(value >= red)]


def empty_frames(m: Measurement) -> list[int]:
    """Frames without a count between others with some."""
    counts = m.intensity.sum((1, 2))
    filled = np.flatnonzero(counts > 0)
    return [int(frame) for frame in range(filled[0], filled[-1]) if counts[frame] == 0]


def stale_frames(m: Measurement) -> list[int]:
    """Frames that are the frame before them once more."""
    counts = m.intensity
    return [
        frame
        for frame in range(1, len(counts))
        if counts[frame].any() and np.array_equal(counts[frame - 1], counts[frame])
    ]


def saturated_voxels(m: Measurement) -> int:
    """Voxels that share the largest value, where that is no accident, else 0."""
    top = float(m.intensity.max())
    alike = int((m.intensity == top).sum())
    return alike if top >= SATURATED and alike >= SEVERAL else 0


def check_frames(m: Measurement) -> list[Check]:
    """Empty and stale frames, and saturation."""
    empty, stale = empty_frames(m), stale_frames(m)
    found = [
        check(
            "frames",
            "amber" if empty else "green",
            f"{len(empty)} without a count between others ({', '.join(map(str, empty[:5]))})"
            if empty
            else "none is empty between others",
            "look at them: the detector may have missed them, or written one twice",
        )
    ]
    if stale:
        seen = f"frame {stale[0]} is frame {stale[0] - 1} once more ({len(stale)} such)"
        found.append(Check("stale frames", "red", seen, "leave the repeated one out"))
    alike, masked = saturated_voxels(m), m.provenance.get("saturated")  # by the file's own level
    if isinstance(masked, int) and masked > 0 and not alike:
        level, seen = "amber", f"{masked} voxels reached the detector's level, and are masked"
    else:
        level = "red" if alike else "green"
        top = float(m.intensity.max())
        seen = f"{alike} voxels have the largest value, {top:g}" if alike else "none seen"
    found.append(check("saturation", level, seen, "mask them, or measure with less beam"))
    return found


def check_edge(m: Measurement) -> Check:
    """Whether the pattern ends within the array."""
    top = float(m.intensity.max())
    faces = [m.intensity.take(end, axis) for axis in range(3) for end in (0, -1)]
    share = max(float(face.max()) for face in faces) / top
    return check(
        "edge",
        level_of(share, *AT_EDGE),
        f"the brightest voxel of an outer face has {share:.1%} of the maximum",
        "crop wider: the peak or its fringes are cut",
    )


def check_oversampling(ratios: Sequence[float]) -> Check:
    """Whether there are voxels enough along each axis of the array, for an object in it."""
    return check(
        "oversampling",
        level_of(-min(ratios), *(-limit for limit in OVERSAMPLING)),
        " × ".join(f"{ratio:.1f}" for ratio in ratios),
        "do not bin; measure with finer steps or from further away",
    )


def check_noise(noise: float, floor: float | None) -> Check:
    """Whether a noise floor is seen in the corners."""
    return check(
        "noise",
        "amber" if floor is None else "green",
        "no noise floor is seen: fringes reach the corners, or these are too small"
        if floor is None
        else f"{noise:.3g} counts a voxel in a corner, nine of ten with {floor:g} or less",
        "give the threshold of the detector, where it has one",
    )


def check_counts(counts: float) -> Check:
    """Whether there are photons enough."""
    return check(
        "counts",
        "amber" if counts < FEW else "green",
        f"{counts:.4g} in all",
        f"below {FEW:g} chains were hardly measured: count longer, end the chain with MLE",
    )


def check_peak(apart: float, beyond: Sequence[float]) -> Check:
    """Whether both sides of the peak were recorded, and it is one."""
    if max(beyond) >= BEYOND[0]:
        return Check(
            "peak",
            level_of(max(beyond), *BEYOND),
            f"{max(beyond):.0%} of the crop along an axis lie beyond what was recorded",
            "measure both sides of the peak, or crop to less",
        )
    return check(
        "peak",
        "amber" if apart > ASIDE else "green",
        f"the centre of mass is {apart:.1f} fringes from the maximum",
        "look at the projections: strong strain, or another crystal beside it",
    )


def check_mask(near_peak: int, hot: float) -> Check:
    """Whether the detector's mask spares the peak, and misses no pixels."""
    if near_peak:
        seen, level = f"{near_peak} voxels within {NEAR} of the peak", "amber"
    else:
        seen, level = f"none within {NEAR} voxels of the peak", "green"
    if hot > HOT:
        seen, level = f"{seen}; {hot:.1%} of all voxels are hot", "amber"
    return check("mask", level, seen, "give the detector's own fields: --dark, --white, --mask")
