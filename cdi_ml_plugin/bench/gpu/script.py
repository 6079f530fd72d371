"""The order of things, what is kept of them, and when it is time to end."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from ...errors import ParameterError, WriteError
from ...utils.device import find_device, half_pays
from ...utils.files import check_folder, staged
from ...utils.swap import writer
from ...utils.versions import versions
from ..table import append, read
from . import checks, speed
from .checkout import registered
from .scale import Task, scale
from .train import RESULT, Training

ROWS, PAGE = "gpu.jsonl", "gpu.md"
PARTS = ("checks", "speed", "train")
MEASURING = 0.7  # of the minutes, at the most, where there is training after it
MACHINE = "Machine"
FAILED = "failed"


@dataclass(frozen=True)
class Options:
    """What was asked for, see ``cdi-ml bench gpu --help``."""

    out: Path
    minutes: float = 5.0
    device: str | None = None
    quick: bool = False
    only: tuple[str, ...] = ()
    checkpoint: Path | None = None
    batch: int | None = None
    steps: int | None = None


def run(options: Options) -> Iterator[str]:
    """Check, measure and train; lines as things happen, and all of it in the folder.

    Raises
    ------
    ParameterError
        A part or a device that is not there; a checkpoint that does not fit.
    WriteError
        The folder cannot be written to, or another process writes there.
    ReadError
        A checkpoint that is none.
    """
    began = time.monotonic()
    for part in options.only:
        if part not in PARTS:
            raise ParameterError(f"only {part!r}: give one of {', '.join(PARTS)}")
    if not options.minutes > 0 or min(options.batch or 1, options.steps or 1) < 1:
        raise ParameterError("minutes, batch, steps: give numbers above 0")
    parts = options.only or PARTS
    device = find_device(options.device)
    training = Training(options.out, options.checkpoint, options.batch, options.steps)
    check_folder(options.out)
    if "train" in parts:
        training.check()
    with writer(options.out), registered():
        try:
            options.out.mkdir(exist_ok=True)
        except OSError as error:
            raise WriteError(f"{options.out}: cannot be made: {error.strerror}") from error
        yield from _all(options, parts, device, training, began)


def _all(
    options: Options,
    parts: tuple[str, ...],
    device: torch.device,
    training: Training,
    began: float,
) -> Iterator[str]:
    sizes = scale(device, options.quick)
    kept = Kept(options.out, device)
    yield kept.add({"table": MACHINE, **_machine(device)})
    yield from _notes(device)
    tasks: list[Iterator[Task]] = []
    if "checks" in parts:
        tasks.append(checks.tasks(sizes, device))
    if "speed" in parts:
        tasks.append(speed.tasks(sizes, device))
    left_out = 0
    share = MEASURING if "train" in parts else 1.0
    for task in chain(*tasks):
        if time.monotonic() - began > 60 * share * options.minutes:
            left_out += 1
        elif not kept.has(task):
            yield kept.measured(task)
    for what, count in (
        ("figures FAILED", sum(FAILED in row for row in kept.rows)),
        (
            "checks came to other objects",
            sum(row.get("verdict") == checks.OTHER for row in kept.rows),
        ),
    ):
        if count:
            yield f"{count} {what}: see {options.out / PAGE}"
    if left_out:
        yield f"{left_out} figures left out: no time for them; the same command goes on"
    if "train" in parts:
        minutes = options.minutes - (time.monotonic() - began) / 60
        yield f"training for {minutes:.1f} minutes, its end included"
        for row in training.run(sizes, device, minutes, kept.rows):
            yield kept.add({"table": RESULT, **row})
    yield f"written: {options.out / PAGE} ({(time.monotonic() - began) / 60:.1f} minutes in all)"


class Kept:
    """The rows in the folder of a run, and the page that shows them."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder = folder
        self.where = f"{_name(device)}, torch {torch.__version__}"
        self.found = read(folder / ROWS)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All of them, in their order."""
        return list(self.found.values())

    def has(self, task: Task) -> bool:
        """Whether that was measured on this device before, and did not fail."""
        row = self.found.get(self._key(task.table, task.row))
        return row is not None and FAILED not in row

    def measured(self, task: Task) -> str:
        """Measure a row and add it; what fails is a row too, and no end of the others."""
        try:
            figures = task.measure()
        except Exception as error:  # whatever a device runs into
            said = str(error).partition("\n")[0]
            figures = {FAILED: f"{type(error).__name__}: {said}"[:200]}
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return self.add({"table": task.table, **task.row, **figures}, task.row)

    def add(self, row: dict[str, Any], settings: dict[str, Any] | None = None) -> str:
        """Add a row that is not there yet; returns it as a line."""
        key = self._key(row["table"], row if settings is None else settings)
        if self.found.get(key) != {"key": key, **row}:
            self.found[key] = {"key": key, **row}
            append(self.folder / ROWS, self.found[key])
            with staged(self.folder, [PAGE], force=True) as stage:
                (stage / PAGE).write_text("\n".join(page(self.rows)) + "\n", encoding="utf-8")
        told = (f"{name} {_text(value)}" for name, value in row.items() if name != "table")
        return f"{row['table']}: {', '.join(told)}"

    def _key(self, table: str, settings: dict[str, Any]) -> str:
        return f"{self.where}, {table}, {json.dumps(settings, ensure_ascii=False)}"


def page(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Lines of markdown: a table for each name of a table."""
    yield "# Figures of this machine"
    for name in dict.fromkeys(row["table"] for row in rows):
        mine = [row for row in rows if row["table"] == name]
        columns = dict.fromkeys(k for row in mine for k in row if k not in ("key", "table"))
        yield from ("", f"## {name}", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|")
        for row in mine:
            yield f"| {' | '.join(_text(row.get(column, '')) for column in columns)} |"


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    return str(value).replace("|", "/")


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads of {platform.machine()}"


def _machine(device: torch.device) -> dict[str, Any]:
    row: dict[str, Any] = {"device": _name(device), **versions()}
    if device.type == "cuda":
        _, memory = torch.cuda.mem_get_info(device)
        row |= {"CUDA": torch.version.cuda, "GB": memory / 1e9}
    return row | {"CPU cores": os.cpu_count(), "bfloat16": "yes" if half_pays(device) else "no"}


def _notes(device: torch.device) -> Iterator[str]:
    if device.type == "cpu":
        yield "note: runs on the CPU, so nothing is compared with a GPU: single against double precision"
    if not half_pays(device):
        yield f"note: no bfloat16 in this {device.type}: it trains in float32"
