"""``cdi-ml bench uncertainty``: whether the stated intervals hold the truth as often as they say.

The crystals are those of ``cdi-ml bench solve``, five starts of the default chain each. The truth is what the data can
show: the object on the same voxels, brought onto the chosen run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ..crystal.analysis import analyse
from ..crystal.crystal import Crystal
from ..crystal.of_result import crystal_of
from ..crystal.of_runs import ALIKE
from ..crystal.spread import WIDE, departures, slope
from ..data.measurement import Measurement
from ..data.result import Result
from ..engine.parameters import DEFAULT_SEQUENCE
from ..engine.run import reconstruct
from ..fourier import about_centre
from ..geometry.geometry import Geometry
from ..physics.alignment import align
from . import crystals
from .table import append, read

SEEDS = 5
TUNING = (*range(36), *range(1000, 1035))  # the numbers that the factors were fixed on
INSIDE = 2  # voxels from the surface
CORE = 0.1  # of its highest amplitude: the truth has no support of its own
# As scan 54 was measured, but with a rocking step that makes about cubic voxels.
GEOMETRY = Geometry(
    energy=9.0, distance=0.5, step=0.011, reference=(32, 128, 128),
    theta=0.2, chi=90.0, phi=-5.0, delta=32.0, gamma=12.6,
)  # fmt: skip
VOXELS = ("amplitude", "displacement", "strain")
FIGURES = tuple(ALIKE)
INTERVALS = {68: 1.0, 95: WIDE}  # %: standard uncertainties to either side

Row = dict[str, Any]


def calibrate(numbers: Sequence[int], out: Path, seeds: int = SEEDS) -> Iterator[str]:
    """Phase crystals, and count the voxels whose truth the intervals hold; lines of a table.

    Parameters
    ----------
    numbers : sequence of int
        Of `crystals.crystal`; `TUNING` are those that the factors were fixed on.
    out : Path
        Each finished crystal is a line of this file; those that are there are kept.
    seeds : int
        Starts of each.

    Raises
    ------
    ParameterError
        A file that holds something else.
    """
    done = read(out)
    rows = []
    for number in numbers:
        key = f"crystal {number}, {seeds} seeds, {DEFAULT_SEQUENCE}"
        if key not in done:
            one, began = crystals.crystal(number), time.process_time()
            result = reconstruct(measured(one), DEFAULT_SEQUENCE, seeds=seeds)
            seconds = time.process_time() - began
            done[key] = {"key": key, "processor_seconds": seconds, **held(result, one)}
            append(out, done[key])
        rows.append(done[key])
    if rows:
        tuned = sum(number in TUNING for number in numbers)
        yield f"{len(rows)} crystals, {tuned} of them among those that the factors were fixed on"
        yield from table(rows)


def measured(one: crystals.Crystal) -> Measurement:
    """The pattern of a crystal, with a geometry."""
    known = one.measurement
    return Measurement(known.intensity, known.mask, {"geometry": GEOMETRY.numbers()})


def held(result: Result, one: crystals.Crystal) -> Row:
    """Share of the voxels, inside and at the surface, and which figures, that hold the truth."""
    found = crystal_of(result)
    assert found is not None  # its measurement has a geometry
    row: Row = {
        "number": one.number,
        "kind": one.kind,
        "counts": one.counts,
        "agreement": found.figures["agreement"],
    }
    if not found.uncertainties:
        return row  # no run agrees with the chosen one: nothing is stated
    chosen = result.object * result.support
    nearest = align(one.truth, chosen)
    apart = np.linalg.norm(nearest - chosen) / np.linalg.norm(nearest)
    size = np.abs(nearest)
    truth = analyse(nearest, size > CORE * size.max(), GEOMETRY, found.voxel)
    solid = found.solid
    inner = distance_transform_edt(solid) > INSIDE
    ratios = _ratios(found, truth)
    row |= {
        "squared_error": float(apart) ** 2,
        "phase_range": float(np.ptp(truth.phase[truth.solid])),
        "voxels": {"inside": int(inner.sum()), "surface": int((solid & ~inner).sum())},
    }
    for part, where in (("inside", inner), ("surface", solid & ~inner)):
        if where.any():
            row[part] = {
                name: [float(np.mean(ratio[where] <= wide)) for wide in INTERVALS.values()]
                for name, ratio in ratios.items()
            }
    row["figures"] = {
        key: abs(found.figures[key] - truth.figures[key]) / found.errors[key]
        for key in FIGURES
        if found.errors.get(key, 0) > 0 and np.isfinite(truth.figures[key])
    }
    return row


def _ratios(found: Crystal, truth: Crystal) -> Mapping[str, NDArray[np.float64]]:
    """|Error| of each voxel in its standard uncertainties."""
    wave = about_centre(torch.from_numpy(truth.object), found.amplitude.shape).numpy()
    solid, direction = found.solid, found.q / np.linalg.norm(found.q)
    amplitude, phase = departures(wave, found.object, solid)
    stated, length = found.uncertainties, float(np.linalg.norm(found.q))
    steep = slope(phase, solid, direction) / (length * found.voxel)
    errors = {"amplitude": amplitude, "displacement": phase / length, "strain": steep}
    return {name: np.abs(errors[name]) / stated[name] for name in VOXELS}


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Lines: % of the voxels, every crystal with the same weight, that the 68 and 95 % intervals hold."""
    stated = [row for row in rows if "voxels" in row]
    if len(stated) < len(rows):
        names = ", ".join(str(row["number"]) for row in rows if "voxels" not in row)
        yield f"no two runs agree on {len(rows) - len(stated)} (nothing is stated): {names}"
    parts: dict[str, Callable[[Row], bool]] = {
        "all": lambda row: True,
        "below 10^7 counts": lambda row: row["counts"] < 1e7,
        "10^7 to 10^8": lambda row: 1e7 <= row["counts"] < 1e8,
        "above 10^8": lambda row: row["counts"] >= 1e8,
        "phase below 4 rad": lambda row: row["phase_range"] < 4,
        "phase above 4 rad": lambda row: row["phase_range"] >= 4,
        "squared error < 0.03": lambda row: row["squared_error"] < 0.03,
    }
    yield f"{'voxels':30} {'crystals':>8} " + " ".join(f"{name:>14}" for name in VOXELS)
    for where in ("inside", "surface"):
        for part, belongs in parts.items():
            mine = [row[where] for row in stated if where in row and belongs(row)]
            if mine:
                shares = " ".join(f"{_percent(mine, name):>14}" for name in VOXELS)
                yield f"{where + ', ' + part:30} {len(mine):8} {shares}"
    yield f"{'figures of a crystal':30} {'crystals':>8} {'68 %':>6} {'95 %':>6}"
    for key in FIGURES:
        ratios = np.array([row["figures"][key] for row in stated if key in row["figures"]])
        if len(ratios):
            shares = " ".join(f"{np.mean(ratios <= wide):6.0%}" for wide in INTERVALS.values())
            yield f"{key:30} {len(ratios):8} {shares}"


def _percent(rows: Sequence[Row], name: str) -> str:
    return " / ".join(f"{100 * np.mean([row[name][at] for row in rows]):.1f}" for at in (0, 1))
