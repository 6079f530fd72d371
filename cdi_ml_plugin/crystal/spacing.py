"""The lattice spacing d of a crystal: from where it is known, how well, and what it is compared with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..errors import ParameterError
from ..geometry.detectors import DETECTORS
from ..geometry.geometry import Geometry
from ..geometry.instruments import diffractometer
from ..utils.values import above_0, number, several
from .material import material as crystal_named

BRIGHT = 0.01  # of the highest intensity, from which a voxel counts for the centre of mass
HIGHEST = 1000  # of a Miller index
SAID = 6  # reflections that a message names

UNCERTAIN: Mapping[str, float] = {
    "energy": 1e-4,  # of it: about the width of a Si 111 monochromator
    "distance": 1e-3,  # m
    "beam_zero": 1.0,  # pixels, along rows and along columns; of one that was measured
    "angles": 0.005 / math.sqrt(3),  # degrees: the arm's are read to a hundredth
    "shift": 5e-5 / math.sqrt(3),  # m: a detector that is moved, read to a tenth of a millimetre
}
"""Standard uncertainties that are taken where none are given."""


@dataclass(frozen=True)
class Spacing:
    """A lattice spacing.

    Attributes
    ----------
    value, error : float
        nm; `error` is its standard uncertainty, as far as what it assumes is true.
    assumes : str
        What it takes for granted.
    """

    value: float
    error: float
    assumes: str


ASSUMES: Mapping[str, str] = {
    "d_spacing_nm": "pixel of the direct beam and distance are right; of the whole crystal, weighed with its "
    "intensity",
    "d_spacing_mass_nm": "as from the peak; and that no background, gap or edge moves the centre of mass of the "
    "intensity above 1 % of its highest",
    "d_spacing_arm_nm": "the detector arm points at the peak; the pixel of the direct beam is not used",
}


def spacings(
    geometry: Geometry,
    q: NDArray[np.float64],
    measurement: Measurement | None = None,
    uncertain: Mapping[str, float] | None = None,
) -> dict[str, Spacing]:
    """Spacings from the peak and the phase, from the centre of mass, and from the detector arm alone.

    The error is propagated through the geometry: each of its numbers is moved up and down by its standard
    uncertainty, and the squares of what d moves by are added. A pixel of the direct beam that is the nominal one of
    the detector was not measured: with an arm, the beam may as well lie where that pixel is the peak's, or anywhere
    between, and d between the two spacings, each as likely (a standard uncertainty of their difference over √12),
    unless its uncertainty is given. All voxels share these errors: d is wrong by one factor,
    and the strain inside, which is relative to d, does not feel them.

    Parameters
    ----------
    geometry : Geometry
    q : (3,)
        Mean reciprocal lattice vector of the crystal in 1/nm (``q`` of `Crystal`).
    measurement : Measurement, optional
        With it, the spacing from the centre of mass of its intensity too.
    uncertain : mapping, optional
        Standard uncertainties that replace those of `UNCERTAIN`: ``energy`` (a share of it), ``distance`` (m),
        ``beam_zero`` (pixels), ``angles`` (degrees; each circle that turns the detector), ``shift`` (m; each that
        moves it).

    Returns
    -------
    dict
        ``d_spacing_nm``; ``d_spacing_mass_nm`` with a measurement; ``d_spacing_arm_nm`` where the detector has an
        arm (NaN where that points along the beam).

    Raises
    ------
    ParameterError
        An uncertainty of an unknown name, or out of range.
    """
    known = geometry_uncertainties(uncertain)
    reference = geometry.momentum_transfer()

    def away(offset: NDArray[np.float64]) -> Callable[[Geometry], float]:
        # another geometry moves the steps of q too, by a share so small that it does not count
        return lambda other: 2 * np.pi / float(np.linalg.norm(other.momentum_transfer() + offset))

    ways = {"d_spacing_nm": away(q - reference)}
    if measurement is not None:
        ways["d_spacing_mass_nm"] = away(geometry.reciprocal_basis() @ _centre_of_mass(measurement))
    if diffractometer(geometry.diffractometer).detector:
        ways["d_spacing_arm_nm"] = lambda other: other.d_spacing
    moved = list(_moved(geometry, known))
    found = {}
    for key, way in ways.items():
        value = way(geometry)
        steps = [(way(up) - way(down)) / 2 for down, up in moved] if math.isfinite(value) else []
        error = float(np.linalg.norm(steps)) if steps else math.nan
        found[key] = Spacing(value if steps else math.nan, error, ASSUMES[key])
    arm = found.get("d_spacing_arm_nm")
    if arm is None or "beam_zero" in (uncertain or {}) or not _nominal(geometry):
        return found
    apart = abs(found["d_spacing_nm"].value - arm.value) / math.sqrt(12)
    return {key: replace(each, error=math.hypot(each.error, apart)) for key, each in found.items()}


def geometry_uncertainties(given: Mapping[str, float] | None) -> dict[str, float]:
    """Standard uncertainties of the numbers of a geometry: those given, else `UNCERTAIN`'s.

    Raises
    ------
    ParameterError
        An unknown name, or a number that is negative or not finite.
    """
    if given is not None and not isinstance(given, Mapping):
        raise ParameterError(
            f"uncertain is of type {type(given).__name__}: give a mapping, as {{'beam_zero': 0.5}}"
        )
    for name, value in (given or {}).items():
        if name not in UNCERTAIN:
            raise ParameterError(f"uncertain: {name!r:.40} is unknown: use {', '.join(UNCERTAIN)}")
        number(f"uncertain: {name}", value, 0, 0.5 if name == "energy" else 1e3)
    return {**UNCERTAIN, **(given or {})}


def known_spacing(
    d_spacing: float | None = None,
    material: str | None = None,
    hkl: Sequence[int] | None = None,
) -> float | None:
    """The spacing in nm that a crystal is compared with: as given, or of a material; None for neither.

    Parameters
    ----------
    d_spacing : float, optional
        nm.
    material : str, optional
        A crystal that xrayutilities knows: ``"Au"``, ``"SrTiO3"``; its lattice is that of room temperature.
    hkl : three ints, optional
        Miller indices of the reflection.

    Raises
    ------
    ParameterError
        Both, half of one, an unknown material, or a reflection that it does not have.
    """
    if d_spacing is not None:
        if material is not None or hkl is not None:
            raise ParameterError("a known spacing twice: give d_spacing, or material and hkl")
        above_0("d_spacing", d_spacing)
        return d_spacing
    if material is None and hkl is None:
        return None
    if material is None or hkl is None:
        raise ParameterError("half of a reflection: give material and hkl, as Au and 1 1 1")
    crystal = crystal_named(material)
    indices = several("hkl", hkl, 3, -HIGHEST, HIGHEST)
    if not any(indices) or not crystal.lattice.hkl_allowed(indices):
        allowed = ", ".join(" ".join(map(str, each)) for each in _reflections(crystal))
        raise ParameterError(
            f"{material} has no reflection {' '.join(map(str, indices))}: its first are {allowed}"
        )
    return float(crystal.planeDistance(*indices)) / 10  # Å


def _reflections(crystal: Any) -> list[tuple[int, ...]]:
    """Allowed reflections of the largest spacings, one of each spacing."""
    first: dict[float, tuple[int, ...]] = {}
    for indices in product(range(4), repeat=3):
        if any(indices) and crystal.lattice.hkl_allowed(indices):
            spacing = round(float(crystal.planeDistance(*indices)), 4)
            first[spacing] = max(indices, first.get(spacing, (0, 0, 0)))
    return [first[spacing] for spacing in sorted(first, reverse=True)[:SAID]]


def _centre_of_mass(measurement: Measurement) -> NDArray[np.float64]:
    """Of the intensity above 1 % of its highest, in voxels from the centre of the array, (3,)."""
    counts = np.where(measurement.mask, 0, measurement.intensity)
    places = np.argwhere(counts > BRIGHT * counts.max())
    if not len(places):
        return np.full(3, np.nan)
    weights = counts[tuple(places.T)].astype(np.float64)
    middle: NDArray[np.float64] = np.average(places, axis=0, weights=weights)
    return middle - [n // 2 for n in counts.shape]


def _nominal(geometry: Geometry) -> bool:
    """Whether the pixel of the direct beam is the one that the detector has by default."""
    known = DETECTORS.get(geometry.detector)
    if known is None:
        return False
    columns, rows = known.size
    return tuple(geometry.beam_zero) == (known.beam_zero or (columns / 2, rows / 2))


def _moved(geometry: Geometry, known: Mapping[str, float]) -> Iterator[tuple[Geometry, Geometry]]:
    """Pairs of geometries, one number of each moved down and up by its uncertainty."""
    circles = diffractometer(geometry.diffractometer)
    steps: list[tuple[str, Any, Any]] = [
        ("energy", geometry.energy, known["energy"] * geometry.energy),
        ("distance", geometry.distance, min(known["distance"], 0.5 * geometry.distance)),
        ("beam_zero", np.array(geometry.beam_zero), np.array([known["beam_zero"], 0])),
        ("beam_zero", np.array(geometry.beam_zero), np.array([0, known["beam_zero"]])),
    ]
    for name in circles.detector:
        kind = "shift" if circles.moves(name) else "angles"
        steps.append((name, geometry.angles[name], known[kind]))
    numbers = geometry.numbers()
    for name, value, step in steps:
        down, up = (
            tuple(map(float, moved)) if name == "beam_zero" else float(moved)
            for moved in (value - step, value + step)
        )
        yield Geometry(**{**numbers, name: down}), Geometry(**{**numbers, name: up})
