"""What a series says, in files: a page, a table, a JSON file, and a collection for ParaView."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from ...data.quantities import QUANTITIES
from ...utils.files import staged
from ..earlier import CRYSTAL_FILES
from .outcome import SLICE

FILES = ("series.html", "series.csv", "series.json")
VOLUME = CRYSTAL_FILES[0]
COLLECTION = "series.pvd"  # where crystals are in the laboratory


def write(content: Mapping[str, Any], command: str = "") -> tuple[Path, ...]:
    """Write `FILES`, and `COLLECTION` where there are crystals, into the folder of the series; older ones are replaced.

    Parameters
    ----------
    content : mapping
        See `content.content`.
    command : str
        How to make this again, for the page.

    Raises
    ------
    WriteError
        No permission, no space: what was there is unchanged.
    """
    out = Path(content["out"])
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    from ...view.pages.series import page, read_slices  # imports Matplotlib

    slices = read_slices(out, content["rows"], SLICE)
    strained = any("strain_rms" in row["figures"] for row in content["rows"])
    html = page(content, slices, command, strained)
    volumes = collection(content)
    with staged(out, FILES, force=True, optional=(COLLECTION,)) as stage:
        (stage / "series.html").write_text(html, encoding="utf-8")
        if volumes:
            (stage / COLLECTION).write_text(volumes, encoding="utf-8")
        (stage / "series.csv").write_text(table(content), encoding="utf-8")
        (stage / "series.json").write_text(text, encoding="utf-8")
    return tuple(out / name for name in (*FILES, *((COLLECTION,) if volumes else ())))


def collection(content: Mapping[str, Any]) -> str:
    """The volumes of all crystals in their order, as ParaView's collection; empty where there are none.

    Their time is the first column of `along`, or their number, where all have one, else their place.
    """
    out = Path(content["out"])
    rows = [row for row in content["rows"] if (out / row["folder"] / VOLUME).is_file()]
    if not rows:
        return ""
    along = [
        row["along"][content["along"][0]] if content["along"] else row["number"] for row in rows
    ]
    numbered = all(isinstance(value, int | float) for value in along)
    lines = [
        f'<DataSet timestep="{along[place] if numbered else place}" file={_volume(row)}/>'
        for place, row in enumerate(rows)
    ]
    head = '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1">\n<Collection>'
    return "\n".join([head, *lines, "</Collection>", "</VTKFile>", ""])


def _volume(row: Mapping[str, Any]) -> str:
    return quoteattr(f"{row['folder']}/{VOLUME}")


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
