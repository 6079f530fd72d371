"""Which release of a host is installed, and whether one is too old."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version


def installed(package: str) -> str | None:
    """Version of a package, or None where it is not installed as one."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def too_old(name: str, found: str | None, oldest: tuple[int, int], advice: str) -> str:
    """One line about a host that is older than `oldest`; nothing where it is not, or is of unknown version."""
    numbers = re.match(r"(\d+)\.(\d+)", found or "")
    if numbers is None or tuple(map(int, numbers.groups())) >= oldest:
        return ""
    return (
        f"{name} {found} is older than {'.'.join(map(str, oldest))}: it is left as it is, without CNN and REFINE; "
        f"{advice}"
    )
