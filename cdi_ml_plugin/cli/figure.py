"""``cdi-ml figure``: pictures of a result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ..errors import ParameterError
from .options import ABOVE_0, PATH, later_options

FORMATS = (".png", ".pdf", ".svg")
# names alone, so that no picture's libraries are loaded for a line of help
KINDS = ("phase", "strain", "diffraction", "slices", "spectral-weight", "facets")


@click.command()
@click.argument("result", type=PATH)
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(KINDS),
    multiple=True,
    help="Picture to make; may be repeated. Default: all but the facets.",
)
@click.option(
    "-o",
    "--out",
    type=PATH,
    help="Folder, or for one kind a .png, .pdf or .svg file. Default: where RESULT is.",
)
@click.option("--force", is_flag=True, help="Replace pictures that are there already.")
@click.option(
    "--level",
    type=ABOVE_0,
    metavar="SHARE",
    help="Surface of the crystal, of the highest amplitude. Default: half of the median inside.",
)
@click.option(
    "--counts",
    type=ABOVE_0,
    help="Surface of the diffraction. Default: 1/5000 of the highest intensity, at least 10.",
)
@click.option(
    "--voxel",
    type=ABOVE_0,
    metavar="NM",
    help="Edge of the laboratory's voxels. Default: that of the data, or finer.",
)
@click.option(
    "--size",
    type=click.IntRange(min=200, max=10000),
    default=1600,
    show_default=True,
    metavar="PIXELS",
    help="Width of each picture.",
)
@click.option("--material", metavar="NAME", help="Facets: with --hkl, which planes they are: Au.")
@click.option(
    "--hkl",
    type=(int, int, int),
    metavar="H K L",
    help="With --material: the reflection, as 1 1 1.",
)
@later_options
def figure(
    result: Path,
    kinds: Sequence[str],
    out: Path | None,
    force: bool,
    level: float | None,
    counts: float | None,
    voxel: float | None,
    size: int,
    material: str | None,
    hkl: tuple[int, int, int] | None,
    geometry: Path | None,
    flip: bool,
    data: Path | None,
) -> None:
    """Draw RESULT, a result.cxi or the folder that holds it, or a result of cohere, PyNX or cdiutils.

    The crystal's surface coloured by phase and by strain and the surface of its diffraction, measured and
    calculated, in the axes of the laboratory; slices; and the Fourier spectral weight. Where it is asked for, the
    surface coloured by facet.
    """
    from ..utils.files import check_folder, staged
    from ..utils.swap import writer
    from ..view.figures.pictures import Pictures
    from ..workflow.later import read_later

    if out is None:
        out = result if result.is_dir() else result.parent
    one = out.suffix.lower() in FORMATS and not out.is_dir()
    if one and len(set(kinds)) != 1:
        raise ParameterError(f"--out {out} is one file: give one --kind, or a folder")
    if (material is None) != (hkl is None):
        raise ParameterError("--material and --hkl name a reflection together: give both")
    reflection = None if material is None or hkl is None else (material, hkl)
    shown = read_later(result, geometry, flip, data)
    pictures = Pictures(
        shown, level=level, counts=counts, voxel=voxel, size=size, reflection=reflection
    )
    plan = pictures.plan(kinds)
    for note in pictures.notes:
        click.echo(f"note: {note}")
    if not plan:
        raise ParameterError(f"{result}: shows nothing of {', '.join(kinds)}")
    folder = out.parent if one else out
    names = {kind: out.name if one else f"{kind}.png" for kind in plan}
    check_folder(folder, names.values(), force)
    with writer(out, force), staged(folder, names.values(), force) as stage:
        for kind, name in names.items():
            pictures.save(kind, stage / name)
    click.echo(f"written: {', '.join(str(folder / name) for name in names.values())}")
