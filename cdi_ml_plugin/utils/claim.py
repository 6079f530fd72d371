"""A folder of one process to work in: others see by it who writes, and clear it when that process is gone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from ..errors import WriteError

fcntl: Any
try:
    fcntl = import_module("fcntl")
except ImportError:  # Windows
    fcntl = None

OWNER = "owner.json"  # locked by the process as long as it lives; says who it is


@contextmanager
def claimed(
    place: Path,
    prefix: str,
    what: str | None = None,
    repair: Callable[[Path], None] = lambda _: None,
) -> Iterator[Path]:
    """Lend a new folder ``place/prefix…`` that is gone afterwards; clear those of dead processes.

    Parameters
    ----------
    place : Path
        A folder.
    prefix : str
        Of the names of all such folders; nothing else in `place` may begin like it.
    what : str, optional
        What is written; it may have one writer only. Default: any number of them.
    repair : callable
        Called with a folder before it is deleted, to end or undo what was begun in it. Where it
        fails, the folder stays for the next one.

    Raises
    ------
    WriteError
        Another process that is alive claims `what`.
    OSError
        No permission, no space.
    """
    with _alone(place / f"{prefix}lock"):
        others = _clear(place, prefix, repair)
        if what is not None and others:
            who = others[0]
            raise WriteError(
                f"{what}: process {who.get('pid', '?')} on {who.get('host', '?')} writes there: wait for it, "
                f"write elsewhere, or, if it is gone for certain, delete {who['folder']}"
            )
        own = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        try:
            stream = _hold(own)
        except BaseException:
            shutil.rmtree(own, ignore_errors=True)
            raise
    try:
        yield own
    finally:
        # by one at a time, lest another takes for dead what is only half deleted
        with contextlib.suppress(OSError), _alone(place / f"{prefix}lock"):
            stream.close()
            _end(own, repair)


def cleared(place: Path, prefix: str, repair: Callable[[Path], None]) -> None:
    """Clear the folders of dead processes; see `claimed`."""
    with _alone(place / f"{prefix}lock"):
        _clear(place, prefix, repair)


def _clear(place: Path, prefix: str, repair: Callable[[Path], None]) -> list[dict[str, Any]]:
    """Delete the folders of dead processes; say who the living are, this process left out."""
    others = []
    for folder in sorted(place.iterdir()):
        if not folder.name.startswith(prefix) or folder.is_symlink() or not folder.is_dir():
            continue
        owner = _living(folder)
        if owner is None:
            with contextlib.suppress(OSError):  # of another user: it is theirs to clear
                _end(folder, repair)
        elif (owner.get("pid"), owner.get("host")) != (os.getpid(), socket.gethostname()):
            others.append({**owner, "folder": folder})
    return others


def _end(folder: Path, repair: Callable[[Path], None]) -> None:
    repair(folder)
    (folder / OWNER).unlink(missing_ok=True)
    for path, _, _ in os.walk(folder):
        os.chmod(path, 0o700)  # the copy of a folder that was read-only
    shutil.rmtree(folder)


def _hold(folder: Path) -> TextIO:
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "began": time.time()}
    stream = (folder / OWNER).open("x", encoding="utf-8")
    try:
        _lock(stream.fileno(), wait=False)
        stream.write(json.dumps(owner) + "\n")
        stream.flush()
    except BaseException:  # a full disk, for one, of which closing complains once more
        with contextlib.suppress(OSError):
            stream.close()
        raise
    return stream


def _living(folder: Path) -> dict[str, Any] | None:
    """Who claims a folder; None where that process has ended."""
    try:
        mode = (
            "r+" if os.access(folder / OWNER, os.W_OK) else "r"
        )  # some disks lock only the former
        with (folder / OWNER).open(mode, encoding="utf-8") as stream:
            locked = _lock(stream.fileno(), wait=False)
            owner = json.loads(stream.read() or "{}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):  # of another user, or not yet written in full
        return {}
    owner = owner if isinstance(owner, dict) else {}
    if locked is None:  # a disk without locks: the number of the process has to do
        return owner if _runs(owner) else None
    return None if locked else owner


def _runs(owner: dict[str, Any]) -> bool:
    if owner.get("host") != socket.gethostname() or os.name != "posix":
        return True  # it cannot be known
    try:
        os.kill(int(owner["pid"]), 0)
    except ProcessLookupError:
        return False
    except (OSError, KeyError, TypeError, ValueError):
        pass
    return True


def _lock(descriptor: int, wait: bool) -> bool | None:
    """Lock an open file; False where another has it, None where the disk knows no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock for a moment; its file is gone afterwards."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor, wait=True)
            # whoever had it before has deleted it: then this is no longer the file of that name
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                break
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)
