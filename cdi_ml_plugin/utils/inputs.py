"""What can be opened as an input: regular files with names that can be written down, no larger than memory."""

from __future__ import annotations

import os
import stat

from ..errors import ReadError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def check_file(path: str | os.PathLike[str]) -> None:
    """Make sure that a path is a regular file: opening anything else may never end.

    Raises
    ------
    ReadError
        No such file; a folder, pipe or device; a name that is not UTF-8.
    """
    check_name(path)
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # ValueError: a null byte
        reason = getattr(error, "strerror", None)
        missing = reason is None or isinstance(error, FileNotFoundError | NotADirectoryError)
        raise ReadError(
            f"{path}: no such file" if missing else f"{path}: cannot be read ({reason})"
        ) from error
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "no file")
        raise ReadError(f"{path}: no such file, it is {kind}: name a file")


def check_name(path: str | os.PathLike[str]) -> None:
    """Make sure that a name can stand in the files of a result.

    Raises
    ------
    ReadError
        It is not UTF-8.
    """
    if (text := printable(path)) != os.fsdecode(path):
        raise ReadError(f"{text}: the name is not UTF-8, and no result could name it: rename it")


def printable(text: str | os.PathLike[str]) -> str:
    """A text whose bytes that are not UTF-8 are written as numbers."""
    return os.fsdecode(text).encode("utf-8", "backslashreplace").decode()


def check_memory(path: str | os.PathLike[str], voxels: int, itemsize: int) -> None:
    """Make sure that an array fits into memory, before it is read.

    Parameters
    ----------
    path : path
        For the message.
    voxels, itemsize : int
        Of the array in the file; counts in single precision and a mask come to it.

    Raises
    ------
    ReadError
        It does not.
    """
    needed, there = voxels * (itemsize + 5), memory()
    if needed > there:
        raise ReadError(
            f"{path}: {voxels:.3g} voxels need {needed / 1e9:.3g} GB of memory, and there are "
            f"{there / 1e9:.3g} GB: cut the region of interest out of it first"
        )


def memory() -> float:
    """Bytes of memory that this process may take; infinite where the system does not say."""
    try:
        total = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return float("inf")
    try:
        import resource  # not on Windows

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    except ImportError:
        return total
    return total if limit == resource.RLIM_INFINITY else min(total, float(limit))
