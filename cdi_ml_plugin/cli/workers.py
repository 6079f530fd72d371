"""Options of the commands that workers can do the work of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import Command, whole

if TYPE_CHECKING:
    from ..utils.workers.wanted import Wanted


def worker_options(command: Command) -> Command:
    """Add the options that say which workers are wanted."""
    for option in reversed(
        (
            click.option(
                "--workers",
                type=whole(1),
                metavar="N",
                help="Processes that share the work, by Dask; each does one scan, or one start, at a time.",
            ),
            click.option(
                "--scheduler",
                metavar="ADDRESS",
                help="A Dask scheduler that runs, as tcp://node12:8786.",
            ),
            click.option(
                "--cluster",
                "system",
                type=click.Choice(["slurm", "lsf", "pbs"]),
                help="Have --workers N started as jobs, by dask-jobqueue and its configuration.",
            ),
            click.option("--gpus", is_flag=True, help="One worker a card."),
        )
    ):
        command = option(command)
    return command


def told(
    workers: int | None, scheduler: str | None, system: str | None, gpus: bool
) -> Wanted | None:
    """The workers that were asked for; None for this process."""
    from ..utils.workers.wanted import Wanted

    wanted = Wanted(workers, scheduler, system, gpus)
    return None if wanted == Wanted() else wanted
