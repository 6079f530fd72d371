"""``cdi-ml reconstruct``: from data to a result in a folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..workflow.load import read_prepared
from .options import PATH, data_options, parameter_options, read_parameters
from .view import can_watch, watch_and_write

if TYPE_CHECKING:
    from ..data.measurement import Measurement
    from ..data.result import Result
    from ..engine.progress import Watch


@click.command()
@click.argument("data", type=PATH)
@click.option(
    "-a",
    "--algorithm",
    "sequence",
    metavar="SEQUENCE",
    help="Chain of algorithms, as '3*(20*ER + 180*HIO) + 20*ER'.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of random starts; the best is chosen.",
)
@click.option("-o", "--out", type=PATH, required=True, help="Folder for the result.")
@click.option("--force", is_flag=True, help="Replace a result that is there already.")
@click.option("--live", is_flag=True, help="Watch it in a window, which has a button to stop it.")
@data_options
@parameter_options
def reconstruct(
    data: Path,
    sequence: str | None,
    seeds: int | None,
    out: Path,
    force: bool,
    live: bool,
    config: Path | None,
    settings: Sequence[str],
    held_out: float | None,
    device: str | None,
    quiet: bool,
    **reading: Any,
) -> None:
    """Phase DATA and write result.cxi, metrics.json, summary.png, report.html and, of a known geometry, result.vti.

    DATA is a folder of 34-ID-C frames (with --spec, --scan), a cohere experiment folder, or a file
    (.npy, .npz, .tif, .cxi, .h5) of intensities ordered (rocking, row, column).
    """
    from ..engine.plan import Plan
    from ..utils.files import check_folder
    from ..workflow.save import FILES

    parameters = read_parameters(data, config, settings)
    Plan.of(sequence, parameters)  # before the data, which take longer
    check_folder(out, FILES, force)
    live = live and can_watch()
    measurement = read_prepared(data, **reading)
    click.echo(measurement)
    phase = partial(phased, measurement, sequence, seeds, parameters, held_out, device, quiet)
    save = partial(write, out=out, force=force)
    if live:
        watch_and_write(measurement, f"{data} – cdi-ml", phase, save)
    else:
        save(phase())


def phased(
    measurement: Measurement,
    sequence: str | None,
    seeds: int | None,
    parameters: dict[str, Any],
    held_out: float | None,
    device: str | None,
    quiet: bool,
    watch: Watch | None = None,
) -> Result:
    """Run the chain as the options say."""
    from ..engine import run as engine
    from ..physics.moduli import HELD_OUT

    return engine.reconstruct(
        measurement,
        sequence,
        seeds=seeds,
        parameters=parameters,
        held_out=HELD_OUT if held_out is None else held_out,
        device=device,
        progress=not quiet and sys.stderr.isatty(),
        watch=watch,
    )


def write(result: Result, out: Path, force: bool) -> None:
    """Write the files, and say what they say."""
    from ..crystal.analysis import crystal_or_note
    from ..crystal.checks import checks
    from ..data.quantities import line
    from ..workflow.save import save

    crystal, result = crystal_or_note(result)
    written = save(result, out, force=force, crystal=crystal)
    for note in dict.fromkeys([*result.notes, *(n for run in result.runs for n in run.notes)]):
        click.echo(f"note: {note}")
    looked = checks(result)
    fine = [check for check in looked if check.level == "green"]
    for check in looked:
        if check not in fine:
            click.echo(f"check: {check}")
    click.echo(f"checks: {len(fine)} of {len(looked)} in order")
    click.echo(result)
    if crystal is not None:
        click.echo(f"crystal: {line(crystal.figures)}")
    click.echo(f"written: {', '.join(map(str, written))}")
