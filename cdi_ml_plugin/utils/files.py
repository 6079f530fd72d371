"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import WriteError


def check_folder(folder: str | Path, names: Iterable[str] = (), force: bool = False) -> Path:
    """Make sure that files of these names can be written, before any work is done.

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
    target = check_folder(folder, wanted + welcome, force)
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
