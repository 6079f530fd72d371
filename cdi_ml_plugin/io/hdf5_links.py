"""What an HDF5 file holds, and where its links lead: followed one by one, so that a lost file has a name."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from ..errors import ReadError
from ..utils.inputs import printable

SERIES = re.compile(r"data_(\d{3,})")  # how Eiger's master files name their frames
_DEEPEST = 40  # links after links


@dataclass(frozen=True, eq=False)
class Survey:
    """All that lies in a file itself, without following a link out of it.

    Attributes
    ----------
    own : list of (str, Dataset)
    groups : list of Group
    away : list of (str, ExternalLink)
    """

    own: list[tuple[str, h5py.Dataset]]
    groups: list[h5py.Group]
    away: list[tuple[str, h5py.ExternalLink]]

    @classmethod
    def of(cls, top: h5py.Group) -> Survey:
        """Walk through a group and all below; an object of several names is found once.

        Raises
        ------
        ReadError
            A link leads to something else than a file.
        """
        survey, seen = cls([], [], []), set()
        rest: list[tuple[str, h5py.Group]] = [("", top)]
        while rest:
            prefix, group = rest.pop(0)
            survey.groups.append(group)
            for key in group:
                link, name = group.get(key, getlink=True), f"{prefix}{key}"
                if isinstance(link, h5py.ExternalLink):
                    _target(group, link)
                    survey.away.append((name, link))
                if not isinstance(link, h5py.HardLink):
                    continue
                node = group[key]
                place = h5py.h5o.get_info(node.id)
                if (place.fileno, place.addr) in seen:
                    continue
                seen.add((place.fileno, place.addr))
                if isinstance(node, h5py.Group):
                    rest.append((f"{name}/", node))
                elif isinstance(node, h5py.Dataset):
                    survey.own.append((name, node))
        return survey

    @property
    def series_groups(self) -> list[h5py.Group]:
        """Groups that hold ``data_000001`` …, as Eiger's master files do."""
        return [group for group in self.groups if any(map(SERIES.fullmatch, group))]

    def datasets(self, path: Path) -> tuple[dict[str, h5py.Dataset], list[str]]:
        """Datasets of the file and of those that it links to, and what is said of lost ones."""
        found, lost = dict(self.own), []
        for name, _ in self.away:
            try:
                node = resolve(self.groups[0], name, path)
            except ReadError as error:
                lost.append(str(error).removeprefix(f"{path}: "))
                continue
            if isinstance(node, h5py.Dataset):
                found[name] = node
            elif isinstance(node, h5py.Group):
                found |= {f"{name}/{below}": data for below, data in Survey.of(node).own}
        return found, lost


def resolve(start: h5py.Group, name: str, path: Path, depth: int = 0) -> Any:
    """What a name leads to, through soft and external links; None where there is no such name.

    An external link is followed to the file of that name beside the one that holds it (or at its
    absolute place), and nowhere else.

    Raises
    ------
    ReadError
        A link leads to a file that is not there, to a name that is not in it, or in a circle.
    """
    if depth > _DEEPEST:
        raise ReadError(f"{path}: {printable(name)}: its links lead in a circle")
    node: Any = start.file["/"] if name.startswith("/") else start
    for part in filter(None, posixpath.normpath(name).split("/")):
        if part == ".":
            continue
        if not isinstance(node, h5py.Group):
            return None
        there = node.id.links.exists(part.encode("utf-8", "surrogateescape"))  # a lost target too
        link = node.get(part, getlink=True) if there else None
        if isinstance(link, h5py.ExternalLink):
            where = _target(node, link)
            if not os.path.exists(where):
                raise ReadError(
                    f"{path}: {printable(name)} lies in {printable(link.filename)}, which is not there"
                )
            if not h5py.is_hdf5(where):
                raise ReadError(f"{printable(where)}: not an HDF5 file, or damaged: copy it again")
            try:
                node = node[part]
            except (KeyError, OSError) as error:
                raise ReadError(
                    f"{printable(where)}: holds no {printable(link.path)}, to which {path} links"
                ) from error
        elif isinstance(link, h5py.SoftLink):
            node = resolve(node, link.path, path, depth + 1)
            if node is None:
                raise ReadError(
                    f"{path}: {printable(name)} leads to {printable(link.path)}, which is not there"
                )
        elif link is None:
            return None
        else:
            node = node[part]
    return node


def series(group: h5py.Group, path: Path) -> tuple[list[str], list[h5py.Dataset]]:
    """Names and datasets ``data_000001`` … of a group, in the order of their numbers.

    Raises
    ------
    ReadError
        One is missing in the numbering, or its file is not there; there is none at all.
    """
    named: dict[int, str] = {}
    for key in group:
        if match := SERIES.fullmatch(key):
            named[int(match[1])] = key
    if not named:
        shapes = ", ".join(map(printable, group)) or "nothing"
        raise ReadError(
            f"{path}: {printable(group.name)} is a group and holds {shapes}: name a dataset"
        )
    numbers, first = sorted(named), min(1, *named)
    for number, expected in zip(numbers, range(first, first + len(numbers)), strict=True):
        if number != expected:
            raise ReadError(
                f"{path}: data_{expected:06d} is missing before {named[number]}: copy the files again"
            )
    parts = []
    for number in numbers:
        node = resolve(group, named[number], path)
        if not isinstance(node, h5py.Dataset) or node.ndim != 3:
            raise ReadError(f"{path}: {named[number]} holds no frames: copy the files again")
        parts.append(node)
    return [named[number] for number in numbers], parts


def stacks(file: h5py.File, key: str, path: Path) -> dict[str, tuple[int, ...]]:
    """Stacks of frames in a group by their names, through links; none where there is no such group.

    Raises
    ------
    ReadError
        A link leads nowhere.
    """
    group = resolve(file, key, path)
    found = {}
    for name in group if isinstance(group, h5py.Group) else ():
        node = resolve(group, name, path)
        if isinstance(node, h5py.Dataset) and node.ndim == 3:
            found[name] = node.shape
    return found


def is_one(path: Path, holds: Callable[[h5py.File], bool]) -> bool:
    """Whether a path is an HDF5 file of which `holds` is true; whatever is wrong with it, no.

    For `Reader.can_read`: damaged files and links that lead nowhere are nobody's.
    """
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    try:
        with h5py.File(path, "r") as file:
            return holds(file)
    except (OSError, RuntimeError, KeyError, ValueError, ReadError):
        return False


def check_whole(file: h5py.File, path: Path) -> None:
    """Make sure that a file of a result holds all of its arrays itself: nothing says what those in others are.

    Raises
    ------
    ReadError
        A link, or an array, leads to another file.
    """
    survey = Survey.of(file["/"])
    away = [name for name, _ in survey.away]
    away += [name for name, node in survey.own if node.is_virtual or node.external]
    if away:
        raise ReadError(
            f"{path}: damaged ({away[0]} lies in another file): give a result that is whole"
        )


def beside(file: h5py.File, name: str) -> str:
    """Where a file that another names is looked for: at its absolute place, or beside that one."""
    return os.path.join(os.path.dirname(os.path.abspath(file.filename)), name)


def _target(group: h5py.Group, link: h5py.ExternalLink) -> str:
    where = beside(group.file, link.filename)
    check_regular(where)
    return where


def check_regular(where: str) -> None:
    """Refuse what is no file: to open a named pipe or a device may never end.

    Raises
    ------
    ReadError
        Something is there, and it is no file.
    """
    try:
        mode = os.stat(where).st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode):
        raise ReadError(f"{printable(where)}: linked to as an HDF5 file, and is no file")
