"""``cdi-ml reconstruct``: from data to a result in a folder."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..workflow.load import read_prepared
from .options import PATH, Number, data_options, parameter_options, read_parameters, whole
from .view import can_watch, watch_and_write
from .workers import told, worker_options

if TYPE_CHECKING:
    from ..data.measurement import Measurement
    from ..data.result import Result
    from ..engine.progress import Watch
    from ..utils.workers.wanted import Wanted


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
    type=whole(1),
    metavar="N",
    help="Number of random starts; the best is chosen.",
)
@click.option("-o", "--out", type=PATH, required=True, help="Folder for the result.")
@click.option("--force", is_flag=True, help="Replace a result that is there already.")
@click.option(
    "--force-interrupted",
    is_flag=True,
    help="As --force, and a finished result is replaced by an interrupted one too.",
)
@click.option(
    "--checkpoint",
    type=Number(min=0),
    default=5.0,
    show_default=True,
    metavar="MINUTES",
    help="How often the state of a long run is kept; 0: after each iteration, which is slow.",
)
@click.option("--live", is_flag=True, help="Watch it in a window, which has a button to stop it.")
@worker_options
@data_options
@parameter_options
def reconstruct(
    data: Path,
    sequence: str | None,
    seeds: int | None,
    out: Path,
    force: bool,
    force_interrupted: bool,
    checkpoint: float,
    live: bool,
    workers: int | None,
    scheduler: str | None,
    system: str | None,
    gpus: bool,
    config: Path | None,
    settings: Sequence[str],
    held_out: float | None,
    device: str | None,
    quiet: bool,
    **reading: Any,
) -> None:
    """Phase DATA and write result.cxi, metrics.json, summary.png, report.html and, of a known geometry, result.vti.

    DATA is whatever `cdi-ml readers` lists: a folder of 34-ID-C frames (with --spec, --scan), a beamline's file,
    a cohere experiment folder, or a file (.npy, .npz, .tif, .cxi, .h5) of intensities ordered (rocking, row,
    column).

    Of several --seeds each run that has ended is kept beside OUT until the result is written, and so is the state
    of a long one every few minutes: after a kill the same command goes on from there. They are run one after the
    other by this process, unless --workers, --scheduler, --cluster or --gpus name others.
    """
    from ..engine.kept import forget
    from ..engine.plan import Plan
    from ..utils.swap import beside, writer
    from ..workflow.earlier import check_result_folder, was_interrupted

    force = force or force_interrupted
    wanted = told(workers, scheduler, system, gpus)
    parameters = read_parameters(data, config, settings)
    Plan.of(sequence, parameters)  # before the data, which take longer
    check_result_folder(out, force)
    with ExitStack() as claim:
        claim.enter_context(writer(out, force))
        live = live and can_watch()
        measurement = read_prepared(data, **reading)
        click.echo(measurement)
        keep = beside(out, ".cdi-runs")
        options = (sequence, seeds, parameters, held_out, device, quiet, keep, checkpoint, wanted)
        phase = partial(phased, measurement, *options)

        def save(result: Result) -> None:
            write(result, out, force, force_interrupted)
            if not was_interrupted(result):
                forget(keep)
            claim.close()  # a window may stay open for long

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
    keep: Path | None = None,
    checkpoint: float = 5.0,
    workers: Wanted | None = None,
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
        keep=keep,
        checkpoint=checkpoint,
        workers=workers,
    )


def write(result: Result, out: Path, force: bool, interrupted: bool = False) -> None:
    """Write the files, and say what they say.

    What an interrupted run found goes beside a finished result, unless it may replace that one.
    """
    from ..crystal.account import account_of, table
    from ..crystal.checks import checks
    from ..crystal.of_result import crystal_or_note
    from ..utils.interrupt import interruption
    from ..workflow.earlier import holds_finished, was_interrupted
    from ..workflow.save import save

    beside = was_interrupted(result) and not interrupted and holds_finished(out)
    folder = _free(out) if beside else out
    with interruption(signal.SIGTERM):  # whoever sends it waits before he kills
        crystal, result = crystal_or_note(result)
        written = save(result, folder, force, crystal, interrupted)
    for note in dict.fromkeys([*result.notes, *(n for run in result.runs for n in run.notes)]):
        click.echo(f"note: {note}")
    looked = checks(result)
    fine = [check for check in looked if check.level == "green"]
    for check in looked:
        if check not in fine:
            click.echo(f"check: {check}")
    click.echo(f"checks: {len(fine)} of {len(looked)} in order")
    click.echo(result)
    click.echo(table(account_of(result, crystal).headline()))
    click.echo(f"written: {', '.join(map(str, written))}")
    if beside:
        click.echo(f"note: {out} is unchanged: it holds the result of a run that came to its end")
        raise click.exceptions.Exit(130)


def _free(out: Path) -> Path:
    """Name a folder beside `out` that there is not yet."""
    here = Path(os.path.realpath(out))
    names = (f"{here.name}-interrupted{f'-{n}' if n else ''}" for n in count())
    return next(here.parent / name for name in names if not os.path.lexists(here.parent / name))
