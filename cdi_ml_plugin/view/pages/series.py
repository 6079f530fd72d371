"""The page of a series: its trends, a small picture of each scan, what failed and what stands out."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.image import imsave
from numpy.typing import NDArray

from ...data.quantities import quantity
from ..figures.trends import draw_trends
from ..style.colours import ColourScale, strain_scale, wrapped_phase_scale
from .html import picture, render

SHOWN = ("d_spacing_nm", "strain_rms", "difference_strain_rms", "volume_nm3", "chi2", "free_llk")
NAMES = {"difference_strain_rms": "strain against reference, rms"}
Slice = NDArray[np.float32]


def page(
    content: Mapping[str, Any],
    slices: Mapping[str, Slice],
    command: str = "",
    strained: bool = True,
) -> str:
    """Return the page of a series as HTML.

    Parameters
    ----------
    content : mapping
        What `series.json` holds.
    slices : mapping of str to float32 (row, column)
        By the names of the scans, the first row lowest; NaN outside the crystal.
    command : str
        How to make this again.
    strained : bool
        Whether slices are of strain; else of the phase.
    """
    rows = content["rows"]
    across, label, order = _across(content)
    known = [values[np.isfinite(values)] for values in slices.values()]
    every = np.concatenate(known) if known else np.zeros(1, np.float32)
    scale = strain_scale(every) if strained else wrapped_phase_scale(every)
    trends = draw_trends(rows, across, label)
    columns = [key for key in SHOWN if any(row["figures"].get(key) is not None for row in rows)]
    return render(
        "series.html",
        content=content,
        done=[rows[place] for place in order if rows[place]["state"] == "done"],
        failed=[row for row in rows if row["state"] != "done"],
        label=label,
        trends=None if trends is None else picture(trends, 90),
        columns=[(key, NAMES.get(key, quantity(key).name)) for key in columns],
        text=_text,
        pictures={name: small(values, scale) for name, values in slices.items()},
        scale=scale.label,
        ends=[f"{scale.factor * end:+.3g}".replace("-", "−") for end in (scale.low, scale.high)],
        names={key: quantity(key).name for row in rows for key in row["outliers"]},
        command=command,
        folder=lambda row: Path(row["folder"]).as_posix(),
    )


def _across(content: Mapping[str, Any]) -> tuple[list[float], str, list[int]]:
    """Where each row stands, what that is, and the places of the rows in that order."""
    rows = content["rows"]
    values = [math.nan] * len(rows)
    label = "scan"
    if content["along"]:
        label = content["along"][0]
        values = [_number(row["along"][label]) for row in rows]
    elif all(row["number"] is not None for row in rows):
        values = [float(row["number"]) for row in rows]
    if not any(map(math.isfinite, values)):
        label, values = "scan, in their order", [float(place) for place in range(1, len(rows) + 1)]
    order = sorted(
        range(len(rows)), key=lambda p: values[p] if math.isfinite(values[p]) else math.inf
    )
    return values, label, order


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row["figures"].get(key)
    text = row["texts"].get(key)
    return text if text and value is not None else quantity(key).text(value)


def small(values: Slice, scale: ColourScale) -> str:
    """A slice as the address of a small image, its first row at the bottom; clear outside the crystal."""
    colours = scale.cmap(scale.norm(np.nan_to_num(values[::-1])))
    colours[..., 3] = np.isfinite(values[::-1])
    buffer = BytesIO()
    imsave(buffer, np.round(255 * colours).astype(np.uint8), format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def read_slices(out: Path, rows: Sequence[Mapping[str, Any]], name: str) -> dict[str, Slice]:
    """The slices of those rows that have one."""
    found = {}
    for row in rows:
        path = out / row["folder"] / name
        if row["state"] == "done" and path.is_file():
            found[row["scan"]] = np.load(path, allow_pickle=False)
    return found
