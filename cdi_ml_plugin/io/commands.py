"""What a scan is called: its number among others, and the command that was typed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

from ..errors import ReadError
from ..utils.inputs import printable

_NUMBER = re.compile(r"(\d+)$")
_MOST = 20  # names in a message


def choose_scan(path: Path, found: Mapping[str, Path], scan: int | str | None) -> Path:
    """File of the scan that was asked for, else of the only one.

    Parameters
    ----------
    path : Path
        For the message.
    found : mapping of str to Path
        Scans by their names, which end in their numbers.
    scan : int, str or None
        A number or a name.

    Raises
    ------
    ReadError
        There is none of that number or name, or not one alone; the message lists those there are.
    """
    if scan is None:
        several, what = dict(found), "scan"
    else:
        text = printable(str(scan).strip())
        if text in found:
            return found[text]
        several = {name: file for name, file in found.items() if _number(name) == _number(text)}
        what = f"scan {text[:40]}"
        if not several or not text.isdecimal():
            raise ReadError(f"{path}: holds no {what}: it holds {_listed(found)}")
    if len(several) != 1:
        raise ReadError(
            f"{path}: one {what} is needed, and it holds {_listed(several)}: choose with --scan NUMBER or NAME"
        )
    return next(iter(several.values()))


def exposure_of(command: str) -> float | None:
    """Seconds a point, as the last word of ``ascan`` and its kin has them; None of another command."""
    words = command.split()
    if len(words) < 6 or not re.fullmatch(r"[ad]\d?scan", words[0]):
        return None
    try:
        seconds = float(words[-1])
    except ValueError:
        return None
    return seconds if 0 < seconds < math.inf else None


def _number(name: str) -> str | None:
    """Digits at the end, without zeros in front: a number of any length is none too long."""
    match = _NUMBER.search(name)
    return match[1].lstrip("0") if match else None


def _listed(found: Mapping[str, Path]) -> str:
    names = [printable(name) for name in sorted(found)]
    return (
        ", ".join(names[:_MOST]) + (f", … ({len(names)})" if len(names) > _MOST else "") or "none"
    )
