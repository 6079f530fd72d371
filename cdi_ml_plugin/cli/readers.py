"""``cdi-ml readers``: what measured data can be read from."""

from __future__ import annotations

from pathlib import Path

import click

from .options import PATH


@click.command()
@click.argument("path", type=PATH, required=False)
def readers(path: Path | None) -> None:
    """List the readers in the order in which they are asked, or say which of them can read PATH.

    `--reader NAME` of the other commands chooses one.
    """
    from ..io import readers as door

    every, faults = door.survey()
    if path is None:
        width = max(len(reader.name) for reader in every)
        for reader in every:
            lacking = reader.missing()
            without = (
                f"  missing: {', '.join(lacking)} (pip install {lacking[0]})" if lacking else ""
            )
            click.echo(f"{reader.name:{width}}  {reader.reads}  [{door.package(reader)}]{without}")
            click.echo(f"{'':{width}}  options: {', '.join(f'--{name}' for name in reader.takes)}")
    else:
        first, *others = door.choose(path)
        faults += [fault for reader in every if (fault := door.answer(reader, path)[1])]
        lacking = first.missing()
        without = f", but misses {', '.join(lacking)} (pip install {lacking[0]})" if lacking else ""
        click.echo(f"{path}: {first.name} reads it: {first.reads}{without}")
        for reader in others:
            click.echo(f"{path}: {reader.name} could too (--reader {reader.name}): {reader.reads}")
    for fault in faults:
        click.echo(f"note: {fault}", err=True)
