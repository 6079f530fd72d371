"""The colours of every quantity and of runs, the same in slices, on surfaces and in the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, LinearSegmentedColormap
from numpy.typing import NDArray

from ...data.quantities import MINUS, QUANTITIES, SUPERSCRIPT

NEARLY_ALL = 0.98  # share of the values that the colours reach
ROUND = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
# Cyclic, and telling small phases from 0 as a diverging map does
PHASE_COLOURS = ("#2d2157", "#2f6fd0", "#8cc5ea", "#fbf7ef", "#f4ab6a", "#c9402c", "#2d2157")
PI_TICKS = {
    np.pi: ("−π", "−π/2", "0", "π/2", "π"),
    np.pi / 2: ("−π/2", "−π/4", "0", "π/4", "π/2"),
}
OUTSIDE = "0.80"  # of what is no object, or has no value
# Of masked voxels, the chosen run and all others.
MASKED = "0.6"
CHOSEN = "#c2410c"
OTHERS = "#94a3b8"


@dataclass(frozen=True, eq=False)
class ColourScale:
    """The colours of a quantity, from low to high.

    Attributes
    ----------
    label : str
        What the colours say, and its unit.
    cmap : Colormap
        Grey where there is no value.
    low, high : float
        The ends of the colours.
    ticks : mapping of float to str, optional
        What stands at the colour bar; default numbers.
    """

    label: str
    cmap: Colormap
    low: float
    high: float
    ticks: Mapping[float, str] | None = None


def amplitude_scale() -> ColourScale:
    """Amplitudes of their highest, 0 to 1."""
    return ColourScale(QUANTITIES["amplitude"].label, _colours("viridis"), 0.0, 1.0)


def phase_scale(phase: NDArray[np.floating]) -> ColourScale:
    """Unwrapped phases in rad: diverging about 0, to quarters of π, or to a multiple of it."""
    share = _largest(phase) / np.pi
    limit = np.pi * next((part for part in (0.25, 0.5, 0.75) if share <= part), np.ceil(share))
    return ColourScale(
        QUANTITIES["phase"].label,
        # the phase map without the ends that make it cyclic: an unwrapped phase does not come back
        LinearSegmentedColormap.from_list(
            "unwrapped", ("#1b3a8c", *PHASE_COLOURS[1:-1], "#7d1a1a"), N=512
        ).with_extremes(bad=OUTSIDE),
        -limit,
        limit,
        _five(limit, lambda value: _in_pi(value / np.pi)),
    )


def wrapped_phase_scale(phase: NDArray[np.floating]) -> ColourScale:
    """Phases in rad that are known up to 2π: cyclic."""
    limit = phase_limit(phase)
    ticks = dict(zip(np.linspace(-limit, limit, 5).tolist(), PI_TICKS[limit], strict=True))
    return ColourScale(QUANTITIES["phase"].label, phase_map(), -limit, limit, ticks)


def displacement_scale(displacement: NDArray[np.floating]) -> ColourScale:
    """Displacements along Q in nm, written in pm."""
    limit = _round(1e3 * _largest(displacement)) / 1e3
    ticks = _five(limit, lambda value: _number(1e3 * value))
    label = f"{QUANTITIES['displacement'].name} (pm)"
    return ColourScale(label, _colours("PuOr_r"), -limit, limit, ticks)


def strain_scale(strain: NDArray[np.floating]) -> ColourScale:
    """Strains along Q, written in a power of ten."""
    limit = _round(_largest(strain))
    power = int(np.floor(np.log10(limit) + 1e-9))
    ticks = _five(limit, lambda value: _number(value / 10.0**power))
    label = f"{QUANTITIES['strain'].name} (10{str(power).translate(SUPERSCRIPT)})"
    return ColourScale(label, _colours("RdBu_r"), -limit, limit, ticks)


def phase_limit(phase: NDArray[np.floating]) -> float:
    """π/2 where that is enough for nearly all of the phases, else π: the end of the colour scale."""
    spread = np.abs(phase[np.isfinite(phase)])
    return np.pi if spread.size and np.quantile(spread, 0.98) > np.pi / 2 else np.pi / 2


def phase_map() -> Colormap:
    """Cyclic colours, grey where there is no phase."""
    cyclic = LinearSegmentedColormap.from_list("phase", PHASE_COLOURS, N=512)
    return cyclic.with_extremes(bad=OUTSIDE)


def distance_scale(highest: float, label: str) -> ColourScale:
    """Distances in reciprocal space from 0 to the highest."""
    return ColourScale(label, _colours("viridis"), 0.0, highest)


def _colours(name: str) -> Colormap:
    return colormaps[name].with_extremes(bad=OUTSIDE)


def _largest(values: NDArray[np.floating]) -> float:
    """What nearly all values stay below; the few beyond it get the colour of the end."""
    known = np.abs(values[np.isfinite(values)])
    return float(np.quantile(known, NEARLY_ALL)) if known.size else 0.0


def _round(value: float) -> float:
    """The next round number, also where the value is 0."""
    if not value > 1e-12:
        return 1e-6
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * next(step for step in ROUND if step >= value / power - 1e-9))


def _five(limit: float, text: Callable[[float], str]) -> dict[float, str]:
    return {float(value): text(float(value)) for value in np.linspace(-limit, limit, 5)}


def _in_pi(share: float) -> str:
    names = {0.0: "0", 0.125: "π/8", 0.25: "π/4", 0.375: "3π/8", 0.5: "π/2", 0.75: "3π/4", 1.0: "π"}
    size = abs(share)
    text = names.get(size, f"{size:g}π")
    return text if share >= 0 else MINUS + text


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", MINUS)
