"""``cdi-ml train``, ``cdi-ml weights``: the commands about the networks themselves."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from .errors import ParameterError

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("folder", type=PATH)
@click.option(
    "--recipe",
    "kind",
    type=click.Choice(["fast", "paper"]),
    default="fast",
    show_default=True,
    help="Where to start from; the options below change it.",
)
@click.option("--families", metavar="A,B,…", help="What is drawn, see below.")
@click.option("--phase", type=float, nargs=2, metavar="LOW HIGH", help="Phase range, rad.")
@click.option("--loss", type=click.Choice(["overlap", "paper"]))
@click.option("--twin/--no-twin", default=None, help="Either of the twins counts as right.")
@click.option("--optimiser", type=click.Choice(["adamw", "paper"]))
@click.option("--steps", type=click.IntRange(min=1))
@click.option("--batch", type=click.IntRange(min=1), help="Patterns in a step.")
@click.option("--rate", type=float, help="Learning rate.")
@click.option("--seed", type=click.IntRange(min=0))
@click.option("--from", "start", metavar="WEIGHTS", help="Start from a file or shipped weights.")
@click.option("--minutes", type=float, help="Stop and save after this long.")
@click.option("--save-every", type=float, default=5.0, show_default=True, metavar="MINUTES")
@click.option("--validate-every", type=float, default=5.0, show_default=True, metavar="MINUTES")
@click.option("--accelerator", default="auto", show_default=True, help="cpu, cuda, auto …")
@click.option("--devices", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--nodes", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--precision", default="32-true", show_default=True, help="bf16-mixed on a GPU.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def train(
    folder: Path,
    kind: str,
    families: str | None,
    phase: tuple[float, float] | None,
    loss: str | None,
    twin: bool | None,
    optimiser: str | None,
    steps: int | None,
    batch: int | None,
    rate: float | None,
    seed: int | None,
    start: str | None,
    minutes: float | None,
    save_every: float,
    validate_every: float,
    accelerator: str,
    devices: int,
    nodes: int,
    precision: str,
    quiet: bool,
) -> None:
    """Train a network on simulated particles; checkpoints, logs and weights go to FOLDER.

    Given again, it goes on where the last checkpoint in FOLDER ends. `tensorboard --logdir FOLDER`
    shows the curves. Families: superellipsoid, faceted, dislocation, oversampling, noise, gaps,
    range, coherence. Several hosts: the same command on each, with Lightning Fabric's environment
    variables (MASTER_ADDR, NODE_RANK …).
    """
    from .training.loop import Session
    from .training.loop import train as run
    from .training.recipe import Recipe

    recipe = Recipe.paper() if kind == "paper" else Recipe()
    given: dict[str, Any] = {
        "families": tuple(name.strip() for name in families.split(",")) if families else None,
        "phase": phase,
        "loss": loss,
        "twin": twin,
        "optimiser": optimiser,
        "steps": steps,
        "batch": batch,
        "rate": rate,
        "seed": seed,
    }
    recipe = replace(recipe, **{key: value for key, value in given.items() if value is not None})
    if minutes is not None and not minutes > 0:
        raise ParameterError(f"--minutes {minutes:g}: give a time above 0")
    session = Session(
        minutes=minutes,
        save_every=save_every,
        validate_every=validate_every,
        accelerator=accelerator,
        devices=devices,
        nodes=nodes,
        precision=precision,
        start=start,
        command="cdi-ml " + shlex.join(sys.argv[1:]),
        progress=not quiet and sys.stderr.isatty(),
    )
    card = run(recipe, folder, session)
    click.echo(card)
    click.echo(f"written: {folder / 'weights.safetensors'}")
