"""How much memory is free, compared with what is needed before it is taken."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import TooLargeError

if TYPE_CHECKING:
    import torch

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
UNKNOWN = float("inf")
MOST = 10**300  # what a float can hold; headers and options may say more
# Where version 2 and version 1 of control groups keep limit and use, and what of the use the system gives back.
V2 = "memory.max", "memory.current", ("inactive_file", "active_file")
V1 = (
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
)
LIBRARIES = 0.9e9  # bytes of addresses that torch and the others take when they are imported
# The last two are of a library that is not imported, and of a thread that does not begin.
_ENDED = re.compile(
    "out of memory|not enough memory|allocate memory|memory alloc|bad_alloc"
    "|failed to map segment|can't start new thread",
    re.I,
)


def check(
    what: object, voxels: int, each: int, advice: str, device: torch.device | None = None
) -> None:
    """Make sure that there is memory for so many voxels; where the system does not say, it passes.

    Parameters
    ----------
    what : path or str
        What needs it, for the message.
    voxels, each : int
        How many, and how many bytes each takes.
    advice : str
        What to do otherwise.
    device : torch.device, optional
        Whose memory; default that of the CPU.

    Raises
    ------
    TooLargeError
        There is not.
    """
    needed, there = voxels * each, free(device)
    if needed > there:
        size, room = (short(max(min(n, MOST), 0) / 1e9) for n in (needed, there))
        raise TooLargeError(
            f"{what}: {short(voxels)} voxels need {size} GB of memory, and {room} GB are free: {advice}"
        )


def check_libraries() -> None:
    """Make sure that a limit of this process (``ulimit -v``) leaves room to import the libraries: torch aborts in less.

    Raises
    ------
    TooLargeError
        It does not.
    """
    room = _own_limit()
    if "torch" not in sys.modules and room < LIBRARIES:
        raise TooLargeError(
            f"the limit of this process (ulimit -v) leaves {short(max(room, 0) / 1e9)} GB, and the libraries alone "
            f"take about {short(LIBRARIES / 1e9)} GB: raise it"
        )


def short(number: float) -> str:
    """A number for a message, however large."""
    return f"{min(number, MOST):.3g}"


@contextmanager
def enough(what: str, advice: str) -> Iterator[None]:
    """Turn whatever says that memory ended into an error that says what to do.

    Raises
    ------
    TooLargeError
        Memory ended.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if not ended(error):
            raise
        raise TooLargeError(f"{what}: the memory did not suffice: {advice}") from error


def ended(error: BaseException) -> bool:
    """Whether an error says that memory ended: torch has a `RuntimeError` for it."""
    return isinstance(error, MemoryError) or bool(_ENDED.search(str(error)))


def free(device: torch.device | None = None) -> float:
    """Bytes that this process can still take; infinite where the system does not say."""
    if device is None or device.type == "cpu":
        return min(_system(), _control_group(), _own_limit())
    if device.type != "cuda":
        return UNKNOWN
    import torch

    there, _ = torch.cuda.mem_get_info(device)
    return float(there + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))


def _system() -> float:
    """What the system can give, swap included; where it tells no more, what the machine has."""
    try:
        lines = (PROC / "meminfo").read_text(encoding="ascii").splitlines()
        rows = dict(line.split(":", 1) for line in lines)
        return 1024.0 * sum(int(rows[key].split()[0]) for key in ("MemAvailable", "SwapFree"))
    except (OSError, ValueError, KeyError, IndexError):
        pass
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return UNKNOWN


def _control_group() -> float:
    """Room in the control group of this process, as SLURM and containers set, and in those above it."""
    try:
        lines = (PROC / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return UNKNOWN
    rooms = [UNKNOWN]
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        root, names = (CGROUPS / "memory", V1) if controllers else (CGROUPS, V2)
        here = root / path.strip("/")
        above = [folder for folder in here.parents if folder.is_relative_to(root)]
        rooms += [_room(folder, *names) for folder in (here, *above)]
    return min(rooms)


def _room(folder: Path, limit: str, use: str, given_back: tuple[str, ...]) -> float:
    try:
        most, taken = ((folder / name).read_text(encoding="ascii") for name in (limit, use))
        rows = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        stat = dict(row.split() for row in rows)
        cached = sum(int(stat.get(name, 0)) for name in given_back)
        return float(int(most) - int(taken) + cached)
    except (OSError, ValueError):  # no such group here, or "max": no limit
        return UNKNOWN


def _own_limit() -> float:
    """Room up to the limit of this process's addresses (``ulimit -v``)."""
    try:
        import resource  # not on Windows
    except ImportError:
        return UNKNOWN
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return UNKNOWN
    try:
        pages = int((PROC / "self" / "statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return float(limit)
    return float(limit - pages * resource.getpagesize())
