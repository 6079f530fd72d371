"""A folder whose files change all at one moment, whatever ends the process and when."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import WriteError
from . import files
from .claim import claimed, cleared
from .files import IN_PLACE, check_folder, explained, made, reason, staged, synced

JOURNAL = "swap.json"
NEW, OLD = "new", "old"
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # Linux, since 3.15
RENAME_SWAP = 2  # macOS
UNKNOWN = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextmanager
def writer(folder: str | Path, force: bool = False) -> Iterator[None]:
    """Be the only process that writes a folder, clear what dead ones left there, and leave no empty parents of it.

    Parameters
    ----------
    folder : path
        Or a file, where that is all that is written.
    force : bool
        Write beside another process too: the result of the later one stays.

    Raises
    ------
    WriteError
        Another process writes there, and `force` is not set; or the folder cannot be written to.
    """
    target = Path(os.path.realpath(folder))
    place, prefix = _place(target, moves=False)
    what = None if force else f"{folder}"
    with ExitStack() as stack:
        try:
            stack.enter_context(made(place))
            stack.enter_context(claimed(place, prefix, what, partial(_repair, target)))
            recover(target)
        except OSError as error:
            raise WriteError(f"{folder}: cannot be written to: {reason(error)}") from error
        yield


def beside(folder: str | Path, suffix: str) -> Path:
    """Name a hidden folder that belongs to another; it lies beside it, where that can be."""
    target = Path(os.path.realpath(folder))
    return _place(target, moves=False)[0] / f".{target.name}{suffix}"


def recover(folder: str | Path) -> None:
    """End or undo what a dead process left half done at a folder, and clear what it left."""
    target = Path(os.path.realpath(folder))
    for place, prefix, repair in (
        (target.parent, f".{target.name}{IN_PLACE}", _repair),
        (target, IN_PLACE, files.repair),
    ):
        with suppress(OSError):  # nothing there, or it is not ours to clear
            if any(path.name.startswith(prefix) for path in place.iterdir()):
                cleared(place, prefix, partial(repair, target))


@contextmanager
def whole(
    folder: str | Path,
    names: Iterable[str],
    force: bool = False,
    optional: Iterable[str] = (),
) -> Iterator[Path]:
    """Lend an empty folder; what is in it afterwards under `names` is in `folder` by one rename.

    As `staged`, without subfolders. A folder that exists is exchanged for a new one, into which whatever else it
    holds was linked before. What lies in the way of that (the folder is the current one, or a
    mount; a disk without hard links) makes it `staged`: then a kill between two renames is undone
    by the next one that writes there.

    Raises
    ------
    WriteError
        See `check_folder`; or writing failed, for instance for lack of space.
    """
    wanted, welcome = tuple(names), tuple(optional)
    check_folder(folder, wanted + welcome, force)
    target = Path(os.path.realpath(folder))
    place, prefix = _place(target)
    if place == target:
        with staged(folder, wanted, force, welcome) as stage:
            yield stage
        return
    with (
        explained(folder),
        made(place),
        claimed(place, prefix, None, partial(_repair, target)) as own,
    ):
        recover(target)
        new = own / NEW
        new.mkdir()
        yield new
        check_folder(folder, wanted + welcome, force)  # nor what came in meanwhile
        _commit(own, target, wanted, welcome)


def _place(target: Path, moves: bool = True) -> tuple[Path, str]:
    """Where the folders to work in lie, and how their names begin: beside the target, where that can be.

    If it `moves`, only where the target can be exchanged.
    """
    cwd = Path(os.path.realpath(os.curdir))
    if target.exists() and (
        not os.access(target.parent, os.W_OK | os.X_OK)
        or os.path.ismount(target)
        or (moves and cwd.is_relative_to(target))  # who stands in it would stand in the old one
    ):
        return target, IN_PLACE
    return target.parent, f".{target.name}{IN_PLACE}"


def _commit(own: Path, target: Path, names: tuple[str, ...], optional: tuple[str, ...]) -> None:
    new = own / NEW
    for name in names:
        os.lstat(new / name)  # all are there
    synced(new)
    if not target.exists():
        os.rename(new, target)
        _settle(target)
        return
    for name in names + optional:
        if (target / name).is_dir():
            raise IsADirectoryError(errno.EISDIR, f"{name} is a folder")
    draft = own / f"{JOURNAL}.new"
    draft.write_text(json.dumps([*names, *optional]), encoding="utf-8")
    os.rename(draft, own / JOURNAL)  # from here on there may be links in `new`
    if not _linked(target, new, {*names, *optional}):
        files.commit(own, target, names, optional)
        return
    synced(new, folders=True)
    if not exchange(new, target):
        os.rename(target, own / OLD)
        try:
            os.rename(new, target)
        except OSError:
            os.rename(own / OLD, target)
            raise
    _settle(target)
    # `_repair` comes next: it looks what came into the old one since the links were made


def _settle(target: Path) -> None:
    with suppress(OSError):  # it is done: an error would say that nothing was changed
        synced(target.parent, deep=False)


def _linked(target: Path, new: Path, ours: set[str]) -> bool:
    """Link whatever else `target` holds into `new`; False where that cannot be done."""
    try:
        for folder, _, found in os.walk(target, onerror=_raise):
            below = Path(folder).relative_to(target)
            if os.path.ismount(folder):
                return False
            (new / below).mkdir(exist_ok=True)
            for name in (*found, *_links(Path(folder))):
                if below.parts or name not in ours:
                    os.link(Path(folder, name), new / below / name, follow_symlinks=False)
        for folder, _, _ in os.walk(target, topdown=False):
            shutil.copystat(folder, new / Path(folder).relative_to(target))
            _give(new / Path(folder).relative_to(target), os.stat(folder))
        os.utime(new)
    except (OSError, NotImplementedError):
        return False
    return True


def _links(folder: Path) -> list[str]:
    """Symbolic links to folders, which `os.walk` counts among the folders."""
    return [path.name for path in folder.iterdir() if path.is_symlink() and path.is_dir()]


def _give(folder: Path, like: os.stat_result) -> None:
    """Give a folder to the group that had it before."""
    here = folder.stat()
    if hasattr(os, "chown") and (here.st_uid, here.st_gid) != (like.st_uid, like.st_gid):
        os.chown(folder, like.st_uid, like.st_gid)
        folder.chmod(like.st_mode & 0o7777)


def _raise(error: OSError) -> None:
    raise error


def _repair(target: Path, own: Path) -> None:
    """End what a process has left half done in its folder: the old files are whole, or the new ones."""
    files.repair(target, own)
    try:
        names = files.journal(own / JOURNAL)
    except FileNotFoundError:
        return  # nothing of `target` has come into it
    if not files.are_names(names):
        raise files.damaged_journal(own / JOURNAL)
    ours = set(names)
    if (own / OLD).exists() and not os.path.lexists(target):
        os.rename(own / OLD, target)
    if target.is_dir():
        for left in (own / OLD, own / NEW):
            _keep_others(left, target, ours)


def _keep_others(left: Path, target: Path, ours: set[str]) -> None:
    """Move into `target` what is not ours, unless it is there already."""
    for folder, _, found in os.walk(left):
        below = Path(folder).relative_to(left)
        if not below.parts:
            found = [name for name in found if name not in ours]
        for name in (*found, *_links(Path(folder))):
            path, there = Path(folder, name), target / below / name
            if not os.path.lexists(there) or _newer(path, there):
                there.parent.mkdir(parents=True, exist_ok=True)
                os.rename(path, there)


def _newer(one: Path, two: Path) -> bool:
    first, second = one.lstat(), two.lstat()
    return not os.path.samestat(first, second) and first.st_mtime_ns > second.st_mtime_ns


def exchange(one: Path, two: Path) -> bool:
    """Exchange two names at one moment; False where system or disk cannot."""
    libc: Any = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
    first, second = os.fsencode(one), os.fsencode(two)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        failed = libc.renamex_np(first, second, RENAME_SWAP)
    elif hasattr(libc, "renameat2"):
        failed = libc.renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE)
    else:
        return False
    number = ctypes.get_errno()
    if failed and number not in UNKNOWN:
        raise OSError(number, os.strerror(number))
    return not failed
