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
from ..physics.modes import modes
from ..physics.resolution import shell_correlation_resolution, transfer_resolution
from .crystal import Crystal
from .runs import Aligned, aligned
from .spread import uncertainties

# What a standard deviation of the runs is multiplied with for a figure, a sum over many voxels; and what all runs are
# wrong by alike, which they do not show: a share of the figure, of a size of a voxel. Fixed on the crystals of
# `bench.uncertainty.TUNING`.
FIGURES = 2.0
ALIKE = {
    **dict.fromkeys(SIZES, 0.07),
    "diameter_nm": 0.002,
    "volume_nm3": 0.006,
    "area_nm2": 0.005,
    "strain_rms": 0.02,
    "strain_range": 0.04,
    "displacement_range_nm": 0.01,
    "edge_width_nm": 0.13,
    "surface_level": 0.03,
}
# In these the runs do not differ, or what they differ by says nothing.
SHARED = (
    "voxel_nm",
    "mean_strain",
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
    figures: dict[str, float] = dict.fromkeys(_OF_RUNS, math.nan)
    figures["runs_used"] = float(len(runs.used))
    if runs.why_none:
        return _added(crystal, figures, {}, dict.fromkeys(_OF_RUNS, runs.why_none))
    geometry = result.measurement.geometry
    assert geometry is not None  # or there were no crystal
    _, shares = modes(runs.objects, 1)
    figures["agreement"] = float(shares[0])
    reasons = _resolutions(figures, runs, result, geometry)
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
            runs.window.whole(np.mean(runs.objects, axis=0)), count, result.measurement, geometry
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
    """Standard uncertainties of the figures: what the runs differ by, and what they are wrong by alike."""
    errors = {}
    for key, value in crystal.figures.items():
        values = np.array([value, *(one.figures.get(key, math.nan) for one in others)])
        values = values[np.isfinite(values)]
        if key in SHARED or not math.isfinite(value) or len(values) < 2:
            continue
        alike = ALIKE.get(key, 0.0) * (crystal.voxel if key in SIZES else abs(value))
        errors[key] = math.hypot(FIGURES * float(np.std(values, ddof=1)), alike)
    return errors
