"""What all runs say of a crystal: uncertainties of its voxels and figures, agreement, resolution."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.quantities import SIZES
from ..data.result import Result
from ..fourier import about_centre
from ..geometry.geometry import Geometry
from ..physics.resolution import shell_correlation_resolution, transfer_resolution
from .crystal import Crystal
from .runs import Agreement, Aligned, aligned, compared
from .spread import uncertainties

# Of a figure, a sum over many voxels, what a standard deviation of the runs is multiplied with: what they share does
# not average out. Fixed as those of `spread.FACTORS`.
FIGURES = 3.0
# How well a size between voxels is known, in voxels, however alike the runs are: on simulated crystals sizes are off by
# 0.08 (root mean square).
BETWEEN = 0.1
# In these they do not differ, or, as in an edge that all blur alike, in much less than they are wrong.
SHARED = (
    "voxel_nm",
    "mean_strain",
    "edge_width_nm",
    "dislocations",
    "refraction_rad",
    "absorption_gain",
    *(f"d_spacing{way}_nm" for way in ("", "_mass", "_arm")),
    *(f"ramp_{axis}_rad" for axis in "zyx"),
)

Real = NDArray[np.float32]
Analysed = Callable[[NDArray[np.complexfloating], NDArray[np.bool_]], Crystal]
_MEDIANS = {
    "phase": "phase_uncertainty_rad",
    "displacement": "displacement_uncertainty_nm",
    "strain": "strain_uncertainty",
}
_OF_RUNS = ("agreement", *_MEDIANS.values(), "resolution_prtf_nm", "resolution_fsc_nm")


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
    runs = aligned(result)
    agreement = compared(runs)
    figures: dict[str, float] = dict.fromkeys(_OF_RUNS, math.nan)
    figures["runs_used"] = float(len(agreement.used))
    if agreement.why_none:
        return _added(crystal, figures, {}, dict.fromkeys(_OF_RUNS, agreement.why_none))
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
    runs: Aligned,
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
    waves = (about_centre(torch.from_numpy(one.object), shape).numpy() for one in others)
    spread = uncertainties(waves, crystal.object, solid, crystal.q / length)
    steep = spread.pop("slope")
    spread["displacement"] = spread["phase"] / np.float32(length)
    spread["strain"] = steep / np.float32(length * crystal.voxel)
    return spread


def _errors(crystal: Crystal, others: list[Crystal]) -> dict[str, float]:
    """Standard uncertainties of the figures from the spread of the runs; of a size also `BETWEEN`."""
    errors = {}
    for key, value in crystal.figures.items():
        values = np.array([value, *(one.figures.get(key, math.nan) for one in others)])
        values = values[np.isfinite(values)]
        if key in SHARED or not math.isfinite(value) or len(values) < 2:
            continue
        error = FIGURES * float(np.std(values, ddof=1))
        errors[key] = math.hypot(error, BETWEEN * crystal.voxel) if key in SIZES else error
    return errors
