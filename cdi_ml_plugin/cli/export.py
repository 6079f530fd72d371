"""``cdi-ml export``: a result in the files of other programs."""

from __future__ import annotations

from pathlib import Path

import click

from .options import PATH, later_options, whole


@click.command()
@click.argument("result", type=PATH)
@click.argument("folder", type=PATH)
@click.option("--to", "program", type=click.Choice(["cdiutils"]), required=True)
@click.option(
    "--scan", type=whole(0), metavar="N", help="Number of the scan; default that of the data."
)
@later_options
@click.option("--force", is_flag=True, help="Replace an earlier export.")
def export(
    result: Path,
    folder: Path,
    program: str,
    scan: int | None,
    geometry: Path | None,
    flip: bool,
    data: Path | None,
    force: bool,
) -> None:
    """Write RESULT, a result.cxi or its folder, or another program's, into FOLDER as cdiutils names it.

    cdiutils: FOLDER is the pipeline's dump_dir; analyse_phasing_results finds the runs, postprocess the
    chosen one. bcdi needs nothing of this: it reads result.cxi.
    """
    from ..io.cdiutils import export_cdiutils
    from ..utils.files import check_folder
    from ..utils.swap import writer
    from ..workflow.later import read_later

    check_folder(folder)
    with writer(folder, force):
        for path in export_cdiutils(read_later(result, geometry, flip, data), folder, scan, force):
            click.echo(f"written: {path}")
