"""A series is more than its scans: all in the same twin, held against one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...crystal.analysis import analyse
from ...crystal.of_result import crystal_or_note
from ...crystal.twin import flip_notes
from ...errors import CdiMlError
from ...io.cxi.reader import read_result
from ...physics.alignment import placed
from ...utils.jsonable import plain
from ..later import twin_of
from ..save import save
from .outcome import Outcome, clear
from .phase import Task, command, failed, slice_of, told
from .scans import SeriesScan

if TYPE_CHECKING:
    from ...crystal.crystal import Crystal
    from ...data.result import Result


@dataclass(frozen=True)
class Held:
    """A result that is held against the reference.

    Attributes
    ----------
    task, reference : Task
    mark : str
        Of the reference's data and recipe.
    """

    task: Task
    reference: Task
    mark: str

    @property
    def scan(self) -> SeriesScan:
        """The scan that is held against it."""
        return self.task.scan


def held(pair: Held) -> Outcome:
    """Take the twin that is nearer to the reference, and say how the two differ."""
    before = Outcome.read(pair.task.folder)
    if before is None:
        return failed(pair.scan.name, "its result is gone")
    try:
        return _held(pair, before)
    except CdiMlError as error:
        return failed(pair.scan.name, str(error))


def _held(pair: Held, before: Outcome) -> Outcome:
    folder = pair.task.folder
    if pair.task == pair.reference:
        made = replace(before, beside={}, reference=pair.mark)
        made.write(folder)
        return made
    result = read_result(folder)
    reference = read_result(pair.reference.folder)
    if result.object.shape != reference.object.shape:
        made = replace(before, beside={}, reference=pair.mark)
        made.write(folder)
        return made
    aligned, placing = placed(result.object, reference.object)
    support = placing.of_support(result.support)
    made = before
    picture = None
    if placing.turned:
        result = replace(
            result, runs=tuple(map(twin_of, result.runs)), notes=flip_notes(result.notes)
        )
        crystal, result = crystal_or_note(result)
        clear(folder)
        save(result, folder, force=True, crystal=crystal, command=command(pair.task))
        new = told(pair.scan, result, crystal)
        made = replace(
            new,
            turned=not before.turned,
            **{key: getattr(before, key) for key in ("identity", "content", "stamp", "seconds")},
            worker=before.worker,
        )
        picture = slice_of(result, crystal)
    figures = differences(aligned, support, result, reference)
    known: dict[str, float | None] = plain(figures)
    made = replace(made, beside=known, reference=pair.mark)
    made.write(folder, picture)
    return made


def differences(
    aligned: NDArray[np.complex128],
    support: NDArray[np.bool_],
    result: Result,
    reference: Result,
) -> dict[str, float]:
    """How an aligned object differs from the reference.

    Returns
    -------
    dict
        ``difference_object``: ‖ρ − ρ₀‖ / ‖ρ₀‖ at the same norm; where both have a geometry,
        ``difference_strain_rms``: of the strain in the voxels that both crystals have.
    """
    one = aligned / np.linalg.norm(aligned)
    other = reference.object / np.linalg.norm(reference.object)
    found = {"difference_object": float(np.linalg.norm(one - other))}
    own, theirs = result.measurement.geometry, reference.measurement.geometry
    if own is not None and theirs is not None:
        first = analyse(reference.object, reference.support, theirs)
        second = analyse(aligned, support, own, voxel=first.voxel)
        found["difference_strain_rms"] = strain_difference(first, second)
    return found


def strain_difference(one: Crystal, other: Crystal) -> float:
    """Root mean square of the difference of two strains, over the voxels that both crystals have; NaN for none."""
    shape = [min(pair) for pair in zip(one.solid.shape, other.solid.shape, strict=True)]
    parts = []
    for crystal in (one, other):
        middle = tuple(
            slice(n // 2 - size // 2, n // 2 - size // 2 + size)
            for n, size in zip(crystal.solid.shape, shape, strict=True)
        )
        parts.append(np.where(crystal.solid, crystal.strain, np.nan)[middle])
    apart = parts[0] - parts[1]
    known = apart[np.isfinite(apart)]
    return float(np.sqrt(np.mean(known**2))) if known.size else float("nan")
