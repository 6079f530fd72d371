"""The colours of every quantity and of runs, the same in slices, on surfaces and in the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm, Normalize
from numpy.typing import NDArray

from ...data.quantities import MINUS, QUANTITIES, SUPERSCRIPT

NEARLY_ALL = 0.98  # share of the values that the colours reach: a hundredth lies beyond either end
PARTS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4)  # of π, to which phases are drawn
FULL = 0.75 * np.pi  # a wrapped phase that goes further comes back from the other side
BRIGHT = 10  # voxels of a pattern that may be brighter than its colours reach
DIMMEST = 0.5  # counts, where the colours of a pattern begin
ROUND = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
# Cyclic, and telling small phases from 0 as a diverging map does
PHASE_COLOURS = ("#2d2157", "#2f6fd0", "#8cc5ea", "#fbf7ef", "#f4ab6a", "#c9402c", "#2d2157")
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
    beyond : {"neither", "max", "both"}
        At which ends there are values outside; the colour bar has a tip there.
    cyclic : bool
        Whether the ends are the same value: what is drawn is known up to ``high − low``.
    logarithmic : bool
    factor : float
        From a value to a number in the unit of the label.
    """

    label: str
    cmap: Colormap
    low: float
    high: float
    ticks: Mapping[float, str] | None = None
    beyond: Literal["neither", "max", "both"] = "neither"
    cyclic: bool = False
    logarithmic: bool = False
    factor: float = 1.0

    @property
    def norm(self) -> Normalize:
        """From values to places in `cmap`."""
        kind = LogNorm if self.logarithmic else Normalize
        return kind(self.low, self.high, clip=True)

    def wrapped(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values between the ends where the scale is cyclic, else as they are."""
        if not self.cyclic:
            return values
        turn = self.high - self.low
        return values - turn * np.round(values / turn)

    def bar(self, figure: Any, **place: Any) -> Any:
        """Draw the colour bar into a figure or a part of one; see `Figure.colorbar`."""
        drawn = figure.colorbar(ScalarMappable(self.norm, self.cmap), extend=self.beyond, **place)
        if self.ticks is not None:
            drawn.set_ticks(list(self.ticks), labels=list(self.ticks.values()))
        drawn.minorticks_off()  # they say little, and take longest of all to draw
        drawn.outline.set_linewidth(0.6)
        return drawn


def amplitude_scale(solid: NDArray[np.floating] | None = None) -> ColourScale:
    """Amplitudes of their highest, from 0 to what 99 % of those inside the crystal stay below."""
    label, colours = QUANTITIES["amplitude"].label, _colours("viridis")
    if solid is None or not solid.size:
        return ColourScale(label, colours, 0.0, 1.0)
    high = float(np.quantile(solid, 0.99))
    beyond: Literal["neither", "max"] = "max" if high < float(solid.max()) else "neither"
    return ColourScale(label, colours, 0.0, high or 1.0, beyond=beyond)


def phase_scale(phase: NDArray[np.floating], cut: bool = False) -> ColourScale:
    """Phases in rad: diverging about 0, to a part of π; cyclic where that cannot show them.

    Parameters
    ----------
    phase : float
        Unwrapped.
    cut : bool
        Whether it jumps by 2π somewhere, which is no feature of the crystal. A phase that jumps, or that
        goes beyond ±π, is drawn in colours that come back to themselves.
    """
    share = _largest(phase) / np.pi
    limit = np.pi * next((part for part in PARTS if share <= part), 1.0)
    cyclic = cut or share > 1
    if cyclic:
        limit, colours = np.pi, phase_map()
    else:
        # the phase map without the ends that make it cyclic: an unwrapped phase does not come back
        shades = ("#1b3a8c", *PHASE_COLOURS[1:-1], "#7d1a1a")
        colours = LinearSegmentedColormap.from_list("unwrapped", shades, N=512)
    return ColourScale(
        QUANTITIES["phase"].label,
        colours.with_extremes(bad=OUTSIDE),
        -limit,
        limit,
        _five(limit, lambda value: _in_pi(value / np.pi)),
        "neither" if cyclic else _beyond(phase, limit),
        cyclic,
    )


def wrapped_phase_scale(phase: NDArray[np.floating]) -> ColourScale:
    """Phases in rad that are known up to 2π: cyclic, unless they stay away from ±π."""
    return phase_scale(phase, cut=_largest(phase) > FULL)


def displacement_scale(
    displacement: NDArray[np.floating], spacing: float | None = None
) -> ColourScale:
    """Displacements along Q in nm, written in pm.

    `spacing` is d of the lattice in nm, where displacements are known up to it alone: cyclic, and written in d.
    """
    name = QUANTITIES["displacement"].name
    if spacing is not None:
        limit = spacing / 2
        shares = ("−d/2", "−d/4", "0", "d/4", "d/2")
        ticks = dict(zip(np.linspace(-limit, limit, 5).tolist(), shares, strict=True))
        return ColourScale(
            f"{name} (d)", phase_map(), -limit, limit, ticks, cyclic=True, factor=1 / spacing
        )
    limit = _round(1e3 * _largest(displacement)) / 1e3
    return ColourScale(
        f"{name} (pm)",
        _colours("PuOr_r"),
        -limit,
        limit,
        _five(limit, lambda value: _number(1e3 * value)),
        _beyond(displacement, limit),
        factor=1e3,
    )


def strain_scale(strain: NDArray[np.floating]) -> ColourScale:
    """Strains along Q, written in a power of ten."""
    limit = _round(_largest(strain))
    power = int(np.floor(np.log10(limit) + 1e-9))
    return ColourScale(
        f"{QUANTITIES['strain'].name} (10{str(power).translate(SUPERSCRIPT)})",
        _colours("RdBu_r"),
        -limit,
        limit,
        _five(limit, lambda value: _number(value / 10.0**power)),
        _beyond(strain, limit),
        factor=10.0**-power,
    )


def difference_scale(values: NDArray[np.floating]) -> ColourScale:
    """Differences of amplitudes, of the highest amplitude: diverging about 0."""
    limit = _round(_largest(values))
    ticks = _five(limit, _number)
    label = QUANTITIES["amplitude"].label
    return ColourScale(label, _colours("BrBG_r"), -limit, limit, ticks, _beyond(values, limit))


def counts_scale(counts: NDArray[np.floating], label: str, masked: bool = True) -> ColourScale:
    """Counts of a pattern, NaN where unknown, on a logarithmic scale that a few hot voxels do not set."""
    known = counts[counts > 0]  # few of a large pattern, and all that can set it
    few = min(BRIGHT, max(1, counts.size // 100), max(1, known.size))
    high = float(np.partition(known, -few)[-few]) if known.size else 0.0
    top = float(known.max()) if known.size else 0.0
    high = high if high > 0 else top or 1.0
    return ColourScale(
        label,
        colormaps["magma"].with_extremes(bad=MASKED) if masked else colormaps["magma"],
        min(DIMMEST, 1e-3 * high),
        high,
        beyond="max" if top > high else "neither",
        logarithmic=True,
    )


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


def _beyond(values: NDArray[np.floating], limit: float) -> Literal["neither", "both"]:
    known = values[np.isfinite(values)]
    return "both" if known.size and float(np.abs(known).max()) > limit * (1 + 1e-6) else "neither"


def _round(value: float) -> float:
    """The next round number, also where the value is 0."""
    if not value > 1e-12:
        return 1e-6
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * next(step for step in ROUND if step >= value / power - 1e-9))


def _five(limit: float, text: Callable[[float], str]) -> dict[float, str]:
    return {float(value): text(float(value)) for value in np.linspace(-limit, limit, 5)}


def _in_pi(share: float) -> str:
    names = {
        0.0: "0",
        1 / 32: "π/32",
        1 / 16: "π/16",
        0.125: "π/8",
        0.25: "π/4",
        0.375: "3π/8",
        0.5: "π/2",
        0.75: "3π/4",
        1.0: "π",
    }
    size = abs(share)
    text = names.get(size, f"{size:g}π")
    return text if share >= 0 else MINUS + text


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", MINUS)
