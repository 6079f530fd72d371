"""``cdi-ml analyse``: the crystal of a result that was phased before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from .options import ABOVE_0, PATH, later_options


@click.command()
@click.argument("result", type=PATH)
@later_options
@click.option(
    "--level",
    type=ABOVE_0,
    metavar="SHARE",
    help="Which voxels count, by their share of the highest amplitude. Default: 0.1.",
)
@click.option(
    "--voxel",
    type=ABOVE_0,
    metavar="NM",
    help="Edge of the laboratory's voxels. Default: that of the data.",
)
@click.option(
    "--d-spacing",
    type=ABOVE_0,
    metavar="NM",
    help="A lattice spacing to compare with: mean strain.",
)
@click.option(
    "--refraction",
    metavar="MATERIAL|DELTA,BETA",
    help="Take refraction and absorption in the crystal off: a material that xrayutilities knows, as Au, or the two "
    "numbers of its index. Default: neither is corrected.",
)
@click.option("--facets", "faceted", is_flag=True, help="Find the facets; with --out, write them.")
@click.option(
    "--material",
    metavar="NAME",
    help="Facets: with --hkl, which lattice planes they are: a crystal that xrayutilities knows, as Au.",
)
@click.option(
    "--hkl",
    type=(int, int, int),
    metavar="H K L",
    help="With --material: the reflection, as 1 1 1.",
)
@click.option("-o", "--out", type=PATH, help="Folder for the result with what was changed.")
@click.option("--force", is_flag=True, help="Replace a result that is there already.")
def analyse(
    result: Path,
    geometry: Path | None,
    flip: bool,
    level: float | None,
    voxel: float | None,
    d_spacing: float | None,
    refraction: str | None,
    faceted: bool,
    material: str | None,
    hkl: tuple[int, int, int] | None,
    out: Path | None,
    force: bool,
) -> None:
    """Say what the crystal of RESULT, a result.cxi or its folder, comes to, and write it anew.

    Nothing is phased again: another geometry, the twin, another level of the surface or finer voxels change
    what the same object says. With --out all files of a result are written, as `reconstruct` does.
    """
    from ..crystal.analysis import crystal_of
    from ..crystal.facet_search import find_facets
    from ..crystal.indexing import indexed
    from ..crystal.material import Index
    from ..crystal.refraction import note_of
    from ..crystal.twin import OPEN, flip_notes
    from ..data.quantities import rows
    from ..errors import ParameterError
    from ..io.facets import FACET_FILES, write_facets
    from ..utils.files import check_folder
    from ..utils.swap import writer
    from ..workflow.earlier import check_result_folder
    from ..workflow.later import read_later
    from ..workflow.save import save

    if out is not None:
        check_result_folder(out, force)
        check_folder(out, FACET_FILES if faceted else (), force)
    if (material is None) != (hkl is None):
        raise ParameterError("--material and --hkl name a reflection together: give both")
    changed = read_later(result, geometry, flip)
    index, given = None, changed.measurement.geometry
    if refraction is not None and given is not None:
        index = Index.read(refraction, given.energy)
    crystal = crystal_of(changed, voxel, level, d_spacing, index)
    if crystal is None:
        raise ParameterError(
            f"{result}: its data say nothing of their geometry: give --geometry FILE "
            "(cdi-ml geometry writes a template)"
        )
    notes = flip_notes(changed.notes) if flip else changed.notes
    if level is not None:
        notes = (*notes, f"surface at {level} of the highest amplitude")
    if index is not None:
        notes = (*notes, note_of(index, crystal.figures))
    changed = replace(changed, notes=tuple(dict.fromkeys(notes)))
    for note in (*changed.notes, OPEN):
        click.echo(f"note: {note}")
    for name, value, says in rows(crystal.figures):
        click.echo(f"{name:18} {value:24} {says}".rstrip())
    facets = find_facets(crystal) if faceted else None
    if facets is not None:
        if material is not None and hkl is not None:
            facets = indexed(facets, crystal.q, material, hkl)
        for words in (*table(facets.rows()), *(f"note: {note}" for note in facets.notes)):
            click.echo(words)
    if out is not None:
        with writer(out, force):
            written = save(changed, out, force, crystal)
            if facets is not None:
                written += write_facets(out, crystal, facets, force)
        click.echo(f"written: {', '.join(map(str, written))}")


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines in which the columns of a table stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{word:>{width}}" for word, width in zip(row, widths, strict=True))
        for row in rows
    ]
