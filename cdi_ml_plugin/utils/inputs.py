"""What can be opened as an input: regular files with names that can be written down, no larger than memory."""

from __future__ import annotations

import os
import stat

from ..errors import ReadError
from . import memory

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
        Of the array in the file. `Measurement` copies it once, and makes counts in single precision and
        masks of it: ``2 * itemsize + 9`` bytes a voxel, as measured.

    Raises
    ------
    TooLargeError
        It does not.
    """
    memory.check(path, voxels, 2 * itemsize + 9, "cut the region of interest out of it first")
