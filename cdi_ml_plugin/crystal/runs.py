"""Many runs as one answer: aligned, their mean and modes, how far they agree, and what that says of each figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.quantities import SIZES
from ..data.result import Result, Run
from ..errors import ParameterError
from ..fourier import about_centre as fitted
from ..geometry.geometry import Geometry
from ..physics.alignment import placed
from ..physics.modes import modes
from ..physics.resolution import shell_correlation_resolution, transfer_resolution
from ..physics.windows import about_centre
from .crystal import Crystal, object_level
from .spread import FACTORS, uncertainties

APART = 0.3  # squared difference from the best run, of its power: what is further off is another solution
MODES = 5  # that are kept
ALONE = "one start alone: take --seeds 5"
SYSTEMATIC = (
    "voxel_nm",
    "d_spacing_nm",
    "mean_strain",
)  # runs cannot differ in what they all assume

Real = NDArray[np.float32]
Analysed = Callable[[NDArray[np.complexfloating], NDArray[np.bool_]], Crystal]


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

    def whole(self, part: NDArray[Any], fill: float = 0) -> NDArray[Any]:
        """An array (…, z, y, x) of the window in one of the data's shape."""
        result = np.full((*part.shape[:-3], *self.shape), fill, dtype=part.dtype)
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

    @property
    def why_none(self) -> str:
        """Why there is no spread, in words; empty where there is."""
        if len(self.used) > 1:
            return ""
        if not self.left_out:
            return ALONE
        return f"no other run agrees with the best ({len(self.left_out)} left out): take more seeds"


@dataclass(frozen=True, eq=False)
class _Aligned:
    """Runs in a window, aligned with the first of them, the best."""

    window: Window
    used: tuple[int, ...]
    left_out: dict[int, str]
    objects: list[NDArray[np.complex64]]
    supports: list[NDArray[np.bool_]]


def agreement_of(result: Result) -> Agreement:
    """Bring the runs of a result onto the best: the same object up to shift, twin and global phase.

    Raises
    ------
    ParameterError
        The chosen run has no object.
    """
    return _agreement(_aligned(result))


def _agreement(runs: _Aligned) -> Agreement:
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


def _aligned(result: Result) -> _Aligned:
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
    return _Aligned(
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


def with_runs(crystal: Crystal, result: Result, analysed: Analysed) -> Crystal:
    """A crystal with what all runs say: uncertainties of its voxels and figures, agreement, resolution.

    Parameters
    ----------
    crystal : Crystal
        Of the chosen run.
    result : Result
        With a geometry.
    analysed : callable
        Makes a crystal of object and support, as that of the chosen run was made.
    """
    runs = _aligned(result)
    agreement = _agreement(runs)
    figures: dict[str, float] = dict.fromkeys(_OF_RUNS, math.nan)
    if agreement.why_none:
        reasons = dict.fromkeys(_OF_RUNS, agreement.why_none)
        return _added(crystal, figures, {}, reasons)
    geometry = result.measurement.geometry
    assert geometry is not None  # or there were no crystal
    figures["agreement"] = float(agreement.shares[0])
    reasons = _resolutions(figures, agreement, runs, result, geometry)
    others = [
        analysed(runs.window.whole(obj), runs.window.whole(held))
        for obj, held in zip(runs.objects[1:], runs.supports[1:], strict=True)
    ]
    spread = _in_laboratory(crystal, others)
    for name, key in _MEDIANS.items():
        figures[key] = float(np.nanmedian(spread[name]))
    errors = _errors(crystal, others)
    return replace(_added(crystal, figures, errors, reasons), uncertainties=spread)


_MEDIANS = {
    "phase": "phase_uncertainty_rad",
    "displacement": "displacement_uncertainty_nm",
    "strain": "strain_uncertainty",
}
_OF_RUNS = ("agreement", *_MEDIANS.values(), "resolution_prtf_nm", "resolution_fsc_nm")


def _added(
    crystal: Crystal,
    figures: Mapping[str, float],
    errors: Mapping[str, float],
    reasons: Mapping[str, str],
) -> Crystal:
    return replace(
        crystal,
        figures={**crystal.figures, **figures},
        errors={**errors, **crystal.errors},  # what is known of a figure otherwise comes first
        reasons={**crystal.reasons, **reasons},
    )


def _resolutions(
    figures: dict[str, float],
    agreement: Agreement,
    runs: _Aligned,
    result: Result,
    geometry: Geometry,
) -> dict[str, str]:
    """Put the resolutions among the figures, and say why there is none."""
    count = len(runs.objects)
    halves = tuple(np.mean(runs.objects[first::2], axis=0) for first in (0, 1))
    shape = result.measurement.shape
    held = runs.supports[0]
    found = {
        "resolution_prtf_nm": transfer_resolution(
            runs.window.whole(agreement.mean), count, result.measurement, geometry
        ),
        "resolution_fsc_nm": shell_correlation_resolution(
            (halves[0], halves[1]), held, shape, geometry
        ),
    }
    figures.update({key: value for key, (value, _) in found.items()})
    return {key: why for key, (_, why) in found.items() if why}


def _in_laboratory(crystal: Crystal, others: list[Crystal]) -> dict[str, Real]:
    """Standard uncertainties on the crystal's grid."""
    length = float(np.linalg.norm(crystal.q))
    solid, shape = crystal.solid, crystal.amplitude.shape
    waves = (fitted(torch.from_numpy(one.object), shape).numpy() for one in others)
    spread = uncertainties(waves, crystal.object, solid, crystal.q / length)
    steep = spread.pop("slope")
    spread["displacement"] = spread["phase"] / np.float32(length)
    spread["strain"] = steep / np.float32(length * crystal.voxel)
    return spread


def _errors(crystal: Crystal, others: list[Crystal]) -> dict[str, float]:
    """Standard uncertainties of the figures from the spread of the runs'.

    A size is a whole number of voxels, which adds the rounding of both its ends.
    """
    rounding = crystal.voxel / 6**0.5
    errors = {}
    for key, value in crystal.figures.items():
        values = np.array([value, *(one.figures.get(key, math.nan) for one in others)])
        values = values[np.isfinite(values)]
        if key in SYSTEMATIC or not math.isfinite(value) or len(values) < 2:
            continue
        error = FACTORS["amplitude"] * float(np.std(values, ddof=1))
        errors[key] = math.hypot(error, rounding) if key in SIZES else error
    return errors
