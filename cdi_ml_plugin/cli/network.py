"""``cdi-ml train``, ``weights``: the commands about the networks themselves."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..errors import NetworkError
from ..utils.plugins import provider
from .options import ABOVE_0, PATH, Number, whole

# What `train` and `fine-tune` share.
MINUTES = click.option("--minutes", type=ABOVE_0, help="Stop and save after this long.")
SAVE_EVERY = click.option(
    "--save-every", type=Number(min=0), default=5.0, show_default=True, metavar="MINUTES"
)
ACCELERATOR = click.option(
    "--accelerator",
    type=click.Choice(["auto", "cpu", "cuda", "gpu", "mps", "tpu"]),
    default="auto",
    show_default=True,
)
PRECISION = click.option(
    "--precision",
    type=click.Choice(["32-true", "bf16-mixed"]),
    default="32-true",
    show_default=True,
    help="The second on a GPU, or a processor, that has it: elsewhere it takes several times as long.",
)
QUIET = click.option("-q", "--quiet", is_flag=True, help="No progress bar.")


def warn_of(precision: str, accelerator: str) -> None:
    """Say where half precision is slower than none."""
    import torch

    from ..utils.device import half_pays

    gpu = accelerator != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    if precision != "32-true" and not half_pays(device):
        click.echo(
            f"note: --precision {precision}: this {device.type} has no instructions for bfloat16, in "
            "which it takes several times as long: leave the option out",
            err=True,
        )


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
@click.option(
    "--network", metavar="NAME", help="What is trained, in place of the recipe's own network."
)
@click.option("--families", metavar="A,B,…", help="What is drawn, see below.")
@click.option("--phase", type=Number(min=0), nargs=2, metavar="LOW HIGH", help="Phase range, rad.")
@click.option("--loss", type=click.Choice(["error", "overlap", "paper"]))
@click.option("--twin/--no-twin", default=None, help="Either of the twins counts as right.")
@click.option("--optimiser", type=click.Choice(["adamw", "paper"]))
@click.option("--steps", type=whole(1))
@click.option("--batch", type=whole(1), help="Patterns in a step.")
@click.option("--rate", type=ABOVE_0, help="Learning rate.")
@click.option("--seed", type=whole(0))
@click.option("--from", "start", metavar="WEIGHTS", help="Start from a file or shipped weights.")
@MINUTES
@SAVE_EVERY
@click.option(
    "--validate-every", type=Number(min=0), default=5.0, show_default=True, metavar="MINUTES"
)
@ACCELERATOR
@click.option("--devices", type=whole(1), default=1, show_default=True)
@click.option("--nodes", type=whole(1), default=1, show_default=True)
@PRECISION
@QUIET
def train(
    folder: Path,
    kind: str,
    network: str | None,
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
    shows the curves. Families: superellipsoid, faceted, winterbottom, uneven, void, wall, grains,
    dislocation, waves, oversampling, off_centre, coherence, background, noise, threshold, hot, stale,
    range, gaps, beamstop. Several hosts: the same command on each, with Lightning Fabric's environment
    variables (MASTER_ADDR, NODE_RANK …).
    """
    from ..nn.weights import load as read_weights
    from ..training.loop import Session
    from ..training.loop import train as run
    from ..training.recipe import RECIPES

    recipe = RECIPES[kind](batch or 16, devices * nodes)
    if start is not None and seed is None:
        seed = read_weights(start)[1].samples  # no pattern that they have seen comes again
    given: dict[str, Any] = {
        "preset": network,
        "families": tuple(name.strip() for name in families.split(","))
        if families is not None
        else None,
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
    warn_of(precision, accelerator)
    session = Session(
        minutes=minutes,
        save_every=save_every,
        validate_every=validate_every,
        accelerator=accelerator,
        devices=devices,
        nodes=nodes,
        precision=precision,
        start=start,
        command=" ".join(
            [recipe.command()]
            + ([f"--from {Path(start).name}"] if start else [])
            + ([f"--precision {precision}"] if precision != "32-true" else [])
            + ([f"--devices {devices} --nodes {nodes}"] if devices * nodes > 1 else [])
        ),
        progress=not quiet and sys.stderr.isatty(),
    )
    card = run(recipe, folder, session)
    if card.checksum:  # only the first of several processes writes the weights
        click.echo(card)
        click.echo(f"written: {folder / 'weights.safetensors'}")


@click.command()
@click.argument("source", required=False)
def weights(source: str | None) -> None:
    """Print the cards of the weights that came with the packages, or of those in the file SOURCE.

    Without SOURCE, the networks that are installed and have no weights of their own are named after them.
    """
    from ..nn import kinds
    from ..nn import weights as files

    names = [source] if source is not None else sorted(files.shipped())
    for name in names:
        click.echo(files.load(name)[1])
    if source is not None:
        return
    others = []
    for name, entry in kinds.entries().items():
        if name in names:
            continue
        try:
            kinds.find(name)
            others.append(f"{name} ({provider(entry)})")
        except NetworkError as error:
            click.echo(f"note: {error}", err=True)
    if others:
        click.echo(f"networks without weights of their own: {', '.join(others)}")
