"""What measured data hold, before they are phased: numbers, doubts, and how to prepare them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import preprocess
from .checks import (
    NEAR,
    Check,
    check_counts,
    check_edge,
    check_frames,
    check_mask,
    check_noise,
    check_oversampling,
    check_peak,
    empty_frames,
    saturated_voxels,
    stale_frames,
)
from .extents import extents
from .lost_frames import mask_lost_frames
from .measurement import Measurement
from .noise_floor import noise_floor

Shape = tuple[int, int, int]
CUT = 0.001  # share of the signal's counts that a crop may cut off along an axis
NEARLY = 0.9  # of an axis; a crop to more than that is none
SIZES = (32, 512)  # voxels along an axis, from and to which the network's predictions work


@dataclass(frozen=True)
class Inspection:
    """What measured data hold, and how they could be prepared for phasing.

    Voxels are counted in the data as recorded, from 0, along (rocking, row, column); those of `crop`,
    `extents` and `beyond` are binned ones.

    Attributes
    ----------
    shape : (z, y, x)
    whole : bool
        Whether all counts are whole numbers, as a detector writes them.
    counts, highest : float
        In all voxels that are measured and not hot; in the brightest of them.
    frame_counts, frame_highest : floats, a frame each
        The same of each frame: the rocking curve.
    peak : (z, y, x) ints
        The brightest voxel that is not hot.
    centre_of_mass : (z, y, x) floats
        Of the counts that are clear of the noise.
    masked : int
        Voxels that the data come masked with.
    masked_near_peak : int
        Of the voxels up to 3 from the peak those masked, hot ones too.
    hot : int
        Voxels that `prepare` masks as hot ones.
    lost, empty, stale : ints
        Frames that `prepare` masks; without a count between others; the same as the frame before.
    saturated : int
        Voxels at the detector's limit.
    noise : float
        Mean counts of a voxel in a quiet corner.
    threshold : float
        Counts up to which voxels should be set to 0, or are as asked for.
    binning : (z, y, x)
        As asked for.
    crop : (z, y, x)
        Voxels about the peak that hold the signal, fast to transform, or as asked for.
    start : (z, y, x) ints
        The voxel at which `crop` begins; below 0 where it begins before what was recorded.
    kept : float
        Share of the counts clear of the noise that `crop` holds.
    beyond : (z, y, x) floats
        Shares of `crop` that lie beyond what was recorded.
    extents, oversampling : (z, y, x) floats
        Voxels of the object that `crop` shows, from the autocorrelation, and `crop` by them: 2 where
        it is 2 or less.
    checks : tuple of Check
    notes : tuple of str
        What was masked without being asked for.
    """

    shape: Shape
    whole: bool
    counts: float
    highest: float
    frame_counts: tuple[float, ...]
    frame_highest: tuple[float, ...]
    peak: Shape
    centre_of_mass: tuple[float, ...]
    masked: int
    masked_near_peak: int
    hot: int
    lost: tuple[int, ...]
    empty: tuple[int, ...]
    stale: tuple[int, ...]
    saturated: int
    noise: float
    threshold: float
    binning: Shape
    crop: Shape
    start: tuple[int, ...]
    kept: float
    beyond: tuple[float, ...]
    extents: tuple[float, ...]
    oversampling: tuple[float, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...]

    @property
    def box(self) -> list[tuple[int, int]]:
        """First voxel of the crop along each axis, and the first behind it."""
        sizes = zip(self.start, self.crop, self.binning, strict=True)
        return [(start, start + n * every) for start, n, every in sizes]


def inspect(
    m: Measurement | ArrayLike,
    *,
    threshold: float | None = None,
    binning: Sequence[int] | None = None,
    crop: Sequence[int] | None = None,
    hot_pixels: bool = True,
    lost_frames: bool = True,
) -> Inspection:
    """Look at a measurement as recorded; nothing is phased.

    Parameters
    ----------
    m : Measurement
        Or an array of counts.
    threshold, binning, crop, hot_pixels, lost_frames
        What will be given to `prepare`; a threshold and a crop that are left out are suggested.

    Returns
    -------
    Inspection

    Raises
    ------
    MeasurementError
        No measurement, or nothing is left of it.
    ParameterError
        A negative threshold; binning or a shape that cannot be.
    TooLargeError
        More memory is needed than is free.
    """
    if not isinstance(m, Measurement):
        m = Measurement(m)
    cold = preprocess.mask_hot_pixels(m) if hot_pixels else m
    clean = mask_lost_frames(cold) if lost_frames else cold
    noise, floor, clear = noise_floor(clean)
    level = (floor or 0.0) if threshold is None else threshold
    if threshold is not None:
        clean = preprocess.threshold(clean, threshold)
    bright = preprocess.threshold(clean, clear) if clear > level else clean
    signal = bright if binning is None else preprocess.bin(bright, binning)
    z, y, x = (1, 1, 1) if binning is None else map(int, binning)
    factors = (z, y, x)
    at = preprocess.peak(signal)
    shape = _containing(signal, at) if crop is None else crop
    part = preprocess.centre(signal, shape)
    sizes = extents(part.intensity, part.mask)
    ratios = tuple(n / size for n, size in zip(part.shape, sizes, strict=True))
    peak = at if signal is bright else preprocess.peak(bright)
    centre = _centre_of_mass(bright)
    near = tuple(slice(max(p - NEAR, 0), p + NEAR + 1) for p in peak)
    start = _start(part, m)
    beyond = tuple(
        1 - (min(first + n * b, whole) - max(first, 0)) / (n * b)
        for first, n, b, whole in zip(start, part.shape, factors, m.shape, strict=True)
    )
    hot = int((cold.mask & ~m.mask).sum())
    near_peak = int(cold.mask[near].sum())
    apart = max(
        abs(c - p) / (o * b) for c, p, o, b in zip(centre, peak, ratios, factors, strict=True)
    )
    counts = float(cold.intensity.sum(dtype=np.float64))
    lost = np.flatnonzero(clean.mask.all((1, 2)) & ~cold.mask.all((1, 2)))
    return Inspection(
        shape=m.shape,
        whole=bool((m.intensity == np.rint(m.intensity)).all()),
        counts=counts,
        highest=float(cold.intensity.max()),
        frame_counts=tuple(cold.intensity.sum((1, 2), dtype=np.float64).tolist()),
        frame_highest=tuple(cold.intensity.max((1, 2)).tolist()),
        peak=peak,
        centre_of_mass=centre,
        masked=int(m.mask.sum()),
        masked_near_peak=near_peak,
        hot=hot,
        lost=tuple(lost.tolist()),
        empty=tuple(empty_frames(cold)),
        stale=tuple(stale_frames(cold)),
        saturated=saturated_voxels(cold) or _given(m),
        noise=noise,
        threshold=float(level),
        binning=factors,
        crop=part.shape,
        start=start,
        kept=_total(part) / _total(signal),
        beyond=beyond,
        extents=sizes,
        oversampling=ratios,
        checks=(
            *check_frames(cold),
            check_edge(part),
            check_oversampling(ratios),
            check_noise(noise, floor),
            check_counts(counts),
            check_peak(apart, beyond),
            check_mask(near_peak, hot / clean.mask.size),
        ),
        notes=clean.notes,
    )


def _start(part: Measurement, m: Measurement) -> tuple[int, ...]:
    """Voxel of `m`, which may have been cut out and binned before, at which a part of it begins."""
    before, every = m.provenance.get("origin", (0, 0, 0)), m.provenance.get("binning", (1, 1, 1))
    origin = part.provenance["origin"]
    return tuple(int(o - b) // e for o, b, e in zip(origin, before, every, strict=True))


def _total(m: Measurement) -> float:
    return float(m.intensity.sum(dtype=np.float64))


def _given(m: Measurement) -> int:
    """Voxels that are masked because the file itself says from where on they are saturated."""
    number = m.provenance.get("saturated", 0)
    return number if isinstance(number, int) else 0


def _containing(m: Measurement, peak: Shape) -> Shape:
    """Shape of a box about the peak that holds nearly all counts along each axis."""
    sizes = []
    for n, at, line in zip(m.shape, peak, _lines(m), strict=True):
        by_distance = np.bincount(np.abs(np.arange(n) - at), line)
        outside = by_distance[::-1].cumsum()[::-1]  # from each distance on
        reach = int((outside > CUT * outside[0]).sum())
        size = max(2 * reach, SIZES[0])
        sizes.append(min(n if size > NEARLY * n else size, SIZES[1]))
    return preprocess.good_shape(sizes)


def _centre_of_mass(m: Measurement) -> tuple[float, ...]:
    return tuple(float(np.average(np.arange(len(line)), weights=line)) for line in _lines(m))


def _lines(m: Measurement) -> list[NDArray[np.float64]]:
    """Counts along each axis."""
    planes = m.intensity.sum(0, dtype=np.float64)
    return [m.intensity.sum((1, 2), dtype=np.float64), planes.sum(1), planes.sum(0)]
