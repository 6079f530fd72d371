"""What a series says, in files: a page, tables, a film, and what points to the volumes of the scans."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from ...io.cxi.series import figure_keys, series_bytes
from ...utils.files import staged
from .outcome import ALIGNED, SLICE

FILES = ("series.html", "series.csv", "series.json", "series.nxs")
COLLECTION = "series.pvd"  # where crystals are in the laboratory
FILM = "series.gif"  # of two scans and more


def write(content: Mapping[str, Any], command: str = "", film: bool = True) -> tuple[Path, ...]:
    """Write `FILES`, and where they can be made `COLLECTION` and `FILM`, into the folder of the series.

    Older ones are replaced, or go.

    Parameters
    ----------
    content : mapping
        See `content.content`.
    command : str
        How to make this again, for the page.
    film : bool
        Whether to draw a film, which takes longest.

    Raises
    ------
    ReadError
        A file that is pointed to is damaged.
    WriteError
        No permission, no space: what was there is unchanged.
    """
    out = Path(content["out"])
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    from ...view.pages import series as pages  # imports Matplotlib

    strained = any("strain_rms" in row["figures"] for row in content["rows"])
    slices = pages.read_slices(out, content["rows"], SLICE, strained)
    drawn = pages.film_of(content, slices, strained) if film else None
    across, label, _ = pages.across_of(content)
    made = {
        "series.html": pages.page(content, slices, command, strained, drawn).encode(),
        "series.csv": table(content).encode(),
        "series.json": text.encode(),
        "series.nxs": series_bytes(content, across, label, ALIGNED[0], command),
        COLLECTION: collection(content, across).encode(),
        FILM: drawn or b"",
    }
    names = tuple(name for name, data in made.items() if data)
    with staged(out, FILES, force=True, optional=(COLLECTION, FILM)) as stage:
        for name in names:
            (stage / name).write_bytes(made[name])
    return tuple(out / name for name in names)


def collection(content: Mapping[str, Any], across: Sequence[float]) -> str:
    """The crystals on their common grid, as ParaView's collection; empty where there are none.

    Their time is `across` where all have such a number, and no two the same; else their place.
    """
    rows = content["rows"]
    there = [place for place, row in enumerate(rows) if ALIGNED[1] in row["aligned"]]
    if not there:
        return ""
    times = {across[place] for place in there}
    numbered = all(map(math.isfinite, times)) and len(times) == len(there)
    lines = [
        f'<DataSet timestep="{across[place] if numbered else place:.15g}" file={_volume(rows[place])}/>'
        for place in there
    ]
    head = '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1">\n<Collection>'
    return "\n".join([head, *lines, "</Collection>", "</VTKFile>", ""])


def _volume(row: Mapping[str, Any]) -> str:
    return quoteattr(f"{row['folder']}/{ALIGNED[1]}")


def table(content: Mapping[str, Any]) -> str:
    """A row a scan: state, reason, columns, and every figure with its uncertainty."""
    rows = content["rows"]
    keys = figure_keys(rows)
    uncertain = {key for row in rows for key in row["errors"]}
    titles = ["scan", "data", "state", "reason", "verdict", "outliers", "start", *content["along"]]
    for key in keys:
        titles += [key, f"{key}_uncertainty"] if key in uncertain else [key]
    buffer = io.StringIO()
    lines = csv.writer(buffer, lineterminator="\n")
    lines.writerow(titles)
    for row in rows:
        values = [row["scan"], row["data"], row["state"], row["reason"], row["verdict"]]
        values += [" ".join(row["outliers"]), row["start"]]
        values += [row["along"][name] for name in content["along"]]
        for key in keys:
            values.append(row["figures"].get(key))
            if key in uncertain:
                values.append(row["errors"].get(key))
        lines.writerow(["" if value is None else value for value in values])
    return buffer.getvalue()
