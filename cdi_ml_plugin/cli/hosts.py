"""Commands about the programs that this package works inside of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from .options import PATH, read_parameters, read_setting, whole


@click.command()
def hosts() -> None:
    """List the programs that can run these algorithms by name: found, supported, active, what to do."""
    from ..hosts.status import all_hosts

    for host in all_hosts():
        click.echo(host)


@click.command("cohere-guess")
@click.argument("experiment", type=PATH)
@click.option(
    "-o", "--out", type=PATH, help="Folder for the guess; default: EXPERIMENT/results_CNN."
)
@click.option("--seed", type=whole(0), default=0, show_default=True)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="One parameter, as cnn_weights."
)
@click.option("--device", help="cpu, cuda, cuda:1 … (default: cuda where there is one).")
def cohere_guess(
    experiment: Path, out: Path | None, seed: int, settings: Sequence[str], device: str | None
) -> None:
    """Write what CNN predicts for a cohere EXPERIMENT, for cohere to continue from.

    Writes image.npy and support.npy, and says which two lines of config_rec take them: nothing of this
    package runs inside cohere then.
    """
    from ..engine.parameters import check
    from ..engine.run import reconstruct
    from ..hosts.cohere.options import Options, operators
    from ..io.cohere import read_experiment, write_continue
    from ..operators.cnn import CNN
    from ..utils.files import check_folder
    from ..utils.swap import writer

    parameters = read_parameters(experiment, None, settings)
    check(dict(map(read_setting, settings)), CNN.keys.values())
    operator = operators(parameters, ["CNN"])["CNN"]
    operator.check()
    measurement = read_experiment(experiment, Options.of(parameters).zeros)
    folder = check_folder((out or experiment / "results_CNN").resolve())
    with writer(folder):
        result = reconstruct(measurement, operator, seeds=[seed], held_out=0, device=device)
        write_continue(folder, result.object, result.support)
    for note in result.run.notes:
        click.echo(f"note: {note}")
    click.echo(f"written: {folder / 'image.npy'}, {folder / 'support.npy'}; in config_rec:")
    click.echo(f'init_guess = "continue"\ncontinue_dir = "{folder.as_posix()}"')
