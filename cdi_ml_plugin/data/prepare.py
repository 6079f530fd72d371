"""All that stands between reading and phasing, in one call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from . import preprocess
from .lost_frames import mask_lost_frames
from .measurement import Measurement


def prepare(
    m: Measurement | ArrayLike,
    *,
    threshold: float | None = None,
    binning: Sequence[int] | None = None,
    crop: Sequence[int] | None = None,
    mask: ArrayLike | None = None,
    hot_pixels: bool = True,
    lost_frames: bool = True,
) -> Measurement:
    """Do all that stands between reading and phasing.

    In this order: mask, hot pixels, lost frames, threshold, binning, then the peak to the centre of an array
    of the shape `crop`, or else of the next even sizes that are fast to transform.

    Parameters
    ----------
    m : Measurement
        Or an array of counts, which `mask` helps to become one.
    threshold : float, optional
        Counts up to and including this become 0.
    binning : three ints, optional
        Voxels to sum along (rocking, row, column).
    crop : three ints, optional
        Shape of the result in (binned) voxels, taken as it is.
    mask : array_like of bool, optional
        True excludes; in the shape of `m`, or of one frame.
    hot_pixels, lost_frames : bool
        Whether to look for hot pixels, and for frames that those beside them contradict, and to mask them.

    Raises
    ------
    MeasurementError
        The mask does not fit, or nothing is left.
    ParameterError
        A negative threshold; binning or a shape that cannot be.
    TooLargeError
        More memory is needed than is free.
    """
    if not isinstance(m, Measurement):
        m = Measurement(m, None if mask is None else preprocess.for_all_frames(mask, np.shape(m)))
    elif mask is not None:
        m = preprocess.apply_mask(m, mask)
    if hot_pixels:
        m = preprocess.mask_hot_pixels(m)
    if lost_frames:
        m = mask_lost_frames(m)
    if threshold is not None:
        m = preprocess.threshold(m, threshold)
    if binning is not None:
        m = preprocess.bin(m, binning)
    return preprocess.centre(m, preprocess.good_shape(m.shape) if crop is None else crop)
