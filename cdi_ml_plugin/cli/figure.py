"""``cdi-ml figure``: pictures of a result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ParameterError
from .options import ABOVE_0, PATH, later_options

if TYPE_CHECKING:
    from ..view.style.sheet import Sheet

FORMATS = (".png", ".pdf", ".svg")
# names alone, so that no picture's libraries are loaded for a line of help
KINDS = (
    "phase",
    "strain",
    "diffraction",
    "slices",
    "spectral-weight",
    "diffraction-slices",
    "histograms",
    "history",
    "facets",
)
FONT = 8.0  # points, what journals ask for
DPI = 300
SIZE = 1600


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
    help="Surface of the crystal, of the highest amplitude. Default: half of that in the bulk.",
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
    metavar="PIXELS",
    help=f"Width of each picture on a screen. Default: {SIZE}.",
)
@click.option(
    "--width",
    metavar="LENGTH",
    help="Width on paper, such as 85mm, 17.8cm or 3.4in; below 48 letters' heights panels stand below each other.",
)
@click.option(
    "--font-size",
    "font",
    type=click.FloatRange(min=4, max=40),
    metavar="POINTS",
    help=f"Of all letters on paper. Default: {FONT:g}.",
)
@click.option(
    "--dpi",
    type=click.IntRange(min=50, max=1200),
    help=f"Pixels in an inch of paper, of surfaces in .pdf and .svg too. Default: {DPI}.",
)
@click.option(
    "--format",
    "suffix",
    type=click.Choice([name[1:] for name in FORMATS]),
    help="Of the files in a folder. Default: png.",
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
    size: int | None,
    width: str | None,
    font: float | None,
    dpi: int | None,
    suffix: str | None,
    material: str | None,
    hkl: tuple[int, int, int] | None,
    geometry: Path | None,
    flip: bool,
    data: Path | None,
) -> None:
    """Draw RESULT, a result.cxi or the folder that holds it, or a result of cohere, PyNX or cdiutils.

    The crystal's surface coloured by phase and by strain and the surface of its diffraction, measured and
    calculated, in the axes of the laboratory; slices of both; the Fourier spectral weight; and the fit over the
    iterations. Where it is asked for, the surface coloured by facet.

    For a paper: cdi-ml figure RESULT --kind slices --width 85mm --font-size 8 -o slices.pdf
    """
    from ..utils.files import check_folder, staged
    from ..utils.swap import writer
    from ..view.figures.pictures import Pictures
    from ..workflow.later import read_later

    if out is None:
        out = result if result.is_dir() else result.parent
    one = out.suffix.lower() in FORMATS and not out.is_dir()
    if out.suffix[1:].isalpha() and not one and not out.is_dir():
        raise ParameterError(f"--out {out}: end the name of a file in {', '.join(FORMATS)}")
    if one and suffix is not None and out.suffix.lower() != f".{suffix}":
        raise ParameterError(f"--out {out} and --format {suffix}: give one of them")
    sheet, pixels = _sheet(width, font, dpi, size)
    if one and len(set(kinds)) != 1:
        raise ParameterError(f"--out {out} is one file: give one --kind, or a folder")
    if (material is None) != (hkl is None):
        raise ParameterError("--material and --hkl name a reflection together: give both")
    reflection = None if material is None or hkl is None else (material, hkl)
    shown = read_later(result, geometry, flip, data)
    pictures = Pictures(
        shown,
        level=level,
        counts=counts,
        voxel=voxel,
        size=pixels,
        sheet=sheet,
        reflection=reflection,
    )
    plan = pictures.plan(kinds)
    for note in pictures.notes:
        click.echo(f"note: {note}")
    if not plan:
        raise ParameterError(f"{result}: shows nothing of {', '.join(kinds)}")
    folder = out.parent if one else out
    names = {kind: out.name if one else f"{kind}.{suffix or 'png'}" for kind in plan}
    check_folder(folder, names.values(), force)
    with writer(out, force), staged(folder, names.values(), force) as stage:
        for kind, name in names.items():
            pictures.save(kind, stage / name)
    click.echo(f"written: {', '.join(str(folder / name) for name in names.values())}")


def _sheet(
    width: str | None, font: float | None, dpi: int | None, size: int | None
) -> tuple[Sheet | None, int]:
    """What to draw on, None for a screen, and how many pixels wide."""
    from ..view.style.sheet import Sheet, inches

    if width is None:
        if font is not None or dpi is not None:
            raise ParameterError("--font-size and --dpi are of a width on paper: give --width too")
        return None, SIZE if size is None else size
    if size is not None:
        raise ParameterError("--size is in pixels of a screen, --width on paper: give one of them")
    sheet = Sheet(inches(width), FONT if font is None else font)
    return sheet, round(sheet.width * (DPI if dpi is None else dpi))
