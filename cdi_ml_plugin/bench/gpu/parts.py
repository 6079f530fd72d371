"""A checkpoint in parts that are small enough to be carried anywhere."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from ...errors import ReadError
from ...utils.files import staged

MANIFEST = "checkpoint.json"  # names the parts, in their order, and the checksum of the whole
PART = 16 * 2**20  # bytes, at most
NAME = re.compile(r"checkpoint-[0-9a-f]{12}\.part\d\d")


def split(source: Path, folder: Path) -> None:
    """Write a file to a folder in parts of at most `PART` bytes, in place of those that are there.

    The names of parts are of their content, and the manifest comes last: killed at any moment the
    folder holds one whole checkpoint, the new one or the one before.

    Raises
    ------
    WriteError
        No space, no permission; those that were there are left as they were.
    """
    whole = source.read_bytes()
    digest = hashlib.sha256(whole).hexdigest()
    pieces = [whole[first : first + PART] for first in range(0, len(whole), PART)]
    names = [f"checkpoint-{digest[:12]}.part{number:02d}" for number in range(len(pieces))]
    with staged(folder, names, force=True) as stage:
        for name, piece in zip(names, pieces, strict=True):
            (stage / name).write_bytes(piece)
    with staged(folder, [MANIFEST], force=True) as stage:
        text = json.dumps({"sha256": digest, "parts": names})
        (stage / MANIFEST).write_text(text, encoding="utf-8")
    for path in folder.iterdir():
        if NAME.fullmatch(path.name) and path.name not in names:
            path.unlink()


def join(folder: Path, target: Path) -> None:
    """Put the parts in a folder together again.

    Raises
    ------
    ReadError
        There is no manifest; a part is missing or damaged.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        names = manifest["parts"]
        if not all(NAME.fullmatch(name) for name in names):
            raise ValueError("not the names of parts")
        whole = b"".join((folder / name).read_bytes() for name in names)
        if hashlib.sha256(whole).hexdigest() != manifest["sha256"]:
            raise ValueError("its parts are damaged")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        said = getattr(error, "strerror", None) or error
        raise ReadError(
            f"{path}: is no checkpoint in parts ({said}): copy the whole folder again"
        ) from error
    target.write_bytes(whole)
