"""``cdi-ml fine-tune``: weights go on learning from a user's own scans, and are judged by others."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ParameterError
from ..workflow.load import read_prepared
from .network import ACCELERATOR, MINUTES, PRECISION, QUIET, SAVE_EVERY, warn_of
from .options import ABOVE_0, PATH, data_options, say_notes, whole

if TYPE_CHECKING:
    from ..data.measurement import Measurement


@click.command("fine-tune")
@click.argument("data", type=PATH, nargs=-1, required=True, metavar="DATA...")
@click.option("-o", "--out", type=PATH, required=True, help="Folder for checkpoints and weights.")
@click.option(
    "--from",
    "source",
    metavar="WEIGHTS",
    default="fast",
    show_default=True,
    help="Shipped weights or a file.",
)
@click.option(
    "--held-out",
    multiple=True,
    metavar="N|NAME",
    help="How many scans judge and are not trained on (0: none), or a scan by its name, may be "
    "repeated; default a fifth.",
)
@click.option("--steps", type=whole(1), default=150, show_default=True)
@click.option(
    "--batch",
    type=whole(2),
    default=16,
    show_default=True,
    help="Patterns in a step, a quarter of them scans.",
)
@click.option("--rate", type=ABOVE_0, default=1e-4, show_default=True, help="Learning rate.")
@MINUTES
@SAVE_EVERY
@ACCELERATOR
@PRECISION
@data_options
@QUIET
def fine_tune(
    data: tuple[Path, ...],
    out: Path,
    source: str,
    held_out: tuple[str, ...],
    steps: int,
    batch: int,
    rate: float,
    minutes: float | None,
    save_every: float,
    accelerator: str,
    precision: str,
    quiet: bool,
    **reading: Any,
) -> None:
    """Go on training weights with the measured patterns in DATA added; the result goes to OUT.

    DATA is read and prepared as by `cdi-ml reconstruct`, with the same options, for all DATA alike;
    or it is a folder of several array files. Prepare the patterns as you will phase them. No truth
    is needed: a quarter of each batch are scans, mirrored and turned by chance and judged by χ² of
    the prediction, and the rest is simulated.

    Of two or more scans a fifth, at least one, is held out, evenly along the series. At the end they are
    phased with the old weights and the new, from the same seeds, and the last lines say whether it
    helped. Where it did not, stay with the old weights; else use the new ones as
    `--set cnn_weights=OUT/weights.safetensors`.

    The same command given again goes on where it was interrupted.
    """
    from ..io.arrays import files
    from ..nn import weights
    from ..training.loop import WEIGHTS, Session
    from ..utils.files import check_folder
    from ..utils.swap import writer
    from ..workflow.fine_tune import fine_tune as run

    start = weights.load(source)[1]
    check_folder(out)  # `run` sees whether there are weights
    paths = [path for given in data for path in files(given)]
    if reading["scan"] is not None and len(paths) > 1:
        raise ParameterError(
            f"--scan {reading['scan']}: is one for {len(paths)} scans: leave it out, folders of "
            "frames have it at the end of their names"
        )
    wanted = _wanted(held_out, [_name(path) for path in paths])
    with writer(out):
        scans = [(_name(path), _prepared(path, reading)) for path in paths]
        warn_of(precision, accelerator)
        session = Session(
            minutes=minutes,
            save_every=save_every,
            validate_every=math.inf,  # it takes half a minute, and comes at the end anyhow
            accelerator=accelerator,
            precision=precision,
            progress=not quiet and sys.stderr.isatty(),
        )
        card, verdict = run(
            scans,
            out,
            source,
            held_out=wanted,
            steps=steps,
            batch=batch,
            rate=rate,
            session=session,
        )
    click.echo(card)
    if "error" in start.validation:
        click.echo(
            f"simulated patterns: object error {start.validation['error']:.3f} before, "
            f"{card.validation['error']:.3f} after"
        )
    click.echo(verdict)
    if not verdict.helped:
        click.echo(f"note: stay with {source}")
    click.echo(f"written: {out / WEIGHTS}")


def _wanted(held_out: tuple[str, ...], names: list[str]) -> int | tuple[str, ...] | None:
    """A number of scans where one is given that is no scan's name, else names; None for the default."""
    first, *others = held_out or ("",)
    if not others and first.isdecimal() and first not in names:
        return int(first) if len(first) < 10 else len(names)  # which is too many
    return held_out or None


def _prepared(path: Path, reading: Mapping[str, Any]) -> Measurement:
    measurement = read_prepared(path, **reading)
    say_notes(measurement, f"{_name(path)}: ")
    return measurement


def _name(path: Path) -> str:
    return path.resolve().name
