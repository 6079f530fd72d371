"""Many runs as one answer: brought onto the best, their mean and modes, how far they agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.result import Result, Run
from ..errors import ParameterError
from ..physics.alignment import placed
from ..physics.modes import modes
from ..physics.windows import about_centre
from .crystal import object_level
from .spread import uncertainties

APART = 0.3  # squared difference from the best run, of its power: what is further off is another solution
MODES = 5  # that are kept
ALONE = "one start alone: take --seeds 5"

Real = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Window:
    """Part of an array about its centre: the rest is empty, and a full scan is large.

    Attributes
    ----------
    where : three slices
    shape : three ints
        Of the whole array.
    """

    where: tuple[slice, ...]
    shape: tuple[int, ...]

    def whole(self, part: NDArray[Any]) -> NDArray[Any]:
        """An array (…, z, y, x) of the window in one of the data's shape, 0 beyond."""
        result = np.zeros((*part.shape[:-3], *self.shape), dtype=part.dtype)
        view: tuple[Any, ...] = (..., *self.where)
        result[view] = part
        return result


@dataclass(frozen=True, eq=False)
class Agreement:
    """The runs of a result, brought onto the best of them.

    Attributes
    ----------
    used : tuple of int
        Indices of the runs that are taken in, the best first, then by their distance from it.
    left_out : mapping of int to str
        Why each of the others is not.
    window : Window
        What the arrays below are of: ``agreement.window.whole(agreement.mean)`` has the shape of the data.
    mean : complex64 (z, y, x)
        Of those taken in.
    modes : complex64 (m, z, y, x)
        Orthogonal ones, see `physics.modes`; five at the most.
    shares : float64 (n,)
        Of each mode in the power of the runs.
    support : bool (z, y, x)
        Voxels in the supports of more than half of them.
    solid : bool (z, y, x)
        Voxels of the best run above its surface.
    amplitude, phase : float32 (z, y, x), or None
        Standard uncertainties of the best run's amplitude, of its highest, and phase, rad; NaN where it is not
        solid. None with a single run.
    """

    used: tuple[int, ...]
    left_out: Mapping[int, str]
    window: Window
    mean: NDArray[np.complex64]
    modes: NDArray[np.complex64]
    shares: NDArray[np.float64]
    support: NDArray[np.bool_]
    solid: NDArray[np.bool_]
    amplitude: Real | None
    phase: Real | None

    def __repr__(self) -> str:
        return f"Agreement({len(self.used)} runs, first mode {self.shares[0]:.4f})"


@dataclass(frozen=True, eq=False)
class Aligned:
    """Runs in a window, aligned with the first of them, the best.

    Attributes
    ----------
    window, used, left_out
        As in `Agreement`.
    objects : list of complex64 (z, y, x)
        Of the window, 0 outside of their supports, in the order of `used`.
    supports : list of bool (z, y, x)
    """

    window: Window
    used: tuple[int, ...]
    left_out: dict[int, str]
    objects: list[NDArray[np.complex64]]
    supports: list[NDArray[np.bool_]]

    @property
    def why_none(self) -> str:
        """Why there is no spread, in words; empty where there is."""
        if len(self.used) > 1:
            return ""
        if not self.left_out:
            return ALONE
        return f"no other run agrees with the best ({len(self.left_out)} left out): take more seeds"


def agreement_of(result: Result) -> Agreement:
    """Bring the runs of a result onto the best: the same object up to shift, twin and global phase.

    Raises
    ------
    ParameterError
        The chosen run has no object.
    """
    runs = aligned(result)
    best = runs.objects[0]
    found, shares = modes(runs.objects, MODES)
    size = np.abs(best) / np.abs(best).max()
    solid = runs.supports[0] & (size >= object_level(size))
    spread = {} if len(runs.objects) < 2 else uncertainties(runs.objects[1:], best, solid)
    return Agreement(
        used=runs.used,
        left_out=runs.left_out,
        window=runs.window,
        mean=np.mean(runs.objects, axis=0),
        modes=found,
        shares=shares,
        support=np.mean(runs.supports, axis=0) > 0.5,
        solid=solid,
        amplitude=spread.get("amplitude"),
        phase=spread.get("phase"),
    )


def aligned(result: Result) -> Aligned:
    """Bring the runs onto the best, see `agreement_of`; one that differs from it by `APART` is left out."""
    best = result.run
    if why := _without_object(best):
        raise ParameterError(f"the chosen run, seed {best.seed}, {why}: there is nothing to align")
    others = {n: run for n, run in enumerate(result.runs) if n != result.best}
    left_out = {n: why for n, run in others.items() if (why := _without_object(run))}
    usable = [run for n, run in others.items() if n not in left_out]
    union = np.any([run.support for run in (best, *usable)], axis=0)
    window = Window(about_centre(union, room=2), best.object.shape)  # with room to shift
    reference = (best.object * best.support)[window.where]
    power = float(np.vdot(reference, reference).real)
    found = []
    for n, run in others.items():
        if n in left_out:
            continue
        obj, placing = placed((run.object * run.support)[window.where], reference)
        apart = float(np.linalg.norm(obj - reference)) ** 2 / power
        if apart > APART:
            left_out[n] = (
                f"differs from the best by {apart:.0%} of its power, more than {APART:.0%}"
            )
        else:
            held = placing.of_support(run.support[window.where])
            found.append((apart, n, obj.astype(np.complex64), held))
    found.sort(key=lambda one: one[:2])
    return Aligned(
        window=window,
        used=(result.best, *(n for _, n, _, _ in found)),
        left_out=dict(sorted(left_out.items())),
        objects=[reference, *(obj for _, _, obj, _ in found)],
        supports=[best.support[window.where], *(held for _, _, _, held in found)],
    )


def _without_object(run: Run) -> str:
    if run.reason == "not finite" or not np.isfinite(run.object).all():
        return "did not stay finite"
    return "" if (run.object[run.support] != 0).any() else "has no object in its support"
