"""``cdi-ml analyse``: the crystal of a result that was phased before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from .options import ABOVE_0, PATH, later_options

SURFACE_AT = "surface at"


@click.command()
@click.argument("result", type=PATH)
@later_options
@click.option(
    "--level",
    type=ABOVE_0,
    metavar="SHARE",
    help="Of the surface, as a share of the highest amplitude, below 1. Default: half of the bulk's.",
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
    help="With --hkl, in place of --d-spacing, and for the indices of facets: a crystal that xrayutilities knows, "
    "as Au.",
)
@click.option(
    "--hkl",
    type=(int, int, int),
    metavar="H K L",
    help="With --material: the reflection, as 1 1 1.",
)
@click.option(
    "--uncertain",
    type=(str, float),
    multiple=True,
    metavar="NAME VALUE",
    help="Standard uncertainty of a number of the geometry: beam_zero (pixels), distance (m), energy (a share), "
    "angles (degrees), shift (m); may be repeated.",
)
@click.option("-o", "--out", type=PATH, help="Folder for the result with what was changed.")
@click.option("--force", is_flag=True, help="Replace a result that is there already.")
def analyse(
    result: Path,
    geometry: Path | None,
    flip: bool,
    data: Path | None,
    level: float | None,
    voxel: float | None,
    d_spacing: float | None,
    refraction: str | None,
    faceted: bool,
    material: str | None,
    hkl: tuple[int, int, int] | None,
    uncertain: tuple[tuple[str, float], ...],
    out: Path | None,
    force: bool,
) -> None:
    """Say what the crystal of RESULT comes to, and write it anew.

    RESULT is a result.cxi or its folder; or of cohere (results_phasing), PyNX (*Run*.cxi) or cdiutils.

    Nothing is phased again: another geometry, the twin, another level of the surface or finer voxels change
    what the same object says. With --out all files of a result are written, as `reconstruct` does.
    """
    from ..crystal.account import account_of, in_columns, sensitivity_said, shown, table
    from ..crystal.of_result import crystal_of, facets_of, index_of, told_of
    from ..crystal.refraction import CORRECTED, note_of
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
    changed = read_later(result, geometry, flip, data)
    told = told_of(
        changed,
        voxel=voxel,
        level=level,
        d_spacing=d_spacing,
        material=material,
        hkl=hkl,
        uncertain=dict(uncertain) or None,
        refraction=refraction,
    )
    changed = replace(changed, analysis=told)
    crystal, known = crystal_of(changed), changed.measurement.geometry
    if crystal is None or known is None:
        raise ParameterError(
            f"{result}: its data say nothing of their geometry: give --geometry FILE "
            "(cdi-ml geometry writes a template)"
        )
    earlier = (SURFACE_AT, CORRECTED)  # what an earlier analysis said of itself is no longer so
    notes = tuple(note for note in changed.notes if not note.startswith(earlier))
    if "level" in told:
        notes = (*notes, f"{SURFACE_AT} {told['level']} of the highest amplitude")
    index = index_of(told, known)
    if index is not None:
        notes = (*notes, note_of(index, crystal.figures))
    changed = replace(changed, notes=tuple(dict.fromkeys(notes)))
    for note in changed.notes:
        click.echo(f"note: {note}")
    account = account_of(changed, crystal)
    click.echo(table(shown(account.entries)))
    if moves := sensitivity_said(account.crystal):
        click.echo(moves)
    facets = facets_of(crystal, told) if faceted else None
    if facets is not None:
        for words in (in_columns(facets.rows()), *(f"note: {note}" for note in facets.notes)):
            click.echo(words)
    if out is not None:
        with writer(out, force):
            written = save(changed, out, force, crystal)
            if facets is not None:
                written += write_facets(out, crystal, facets, force)
        click.echo(f"written: {', '.join(map(str, written))}")
