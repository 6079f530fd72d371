"""Rows of a benchmark of chains: kept as JSON lines, and summed up a chain."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ParameterError, ReadError, WriteError
from ..utils.files import check_folder
from ..utils.inputs import check_file
from ..utils.swap import writer


def read(out: Path) -> dict[str, dict[str, Any]]:
    """Rows of a file by their key; none where there is no file.

    Raises
    ------
    ParameterError
        It holds something else.
    """
    try:
        if not out.exists():
            return {}
        check_file(out)
        text = out.read_text()
        kept = text[: text.rfind("\n") + 1]
        if text and not kept:
            raise ValueError("not a line")
        rows = {row["key"]: row for row in map(json.loads, kept.splitlines())}
        if kept != text:  # a line that was being written when the benchmark was killed
            out.write_text(kept)
        return rows
    except (OSError, ReadError, ValueError, KeyError, TypeError) as error:
        raise ParameterError(f"{out}: is no table of this benchmark: name another file") from error


@contextmanager
def lent(out: Path) -> Iterator[None]:
    """Be the only process that adds rows to a file, which is looked at before anything is measured for it.

    Raises
    ------
    ParameterError, WriteError
        It holds something else; another process writes it; its folder is missing, or cannot be written to.
    """
    check_folder(out.parent)
    if not out.parent.is_dir():
        raise WriteError(f"{out}: there is no folder {out.parent}: make it, or name another file")
    with writer(out):
        read(out)
        yield


def append(out: Path, row: dict[str, Any]) -> None:
    """Add a row to a file.

    Raises
    ------
    WriteError
        It cannot be written.
    """
    try:
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")
    except OSError as error:
        raise WriteError(f"{out}: cannot be written: {error.strerror}") from error


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Lines: for each chain the figures over all cases, and the seconds of one."""
    yield (
        f"{'chain':22} {'cases':>5} {'< 0.1':>6} {'< 0.25':>6} {'error':>7} "
        f"{'χ² held-out (10 to 90 %)':>30} {'seconds':>8}"
    )
    for name in dict.fromkeys(row["chain"] for row in rows):
        mine = [row for row in rows if row["chain"] == name]
        errors = np.array([row.get("object_error", np.nan) for row in mine])
        held = np.percentile([row["chi2_held_out"] for row in mine], (50, 10, 90))
        seconds = np.median([row["seconds"] for row in mine])
        yield (
            f"{name:22} {len(mine):5} {np.mean(errors < 0.1):6.1%} {np.mean(errors < 0.25):6.1%} "
            f"{np.median(errors):7.3f} "
            f"{held[0]:12.4g} ({held[1]:.4g} – {held[2]:.4g}) {seconds:8.2f}"
        )
