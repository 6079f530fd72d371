"""A series is more than its scans: all in the same twin, held against one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...crystal.analysis import analyse
from ...crystal.grid import on_grid, roomy
from ...crystal.of_result import crystal_or_note
from ...errors import CdiMlError, WriteError
from ...io.cxi.aligned import aligned_bytes
from ...io.cxi.reader import read_result
from ...io.vtk import vti_bytes
from ...physics.alignment import placed
from ...physics.windows import about_centre
from ...utils.jsonable import plain
from ..save import save
from .outcome import ALIGNED, SLICE, Outcome, clear
from .phase import failed, told, turned
from .scans import SeriesScan
from .slices import Cut, drawn, slice_of
from .task import Task, command

if TYPE_CHECKING:
    from ...crystal.crystal import Crystal
    from ...data.result import Result

# Of an outcome, what its twin has as well.
KEPT = ("identity", "content", "stamp", "seconds", "worker", "start", "anchors")


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
    """Take the twin that is nearer to the reference, keep it as the reference has it, and say how the two differ."""
    before = Outcome.read(pair.task.folder)
    if before is None:
        return failed(pair.scan.name, "its result is gone")
    try:
        return _held(pair, before)
    except CdiMlError as error:
        return failed(pair.scan.name, str(error))


def _held(pair: Held, before: Outcome) -> Outcome:
    folder = pair.task.folder
    reference = read_result(pair.reference.folder)
    itself = pair.task == pair.reference
    result = reference if itself else read_result(folder)
    if result.object.shape != reference.object.shape:
        made = replace(before, beside={}, reference=pair.mark, aligned=[])
        # it may lie in the plane of an earlier reference
        made.write(folder, {SLICE: slice_of(result, crystal_or_note(result)[0])})
        return made
    aligned: NDArray[np.complexfloating] = result.object
    support, shift, made = result.support, [0.0, 0.0, 0.0], before
    if not itself:
        aligned, placing = placed(result.object, reference.object)
        support, shift = placing.of_support(result.support), placing.shift.tolist()
        if placing.turned:
            result, made = _turned(pair, before, result)
    both = _crystals(aligned, support, result, reference)
    about = {
        "scan": pair.scan.name,
        "reference": pair.reference.scan.name,
        "turned": made.turned,
        "shift": shift,
    }
    files = aligned_files(aligned, support, reference, both, about)
    known: dict[str, float | None] = {}
    if not itself:
        known = plain(differences(aligned, reference.object, both))
    names = [name for name in ALIGNED if name in files]
    made = replace(made, beside=known, reference=pair.mark, aligned=names)
    made.write(folder, files)
    return made


def _turned(pair: Held, before: Outcome, result: Result) -> tuple[Result, Outcome]:
    """Write the twin of a result in its place."""
    folder = pair.task.folder
    crystal, result = crystal_or_note(turned(result))
    clear(folder)
    try:
        start = before.start if before.anchors else ""
        save(result, folder, force=True, crystal=crystal, command=command(pair.task, start))
    except WriteError:  # a full disk, for one: what was there is finished as before
        replace(before, reference="", aligned=[]).write(folder)
        raise
    made = replace(
        told(pair.scan, result, crystal),
        turned=not before.turned,
        **{key: getattr(before, key) for key in KEPT},
    )
    return result, made


def _crystals(
    aligned: NDArray[np.complexfloating],
    support: NDArray[np.bool_],
    result: Result,
    reference: Result,
) -> tuple[Crystal, Crystal] | None:
    """That of an aligned object and that of the reference, on one grid; None where one has no geometry."""
    own, theirs = result.measurement.geometry, reference.measurement.geometry
    if own is None or theirs is None:
        return None
    first = analyse(reference.object, reference.support, theirs)
    grid = roomy(first)
    second = first
    if result is not reference:
        second = analyse(aligned, support, own, voxel=first.voxel)
    return on_grid(second, grid), on_grid(first, grid)


def aligned_files(
    aligned: NDArray[np.complexfloating],
    support: NDArray[np.bool_],
    reference: Result,
    crystals: tuple[Crystal, Crystal] | None,
    about: dict[str, Any],
) -> dict[str, bytes]:
    """What is kept of an aligned object, by the names of files: `ALIGNED`, and a slice where the reference has its.

    `crystals` are its own and that of the reference, on one grid.
    """
    crystal, first = (None, None) if crystals is None else crystals
    cut = Cut.through(drawn(reference.object, reference.support, first)[1])
    window = about_centre(reference.support)
    made = {
        ALIGNED[0]: aligned_bytes(aligned, support, window, crystal, about),
        SLICE: cut.picture(*drawn(aligned, support, crystal)),
    }
    if crystal is not None:
        made[ALIGNED[1]] = vti_bytes(crystal)
    return made


def differences(
    aligned: NDArray[np.complexfloating],
    reference: NDArray[np.complexfloating],
    crystals: tuple[Crystal, Crystal] | None,
) -> dict[str, float]:
    """How an aligned object differs from that of the reference.

    Returns
    -------
    dict
        ``difference_object``: ‖ρ − ρ₀‖ / ‖ρ₀‖ at the same norm; where both have a geometry,
        ``difference_strain_rms``: of the strain in the voxels that both crystals have, and ``beyond_grid``, the share
        of a crystal that lies beyond the grid of the series, where some does.
    """
    one = aligned / np.linalg.norm(aligned)
    other = reference / np.linalg.norm(reference)
    found = {"difference_object": float(np.linalg.norm(one - other))}
    if crystals is not None:
        found["difference_strain_rms"] = strain_difference(*crystals)
        crystal = crystals[0]
        held = float(crystal.solid.sum()) * crystal.voxel**3 / crystal.figures["volume_nm3"]
        if held < 1 - 1e-6:
            found["beyond_grid"] = 1 - held
    return found


def strain_difference(one: Crystal, other: Crystal) -> float:
    """Root mean square of the difference of two strains on one grid, where both crystals are; NaN for nowhere."""
    apart = (one.strain - other.strain)[one.solid & other.solid].astype(float)
    known = apart[np.isfinite(apart)]
    return float(np.sqrt(np.mean(known**2))) if known.size else float("nan")
