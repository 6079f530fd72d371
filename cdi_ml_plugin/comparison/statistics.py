"""What many runs of a chain say together: how they are distributed, and how far they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.stats import mannwhitneyu

from ..physics.alignment import align
from .runs import Kept

# Voxels on each side of the objects in their common box: what a shift by parts of a voxel smears over the
# edge is then below a percent.
MARGIN = 6
WIDE = (
    4.0  # a ratio of the largest to the smallest value from which on bins are even in the logarithm
)

Shape = tuple[int, int, int]
Values = NDArray[np.float64]


def distribution(values: Values) -> dict[str, Any] | None:
    """Median, 10 % and 90 % quantile, mean and standard deviation of the finite values, if any."""
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, median, high = np.percentile(values, (10, 50, 90))
    return {
        "number": len(values),
        "median": median,
        "low": low,
        "high": high,
        "mean": values.mean(),
        "standard_deviation": values.std(ddof=1) if len(values) > 1 else None,
    }


def common_bins(groups: Sequence[Values]) -> Values:
    """Edges of bins for all groups together; of equal ratio where the values span decades."""
    values = np.concatenate(groups)
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if not high > low * (1 + 1e-12):
        low, high = low - max(1e-6, 1e-3 * abs(low)), high + max(1e-6, 1e-3 * abs(high))
    count = int(np.clip(1.5 * np.sqrt(values.size), 8, 40))
    if low > 0 and high / low > WIDE:
        edges = np.geomspace(low, high, count + 1)
        edges[[0, -1]] = low, high  # the powers may miss the ends by rounding
        return edges
    return np.linspace(low, high, count + 1)


def rank_sum(values: Values, reference: Values, lower_is_better: bool) -> dict[str, float] | None:
    """Mann-Whitney test of two groups of values.

    Returns
    -------
    dict or None
        ``p``, two-sided, and ``better``: the share of all pairs, one value of each group, in which that of
        `values` is better, ties by half. None where a group is empty.
    """
    values, reference = values[np.isfinite(values)], reference[np.isfinite(reference)]
    if not values.size or not reference.size:
        return None
    test = mannwhitneyu(values, reference, alternative="two-sided")
    above = float(test.statistic) / (values.size * reference.size)
    # all values alike: there is nothing to tell apart, for which SciPy has NaN
    p = float(test.pvalue) if np.ptp([*values, *reference]) > 0 else 1.0
    return {"p": p, "better": 1 - above if lower_is_better else above}


@dataclass(frozen=True, eq=False)
class Agreement:
    """Runs of a chain, aligned onto its best; all arrays are of the common box.

    Attributes
    ----------
    best, mean : complex128 (z, y, x)
        √counts; in the mean each run has the norm of the best.
    spread : float64 (z, y, x)
        Root mean square distance of the runs from the mean, voxel by voxel.
    coherent : complex128 (z, y, x)
        The mean of the runs as they are, for the transfer function.
    distances : float (n,)
        ‖ρ_k − best‖ / ‖best‖ of each run, after alignment, at one norm.
    """

    best: NDArray[np.complex128]
    mean: NDArray[np.complex128]
    spread: NDArray[np.float64]
    coherent: NDArray[np.complex128]
    distances: NDArray[np.float64]

    @property
    def between_seeds(self) -> float | None:
        """√⟨‖ρ_k − mean‖²⟩ / ‖mean‖, blind to shift, phase and twin; None for a single run."""
        norm = float(np.linalg.norm(self.mean))
        return (
            float(np.linalg.norm(self.spread)) / norm if len(self.distances) > 1 and norm else None
        )


def agreement(runs: Sequence[Kept], chosen: Kept, best: NDArray[np.complex128]) -> Agreement:
    """Align runs onto the chosen one of them, whose object in the common box is `best`."""
    total = np.zeros_like(best)
    mean = np.zeros_like(best)
    square = np.zeros(best.shape)
    distances = []
    norm = float(np.linalg.norm(best))
    for run in runs:  # one at a time: all of them would not fit into memory
        obj = best.copy() if run is chosen else align(placed(run, best.shape), best)
        total += obj
        own = float(np.linalg.norm(obj))
        obj *= norm / own if own > 0 else 0.0
        mean += obj
        square += np.square(obj.real) + np.square(obj.imag)
        distances.append(float(np.linalg.norm(obj - best)) / (norm or 1.0))
    mean /= len(runs)
    variance = square / len(runs) - np.square(np.abs(mean))
    return Agreement(
        best=best,
        mean=mean,
        spread=np.sqrt(np.maximum(variance, 0)),
        coherent=total / len(runs),
        distances=np.array(distances),
    )


def common_shape(runs: Sequence[Kept], array: Sequence[int]) -> Shape:
    """Shape of a box about the centre of mass that holds each of the runs, and its twin.

    Along an axis where it would be as large as the array it is the array, and periodic like it.
    """
    sizes = []
    for axis, n in enumerate(array):
        reach = 0
        for run in runs:
            first = run.about["first"][axis] - run.about["centre"][axis]
            reach = max(reach, -first, first + run.about["shape"][axis])
        sizes.append(min(n, int(next_fast_len(2 * (reach + MARGIN)))))
    z, y, x = sizes
    return z, y, x


def placed(run: Kept, shape: Sequence[int]) -> NDArray[np.complex128]:
    """The object of a run in an array of that shape, its centre of mass at voxel ``n // 2``."""
    obj = run.object()
    places = [
        (np.arange(size) + first - centre + n // 2) % n
        for size, first, centre, n in zip(
            obj.shape, run.about["first"], run.about["centre"], shape, strict=True
        )
    ]
    room = np.zeros(tuple(shape), dtype=np.complex128)
    room[np.ix_(*places)] = obj
    return room


def in_array(obj: NDArray[Any], array: Sequence[int]) -> NDArray[np.complex64]:
    """An object of the common box in the whole array, centred."""
    room = np.zeros(tuple(array), dtype=np.complex64)
    window = tuple(
        slice(n // 2 - size // 2, n // 2 - size // 2 + size)
        for n, size in zip(array, obj.shape, strict=True)
    )
    room[window] = obj
    return room
