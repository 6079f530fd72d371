"""Runs of another program on data that were read here: as a `Result`, with figures of merit that are ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..data.result import Result, Run
from ..errors import CdiMlError, ReadError
from ..fourier import about_centre, to_corner, to_reciprocal
from ..physics import metrics
from ..physics.moduli import Moduli

SURFACE = 0.1  # of the highest amplitude: where a program keeps no support
TO_GIVE = "give the data that were phased with --data PATH"


@dataclass(frozen=True, eq=False)
class Found:
    """One object of another program, in the sign and order of axes of this package.

    Attributes
    ----------
    path : Path
        Where it lies.
    object : complex (z, y, x)
        Centred; in any unit.
    support : bool (z, y, x), optional
    history : mapping of str to array (k,)
        As `Run.history`.
    free : bool (z, y, x), optional
        Voxels of the data, centred, that it has not seen.
    cropped : bool
        Whether it may be a part of the array, about the object.
    seconds : float
        What it took.
    notes : tuple of str
    """

    path: Path
    object: NDArray[Any]
    support: NDArray[np.bool_] | None = None
    history: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    free: NDArray[np.bool_] | None = None
    cropped: bool = False
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


def as_result(
    measurement: Measurement,
    found: Sequence[Found],
    program: str,
    sequence: str,
    parameters: Mapping[str, Any],
) -> Result:
    """Make a result of the objects of another program.

    Each is scaled so that its moduli are nearest to the measured ones; figures of merit are those of
    `physics.metrics.figures`, over the voxels of `measurement`.

    Raises
    ------
    ReadError
        An object has another shape than the data, or is 0 everywhere.
    """
    runs = tuple(_run(measurement, one, number) for number, one in enumerate(found))
    good = [number for number, run in enumerate(runs) if run.reason == "completed"]
    if not good:
        raise ReadError(f"{found[0].path}: holds no finite object: reconstruct again")
    notes = (
        f"phased by {program}; scaled to these data, and figures of merit computed from them, here",
        *dict.fromkeys(note for one in found for note in one.notes),
    )
    return Result(
        measurement=measurement,
        runs=runs,
        best=good[metrics.best([runs[number].metrics for number in good])],
        sequence=sequence,
        parameters=parameters,
        device=f"unknown ({program})",
        seconds=sum(one.seconds for one in found),
        notes=tuple(dict.fromkeys((*notes, *measurement.notes))),
    )


def _run(measurement: Measurement, found: Found, number: int) -> Run:
    obj, support = fitted(found, measurement.shape)
    finite = bool(np.isfinite(obj).all())
    notes = [] if finite else ["not finite"]
    figures: Mapping[str, float] = {}
    if finite:
        scaled, data = _scaled(torch.from_numpy(obj), measurement, found)
        if found.support is None:
            support = np.abs(obj) >= SURFACE * np.abs(obj).max()
            notes.append(
                f"no support is kept: it is where |ρ| is {SURFACE:g} of its maximum or more"
            )
        figures = metrics.figures(scaled[None], data, torch.from_numpy(support)[None])[0]
        obj = (scaled * data.scale).numpy()
    return Run(
        seed=number,
        object=obj,
        support=support,
        metrics=figures,
        history=dict(found.history),
        reason="completed" if finite else "not finite",
        notes=(found.path.name, *notes),
    )


def fitted(
    found: Found, shape: tuple[int, int, int]
) -> tuple[NDArray[np.complex64], NDArray[np.bool_]]:
    """Object and support in the array of the data.

    Raises
    ------
    ReadError
        They have another shape.
    """
    obj = torch.from_numpy(np.ascontiguousarray(found.object, dtype=np.complex64))
    inside = np.ones(obj.shape, bool) if found.support is None else found.support
    part = obj.ndim == 3 and all(one <= n for one, n in zip(obj.shape, shape, strict=True))
    if inside.shape != obj.shape or not (obj.shape == shape or (part and found.cropped)):
        raise ReadError(
            f"{found.path}: object of shape {tuple(obj.shape)}, support {inside.shape}, data {shape}: "
            f"{TO_GIVE}, cropped and binned as they were there"
        )
    support = torch.from_numpy(np.ascontiguousarray(inside)).to(torch.uint8)
    return about_centre(obj, shape).numpy(), about_centre(support, shape).numpy() != 0


def _scaled(
    obj: torch.Tensor, measurement: Measurement, found: Found
) -> tuple[torch.Tensor, Moduli]:
    """The object in the scale of the moduli, and these, with what the program has not seen held out."""
    mask = to_corner(torch.from_numpy(measurement.mask.copy()))
    free = torch.zeros_like(mask)
    if found.free is not None:
        if found.free.shape != measurement.shape:
            raise ReadError(
                f"{found.path}: free pixels of shape {found.free.shape}, data {measurement.shape}: {TO_GIVE}"
            )
        free = to_corner(torch.from_numpy(np.ascontiguousarray(found.free))) & ~mask
    measured = to_corner(torch.from_numpy(np.sqrt(measurement.intensity)))
    data = Moduli.build(measured, mask, free)
    highest = float(obj.abs().max())
    if highest == 0:
        raise ReadError(f"{found.path}: the object is 0 everywhere: reconstruct again")
    obj = obj / highest
    model = to_reciprocal(obj).abs()[data.fitted].double()
    target = data.amplitude[data.fitted].double()
    power = float(model.square().sum())
    if power == 0:
        raise ReadError(f"{found.path}: the object scatters into no measured voxel: {TO_GIVE}")
    return obj * (float((model * target).sum()) / power), data


def likeness(obj: NDArray[Any], measurement: Measurement) -> float:
    """Pearson's coefficient of the moduli of a centred object and those measured."""
    wave = to_reciprocal(torch.from_numpy(np.ascontiguousarray(obj, dtype=np.complex64)))
    seen = to_corner(torch.from_numpy(~measurement.mask))
    measured = to_corner(torch.from_numpy(np.sqrt(measurement.intensity)))
    pair = torch.stack([wave.abs()[seen], measured[seen]])
    return float(torch.corrcoef(pair)[0, 1])


def data_of(
    path: Path, given: Measurement | None, ways: Sequence[tuple[Path, Mapping[str, Any]]]
) -> Measurement:
    """The data that were phased: what is given, else the first of several places that are there.

    Parameters
    ----------
    path : Path
        The result, for the message.
    given : Measurement, optional
    ways : sequence of (Path, mapping)
        Places, and options of `readers.load`.

    Raises
    ------
    ReadError
        Nothing is given, and no place is there.
    """
    from .readers import load

    if given is not None:
        return given
    for place, options in ways:
        if place.exists():
            try:
                return load(place, **options)
            except CdiMlError as error:
                raise ReadError(f"{error}; or {TO_GIVE}") from error
    looked = f" (looked for {', '.join(str(place) for place, _ in ways)})" if ways else ""
    raise ReadError(f"{path}: holds no measured data{looked}: {TO_GIVE}")
