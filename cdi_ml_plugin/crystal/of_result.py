"""The crystal of a result, by what is given now and what the result was told of it before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.result import Result
from ..errors import ParameterError, ReadError
from ..geometry.geometry import Geometry
from ..utils.values import instance
from .analysis import analyse, with_spacings
from .crystal import Crystal
from .facet_search import find_facets
from .facets import Facets
from .indexing import indexed
from .material import Index
from .of_runs import with_runs
from .spacing import known_spacing, spacings

NO_CRYSTAL = "no crystal in the laboratory"  # begins the note that says why


def crystal_of(
    result: Result,
    voxel: float | None = None,
    level: float | None = None,
    d_spacing: float | None = None,
    *,
    material: str | None = None,
    hkl: Sequence[int] | None = None,
    uncertain: Mapping[str, float] | None = None,
    refraction: str | None = None,
) -> Crystal | None:
    """Crystal of the chosen run; None where the measurement says nothing of its geometry.

    See `analyse` for what may be given; what is not is what the result's `analysis` says. In place of `d_spacing` a
    `material` of xrayutilities and `hkl`, three Miller indices, name the lattice to compare with. Of the spacings
    also that from the centre of mass of the intensity.

    With two runs or more it has their agreement, its uncertainties and resolution, see `of_runs.with_runs`.

    Raises
    ------
    ReadError, ParameterError
        The geometry that it names cannot be read, or as `analyse` and `known_spacing`.
    """
    instance("result", result, Result, "a Result")
    geometry = result.measurement.geometry
    if geometry is None:
        return None
    told = told_of(
        result,
        voxel=voxel,
        level=level,
        d_spacing=d_spacing,
        material=material,
        hkl=hkl,
        uncertain=uncertain,
        refraction=refraction,
    )
    known = known_spacing(told.get("d_spacing"), told.get("material"), told.get("hkl"))
    index = index_of(told, geometry)

    def analysed(obj: NDArray[np.complexfloating], support: NDArray[np.bool_]) -> Crystal:
        return analyse(
            obj, support, geometry, told.get("voxel"), level=told.get("level"), index=index
        )

    # spacings are of the chosen run alone: the others share what they are uncertain by
    crystal = analysed(result.object, result.support)
    found = spacings(geometry, crystal.q, result.measurement, told.get("uncertain"))
    return with_runs(with_spacings(crystal, found, known), result, analysed)


def crystal_or_note(result: Result) -> tuple[Crystal | None, Result]:
    """As `crystal_of`; but what cannot be read becomes one of the result's notes, so that nothing is lost."""
    try:
        return crystal_of(result), result
    except (ReadError, ParameterError) as error:
        note = f"{NO_CRYSTAL}: {error}"
        notes = dict.fromkeys((*result.notes, note))  # once, however often it is tried
        return None, replace(result, notes=tuple(notes))


def told_of(result: Result, **given: Any) -> dict[str, Any]:
    """What is told of the crystal of a result: what is given now, and else what the result keeps.

    A spacing to compare with and a material with its reflection take each other's place.
    """
    told = {key: value for key, value in given.items() if value is not None}
    kept = dict(result.analysis)
    lattices = (("d_spacing",), ("material", "hkl"))
    for mine, other in (lattices, lattices[::-1]):
        if any(key in told for key in mine):
            kept = {key: value for key, value in kept.items() if key not in other}
    return {**kept, **told}


def index_of(told: Mapping[str, Any], geometry: Geometry) -> Index | None:
    """The index of refraction to correct for, where one is told."""
    return Index.read(told["refraction"], geometry.energy) if "refraction" in told else None


def facets_of(crystal: Crystal, told: Mapping[str, Any]) -> Facets:
    """The facets of a crystal, with indices where a material and its reflection are told (`told_of`).

    Raises
    ------
    ParameterError
        As `find_facets` and `indexed`.
    """
    found = find_facets(crystal)
    if "material" not in told:
        return found
    return indexed(found, crystal.q, told["material"], told["hkl"])
