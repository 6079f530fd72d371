"""What a folder holds already: nothing, a result, or files of another kind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py

from ..data.result import Result
from ..errors import WriteError
from ..io.cxi.writer import PROGRAM
from ..utils.files import check_folder
from ..utils.swap import recover

RESULT_FILES = ("result.cxi", "metrics.json", "summary.png", "report.html")
CRYSTAL_FILES = ("result.vti",)  # where the geometry is known
FILES = RESULT_FILES + CRYSTAL_FILES


def check_result_folder(folder: str | Path, force: bool = False) -> None:
    """Make sure that a result can be written, before any work is done.

    What a killed run left of its writing is ended or undone first.

    Raises
    ------
    WriteError
        See `check_folder`; or its files of these names are no result of this package.
    """
    recover(folder)
    holds_finished(check_folder(folder, FILES, force))


def holds_finished(folder: Path) -> bool:
    """Whether a folder holds the result of a run that was not interrupted.

    Raises
    ------
    WriteError
        It has files of these names, and they are no result of this package.
    """
    there = [name for name in FILES if os.path.lexists(folder / name)]
    if not there:
        return False
    about = _metrics(folder / "metrics.json")
    if about is not None:
        return not _interrupted((run["reason"] for run in about["runs"]), about["notes"])
    if _is_ours(folder / "result.cxi"):
        return True
    raise WriteError(
        f"{folder}: holds {', '.join(there)} that {PROGRAM} has not written, which nothing replaces: "
        "name another folder"
    )


def was_interrupted(result: Result) -> bool:
    """Whether a run of it, or all of them, ended before its time."""
    return _interrupted((run.reason for run in result.runs), result.notes)


def _interrupted(reasons: Iterable[str], notes: Iterable[str]) -> bool:
    return "interrupted" in reasons or any(note.startswith("interrupted:") for note in notes)


def _metrics(path: Path) -> Mapping[str, Any] | None:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        ours = PROGRAM in about["versions"] and all("reason" in run for run in about["runs"])
        return about if ours and all(isinstance(note, str) for note in about["notes"]) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_ours(path: Path) -> bool:
    try:
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("creator") == PROGRAM)
    except OSError:
        return False
