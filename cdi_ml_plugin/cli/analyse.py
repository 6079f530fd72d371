"""``cdi-ml analyse``: the crystal of a result that was phased before."""

from __future__ import annotations

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
    "--material",
    metavar="NAME",
    help="With --hkl, in place of --d-spacing: a crystal that xrayutilities knows, as Au.",
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
    level: float | None,
    voxel: float | None,
    d_spacing: float | None,
    material: str | None,
    hkl: tuple[int, int, int] | None,
    uncertain: tuple[tuple[str, float], ...],
    out: Path | None,
    force: bool,
) -> None:
    """Say what the crystal of RESULT, a result.cxi or its folder, comes to, and write it anew.

    Nothing is phased again: another geometry, the twin, another level of the surface or finer voxels change
    what the same object says. With --out all files of a result are written, as `reconstruct` does.
    """
    from ..crystal.analysis import crystal_of
    from ..data.quantities import rows
    from ..errors import ParameterError
    from ..utils.swap import writer
    from ..workflow.earlier import check_result_folder
    from ..workflow.later import read_later
    from ..workflow.save import save

    if out is not None:
        check_result_folder(out, force)
    changed = read_later(result, geometry, flip)
    crystal = crystal_of(
        changed,
        voxel,
        level,
        d_spacing,
        material=material,
        hkl=hkl,
        uncertain=dict(uncertain),
    )
    if crystal is None:
        raise ParameterError(
            f"{result}: its data say nothing of their geometry: give --geometry FILE "
            "(cdi-ml geometry writes a template)"
        )
    said = (
        (flip, "the conjugate twin was taken"),
        (level, f"surface at {level} of the highest amplitude"),
    )
    notes = tuple(words for given, words in said if given)
    changed = replace(changed, notes=tuple(dict.fromkeys((*changed.notes, *notes))))
    for note in changed.notes:
        click.echo(f"note: {note}")
    for name, value, says in rows(crystal.figures):
        click.echo(f"{name:18} {value:24} {says}".rstrip())
    if out is not None:
        with writer(out, force):
            written = save(changed, out, force, crystal)
        click.echo(f"written: {', '.join(map(str, written))}")
