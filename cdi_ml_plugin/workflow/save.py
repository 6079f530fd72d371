"""Write what was found, of a result or a comparison: all files of it or none."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..crystal.account import account_of
from ..crystal.crystal import Crystal
from ..crystal.of_result import crystal_or_note
from ..data.result import Result
from ..errors import WriteError
from ..io.cxi.writer import cxi_bytes
from ..io.facets import FACET_FILES
from ..utils.files import staged
from ..utils.swap import whole
from ..utils.values import instance, path
from .earlier import (
    CRYSTAL_FILES,
    RESULT_FILES,
    check_result_folder,
    holds_finished,
    was_interrupted,
)

if TYPE_CHECKING:
    from ..comparison.comparison import Comparison

COMPARISON_FILES = ("compare.html", "compare.json")


def save(
    result: Result,
    folder: str | Path,
    force: bool = False,
    crystal: Crystal | None = None,
    interrupted: bool = False,
    command: str | None = None,
) -> tuple[Path, ...]:
    """Write `RESULT_FILES` and, of a crystal, `CRYSTAL_FILES` into `folder`.

    Parameters
    ----------
    result : Result
    folder : path
        Made where it is missing. Its files are exchanged at one moment, all of them; what else it
        holds stays.
    force : bool
        Replace a result that is there.
    crystal : Crystal, optional
        That of the result, where the caller has it already; default what `crystal_or_note` says.
    interrupted : bool
        A result of an interrupted run, too, replaces one of a run that came to its end.
    command : str, optional
        How to make this again, for the page and the CXI file; default what this process was called by.

    Returns
    -------
    The paths written.

    Raises
    ------
    WriteError
        See `check_result_folder`; or the result is of an interrupted run, and the folder holds a finished
        one; or writing failed. Then nothing has changed on disk.
    """
    from ..view.figures.summary import draw_summary
    from ..view.pages import report  # imports Matplotlib: not needed for a check

    instance("result", result, Result, "a Result")
    if crystal is not None:
        instance("crystal", crystal, Crystal, "a Crystal")
    folder = path("folder", folder)
    called = " ".join(sys.argv) if command is None else command
    if command is None:
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    check_result_folder(folder, force)
    if was_interrupted(result) and not interrupted and holds_finished(Path(folder)):
        raise WriteError(
            f"{folder}: holds the result of a run that came to its end, and this one was interrupted: "
            "name another folder, or give interrupted=True"
        )
    # facets are written apart, and those of an earlier result are not of this one
    with whole(folder, RESULT_FILES, force, CRYSTAL_FILES + FACET_FILES) as stage:
        if crystal is None:
            crystal, result = crystal_or_note(result)
        account = account_of(result, crystal)
        (stage / "result.cxi").write_bytes(cxi_bytes(result, called, crystal, account.crystal))
        text = json.dumps(account.content(), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        (stage / "metrics.json").write_text(text, encoding="utf-8")
        draw_summary(result).savefig(stage / "summary.png", dpi=130)
        html = report.page(account, crystal, command)
        (stage / "report.html").write_text(html, encoding="utf-8")
        if crystal is not None:
            from ..io.vtk import vti_bytes  # imports VTK

            (stage / "result.vti").write_bytes(vti_bytes(crystal))
    written = RESULT_FILES if crystal is None else RESULT_FILES + CRYSTAL_FILES
    return tuple(Path(folder) / name for name in written)


def save_comparison(comparison: Comparison, folder: str | Path) -> tuple[Path, ...]:
    """Write `COMPARISON_FILES` into `folder`; older ones are replaced.

    Returns
    -------
    The paths written.

    Raises
    ------
    WriteError
        No permission, no space: what was there is unchanged.
    """
    from ..comparison.comparison import Comparison
    from ..view.pages.comparison import page  # imports Matplotlib

    instance("comparison", comparison, Comparison, "a Comparison")
    content = comparison.content()
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    html = page(comparison, content)
    with staged(folder, COMPARISON_FILES, force=True) as stage:
        (stage / "compare.html").write_text(html, encoding="utf-8")
        (stage / "compare.json").write_text(text, encoding="utf-8")
    return tuple(Path(folder) / name for name in COMPARISON_FILES)
