"""The facets of a crystal in files: a table (``facets.csv``), and the surface (``facets.vtp``)."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

from ..crystal.crystal import Crystal
from ..crystal.facets import Facets, names
from ..utils.files import staged
from .vtk import vtp_bytes

FACET_FILES = ("facets.csv", "facets.vtp")


def csv_text(facets: Facets) -> str:
    """A line a facet, with the names of `Facet.record` above; an empty field where there is no value."""
    text = StringIO()
    table = csv.DictWriter(text, names(), lineterminator="\n")
    table.writeheader()
    table.writerows(facets.records())
    return text.getvalue()


def write_facets(
    folder: str | Path, crystal: Crystal, facets: Facets, force: bool = False
) -> tuple[Path, ...]:
    """Write `FACET_FILES` into a folder.

    Returns
    -------
    The paths written.

    Raises
    ------
    WriteError
        They are there already and `force` is not set; or writing failed, and nothing was changed.
    """
    with staged(folder, FACET_FILES, force) as stage:
        (stage / "facets.csv").write_text(csv_text(facets), encoding="utf-8")
        (stage / "facets.vtp").write_bytes(vtp_bytes(crystal, facets))
    return tuple(Path(folder) / name for name in FACET_FILES)
