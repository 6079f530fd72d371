"""What a series says, in files: one table, one JSON file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...data.quantities import QUANTITIES
from ...utils.files import staged

FILES = ("series.csv", "series.json")


def write(content: Mapping[str, Any]) -> tuple[Path, ...]:
    """Write `FILES` into the folder of the series, all or none; older ones are replaced.

    Raises
    ------
    WriteError
        No permission, no space: what was there is unchanged.
    """
    out = Path(content["out"])
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    with staged(out, FILES, force=True) as stage:
        (stage / "series.csv").write_text(table(content), encoding="utf-8")
        (stage / "series.json").write_text(text, encoding="utf-8")
    return tuple(out / name for name in FILES)


def table(content: Mapping[str, Any]) -> str:
    """A row a scan: state, reason, columns, and every figure with its uncertainty."""
    rows = content["rows"]
    seen = dict.fromkeys(key for row in rows for key in row["figures"])
    keys = [key for key in QUANTITIES if key in seen]
    keys += [key for key in seen if key not in QUANTITIES]
    uncertain = {key for row in rows for key in row["errors"]}
    titles = ["scan", "data", "state", "reason", "verdict", "outliers", *content["along"]]
    for key in keys:
        titles += [key, f"{key}_uncertainty"] if key in uncertain else [key]
    buffer = io.StringIO()
    lines = csv.writer(buffer, lineterminator="\n")
    lines.writerow(titles)
    for row in rows:
        values = [row["scan"], row["data"], row["state"], row["reason"], row["verdict"]]
        values.append(" ".join(row["outliers"]))
        values += [row["along"][name] for name in content["along"]]
        for key in keys:
            values.append(row["figures"].get(key))
            if key in uncertain:
                values.append(row["errors"].get(key))
        lines.writerow(["" if value is None else value for value in values])
    return buffer.getvalue()
