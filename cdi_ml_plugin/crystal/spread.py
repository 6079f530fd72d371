"""How far several objects of one crystal differ from voxel to voxel, and what uncertainty that means.

The runs share counts, pixels and support rules, and with them a part of their error that their spread does not
show. `FACTORS` makes up for it: they were fixed on simulated crystals, and hold on others, see `cdi-ml bench
uncertainty` and the figures of the documentation.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .phase import phase_gradient, without_ramp

# What a standard deviation of the runs is multiplied with: ± that holds the truth in 68 % of the voxels inside.
FACTORS = {"amplitude": 1.3, "phase": 1.25, "strain": 1.1}
WIDE = 2.3  # standard uncertainties to either side hold it in 95 %: as of Student's t of five degrees of freedom
NEARBY = (
    1.5  # voxels over which the variance is averaged: that of five runs in one voxel is too rough
)

Real = NDArray[np.float32]
Complex = NDArray[np.complexfloating]


def departures(
    wave: Complex, reference: Complex, solid: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far an object is from another in the voxels of the crystal, up to what diffraction cannot see.

    Parameters
    ----------
    wave, reference : complex (z, y, x)
        Aligned.
    solid : bool (z, y, x)
        Where it is looked at.

    Returns
    -------
    amplitude : float64 (z, y, x)
        |wave| − |reference|, with the scale of least difference; 0 outside.
    phase : float64 (z, y, x)
        Of wave to reference, −π to π, without its mean and mean gradient; 0 outside.
    """
    size, wanted = (np.where(solid, np.abs(one), 0).astype(np.float64) for one in (wave, reference))
    power = float(np.vdot(size, size))
    scale = float(np.vdot(size, wanted)) / power if power > 0 else 0.0
    relative, _ = without_ramp(np.where(solid, wave * np.conj(reference), 0))
    return scale * size - wanted, np.where(solid, np.angle(relative), 0)


def slope(
    phase: NDArray[np.floating], solid: NDArray[np.bool_], direction: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Gradient of a phase (z, y, x) along a direction (x, y, z), rad per voxel; wrapped, 0 where unknown."""
    gradient = phase_gradient(np.exp(1j * np.asarray(phase, dtype=np.float64)), solid)
    return np.nan_to_num(np.tensordot(np.asarray(direction, dtype=float), gradient, axes=1))


def uncertainties(
    waves: Iterable[Complex],
    reference: Complex,
    solid: NDArray[np.bool_],
    direction: NDArray[np.floating] | None = None,
) -> dict[str, Real]:
    """Standard uncertainties of an object from the spread of several runs, itself among them.

    Parameters
    ----------
    waves : two or more of complex (z, y, x)
        The other runs, aligned with `reference`.
    reference : complex (z, y, x)
    solid : bool (z, y, x)
        Voxels of the crystal.
    direction : (3,), optional
        Unit vector (x, y, z), on a grid of cubic voxels: that along which the gradient is asked for.

    Returns
    -------
    dict of float32 (z, y, x)
        ``amplitude``, of the highest of `reference`; ``phase``, rad; with a `direction` also ``slope``, of the
        phase along it, rad per voxel. NaN outside `solid`. A value ± its uncertainty holds the truth in 68 % of
        the voxels, ± `WIDE` times it in 95 %.

    Notes
    -----
    √ of the variance over the runs, averaged over the voxels nearby, times `FACTORS`.
    """
    names = ("amplitude", "phase") if direction is None else ("amplitude", "phase", "slope")
    count, sums, squares = 1, dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for wave in waves:  # the reference itself departs by 0
        amplitude, phase = departures(wave, reference, solid)
        found = {"amplitude": amplitude / np.abs(reference).max(), "phase": phase}
        if direction is not None:
            found["slope"] = slope(phase, solid, direction)
        for name in names:
            sums[name] = sums[name] + found[name]
            squares[name] = squares[name] + found[name] ** 2
        count += 1
    share = gaussian_filter(solid.astype(np.float64), NEARBY)
    result = {}
    for name in names:
        variance = (squares[name] - np.square(sums[name]) / count) / max(count - 1, 1)
        nearby = gaussian_filter(np.where(solid, variance, 0), NEARBY)
        mean = np.divide(nearby, share, out=np.full(solid.shape, np.nan), where=solid)
        factor = FACTORS["strain" if name == "slope" else name]
        result[name] = (factor * np.sqrt(np.maximum(mean, 0))).astype(np.float32)
    return result
