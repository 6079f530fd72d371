"""Whether a scan that is being written is complete: what its files look like now, and what they still lack."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from pathlib import Path

import h5py

from ...errors import ReadError
from ...geometry.spec import INTERVALS, read_scan
from ...geometry.spec_lines import Block, read_blocks
from ...io.hdf5_links import Survey, series
from ...io.hdf5_values import Values
from ...utils.inputs import printable
from .outcome import digest, stamp
from .recipe import FILES
from .scans import of_scan
from .task import Task

HDF5 = (".h5", ".hdf5", ".hdf", ".nxs", ".cxi")
FRAMES = (".tif", ".tiff")
NOTHING = "-"
_NAME = re.compile(r"(?:.*[^\d.])?0*(\d+)(?:\.(\d+))?", re.DOTALL)  # 12.1, sample_12.1, exp_0012
_EIGER = "entry/instrument/detector/detectorSpecific"


def mark(task: Task, shared: bool) -> str:
    """Digest of all that is there of a scan; empty where nothing is.

    Nothing is opened that only this scan is in, so that who writes it meets no lock. Of a file or folder that is
    `shared` with other scans, and of a SPEC file, only what is of this scan counts.
    """
    scan = task.scan
    try:
        own = _shared(scan.data, scan.number) if shared else _whole(scan.data)
    except OSError:  # it goes away, or may not be looked into
        return ""
    if not own:
        return ""
    beside = _beside(task)
    about = [stamp(path) for key, path in beside.items() if key != "spec"]
    if "spec" in beside:
        about += [
            "\n".join(block.lines).rstrip() for block in _blocks(beside["spec"], _number(task))
        ]
    return digest([own, *about])


def lacking(task: Task, shared: bool) -> str:
    """What a scan that has settled still lacks, in words; empty where it is complete.

    With a SPEC file those are points and frames; of HDF5 files that they can be opened, as a file that is open for
    writing cannot, and that each scan with a ``start_time`` has its ``end_time`` or all of its frames.
    """
    try:
        return _lacking(task, shared)
    except ReadError as error:
        return str(error).partition("; take ")[0]  # it is only to be waited for
    except (OSError, RuntimeError, KeyError, ValueError) as error:  # HDF5's, of half a file
        return (
            f"{task.scan.data} cannot be read yet ({printable(str(error).splitlines()[0])[:100]})"
        )


def _lacking(task: Task, shared: bool) -> str:
    data, beside = task.scan.data, _beside(task)
    for path in beside.values():
        if not path.exists():
            return f"{path} is not there"
    wanted = 0
    number = _number(task)
    if "spec" in beside and number is not None:
        wanted = read_scan(beside["spec"], number).points  # refused where points are missing
        if data.is_dir():
            frames = sum(path.suffix.lower() in FRAMES for path in data.iterdir())
            if 0 < frames < wanted:
                return f"{frames} of {wanted} frames"
    for path in _files(data, task.scan.number if shared else None):
        if path.suffix.lower() not in HDF5:
            continue
        try:
            file = h5py.File(path, "r")
        except BlockingIOError:
            return f"{path} is open for writing"
        except OSError as error:  # by the mark in its head, for one
            reason = printable(str(error).splitlines()[0])[:100]
            return f"{path} is open for writing, or not whole ({reason})"
        with file:
            one_of_many = task.scan.number if shared and data.is_file() else None
            if lack := _in_hdf5(file, path, one_of_many, wanted):
                return lack
    return ""


def _in_hdf5(file: h5py.File, path: Path, number: str | None, wanted: int) -> str:
    """What an HDF5 file lacks, or one scan in it."""
    for name in _entries(file, number):
        entry = file.get(name)
        if not isinstance(entry, h5py.Group):
            continue
        where = f"{path}: {printable(name)}"
        found, lost = Survey.of(entry).datasets(path)
        stacks = [node for node in found.values() if node.shape is not None and node.ndim == 3]
        if lost and not stacks:
            return lost[0]
        frames = max(map(_written, stacks), default=0)
        ended = "end_time" in entry or path.suffix.lower() == ".cxi"
        if ended:
            continue
        if begun := [node for node in stacks if 0 < _written(node) < len(node)]:
            return f"{where}: {_written(begun[0])} of {len(begun[0])} frames"
        if "start_time" in entry:
            points = wanted or _points(Values(file, name, path).text("command", "title"))
            if not points:
                return f"{where}: has no end_time yet"
            if frames < points:
                return f"{where}: {frames} of {points} frames"
        elif stacks and frames < wanted:
            return f"{where}: {frames} of {wanted} frames"
    return _of_master(file, path)


def _of_master(file: h5py.File, path: Path) -> str:
    """What an Eiger's master file announces and is not there."""
    numbers = [file.get(f"{_EIGER}/{name}") for name in ("nimages", "ntrigger")]
    groups = Survey.of(file["/"]).series_groups
    if not groups or not all(isinstance(n, h5py.Dataset) and n.size == 1 for n in numbers):
        return ""
    wanted = math.prod(int(n[()].item()) for n in numbers)
    there = sum(map(_written, series(groups[0], path)[1]))
    return f"{path}: {there} of {wanted} frames" if there < wanted else ""


