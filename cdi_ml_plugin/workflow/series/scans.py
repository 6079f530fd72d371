"""Which scans a series is of: by their numbers, in a folder, as a list, or in a table."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...errors import ParameterError, ReadError
from ...io.readers import answer, choose, find
from ...utils.values import path as named
from .recipe import FILES

MOST = 100_000  # scans
PLACE = re.compile(r"\{scan(?::0?(\d{1,2})d?)?\}")  # where the number goes in a path
RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9})|(\.\d{1,9}))?")


@dataclass(frozen=True)
class SeriesScan:
    """One scan of a series.

    Attributes
    ----------
    name : str
        Of its folder, behind ``scan_``; no two scans have the same.
    data : Path
    number : str, optional
        What a reader that takes a scan's number is given.
    given : mapping
        What a table changes of the recipe for this scan.
    columns : mapping of str to float or str
        What else a table says of it: a temperature, for one.
    """

    name: str
    data: Path
    number: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return f"scan_{self.name}"


def numbers(text: str) -> list[str]:
    """Numbers of scans of a text such as ``54-80,90``.

    Raises
    ------
    ParameterError
        It says none, or one twice, or more than `MOST`.
    """
    found: list[str] = []
    for part in text.split(","):
        match = RANGE.fullmatch(part.strip())
        if match is None:
            if part.strip().replace("-", "").isdecimal():
                raise ParameterError(f"--scan {part.strip():.40}: numbers have at most 9 digits")
            raise ParameterError(f"--scan {text!r:.80}: write numbers and ranges, as 54-80,90")
        first, last, second = match.groups()
        end = int(last or first)
        if not int(first) <= end < int(first) + MOST:
            raise ParameterError(
                f"--scan {part.strip()}: give the lower number first, and at most {MOST} scans"
            )
        found += [f"{n}{second or ''}" for n in range(int(first), end + 1)]
    if len(set(found)) < len(found) or len(found) > MOST:
        raise ParameterError(f"--scan {text!r:.80}: give each scan once, and at most {MOST}")
    return found


def listed(
    data: Sequence[str | Path | SeriesScan],
    scan: str | None = None,
    reader: str | None = None,
    *,
    there: bool = True,
) -> list[SeriesScan]:
    """The scans that are meant.

    Parameters
    ----------
    data : sequence of path or SeriesScan
        With `scan`, one path: a file of many scans, or a path with ``{scan}`` (``{scan:04}``: with zeros before it)
        in place of their numbers. Otherwise files, and folders: one that no reader knows stands for all that is in it
        and that a reader knows, in the order of their names.
    scan : str, optional
        See `numbers`.
    reader : str, optional
        What reads them.
    there : bool
        Whether the data have to be there; else they are not looked at.

    Raises
    ------
    ParameterError, ReadError
        There is none; one is twice there, or not at all.
    """
    given = [one if isinstance(one, SeriesScan) else named("data", one) for one in data]
    if not given:
        raise ParameterError("a series of no scans: give data, or a table with a column data")
    if scan is not None:
        if len(given) != 1 or isinstance(given[0], SeriesScan):
            raise ParameterError(
                f"--scan {scan}: give one DATA, a file of these scans, or a path with {{scan}} in it"
            )
        return _by_number(given[0], numbers(scan), reader, there)
    paths: list[Path] = []
    ready: list[SeriesScan] = []
    for one in given:
        if isinstance(one, SeriesScan):
            ready.append(one)
        elif there or one.exists():
            paths += _within(one, reader, there)
    every = [
        *ready,
        *(SeriesScan(name, path) for name, path in zip(names(paths), paths, strict=True)),
    ]
    return distinct(every)


def distinct(scans: list[SeriesScan]) -> list[SeriesScan]:
    """The scans.

    Raises
    ------
    ParameterError
        Two would have the same folder.
    """
    many = Counter(scan.folder for scan in scans)
    if twice := sorted(name for name, count in many.items() if count > 1)[:3]:
        raise ParameterError(f"scans {', '.join(twice)} are there twice: give each once")
    return scans


def _by_number(
    data: Path, wanted: Sequence[str], reader: str | None, there: bool
) -> list[SeriesScan]:
    found = []
    one_for_all = PLACE.search(str(data)) is None
    if there and "{" in PLACE.sub("", str(data)) and not data.exists():
        raise ReadError(
            f"{data}: no such file or folder: a scan's number is written {{scan}} or {{scan:04}}"
        )
    if one_for_all and there:
        first = choose(data, reader)[0]
        if "scan" not in first.takes:
            raise ParameterError(
                f"--scan: {data} is of one scan, for reader {first.name}: write {{scan}} in its path"
            )
    for number in wanted:
        path = data if one_for_all else Path(filled(str(data), number))
        if there and not path.exists():
            raise ReadError(f"{path}: no such file or folder: there is no scan {number}")
        whole, dot, part = number.partition(".")
        found.append(SeriesScan(f"{int(whole):04d}{dot}{part}", path, number))
    return found


def name_of(reference: str, scans: Sequence[SeriesScan]) -> str:
    """Name of the scan that is meant by its name or its number.

    Raises
    ------
    ParameterError
        There is none.
    """
    called = [scan.name for scan in scans]
    numbered = [scan.number for scan in scans]
    for told, known in (
        (reference, called),
        (reference, numbered),
        (reference.zfill(4), called),
    ):
        if known.count(told) == 1:
            return scans[known.index(told)].name
    there = ", ".join(scan.name for scan in scans[:10])
    raise ParameterError(
        f"reference {reference!r:.40}: is no scan of this series: there are {there}{' …' if len(scans) > 10 else ''}"
    )


def filled(text: str, number: str | None) -> str:
    """A path with the number of a scan where ``{scan}`` stands."""
    if number is None:
        return text
    return PLACE.sub(lambda match: number.zfill(int(match[1] or 0)), text)


def of_scan(reading: Mapping[str, Any], number: str | None) -> dict[str, Any]:
    """Options of reading with the number of the scan in the names of files."""
    return {
        key: Path(filled(str(value), number)) if key in FILES else value
        for key, value in reading.items()
    }


def _within(path: Path, reader: str | None, there: bool) -> Iterator[Path]:
    """What a path stands for: itself, or what is in it."""
    if not path.is_dir():
        if not path.exists():
            raise ReadError(f"{path}: no such file or folder")
        yield path
        return
    if known(path, reader):
        yield path
        return
    found = 0
    for inner in sorted(path.iterdir(), key=natural):
        if not inner.name.startswith(".") and known(inner, reader):
            found += 1
            yield inner
    if there and not found:
        raise ReadError(
            f"{path}: no reader knows it, nor anything in it; `cdi-ml readers` says what each reads"
        )


def known(path: Path, reader: str | None) -> bool:
    """Whether the reader knows what lies there, or any where none is named."""
    if reader is not None:
        return answer(find(reader), path)[0]
    try:
        return bool(choose(path))
    except ReadError:
        return False


def natural(path: Path) -> list[Any]:
    """For sorting: the name, with numbers in it as numbers."""
    return [
        (0, int(p), "") if p.isdigit() else (1, 0, p) for p in re.split(r"(\d+)", path.name) if p
    ]


def names(paths: Sequence[Path]) -> list[str]:
    """Short names of paths, by what tells them apart.

    Raises
    ------
    ParameterError
        A path is there twice.
    """
    whole = [Path(os.path.abspath(path)) for path in paths]
    if len(set(whole)) < len(whole):
        twice = next(path for path in whole if whole.count(path) > 1)
        raise ParameterError(f"{twice}: is there twice: give each scan once")
    parts = [(*path.parent.parts, path.stem or path.name) for path in whole]
    depth = 1
    while len({each[-depth:] for each in parts}) < len(parts) and depth < 40:
        depth += 1
    kept = [each[-depth:] for each in parts]
    if depth > 1:  # what all have in common tells nothing
        alike = [
            len({each[place] for each in kept if len(each) == depth}) == 1 for place in range(depth)
        ]
        kept = [
            tuple(word for word, same in zip(each, alike, strict=False) if not same) or each
            for each in kept
        ]
    found = [re.sub(r"[^\w.+-]+", "_", "_".join(each)).strip("_.") for each in kept]
    if len(set(found)) < len(found):
        found = [f"{number:04d}_{name}" for number, name in enumerate(found, 1)]
    return found


def with_given(
    scan: SeriesScan, given: Mapping[str, Any], columns: Mapping[str, float | str]
) -> SeriesScan:
    """The scan with what a row of a table says of it."""
    return replace(scan, given={**scan.given, **given}, columns={**scan.columns, **columns})
