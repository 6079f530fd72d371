"""What a worker does with one scan: read, prepare, phase, analyse, write; whatever goes wrong is said in a line."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...crystal.account import account_of
from ...crystal.checks import checks
from ...crystal.of_result import crystal_or_note
from ...crystal.twin import flip_notes
from ...data.measurement import Measurement, data_digest
from ...data.scan import Scan
from ...engine.kept import forget
from ...engine.run import reconstruct
from ...errors import CdiMlError, ClusterError, shortened
from ...io.cxi.reader import read_result
from ...physics.alignment import placed
from ...utils.jsonable import plain
from ...utils.swap import beside
from ...utils.versions import differences, versions
from ..earlier import was_interrupted
from ..later import twin_of
from ..load import read_prepared
from ..save import save
from . import warm
from .outcome import DONE, FAILED, SLICE, Outcome, clear, digest
from .scans import SeriesScan
from .slices import slice_of
from .task import KEPT, Task, command, holds, reading

if TYPE_CHECKING:
    from ...crystal.crystal import Crystal
    from ...data.result import Result

MOST_PARTS = 64  # of the seeds of a scan


def phase(task: Task) -> Outcome:
    """Do one scan; no error leaves it but an interruption."""
    began = time.perf_counter()
    try:
        made = _phase(task, began)
    except CdiMlError as error:
        made = failed(task.scan.name, str(error))
    except Exception as error:  # whatever it is, the other scans go on
        made = failed(task.scan.name, f"{type(error).__name__}: {error}")
    return _timed(made, began)


def _timed(outcome: Outcome, began: float) -> Outcome:
    worker = f"{socket.gethostname()}:{os.getpid()}"
    return replace(outcome, seconds=time.perf_counter() - began, worker=worker)


def failed(name: str, reason: str) -> Outcome:
    """What becomes of a scan that fails."""
    return Outcome(name, FAILED, shortened(reason))


def _phase(task: Task, began: float) -> Outcome:
    if differing := differences(task.versions, versions()):
        raise ClusterError(f"the worker has other versions ({differing}): install the same there")
    recipe, scan, files = task.recipe, task.scan, task.stamp()
    measurement = read_prepared(scan.data, **reading(task))
    content = digest([data_digest(measurement), measurement.provenance.get("geometry")])
    before = task.earlier()
    if before is not None and before.content == content:
        again = replace(before, stamp=files)  # the files were touched, and hold the same
        again.write(task.folder)
        return again
    starts = [task.out / name for name in task.starts]
    tried = warm.attempt(recipe, starts, measurement, task.lost)
    if tried.result is not None and tried.right:
        result = tried.result
    else:
        result, tried = warm.better(tried, _cold(task, measurement))
    is_twin = _is_twin(task, result)
    crystal, result = crystal_or_note(turned(result) if is_twin else result)
    clear(task.folder)
    start = tried.said if tried.origins else ""
    save(result, task.folder, force=True, crystal=crystal, command=command(task, start))
    made = replace(
        told(scan, result, crystal),
        identity=task.identity(tried.origins),
        content=content,
        stamp=files,
        start=tried.said,
        anchors=tried.origins,
        turned=is_twin,
    )
    made = _timed(made, began)
    made.write(task.folder, {SLICE: slice_of(result, crystal)})
    forget(beside(task.folder, KEPT))
    return made


def _cold(task: Task, measurement: Measurement) -> Result:
    """Phase a scan by its recipe, from random phases."""
    result = _run(task, measurement, task.recipe.seeds)
    if was_interrupted(result):
        raise KeyboardInterrupt
    return result


def _run(task: Task, measurement: Measurement, seeds: int | Sequence[int] | None) -> Result:
    recipe = task.recipe
    return reconstruct(
        measurement,
        recipe.sequence,
        seeds=seeds,
        parameters=recipe.parameters,
        held_out=recipe.held_out,
        device=recipe.device,
        keep=beside(task.folder, KEPT),
    )


def _is_twin(task: Task, result: Result) -> bool:
    """Whether it is the twin of what the reference has come to already: turned now, it is written once."""
    folder = None if task.reference is None else task.out / task.reference.folder
    if folder is None or folder == task.folder or not holds(folder):
        return False
    try:
        reference = read_result(folder).object
    except CdiMlError:
        return False
    return reference.shape == result.object.shape and placed(result.object, reference)[1].turned


def turned(result: Result) -> Result:
    """The conjugate twin of a result."""
    return replace(result, runs=tuple(map(twin_of, result.runs)), notes=flip_notes(result.notes))


@dataclass(frozen=True)
class Part:
    """Some seeds of a scan."""

    task: Task
    seeds: tuple[int, ...]


def parts(tasks: Sequence[Task]) -> list[Part]:
    """The seeds of scans in groups of two: what can be done beside each other."""
    found = []
    for task in tasks:
        parameters = task.recipe.parameters
        count = int(task.recipe.seeds or parameters.get("reconstructions", 1))
        step = max(2, -(-count // MOST_PARTS))
        found += [
            Part(task, tuple(range(at, min(count, at + step)))) for at in range(0, count, step)
        ]
    return found


def some_seeds(part: Part) -> None:
    """Run some seeds of a scan, and keep them for `phase`."""
    task = part.task
    with suppress(CdiMlError):
        _run(task, read_prepared(task.scan.data, **reading(task)), part.seeds)


def told(scan: SeriesScan, result: Result, crystal: Crystal | None) -> Outcome:
    """What the account of a result says, for the table of a series."""
    entries = [e for e in account_of(result, crystal).entries if not isinstance(e.value, str)]
    return Outcome(
        name=scan.name,
        state=DONE,
        figures=_known({e.key: float(e.value) for e in entries}),
        errors=_known({e.key: e.error for e in entries if math.isfinite(e.error)}),
        reasons={e.key: e.reason for e in entries if e.reason},
        texts={e.key: e.text for e in entries},
        checks=[{"name": c.name, "level": c.level, "says": c.seen} for c in checks(result)],
        columns=columns_of(result.measurement),
        shape=list(result.measurement.shape),
    )


def _known(values: dict[str, float]) -> dict[str, float | None]:
    found: dict[str, float | None] = plain(values)
    return found


def columns_of(measurement: Measurement) -> dict[str, float | str]:
    """What the files say of the scan: means of motors that moved, numbers of the geometry, date, exposure."""
    found: dict[str, float | str] = {}
    geometry = measurement.provenance.get("geometry", {})
    for key, value in geometry.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[key] = float(value)
        elif key == "angles":
            found |= {name: float(angle) for name, angle in dict(value).items()}
    scan = Scan.of(measurement.provenance)
    if scan is not None:
        found |= {name: float(np.mean(column)) for name, column in scan.motors.items() if column}
        if scan.exposure is not None:
            found["exposure"] = scan.exposure
        if scan.date:
            found["date"] = scan.date
    return found
