"""Warm starts: which scans begin from the object of a near one, how, and whether that is as good as a cold start."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ...data.measurement import Measurement
from ...engine.parameters import HONOURED
from ...engine.plan import Plan
from ...engine.run import reconstruct
from ...errors import CdiMlError, ParameterError
from ...fourier import diffraction, shift_ramp, to_centre, to_direct, to_reciprocal
from ...geometry.doubts import difference
from ...io.cxi.reader import read_result
from ...physics import metrics
from ...physics.moduli import Moduli
from ...utils.values import whole
from ..earlier import was_interrupted
from .outcome import Outcome
from .recipe import Recipe
from .scans import MOST, SeriesScan

if TYPE_CHECKING:
    from ...data.result import Result

CHAIN = "30*SEARCH + 10*ER"  # brings the object of a near scan to this one; run from each of two
# How far above that of the anchors the misfit may be: a share of it, and standard deviations of counting.
WORSE, SIGMA = 0.03, 2.5
TINY = 1e-9  # distance of two patterns that are the same
FAR = 2.0  # times the distance of two anchors, from which on a scan is none between them
# Degrees and share of a length between two frames, from which on they are not the same.
ANGLE, SHEAR = 2.0, 0.02


def starts(
    scans: Sequence[SeriesScan], every: int, along: Sequence[str] = ()
) -> list[tuple[str, ...]]:
    """Whose objects each scan begins from: folders of the two nearest anchors, the nearer first; none for an anchor.

    Parameters
    ----------
    scans : sequence of SeriesScan
    every : int
        Of so many scans the one in the middle is an anchor, which is phased cold, and the last one where it would be
        farther than half as many from one. Where that makes one anchor, there are two. A scan
        that a table gives an algorithm or seeds of its own is phased cold as well, but is no anchor.
    along : sequence of str
        Where a table gives every scan a number in the first of these columns, scans are near by that, else by
        their order.
    """
    whole("warm", every, 2, MOST)
    values = [scan.columns.get(along[0]) if along else None for scan in scans]
    order = list(range(len(scans)))
    if all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        order.sort(key=lambda place: values[place])  # type: ignore[arg-type,return-value]
    own = [{"sequence", "seeds"} & set(scan.given) for scan in scans]
    line = [place for place in order if not own[place]]
    last = len(line) - 1
    anchors = list(range(min(every // 2, last), last + 1, every))
    if anchors and last - anchors[-1] > every // 2:  # too far for a start
        anchors.append(last)
    if len(anchors) == 1:  # by one alone nothing is too far: take two, a quarter from the ends
        anchors = sorted({last // 4, last - last // 4})
    found: list[tuple[str, ...]] = [()] * len(scans)
    for at, place in enumerate(line):
        if at not in anchors:
            near = sorted(anchors, key=lambda anchor: abs(anchor - at))[:2]
            found[place] = tuple(scans[line[anchor]].folder for anchor in near)
    return found


def check(recipe: Recipe) -> None:
    """Make sure that a warm start can be judged and run by a recipe.

    Raises
    ------
    ParameterError
        Nothing is held out; or a parameter is not valid.
    """
    if recipe.held_out == 0:
        raise ParameterError("warm starts are judged by held-out voxels: give a held-out share")
    Plan.of(CHAIN, _parameters(recipe))


def bytes_per_voxel() -> int:
    """Memory of a voxel that a warm start takes."""
    return Plan.of(CHAIN, {}).bytes_per_voxel()


@dataclass(frozen=True)
class Attempt:
    """What came of the warm starts of a scan.

    Attributes
    ----------
    said : str
        In words, for people.
    result : Result, optional
        The best of them; None where nothing could be started from.
    right : bool
        Whether it agrees with its data as the anchors do with theirs.
    origins : mapping of str to str
        By the folders of the anchors that took part, see `Outcome.origin`.
    """

    said: str
    result: Result | None = None
    right: bool = False
    origins: Mapping[str, str] = field(default_factory=dict)


def attempt(
    recipe: Recipe, folders: Sequence[Path], measurement: Measurement, lost: Sequence[str] = ()
) -> Attempt:
    """Start from each anchor, and take what foretells the held-out voxels better; the `lost` have no result."""
    anchors = []
    without = [f"scan {name.removeprefix('scan_')} has no result" for name in lost]
    for folder in folders:
        try:
            anchors.append(_anchor(folder, recipe, measurement))
        except CdiMlError as error:
            without.append(str(error))
    if not anchors:
        return Attempt(f"cold: {'; '.join(without)}" if without else "")
    origins = {anchor.folder: anchor.origin for anchor in anchors}
    anchors.sort(key=lambda anchor: anchor.distance)
    if _beyond(anchors):
        far = " and ".join(anchor.name for anchor in anchors)
        return Attempt(f"cold: its pattern is unlike those of {far}")
    made = []
    for anchor in anchors:
        try:
            result = _started(anchor, recipe, measurement)
        except CdiMlError as error:
            without.append(str(error))
            continue
        made.append((_worse(result, anchors, recipe), anchor.name, result))
    if not made:
        return Attempt(f"cold: {'; '.join(without)}")
    made = [one for one in made if not one[0]] or made
    worse, name, result = made[metrics.best([one.metrics for *_, one in made])]
    said = f"from {name} {worse}" if worse else f"warm from {name}"
    note = f"warm start: from the object of scan {name}, in place of random phases"
    return Attempt(said, replace(result, notes=(*result.notes, note)), not worse, origins)


def better(warm: Attempt, cold: Result) -> tuple[Result, Attempt]:
    """Of a warm start that was refused and the cold one the better, and what is said of it."""
    if warm.result is None:
        return cold, warm
    if metrics.best([cold.metrics, warm.result.metrics]) == 1:
        return warm.result, replace(warm, said=f"warm, better than cold; {warm.said}")
    return cold, Attempt(f"cold; {warm.said}")


def _beyond(anchors: Sequence[_Anchor]) -> bool:
    """Whether a pattern is far farther from both anchors than these are from each other: it is no step between them."""
    if len(anchors) < 2:
        return False
    one, other = (anchor.result for anchor in anchors)
    return anchors[0].distance > FAR * moved(other.object, one.measurement)[1]


def judged(result: Result, recipe: Recipe) -> dict[str, tuple[float, float]]:
    """See `metrics.misfits`."""
    data = Moduli.of(result.measurement, recipe.held_out, torch.device("cpu"))
    return metrics.misfits(torch.from_numpy(result.object) / data.scale, data)


def _worse(result: Result, anchors: Sequence[_Anchor], recipe: Recipe) -> str:
    """In which way a warm start is worse than its anchors; empty where it is not.

    The held-out voxels tell what is learnt by heart; all the others tell sooner what is wrong, for they are many.
    """
    for name, (misfit, noise) in judged(result, recipe).items():
        theirs, around = np.array([anchor.misfits[name] for anchor in anchors]).T
        # the nearer anchor foretells the more: a misfit may grow along a series
        wanted = np.average(theirs, weights=[1 / max(a.distance, TINY) for a in anchors])
        if not misfit <= wanted * (1 + WORSE) + SIGMA * math.hypot(noise, around.max()):
            voxels = name.replace("_", "-")
            return (
                f"the misfit of {voxels} voxels is {misfit:.2f} times that of counting, "
                f"of the anchors {wanted:.2f}"
            )
    return ""


@dataclass(frozen=True, eq=False)
class _Anchor:
    """A near scan that was phased cold; its object is moved, see `moved`."""

    folder: str
    name: str
    origin: str
    result: Result
    misfits: Mapping[str, tuple[float, float]]
    object: NDArray[np.complex128]
    distance: float


def _anchor(folder: Path, recipe: Recipe, measurement: Measurement) -> _Anchor:
    """Read the result of an anchor.

    Raises
    ------
    ReadError
        It is gone, or damaged.
    ParameterError
        It is in another frame, or nothing was held out.
    """
    name = folder.name.removeprefix("scan_")
    about = Outcome.read(folder)
    result = read_result(folder)
    if about is None:
        raise ParameterError(f"scan {name} is not finished")
    if result.measurement.shape != measurement.shape:
        shape = " × ".join(map(str, result.measurement.shape))
        raise ParameterError(f"scan {name} has another shape, {shape}")
    one, other = result.measurement.geometry, measurement.geometry
    if one is not None and other is not None:
        angle, shear = difference(one, other)
        if angle > ANGLE or shear > SHEAR:
            raise ParameterError(
                f"scan {name} is in another frame, {angle:.2g}° and {shear:.1%} away"
            )
    misfits = judged(result, recipe)
    if not all(math.isfinite(misfit) for misfit, _ in misfits.values()):
        raise ParameterError(f"scan {name} has no held-out likelihood")
    return _Anchor(
        folder.name, name, about.origin, result, misfits, *moved(result.object, measurement)
    )


def _started(anchor: _Anchor, recipe: Recipe, measurement: Measurement) -> Result:
    result = reconstruct(
        measurement,
        CHAIN,
        seeds=1,
        parameters=_parameters(recipe),
        held_out=recipe.held_out,
        device=recipe.device,
        start=anchor.object,
        support=anchor.result.support,
    )
    if was_interrupted(result):
        raise KeyboardInterrupt
    return result


def moved(
    obj: NDArray[np.complex64], measurement: Measurement
) -> tuple[NDArray[np.complex128], float]:
    """Bring the pattern of an object to where that of a measurement lies, which may be centred otherwise, to a voxel.

    Parameters
    ----------
    obj : complex64 (z, y, x)
    measurement : Measurement
        Of the same shape.

    Returns
    -------
    object : complex128 (z, y, x)
    distance : float
        1 − Σ√I|F| / √(ΣI Σ|F|²) over the measured voxels.
    """
    measured = np.sqrt(np.where(measurement.mask, 0, measurement.intensity)).astype(np.float64)
    model = np.sqrt(diffraction(obj)).astype(np.float64)
    one, other = (to_reciprocal(torch.from_numpy(each)) for each in (measured, model))
    overlap = to_direct(one * other.conj()).real
    peak = np.unravel_index(int(overlap.argmax()), overlap.shape)
    shift = [int(p) - n if p > n // 2 else int(p) for p, n in zip(peak, overlap.shape, strict=True)]
    there = np.where(measurement.mask, 0, np.roll(model, shift, (0, 1, 2)))
    likeness = np.vdot(measured, there) / (np.linalg.norm(measured) * np.linalg.norm(there))
    ramp = shift_ramp(obj.shape, -torch.tensor(shift, dtype=torch.float64))
    return obj * to_centre(ramp).numpy(), 1 - float(likeness)


def _parameters(recipe: Recipe) -> dict[str, object]:
    """Those of the recipe that the chain knows: its own algorithms have others."""
    known = HONOURED | {key for o in Plan.of(CHAIN, {}).step.operators() for key in o.keys.values()}
    return {key: value for key, value in recipe.parameters.items() if key in known}
