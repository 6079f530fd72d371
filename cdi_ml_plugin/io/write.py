"""Write a result, the files of `RESULT_FILES` and `CRYSTAL_FILES`: all of them or none."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..crystal.analysis import crystal_or_note
from ..crystal.crystal import Crystal
from ..data.measurement import Measurement
from ..data.result import Result, Run
from ..errors import WriteError
from .cxi.groups import plain
from .cxi.writer import cxi_bytes

RESULT_FILES = ("result.cxi", "metrics.json", "summary.png", "report.html")
CRYSTAL_FILES = ("result.vti",)  # where the geometry is known


def check_folder(
    folder: str | Path,
    force: bool = False,
    names: Iterable[str] = (*RESULT_FILES, *CRYSTAL_FILES),
) -> Path:
    """Make sure that results can be written, before any work is done.

    The folder is made, with its parents, where it is missing.

    Raises
    ------
    WriteError
        It is no folder, cannot be written to, or holds one of `names` and `force` is not set.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise WriteError(f"{path}: is a file, or lies below one: name another folder") from error
    except OSError as error:
        raise WriteError(f"{path}: cannot be made: {_reason(error)}") from error
    try:  # permission bits tell little on network disks, and nothing to root: try it
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(b"0")
    except OSError as error:
        raise WriteError(f"{path}: cannot be written to: {_reason(error)}") from error
    existing = [name for name in names if os.path.lexists(path / name)]
    if existing and not force:
        raise WriteError(
            f"{path}: holds {', '.join(existing)} already: name another folder, or force it"
        )
    return path


@contextmanager
def staged(
    folder: str | Path,
    names: Iterable[str],
    force: bool = False,
    optional: Iterable[str] = (),
) -> Iterator[Path]:
    """Lend an empty folder; what is in it afterwards under `names` moves to `folder` at once.

    Names may lie in subfolders, as ``"a/b.cxi"``. Of those in `optional` that were not written, older files go
    away. On any failure `folder` is left as it was before, without litter.

    Raises
    ------
    WriteError
        See `check_folder`; or writing failed, for instance for lack of space.
    """
    wanted, welcome = tuple(names), tuple(optional)
    target = check_folder(folder, force, wanted + welcome)
    stage: Path | None = None
    try:
        # below the target, so that a rename is atomic: it never crosses a file system
        stage = Path(tempfile.mkdtemp(prefix=".cdi-ml-", dir=target))
        new = stage / "new"
        new.mkdir()
        for name in wanted + welcome:
            (new / name).parent.mkdir(parents=True, exist_ok=True)
        yield new
        _commit(new, target, stage, wanted, welcome)
    except OSError as error:
        raise WriteError(
            f"{target}: writing failed, nothing was changed: {_reason(error)}"
        ) from error
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)


def write_result(
    result: Result, folder: str | Path, force: bool = False, crystal: Crystal | None = None
) -> tuple[Path, ...]:
    """Write `RESULT_FILES` and, of a crystal, `CRYSTAL_FILES` into `folder`.

    Parameters
    ----------
    result : Result
    folder : path
        Made where it is missing.
    force : bool
        Replace existing files of these names.
    crystal : Crystal, optional
        That of the result, where the caller has it already; default what `crystal_or_note` says.

    Returns
    -------
    The paths written.

    Raises
    ------
    WriteError
        See `check_folder`; or writing failed. Then nothing has changed on disk.
    """
    from ..view.figures.summary import draw_summary
    from ..view.pages import report  # imports Matplotlib: not needed for a check

    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    with staged(folder, RESULT_FILES, force, CRYSTAL_FILES) as stage:
        if crystal is None:
            crystal, result = crystal_or_note(result)
        (stage / "result.cxi").write_bytes(cxi_bytes(result, " ".join(sys.argv), crystal))
        content = about_result(result, crystal)
        text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        (stage / "metrics.json").write_text(text, encoding="utf-8")
        draw_summary(result).savefig(stage / "summary.png", dpi=130)
        html = report.page(result, content, crystal, command)
        (stage / "report.html").write_text(html, encoding="utf-8")
        if crystal is not None:
            from .vtk import vti_bytes  # imports VTK

            (stage / "result.vti").write_bytes(vti_bytes(crystal))
    written = RESULT_FILES if crystal is None else RESULT_FILES + CRYSTAL_FILES
    return tuple(Path(folder) / name for name in written)


def about_result(result: Result, crystal: Crystal | None = None) -> dict[str, Any]:
    """Figures of merit of the chosen run, then of each, and how they came about, as JSON knows them."""
    measurement = result.measurement
    content = {
        **_run(result.run),
        "crystal": None if crystal is None else crystal.figures,
        "best": result.best,
        "runs": [_run(run) for run in result.runs],
        "sequence": result.sequence,
        "parameters": result.parameters,
        "notes": result.notes,
        "device": result.device,
        "seconds": result.seconds,
        "data": about_data(measurement),
        "versions": versions(),
    }
    plainly: dict[str, Any] = plain(content)
    return plainly


def about_data(measurement: Measurement) -> dict[str, Any]:
    """What a result says of the data that it came from."""
    return {
        "shape": measurement.shape,
        "counts": float(measurement.intensity.sum(dtype=np.float64)),
        "masked": int(measurement.mask.sum()),
        "provenance": measurement.provenance,
    }


def versions() -> dict[str, str]:
    """Versions of this package and of what computes."""
    import torch

    return {
        "cdi_ml_plugin": __version__,
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "seed": run.seed,
        **{key: run.metrics.get(key) for key in ("chi2", "pearson", "chi2_held_out")},
        **run.metrics,
        "reason": run.reason,
        "notes": run.notes,
    }


def _commit(
    stage: Path, target: Path, spare: Path, names: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    """Rename all that is in `stage` into `target`, or undo what was renamed."""
    old = spare / "old"
    moved: list[str] = []
    made: list[Path] = []
    try:
        for name in names + optional:
            destination = target / name
            (old / name).parent.mkdir(parents=True, exist_ok=True)
            made += _missing(destination.parent)
            destination.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(destination):
                _keep(destination, old / name)
            moved.append(name)
            if name in names or os.path.lexists(stage / name):
                os.replace(stage / name, destination)
            else:
                destination.unlink(missing_ok=True)
    except OSError:
        for name in reversed(moved):
            _restore(old / name, target / name)
        for folder in reversed(made):
            folder.rmdir()
        raise


def _missing(folder: Path) -> list[Path]:
    """The folders that have to be made, the outermost first."""
    return [] if folder.exists() else [*_missing(folder.parent), folder]


def _keep(path: Path, copy: Path) -> None:
    """Set the old version aside; a file stays in place too, so that it is never missing."""
    if path.is_dir() and not path.is_symlink():
        os.rename(path, copy)
        return
    try:
        os.link(path, copy, follow_symlinks=False)
    except OSError:  # a file system without hard links
        shutil.copy2(path, copy, follow_symlinks=False)


def _restore(copy: Path, path: Path) -> None:
    if os.path.lexists(copy):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        os.rename(copy, path)
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).splitlines()[0]
