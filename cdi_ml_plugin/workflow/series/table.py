"""A small table of a series, CSV or TOML: what single scans have of their own."""

from __future__ import annotations

import ast
import csv
import io
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import CdiMlError, ParameterError, ReadError
from ...io.readers import find
from ...utils.inputs import check_file
from .recipe import FILES, READING
from .scans import SeriesScan, with_given

KEYS = ("scan", "data", "name")  # which scan a row is of
OWN = ("algorithm", "seeds", "held_out")
LARGEST = 10_000_000  # bytes
Row = dict[str, Any]


def read_table(path: Path, columns: Sequence[str] = ()) -> list[Row]:
    """Rows of a table.

    Parameters
    ----------
    path : Path
        ``.csv`` with a line of names; or ``.toml`` with ``[[scan]]`` tables. ``scan`` (number), ``name`` or ``data``
        (path) say which scan a row is of; the other columns are options of `reconstruct`, ``set:KEY`` for a
        parameter, or `columns`. What is empty is left out.
    columns : sequence of str
        Names of columns that are kept with the scans, and that nothing is done with.

    Raises
    ------
    ReadError
        It cannot be read.
    ParameterError
        A column is unknown, or a value of another kind.
    """
    check_file(path)
    if path.stat().st_size > LARGEST:
        raise ReadError(f"{path}: is no small table ({path.stat().st_size:,} bytes)")
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = _toml(path, text) if path.suffix.lower() == ".toml" else _csv(path, text)
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        raise ReadError(f"{path}: cannot be read as a table ({error})") from error
    if not rows:
        raise ReadError(f"{path}: holds no row: write one line a scan below the names")
    known = (*KEYS, *OWN, *READING, *columns)
    for place, row in enumerate(rows, 1):
        for key in row:
            if key not in known and not (key.startswith("set:") and key != "set:"):
                there = ", ".join((*known, "set:KEY"))
                raise ParameterError(
                    f"{path}: column {key!r:.40} is unknown: use {there}, or name it with --against"
                )
        if not any(key in row for key in KEYS):
            raise ParameterError(f"{path}, row {place}: names no scan: fill in scan, name or data")
    return rows


def _csv(path: Path, text: str) -> list[Row]:
    lines = csv.DictReader(io.StringIO(text), skipinitialspace=True, strict=True)
    titles = [title.strip() for title in lines.fieldnames or ()]
    if twice := next((title for title in titles if titles.count(title) > 1), None):
        raise ReadError(f"{path}: two columns are called {twice!r:.40}: leave one")
    rows = []
    for place, line in enumerate(lines, 1):
        if None in line or None in line.values():
            raise ReadError(f"{path}, row {place}: has not as many values as there are names")
        row = {key.strip(): value.strip() for key, value in line.items()}
        if any(row.values()):
            rows.append({key: value for key, value in row.items() if value})
    return rows


def _toml(path: Path, text: str) -> list[Row]:
    content = tomllib.loads(text)
    rows = content.get("scan")
    if set(content) != {"scan"} or not isinstance(rows, list):
        raise ReadError(f"{path}: must hold [[scan]] tables and nothing else")
    if not all(isinstance(row, dict) for row in rows):
        raise ReadError(f"{path}: must hold [[scan]] tables and nothing else")
    return [dict(row) for row in rows]


def scans_of(path: Path, rows: Sequence[Row]) -> list[SeriesScan]:
    """The scans of a table whose rows name their data; paths are relative to it.

    Raises
    ------
    ParameterError
        A row names no data, or two rows one scan.
    """
    found: list[SeriesScan] = []
    for place, row in enumerate(rows, 1):
        if "data" not in row:
            raise ParameterError(
                f"{path}, row {place}: names no data: fill in the column data, or give DATA"
            )
        data = path.parent / str(row["data"])
        number = str(row["scan"]) if "scan" in row else None
        if number is not None and not number.replace(".", "", 1).isdigit():
            raise ParameterError(
                f"{path}, row {place}: scan {number!r:.40}: give a number, or a name in name"
            )
        name = str(row["name"]) if "name" in row else (number or data.stem)
        name = name.zfill(4) if name.isdigit() else name
        if not name.isprintable() or "/" in name or name.strip(".") == "":
            raise ParameterError(f"{path}, row {place}: {name!r:.40} can name no folder")
        if any(name == other.name for other in found):
            raise ParameterError(f"{path}, row {place}: {name} is there twice: give each a name")
        found.append(SeriesScan(name, data, number))
    return found


def applied(
    path: Path, rows: Sequence[Row], scans: Sequence[SeriesScan], columns: Sequence[str]
) -> list[SeriesScan]:
    """The scans with what the rows of a table say of them.

    Raises
    ------
    ParameterError
        A row is of no scan, or a value of another kind.
    """
    made = list(scans)
    for place, row in enumerate(rows, 1):
        matching = [index for index, scan in enumerate(scans) if _is(scan, row, path)]
        if len(matching) != 1:
            which = row.get("name", row.get("scan", row.get("data")))
            there = ", ".join(scan.number or scan.name for scan in scans[:10])
            raise ParameterError(
                f"{path}, row {place}: {which} is {'no scan' if not matching else 'more than one scan'} "
                f"of this series: there are {there}{' …' if len(scans) > 10 else ''}"
            )
        given = {
            ("sequence" if key == "algorithm" else key): _value(path, place, key, value)
            for key, value in row.items()
            if key not in KEYS and key not in columns
        }
        extra = {key: _number(row[key]) for key in columns if key in row}
        made[matching[0]] = with_given(made[matching[0]], given, extra)
    return made


def _is(scan: SeriesScan, row: Mapping[str, Any], path: Path) -> bool:
    if "name" in row:
        return str(row["name"]) == scan.name or str(row["name"]).zfill(4) == scan.name
    if "data" in row and scan.data not in (Path(str(row["data"])), path.parent / str(row["data"])):
        return False
    return "scan" not in row or str(row["scan"]) in (scan.number, scan.name)


def _value(path: Path, place: int, key: str, value: Any) -> Any:
    try:
        if key in FILES:
            return path.parent / str(value)
        if key in ("crop", "binning"):
            three = str(value).replace(",", " ").split() if isinstance(value, str) else list(value)
            if len(three) != 3 or not all(str(n).isdecimal() and int(n) for n in three):
                raise ValueError("write three whole numbers, as 64 128 128")
            return tuple(map(int, three))
        if key == "seeds":
            if not str(value).isdecimal() or int(value) < 1:
                raise ValueError("give a whole number from 1")
            return int(value)
        if key in ("threshold", "held_out"):
            return _amount(value)
        if key == "reader":
            find(str(value))
        if key == "monitor":
            return str(value).lower() in ("1", "true", "yes")
        if key.startswith("set:") and isinstance(value, str):
            return _literal(value)
        return value
    except (ValueError, TypeError, CdiMlError) as error:
        raise ParameterError(f"{path}, row {place}: {key} = {value!r:.60}: {error}") from error


def _amount(value: Any) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise ValueError("give a number") from error


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text  # without quotes


def _number(value: Any) -> float | str:
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)