def _written(data: h5py.Dataset) -> int:
    """Frames of a stack that hold something."""
    if data.chunks is None or data.is_virtual:
        return len(data)
    grid = [-(-n // k) for n, k in zip(data.shape, data.chunks, strict=True)]
    each = math.prod(grid[1:])
    return min(len(data), data.id.get_num_chunks() // max(each, 1) * data.chunks[0])


def _points(command: str) -> int:
    """Points that a command asks for; 0 where it does not say."""
    words = command.split()
    at = INTERVALS.get(words[0]) if words else None
    return int(words[at]) + 1 if at and len(words) > at and words[at].isdecimal() else 0


def _beside(task: Task) -> dict[str, Path]:
    """Other files that it is read with."""
    reading = of_scan(task.recipe.reading, task.scan.number)
    return {key: reading[key] for key in FILES if key in reading}


def _number(task: Task) -> str | None:
    """Its number in a SPEC file: as given, or by the end of its folder's name."""
    if task.scan.number is not None:
        return task.scan.number
    digits = re.search(r"\d+$", task.scan.data.absolute().name)
    return digits[0] if digits else None


def _blocks(spec: Path, number: str | None) -> list[Block]:
    try:
        about = spec.stat()
        blocks = _parsed(spec, about.st_size, about.st_mtime_ns)
    except (OSError, ReadError):
        return []
    whole = None if number is None else int(number.partition(".")[0])
    return [block for block in blocks if whole is None or block.number == whole]


@lru_cache(maxsize=2)
def _parsed(spec: Path, size: int, changed: int) -> list[Block]:
    return read_blocks(spec)


def _whole(data: Path) -> str:
    if data.is_dir() and not any(data.iterdir()):
        return ""
    return stamp(data)


def _shared(data: Path, number: str | None) -> str:
    """Of the part of a file or folder that is of one scan."""
    if data.is_dir():
        files = _files(data, number)
        return stamp(*files) if files else ""
    if data.suffix.lower() not in HDF5:
        return stamp(data)
    about = data.stat()
    return _entry(data, about.st_size, about.st_mtime_ns, number)


@lru_cache(maxsize=1000)
def _entry(data: Path, size: int, changed: int, number: str | None) -> str:
    """Of the groups of one scan in a file of many; "" where there is none, or it cannot be opened."""
    found: list[object] = []

    def visit(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset):
            found.append([name, node.shape, node.id.get_storage_size()])

    try:
        with h5py.File(data, "r", locking=False) as file:
            names = _entries(file, number)
            for name in names:
                found.append(name)
                if isinstance(group := file.get(name), h5py.Group):
                    group.visititems(visit)
    except (OSError, RuntimeError, KeyError, ValueError):
        return ""
    return digest(found) if found else ""


def _entries(file: h5py.File, number: str | None) -> list[str]:
    """Names of the groups of a scan, or of all."""
    if number is None:
        return list(file)
    whole, _, part = number.partition(".")
    found = []
    for name in file:
        match = _NAME.fullmatch(name)
        if match and int(match[1]) == int(whole) and (match[2] or "1") == (part or "1"):
            found.append(name)
    return found


def _files(data: Path, number: str | None) -> list[Path]:
    """Files of a scan: the file, or those below a folder; of a number, where several scans lie there."""
    every = sorted(p for p in data.rglob("*") if p.is_file()) if data.is_dir() else [data]
    if number is None or not data.is_dir():
        return every
    whole = int(number.partition(".")[0])
    of_it = [
        path for path in every if whole in map(int, re.findall(r"\d+", str(path.relative_to(data))))
    ]
    return of_it
