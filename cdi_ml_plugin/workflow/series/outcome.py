"""What became of one scan, and the file in its folder that keeps it: what is not in it is done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from ...errors import WriteError
from ...utils.files import staged
from ...utils.jsonable import plain

FILE = "scan.json"
SLICE = "slice.npy"
ALIGNED = (
    "aligned.nxs",
    "aligned.vti",
)  # as the reference has it; the second where both have a geometry
DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class Outcome:
    """What became of a scan.

    Attributes
    ----------
    name : str
    state : {"done", "failed"}
    reason : str
        Why it failed.
    identity : str
        Digest of recipe, weights and versions.
    stamp : str
        Digest of names, sizes and times of its files.
    content : str
        Digest of counts and mask as they were phased.
    figures, errors, reasons : mapping
        By the keys of `data.quantities`; see `crystal.account.Entry`.
    texts : mapping
        The figures as people read them.
    checks : list of {name, level, says}
    columns : mapping
        Motors and geometry of the scan, by name.
    shape : list of int
    seconds : float
        From reading to writing.
    worker : str
        Host and process.
    turned : bool
        Whether its conjugate twin was taken, so that it is that of the reference.
    beside : mapping
        How it differs from the reference.
    reference : str
        Digest of the reference that it was held against.
    aligned : list of str
        Which of `ALIGNED` came of that.
    start : str
        What it was started from, where that was asked for: see `warm`; empty for random phases.
    anchors : mapping
        Origins of the scans that a warm start was made from and judged by, by their folders.
    """

    name: str
    state: str
    reason: str = ""
    identity: str = ""
    stamp: str = ""
    content: str = ""
    figures: Mapping[str, float | None] = field(default_factory=dict)
    errors: Mapping[str, float | None] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    checks: list[dict[str, str]] = field(default_factory=list)
    columns: Mapping[str, float | str] = field(default_factory=dict)
    shape: list[int] = field(default_factory=list)
    seconds: float = 0.0
    worker: str = ""
    turned: bool = False
    beside: Mapping[str, float | None] = field(default_factory=dict)
    reference: str = ""
    aligned: list[str] = field(default_factory=list)
    start: str = ""
    anchors: Mapping[str, str] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether it has a result."""
        return self.state == DONE

    @property
    def verdict(self) -> str:
        """The worst of its checks: ``green``, ``amber`` or ``red``."""
        levels = {check["level"] for check in self.checks}
        return next((level for level in ("red", "amber", "green") if level in levels), "")

    @property
    def origin(self) -> str:
        """Of its data and recipe: what others begin from is known by it, in either twin."""
        return digest([self.name, self.content, self.identity])

    @property
    def mark(self) -> str:
        """Of its data, recipe and twin: what others are held against is known by it."""
        return digest([self.origin, self.turned])

    def held(self, folder: Path, mark: str) -> bool:
        """Whether it was held against the reference of that mark, and what came of that is there."""
        return self.reference == mark and all((folder / name).is_file() for name in self.aligned)

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """What a folder says; None where it says nothing, or nothing whole."""
        try:
            content = json.loads((folder / FILE).read_text(encoding="utf-8"))
            known = {item.name for item in fields(cls)}
            found = cls(**{key: value for key, value in content.items() if key in known})
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return None
        right = all(isinstance(one, dict) for one in (found.figures, found.anchors))
        right = right and isinstance(found.checks, list)
        return found if right and found.done else None

    def write(self, folder: Path, files: Mapping[str, bytes] | None = None) -> None:
        """Write it into the folder of its result, last of all after `files`; of `ALIGNED` others than its own go."""
        files = {} if files is None else files
        text = json.dumps(plain(asdict(self)), indent=1, allow_nan=False, ensure_ascii=False)
        others = [name for name in ALIGNED if name not in self.aligned]
        with staged(folder, (*files, FILE), force=True, optional=others) as stage:
            for name, held in files.items():
                (stage / name).write_bytes(held)
            (stage / FILE).write_text(text + "\n", encoding="utf-8")


def digest(value: Any) -> str:
    """Sixteen hexadecimal digits of a value that JSON knows."""
    text = json.dumps(plain(value), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stamp(*paths: Path | None) -> str:
    """Digest of names, sizes and times of files, and of all that is below folders; "" where one is missing."""
    found = []
    for path in paths:
        if path is None:
            continue
        try:
            every = sorted(path.rglob("*")) if path.is_dir() else [path]
            for one in every:
                about = one.stat()
                if not one.is_dir():
                    found.append([str(one), about.st_size, about.st_mtime_ns])
        except (OSError, ValueError):
            return ""
    return digest(found)


def clear(folder: Path) -> None:
    """Forget what became of a scan, before it is done again.

    Raises
    ------
    WriteError
        It cannot be deleted.
    """
    for name in (FILE, *ALIGNED):  # what says that the others hold goes first
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise WriteError(f"{folder / name}: cannot be deleted: {error.strerror}") from error
