"""``cdi-ml geometry``: what geometries are known, and a file to fill in."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .options import PATH


@click.command()
@click.option("--diffractometer", "name", metavar="NAME", help="Write the template of this one.")
@click.option("-o", "--out", type=PATH, metavar="FILE", help="Where to; default: the terminal.")
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
def geometry(name: str | None, out: Path | None, force: bool) -> None:
    """List the diffractometers that are known, or write the file that --geometry takes for one of them.

    Fill in what is null, or leave it null where the data bring it along: energy in keV, distance and pixel in
    metres, angles and step in degrees; beam_zero is (column, row) of the direct beam at zero angles, roi the first
    column, columns, first row and rows that were read out.
    """
    from ..errors import ParameterError
    from ..workflow.geometry_file import template

    if name is None:
        if out is not None:
            raise ParameterError(f"--out {out}: give --diffractometer NAME too")
        return _list()
    lines = (f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in template(name).items())
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    if out is None:
        click.echo(text, nl=False)
        return
    from ..utils.files import staged
    from ..utils.swap import writer

    with writer(out, force), staged(out.parent, [out.name], force) as stage:
        (stage / out.name).write_text(text, encoding="utf-8")
    click.echo(f"written: {out}")


def _list() -> None:
    """Name, sample circles, detector circles, directions of columns and rows, detector."""
    from ..geometry.instruments import DIFFRACTOMETERS

    for name, known in DIFFRACTOMETERS.items():
        parts = [
            ", ".join(f"{circle} {axis}" for circle, axis in circles.items()) or "stands still"
            for circles in (known.sample, known.detector)
        ]
        directions = " ".join(known.directions)
        click.echo(
            f"{name:10} sample {parts[0]}; detector {parts[1]}; columns and rows {directions}; "
            f"{known.default_detector}"
        )
