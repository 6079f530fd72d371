"""Files of ESRF's BLISS: which scans they hold, and which of them have frames."""

from __future__ import annotations

import re
from pathlib import Path

import h5py

from ..errors import ParameterError, ReadError
from ..utils.inputs import printable
from .contents import MOST, Shape
from .hdf5_links import stacks
from .hdf5_values import Values

ENTRY = re.compile(
    r"(?:.*_)?(\d{1,9})\.(\d{1,9})", re.DOTALL
)  # 12.1, or sample_12.1 in a sample's file
MEASUREMENT, POSITIONERS = "measurement", "instrument/positioners"


def entries(file: h5py.File) -> list[str]:
    """Names of the scans, in the order of their numbers."""
    found = [(ENTRY.fullmatch(name), name) for name in file]
    numbers = [(int(m[1]), int(m[2]), name) for m, name in found if m]
    return [name for _, _, name in sorted(numbers)]


def detectors(file: h5py.File, entry: str, path: Path) -> dict[str, Shape]:
    """Area detectors of a scan, and the shapes of their stacks of frames.

    Raises
    ------
    ReadError
        A link leads nowhere.
    """
    return stacks(file, f"{entry}/{MEASUREMENT}", path)


def choose_entry(file: h5py.File, path: Path, scan: int | str | None) -> str:
    """Name of the scan that was asked for, else of the only one with frames.

    Raises
    ------
    ParameterError
        `scan` is no number and no name.
    ReadError
        There is none of that number, or several and none was asked for; the message lists those there are.
    """
    every = entries(file)
    if scan is None:
        several = [entry for entry in every if detectors(file, entry, path)]
        what = "scan with frames is needed"
    else:
        text = str(scan).strip()
        if isinstance(scan, bool) or not (text.isdecimal() or ENTRY.fullmatch(text)):
            raise ParameterError(
                f"scan {text[:40]!r}: give its number, such as 12, or its name, 12.1"
            )
        if text in every:
            return text
        wanted = (int(text), 1) if text.isdecimal() else None
        several = [e for e in every if _numbers(e) == (wanted or _numbers(text))]
        what = f"scan {text} is needed"
        if not several:
            raise ReadError(f"{path}: holds no scan {text}: it holds {_listed(file, every, path)}")
    if len(several) != 1:
        raise ReadError(
            f"{path}: one {what}, and it holds {_listed(file, several, path)}: choose with --scan NUMBER or NAME"
        )
    return several[0]


def _numbers(entry: str) -> tuple[int, int]:
    match = ENTRY.fullmatch(entry)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _listed(file: h5py.File, names: list[str], path: Path) -> str:
    """Scans with their commands where they are few, else with their names alone."""
    if not names:
        return "none"
    if len(names) > MOST:
        return f"{len(names)}: {', '.join(map(printable, names[:20]))}{', …' if len(names) > 20 else ''}"
    titles = [Values(file, name, path).text("command", "title") for name in names]
    return ", ".join(
        f"{printable(n)} ({t[:30]})" if t else n for n, t in zip(names, titles, strict=True)
    )
