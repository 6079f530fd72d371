"""The facets of a crystal: what is said of each, and in a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.quantities import MINUS
from .outline import Outline

# of vectors, what their components are called
PARTS = {
    "index": ("h", "k", "l"),
    "normal": ("normal_x", "normal_y", "normal_z"),
    "centre": ("centre_x_nm", "centre_y_nm", "centre_z_nm"),
}
COLUMNS = (
    "facet",
    "plane",
    "off (°)",
    "area (nm²)",
    "share (%)",
    "to Q (°)",
    "flat (nm)",
    "strain (10⁻⁴)",
    "displacement (pm)",
)


@dataclass(frozen=True)
class Facet:
    """A flat part of the surface.

    Attributes
    ----------
    number : int
        From 1, the largest first.
    normal : (x, y, z)
        Unit vector outwards, laboratory frame.
    centre : (x, y, z)
        nm.
    area_nm2, share : float
        In its plane, up to where this meets the planes of its neighbours; and as a share of the whole surface, which
        is rounded at its edges.
    width_nm : float
        Along its shorter side.
    angle_deg : float
        Between normal and Q, 0 to 180.
    flatness_nm : float
        Root mean square distance of the surface from the plane, away from the edges.
    displacement_nm, displacement_spread_nm, strain, strain_spread : float
        Mean and standard deviation over the voxels below it, down to ``depth_nm`` of `Facets`; NaN where there is none.
    resolved : bool
        At least twice as wide as the edge of the crystal is blurred, and half of it flat: else normal, area and
        strain are those of what is around it as well, or of noise.
    index : (h, k, l), optional
        Nearest plane of the lattice, where it could be told.
    misfit_deg : float
        Between normal and that plane's; NaN without one.
    """

    number: int
    normal: tuple[float, float, float]
    centre: tuple[float, float, float]
    area_nm2: float
    share: float
    width_nm: float
    angle_deg: float
    flatness_nm: float
    displacement_nm: float
    displacement_spread_nm: float
    strain: float
    strain_spread: float
    resolved: bool
    index: tuple[int, int, int] | None = None
    misfit_deg: float = float("nan")

    @property
    def name(self) -> str:
        """Its plane as (1 -1 0), or its number."""
        return "–" if self.index is None else "({} {} {})".format(*self.index).replace("-", MINUS)

    def record(self) -> dict[str, Any]:
        """Every number under its name, vectors by component and None where there is none: a line of a table."""
        found: dict[str, Any] = {}
        for key, value in asdict(self).items():
            if key in PARTS:
                found |= dict(zip(PARTS[key], value or (None,) * 3, strict=True))
            else:
                found[key] = None if value != value else value
        return found


@dataclass(frozen=True, eq=False)
class Facets:
    """The facets of a crystal, on its surface.

    Attributes
    ----------
    facets : tuple of Facet
        The largest first; none of a round crystal.
    surface : Outline
    numbers : int32 (n,)
        Of the facet that each corner of the surface lies on, 0 for none.
    depth_nm : float
        Down to which voxels count to a facet's strain.
    notes : tuple of str
        What is not as one would expect, and why there is no index.
    """

    facets: tuple[Facet, ...]
    surface: Outline
    numbers: NDArray[np.int32]
    depth_nm: float
    notes: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Of the surface that is facets."""
        return sum(facet.share for facet in self.facets)

    def records(self) -> list[dict[str, Any]]:
        """The facets as plain mappings, for JSON and CSV."""
        return [facet.record() for facet in self.facets]

    def rows(self) -> list[tuple[str, ...]]:
        """A table of words: its head, then a line a facet."""
        return [COLUMNS, *map(_row, self.facets)]


def _row(facet: Facet) -> tuple[str, ...]:
    return (
        str(facet.number) + ("" if facet.resolved else "?"),
        facet.name,
        f"{facet.misfit_deg:.1f}" if facet.index else "–",
        f"{facet.area_nm2:.0f}",
        f"{100 * facet.share:.1f}",
        f"{facet.angle_deg:.1f}",
        f"{facet.flatness_nm:.2f}",
        _with_spread(1e4 * facet.strain, 1e4 * facet.strain_spread),
        _with_spread(1e3 * facet.displacement_nm, 1e3 * facet.displacement_spread_nm),
    )


def _with_spread(mean: float, spread: float) -> str:
    return f"{mean:+.2f} ± {spread:.2f}".replace("-", MINUS) if mean == mean else "–"


def names() -> list[str]:
    """The keys of `Facet.record`."""
    return [name for field in fields(Facet) for name in PARTS.get(field.name, (field.name,))]
