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

from ...data.quantities import MINUS, quantity
from ..figures.film import Frame, film
from ..figures.trends import draw_trends
from ..style.colours import ColourScale, strain_scale, wrapped_phase_scale
from ..style.slices import verbatim
from .html import picture, render

SHOWN = ("d_spacing_nm", "strain_rms", "difference_strain_rms", "volume_nm3", "chi2", "free_llk")
NAMES = {"difference_strain_rms": "strain against reference, rms"}
FILM = "series.gif"
EMBEDDED = 1_000_000  # bytes up to which a film is part of the page
Slice = NDArray[np.float32]


def page(
    content: Mapping[str, Any],
    slices: Mapping[str, Slice],
    command: str = "",
    strained: bool = True,
    film: bytes | None = None,
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
    film : bytes, optional
        A GIF, which is part of the page where it is small, else a file beside it.
    """
    rows = content["rows"]
    across, label, order = across_of(content)
    scale = scale_of(slices, strained)
    trends = draw_trends(rows, across, label)
    columns = [key for key in SHOWN if any(row["figures"].get(key) is not None for row in rows)]
    return render(
        "series.html",
        content=content,
        done=[rows[place] for place in order if rows[place]["state"] == "done"],
        failed=[row for row in rows if row["state"] != "done"],
        warm=any(row["start"] for row in rows),
        label=label,
        trends=None if trends is None else picture(trends, 90),
        columns=[(key, NAMES.get(key, quantity(key).name)) for key in columns],
        text=_text,
        value=_value,
        pictures={name: small(values, scale) for name, values in slices.items()},
        scale=scale.label,
        ends=[f"{scale.factor * end:+.3g}".replace("-", MINUS) for end in (scale.low, scale.high)],
        names={key: quantity(key).name for row in rows for key in row["outliers"]},
        command=command,
        film=_address(film),
        film_name=FILM,
        nowhere=[
            row["scan"]
            for place, row in enumerate(rows)
            if row["state"] == "done" and not math.isfinite(across[place])
        ],
        sigma=lambda score: f"{score:+.1f}".replace("-", MINUS),
        same=all(row["aligned"] for row in rows if row["state"] == "done"),
        folder=lambda row: Path(row["folder"]).as_posix(),
    )


def across_of(content: Mapping[str, Any]) -> tuple[list[float], str, list[int]]:
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


def scale_of(slices: Mapping[str, Slice], strained: bool) -> ColourScale:
    """The colours of all slices together."""
    known = [values[np.isfinite(values)] for values in slices.values()]
    every = np.concatenate(known) if known else np.zeros(1, np.float32)
    return strain_scale(every) if strained else wrapped_phase_scale(every)


def film_of(
    content: Mapping[str, Any], slices: Mapping[str, Slice], strained: bool = True
) -> bytes | None:
    """The film of the scans that are held against the reference, in the order of the page; None of fewer than two."""
    rows = content["rows"]
    across, label, order = across_of(content)
    there = [place for place in order if rows[place]["aligned"] and rows[place]["scan"] in slices]
    if len(there) < 2:
        return None
    keys = ("strain_rms", "chi2") if strained else ("chi2",)
    key = next((k for k in keys if any(k in rows[place]["figures"] for place in there)), keys[-1])
    frames = [
        Frame(
            _title(rows[place], label),
            slices[rows[place]["scan"]],
            across[place],
            _number(rows[place]["figures"].get(key)),
        )
        for place in there
    ]
    return film(frames, scale_of(slices, strained), label, quantity(key).name)


def _title(row: Mapping[str, Any], label: str) -> str:
    behind = f"   {label} {_value(row, label)}" if label in row["along"] else ""
    return verbatim(f"scan {row['scan']}{behind}")


def _value(row: Mapping[str, Any], name: str) -> str:
    value = row["along"][name]
    if value is None:
        return "–"
    return f"{value:.6g}".replace("-", MINUS) if isinstance(value, float) else str(value)


def _address(film: bytes | None) -> str | bool:
    """The address of a small film; else whether there is one, for a page may show no picture from elsewhere."""
    if film is None or len(film) > EMBEDDED:
        return film is not None
    return "data:image/gif;base64," + base64.b64encode(film).decode("ascii")


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


def read_slices(
    out: Path, rows: Sequence[Mapping[str, Any]], name: str, strained: bool
) -> dict[str, Slice]:
    """The slices of those rows that have one; where they are of strain, a phase is no picture among them."""
    found = {}
    for row in rows:
        path = out / row["folder"] / name
        alike = not strained or "strain_rms" in row["figures"]
        if row["state"] == "done" and alike and path.is_file():
            found[row["scan"]] = np.load(path, allow_pickle=False)
    return found
