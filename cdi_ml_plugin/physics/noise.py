"""How noisy a measured intensity is, read off the intensity itself."""

from __future__ import annotations

import math

import torch

from ..fourier import autocorrelation, central, to_corner

LOWEST = 0.1  # share of the lags that are taken to hold nothing but noise
LOW = 128  # voxels along an axis, at the most, from which the noise is estimated


def photon_gain(intensity: torch.Tensor) -> float:
    """Units of intensity that one photon makes, at most 1; 0 where no noise can be seen.

    An object's autocorrelation ends at its own extent; what is left at the weakest lags is noise.
    Counting noise has the variance gain × intensity in each voxel, whose transform is white, with
    an exponential distribution of its power: a low quantile gives the mean. Taken under a Hann
    window, so that fringes which run out of the array do not pass for noise.

    Parameters
    ----------
    intensity : real tensor (z, y, x)
        Corner-centred, 0 where it is not known.

    Notes
    -----
    Counts have a gain of 1. A larger value means a disturbance that is no counting noise (gaps, an
    object that fills the array), so 1 is the most that is returned.
    """
    centred = central(intensity, LOW).float()
    window = torch.ones((), device=centred.device)
    for axis, n in enumerate(centred.shape):
        view = [1, 1, 1]
        view[axis] = n
        window = window * torch.hann_window(n, device=centred.device).reshape(view)
    largest = float(centred.max())
    if not largest > 0:
        return 0.0
    # Scale to 1, whatever the unit: single precision has to hold the powers.
    centred = centred / largest
    total = float((centred * window.square()).sum())
    power = autocorrelation(to_corner(centred * window)).square().flatten()
    weakest = float(power[:: max(1, len(power) // 100_000)].quantile(LOWEST))
    gain = weakest / -math.log(1 - LOWEST) * len(power) / max(total, 1e-12) * largest
    return min(gain, 1.0)
