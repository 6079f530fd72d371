"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import WriteError
from .claim import claimed
from .values import path as named

LONGEST_NAME = 200  # bytes of a name in a folder; ours, beside it, are up to 50 longer
IN_PLACE = ".cdi-ml-"  # how the names of our folders begin
UNDO = "undo.json"
NEW, OLD = "new", "old"


def check_folder(folder: str | Path, names: Iterable[str] = (), force: bool = False) -> Path:
    """Make sure that files of these names can be written, before any work is done.

    Nothing is made: a folder that is missing is made when there is something to write.

    Raises
    ------
    WriteError
        It is no folder, cannot be written to, or holds one of `names` and `force` is not set.
    """
    path = named("folder", folder)
    here = Path(os.path.realpath(path))
    while not os.path.lexists(here):
        if len(here.name.encode()) > LONGEST_NAME:
            raise WriteError(f"{path}: a name in it is too long: give a shorter one")
        here = here.parent
    new = here != Path(os.path.realpath(path))
    if not here.is_dir():
        raise WriteError(f"{path}: is a file, or lies below one: name another folder")
    try:  # permission bits tell little on network disks, and nothing to root: try it
        with tempfile.TemporaryFile(dir=here) as probe:
            probe.write(b"0")
    except OSError as error:
        cannot = "cannot be made" if new else "cannot be written to"
        raise WriteError(f"{path}: {cannot}: {reason(error)}") from error
    existing = [name for name in names if os.path.lexists(path / name)]
    if existing and not force:
        raise WriteError(
            f"{path}: holds {', '.join(existing)} already: name another folder, or force it"
        )
    return path


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Make a folder with its parents; those that are empty afterwards go away again."""
    new = _missing(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            for path in reversed(new):
                path.rmdir()


@contextmanager
def explained(folder: str | Path) -> Iterator[None]:
    """Turn what the system says while a folder is written to into a WriteError."""
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"{folder}: writing failed, nothing was changed: {reason(error)}"
        ) from error


@contextmanager
def staged(
    folder: str | Path,
    names: Iterable[str],
    force: bool = False,
    optional: Iterable[str] = (),
) -> Iterator[Path]:
    """Lend an empty folder; what is in it afterwards under `names` moves to `folder`.

    Names may lie in subfolders, as ``"a/b.cxi"``. Of those in `optional` that were not written, older files go
    away. On any failure `folder` is left as it was before, without litter; after a kill between
    two renames, the next call restores that.

    Raises
    ------
    WriteError
        See `check_folder`; or writing failed, for instance for lack of space.
    """
    wanted, welcome = tuple(names), tuple(optional)
    target = check_folder(folder, wanted + welcome, force)
    with (
        explained(target),
        made(target),
        # below the target, so that a rename is atomic: it never crosses a file system
        claimed(target, IN_PLACE, None, partial(repair, target)) as own,
    ):
        new = own / NEW
        new.mkdir()
        for name in wanted + welcome:
            (new / name).parent.mkdir(parents=True, exist_ok=True)
        yield new
        check_folder(target, wanted + welcome, force)  # nor what came in meanwhile
        commit(own, target, wanted, welcome)


def commit(own: Path, target: Path, names: tuple[str, ...], optional: tuple[str, ...]) -> None:
    """Rename all that is in ``own/new`` into `target`; `repair` undoes it where it did not end."""
    new, old = own / NEW, own / OLD
    synced(new)
    existed = [name for name in names + optional if os.path.lexists(target / name)]
    for name in existed:
        (old / name).parent.mkdir(parents=True, exist_ok=True)
        if not _is_folder(target / name):  # a folder is moved when its turn comes
            _copy(target / name, old / name)
    made_here = {path for name in names for path in _missing((target / name).parent)}
    undo = {
        "names": [*names, *optional],
        "existed": existed,
        "made": [str(path.relative_to(target)) for path in sorted(made_here, reverse=True)],
    }
    draft = own / f"{UNDO}.new"
    draft.write_text(json.dumps(undo), encoding="utf-8")
    synced(own)
    os.rename(draft, own / UNDO)
    try:
        for name in names + optional:
            if name in existed and _is_folder(target / name):
                os.rename(target / name, old / name)
            if name in names or os.path.lexists(new / name):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(new / name, target / name)
            else:
                (target / name).unlink(missing_ok=True)
        synced(target, deep=False)
    except BaseException:
        repair(target, own)
        raise
    (own / UNDO).unlink()  # from here on the new files stay


def repair(target: Path, own: Path) -> None:
    """Undo a `commit` that did not end; once more, if that does not end either."""
    try:
        undo = journal(own / UNDO)
    except FileNotFoundError:
        return
    for key in ("names", "existed", "made"):
        if not isinstance(undo, dict) or not are_names(undo.get(key)):
            raise damaged_journal(own / UNDO)
    for name in undo["names"]:
        old = own / OLD / name
        if name in undo["existed"] and not os.path.lexists(old):
            continue  # it never moved, or is back
        if _is_folder(target / name):
            shutil.rmtree(target / name)
        elif name not in undo["existed"] or _is_folder(old):
            (target / name).unlink(missing_ok=True)
        if name in undo["existed"]:
            os.rename(old, target / name)
    for folder in undo["made"]:
        with contextlib.suppress(OSError):
            (target / folder).rmdir()
    (own / UNDO).unlink()


def journal(path: Path) -> Any:
    """What a process has written of what it was about to do.

    Raises
    ------
    WriteError
        It is damaged: nothing says what was done.
    FileNotFoundError
        There is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise damaged_journal(path) from error


def damaged_journal(path: Path) -> WriteError:
    """What is said of a journal that is none."""
    return WriteError(
        f"{path}: damaged, and what a killed process left half done cannot be undone: look what of "
        f"{path.parent} you need, then delete that folder"
    )


def are_names(value: Any) -> bool:
    """Whether these are names of files below a folder: a damaged journal may not reach out of it."""
    return isinstance(value, list) and all(
        isinstance(name, str)
        and name.isprintable()
        and Path(name).parts
        and not Path(name).is_absolute()
        and ".." not in Path(name).parts
        for name in value
    )


def synced(path: Path, deep: bool = True, folders: bool = False) -> None:
    """Bring a folder, and what is below it (or the `folders` below it alone), onto the disk."""
    if os.name != "posix":
        return
    for one in [path, *(path.rglob("*") if deep else ())]:
        if one.is_symlink() or not (one.is_dir() or (one.is_file() and not folders)):
            continue
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # a disk that syncs no folders
                raise
        finally:
            os.close(descriptor)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _missing(folder: Path) -> list[Path]:
    """The folders that have to be made, the outermost first."""
    return [] if folder.exists() else [*_missing(folder.parent), folder]


def _copy(path: Path, copy: Path) -> None:
    """Keep the old version too; it stays in place, so that it is never missing."""
    try:
        os.link(path, copy, follow_symlinks=False)
    except (OSError, NotImplementedError):  # a file system without hard links
        shutil.copy2(path, copy, follow_symlinks=False)


def reason(error: OSError) -> str:
    """What is wrong, in a line."""
    if re.search(r"\d+ requested and \d+ written", str(error)):  # NumPy's, of a full disk
        return os.strerror(errno.ENOSPC)
    return (error.strerror or str(error) or type(error).__name__).splitlines()[0]
