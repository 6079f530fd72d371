"""The page of a reconstruction: what came out, how far to trust it, and how it was made."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...crystal.account import Account, Entry, shown
from ...crystal.checks import checks
from ...data.quantities import MERITS, QUANTITIES, quantity
from ...engine.recipe import algorithms, machine
from ...geometry.geometry import Geometry
from ...physics.metrics import ranked_by
from ..figures.crystal import draw_crystal_slices
from ..figures.detector import draw_diffraction, draw_object
from ..figures.history import draw_history
from ..figures.spectrum import draw_spectrum
from ..style.sheet import Sheet, settle
from ..style.slices import new_figure
from ..style.volumes import geometry_of
from ..surfaces.coloured import surface_of_crystal, surface_of_object
from .html import picture, render
from .surfaces import contents

if TYPE_CHECKING:
    from ...crystal.crystal import Crystal
    from ...data.result import Result

UNITS = {
    "energy": "keV",
    "distance": "m",
    "angles": "(°)",
    "pixel": "m (column, row)",
    "step": "° a frame",
    "reference": "(frame, row, column)",
    "roi": "(first column, columns, first row, rows)",
    "beam_zero": "(column, row)",
    "directions": "(columns, rows)",
    "binning": "(frames, rows, columns)",
}

NBSP = "\u00a0"


def page(
    account: Account,
    crystal: Crystal | None = None,
    command: str = "",
) -> str:
    """Return the report of a result as HTML.

    Parameters
    ----------
    account : Account
        Of the result, for words and tables.
    crystal : Crystal, optional
        That of the result, where its geometry is known.
    command : str
        How to make this again.
    """
    result, content = account.result, account.content()
    geometry = geometry_of(result.measurement)
    more = dict(
        title=_title(content["data"]["provenance"]),
        seeds=_seeds([run.seed for run in result.runs]),
        metrics=(names := _metrics(content)),
        cells=[[quantity(name).text(run.get(name)) for name in names] for run in content["runs"]],
        ranked=QUANTITIES[ranked_by([run.metrics for run in result.runs])].name,
        checks=checks(result),
        reasons=sorted({run.reason for run in result.runs} - {"completed"}),
        merits=_rows(account.fit),
        figures=None if crystal is None else _rows(account.crystal),
        tiles=[
            (entry.what.name, _tight(entry.text))
            for entry in account.headline()
            if not entry.reason
        ],
        surfaces=_surfaces(result, crystal),
        images=_images(result, crystal, geometry),
        nyquist=geometry is None,
        geometry={} if geometry is None else _about(geometry),
        q=None if crystal is None else crystal.q.tolist(),
        algorithms=algorithms(result),
        machine=machine(result),
        command=command,
        date=time.strftime("%d %B %Y, %H:%M"),
    )
    return render("report.html", **{**content, **more})


def _title(provenance: Mapping[str, Any]) -> str:
    """What the data are called: scan and SPEC file, or the file."""
    if "spec" in provenance and "scan" in provenance:
        return f"scan {provenance['scan']} of {Path(str(provenance['spec'])).name}"
    source = provenance.get("source", provenance.get("file"))
    return Path(source).name if isinstance(source, str) and source else "a measurement"


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) > 3 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def _metrics(content: Mapping[str, Any]) -> list[str]:
    """Names of the figures of merit that any run has, the usual ones first."""
    other = {"seed", "reason", "notes"}
    names = dict.fromkeys(key for run in content["runs"] for key in run if key not in other)
    present = [key for key in names if any(run.get(key) is not None for run in content["runs"])]
    return sorted(present, key=lambda key: [*MERITS, key].index(key))


def _rows(entries: Sequence[Entry]) -> list[tuple[str, str, str, str]]:
    return [
        (entry.what.name, entry.text, entry.with_level, entry.what.says) for entry in shown(entries)
    ]


def _tight(text: str) -> str:
    """Text whose lines end only before an uncertainty or behind a comma."""
    return text.replace(" ", NBSP).replace(f"{NBSP}±", " ±").replace(f",{NBSP}", ", ")


def _surfaces(result: Result, crystal: Crystal | None) -> list[dict[str, Any]]:
    if crystal is None:
        make = partial(surface_of_object, result.object, result.support)
    else:
        make = partial(surface_of_crystal, crystal)
    return contents({"": make})


def _images(result: Result, crystal: Crystal | None, geometry: Geometry | None) -> dict[str, str]:
    basis = None if geometry is None else geometry.reciprocal_basis()
    figures = {"weights": draw_spectrum(result, basis)}
    for name, draw, size in (
        ("object", draw_object, (8.4, 5.4)),
        ("diffraction", draw_diffraction, (8.4, 5.4)),
        ("history", draw_history, (8.4, 3.6)),
    ):
        if name == "object" and crystal is not None:
            figures[name] = draw_crystal_slices(crystal)
        else:
            sheet = Sheet(size[0], 9)
            figures[name] = new_figure(*size)
            with sheet.letters():
                draw(figures[name], result)
            settle(figures[name], sheet)
    return {name: picture(figure) for name, figure in figures.items()}


def _about(geometry: Geometry) -> dict[str, str]:
    rows = {}
    units = {**UNITS, "step": "keV a frame"} if geometry.motor == "energy" else UNITS
    for item in fields(geometry):
        value = getattr(geometry, item.name)
        if isinstance(value, Mapping):
            text = ", ".join(f"{key} {_plain(part)}" for key, part in value.items())
        else:
            text = _plain(value)
        rows[item.name.replace("_", " ")] = f"{text} {units.get(item.name, '')}".rstrip()
    return rows


def _plain(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(_plain, value))
    return f"{value:.7g}" if isinstance(value, float) else str(value)
