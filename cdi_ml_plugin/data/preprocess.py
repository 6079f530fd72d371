"""From a measurement as recorded to one that can be phased.

Every function takes a `Measurement` and returns a new one. Masks only ever grow, except where
voxels are cut off. What was done stays in the provenance: ``steps`` says it in words and in
order, ``peak`` is the voxel of the peak as recorded, and voxel ``i`` of an axis begins at the
recorded voxel ``origin + i * binning``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from ..errors import MeasurementError, ParameterError
from ..geometry.check import check_given
from ..utils import memory
from ..utils.values import above_0, instance, number, several
from .hot_pixels import FLOOR, RATIO, brightest, hot_columns, hot_voxels
from .measurement import MIN_SIZE, Measurement, as_array

Shape = tuple[int, int, int]
CUT = 18  # bytes a voxel of what is cut out, beside the data
MOST = 1_000_000  # voxels along an axis


def apply_mask(m: Measurement, mask: ArrayLike) -> Measurement:
    """Mask more voxels.

    Parameters
    ----------
    m : Measurement
    mask : array_like of bool
        True, or 1, excludes. In the shape of `m`, or (row, column) for the same in every frame.

    Raises
    ------
    MeasurementError
        Another shape, other values than 0 and 1, or no counts are left.
    """
    new = Measurement(m.intensity, for_all_frames(mask, m.shape))
    return _derived(m, new.intensity, new.mask | m.mask, f"mask {int(new.mask.sum())} voxels")


def for_all_frames(mask: ArrayLike, shape: Sequence[int]) -> NDArray[Any]:
    """A mask of one frame, for all of them; `Measurement` refuses what does not fit."""
    excluded, hidden = as_array(mask)
    if hidden is not None:
        excluded = np.where(hidden, True, excluded)
    fits = excluded.shape == tuple(shape[1:])
    return np.broadcast_to(excluded, tuple(shape)) if fits else excluded


def mask_hot_pixels(m: Measurement, *, ratio: float = RATIO, floor: float = FLOOR) -> Measurement:
    """Mask voxels that stand alone: particle tracks, and pixels hot through all frames.

    A voxel is hot if it has more than ``ratio`` times the counts, plus ``floor``, of the fifth
    brightest of the 124 voxels around it; a pixel, if its median over the frames exceeds that of
    the third brightest of the 24 pixels around it in the same way (plus 3). The Bragg peak and
    its fringes are safe where the data are oversampled by 1.5 or more along each axis: then
    enough of the voxels around a maximum have more than a tenth of it.

    Parameters
    ----------
    m : Measurement
        As recorded: before threshold, binning and cropping.
    ratio : float
        Above 1; lower finds more.
    floor : float
        Counts, so that noise in dark regions is left alone.

    Raises
    ------
    ParameterError
        `ratio` is not above 1, or `floor` is negative.
    """
    above_0("ratio", ratio)
    number("floor", floor, 0)
    if not ratio > 1:
        raise ParameterError(f"ratio {ratio:g}, floor {floor:g}: use a ratio above 1, a floor ≥ 0")
    voxels = hot_voxels(m.intensity, ratio, floor)
    pixels = hot_columns(m.intensity[~m.mask.all(axis=(1, 2))], ratio)
    hot = (voxels | pixels) & ~m.mask
    step = f"hot pixels: {int(hot.sum())} voxels masked, {int(pixels.sum())} pixels in all frames"
    return _derived(m, m.intensity, m.mask | hot, step)


def threshold(m: Measurement, level: float) -> Measurement:
    """Set counts up to and including `level` to 0, as cohere's ``intensity_threshold``.

    They stay measured: a dark voxel says something, a masked one does not.

    Raises
    ------
    ParameterError
        `level` is negative or not a number.
    MeasurementError
        Nothing is above it.
    """
    number("threshold", level, 0)
    highest = float(m.intensity.max())
    if highest <= level:
        raise MeasurementError(
            f"the threshold {level:g} leaves nothing, the highest voxel has {highest:g}: lower it"
        )
    counts = np.where(m.intensity <= level, 0, m.intensity)
    return _derived(m, counts, m.mask, f"threshold {level:g}")


def bin(m: Measurement, factors: Sequence[int]) -> Measurement:
    """Sum the intensities of blocks of voxels.

    Parameters
    ----------
    m : Measurement
    factors : three ints
        Size of a block along (rocking, row, column). Voxels at the end that do not fill a block
        are cut off, as in cohere.

    Raises
    ------
    ParameterError
        Not three positive integers, or the result would be too small.

    Notes
    -----
    cohere's ``binning`` sums amplitudes, which is no longer an intensity of anything; here counts
    are summed, so they stay Poisson distributed. A block of which more than half is masked is
    masked; from the others the sum is scaled up to the full block.
    """
    f = _three(factors, "binning factors", 1)
    shape = tuple(n // k for n, k in zip(m.shape, f, strict=True))
    if min(shape) < MIN_SIZE:
        raise ParameterError(f"binning {m.shape} by {f} leaves {shape}: at least {MIN_SIZE} each")
    blocks = (shape[0], f[0], shape[1], f[1], shape[2], f[2])
    whole = tuple(slice(0, n * k) for n, k in zip(shape, f, strict=True))
    total = m.intensity[whole].reshape(blocks).sum(axis=(1, 3, 5), dtype=np.float64)
    seen = (~m.mask[whole]).reshape(blocks).sum(axis=(1, 3, 5))
    size = math.prod(f)
    step = f"binning {f}"
    binning = tuple(b * k for b, k in zip(_binning(m), f, strict=True))
    counts = total * (size / np.maximum(seen, 1))
    return _derived(m, counts, 2 * seen < size, step, binning=binning)


def crop(m: Measurement, shape: Sequence[int]) -> Measurement:
    """Crop or pad around the centre: voxel ``n // 2`` stays at ``n // 2`` of each axis.

    Where an axis gets longer, the new voxels are masked. cohere's ``crop_center`` gives the same
    unless an even axis gets odd, and then moves the centre by one voxel.

    Parameters
    ----------
    m : Measurement
    shape : three ints
        Voxels along (rocking, row, column).

    Raises
    ------
    ParameterError
        Not three integers, or too small.
    MeasurementError
        Nothing but zeros or masked voxels is left.
    """
    to = _three(shape, "shape", MIN_SIZE)
    start = tuple(old // 2 - new // 2 for old, new in zip(m.shape, to, strict=True))
    if not m.intensity[_overlap(m.shape, start, to)[0]].any():
        raise MeasurementError(f"the central {to} voxels hold no counts: centre the peak first")
    return _window(m, start, to, f"crop to {to}")


def centre(m: Measurement, shape: Sequence[int] | None = None) -> Measurement:
    """Bring the peak to voxel ``n // 2`` of each axis, by cropping and padding.

    Parameters
    ----------
    m : Measurement
    shape : three ints, optional
        Shape of the result; by default that of `m`.

    Raises
    ------
    ParameterError
        `shape` is not three integers, or too small.

    Notes
    -----
    cohere rolls the array cyclically, so that what leaves at one side comes in at the other as if
    measured there. Here it is lost, and the voxels that come in were not measured: masked.
    """
    to = m.shape if shape is None else _three(shape, "shape", MIN_SIZE)
    at = peak(m)
    start = tuple(p - n // 2 for p, n in zip(at, to, strict=True))
    recorded = tuple(
        o + p * b + b // 2 for o, p, b in zip(_origin(m), at, _binning(m), strict=True)
    )
    return _window(m, start, to, f"centre {recorded} in {to}", peak=recorded)


def peak(m: Measurement) -> Shape:
    """Index of the brightest voxel that is not a hot one (see `mask_hot_pixels`)."""
    return brightest(m.intensity)


def good_shape(shape: Sequence[int]) -> Shape:
    """The next even sizes that are fast to transform, as cohere takes them for numpy."""

    def good(n: int) -> int:
        size = int(fft.next_fast_len(n))
        while size % 2:
            size = int(fft.next_fast_len(size + 1))
        return size

    z, y, x = _three(shape, "shape", 1)
    return good(z), good(y), good(x)


def with_geometry(
    measurement: Measurement, numbers: Mapping[str, Any], notes: Sequence[str] = ()
) -> Measurement:
    """The same data with parameters of `Geometry` in their provenance, where `Geometry.of` finds them.

    Parameters
    ----------
    numbers : mapping
        As ``Geometry`` takes them, all or some of them; they win over those of a SPEC file. Without
        ``reference``, it is the peak about which the data are centred.
    notes : sequence of str
        What a user has to hear of them.

    Raises
    ------
    ParameterError
        A name that `Geometry` does not know, or values that cannot be its.
    """
    instance("geometry", numbers, Mapping, "a mapping of parameters")
    check_given(numbers)
    provenance = {**measurement.provenance, "geometry": dict(numbers)}
    if notes:
        provenance["notes"] = (*measurement.notes, *notes)
    return measurement.changed(measurement.intensity, measurement.mask, provenance)


def _window(
    m: Measurement, start: tuple[int, ...], shape: Shape, step: str, **more: Any
) -> Measurement:
    """The part of `m` from `start` on, masked where there is none."""
    memory.check(step, math.prod(shape), CUT, "crop to fewer voxels")
    old, new = _overlap(m.shape, start, shape)
    counts = np.zeros(shape, dtype=np.float32)
    mask = np.ones(shape, dtype=bool)
    counts[new] = m.intensity[old]
    mask[new] = m.mask[old]
    origin = tuple(o + s * b for o, s, b in zip(_origin(m), start, _binning(m), strict=True))
    return _derived(m, counts, mask, step, origin=origin, **more)


def _overlap(
    old: Sequence[int], start: Sequence[int], new: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """What of the old array lies in the new, in old and in new indices."""
    first = [max(s, 0) for s in start]
    last = [max(min(s + n, o), f) for s, n, o, f in zip(start, new, old, first, strict=True)]
    return (
        tuple(slice(a, b) for a, b in zip(first, last, strict=True)),
        tuple(slice(a - s, b - s) for a, b, s in zip(first, last, start, strict=True)),
    )


def _derived(
    m: Measurement, counts: NDArray[Any], mask: NDArray[np.bool_], step: str, **more: Any
) -> Measurement:
    steps = (*m.provenance.get("steps", ()), step)
    return m.changed(counts, mask, {**m.provenance, **more, "steps": steps})


def _origin(m: Measurement) -> tuple[int, ...]:
    return tuple(m.provenance.get("origin", (0, 0, 0)))


def _binning(m: Measurement) -> tuple[int, ...]:
    return tuple(m.provenance.get("binning", (1, 1, 1)))


def _three(values: Sequence[int], what: str, lowest: int) -> Shape:
    z, y, x = several(what, values, 3, lowest, MOST)
    return z, y, x
