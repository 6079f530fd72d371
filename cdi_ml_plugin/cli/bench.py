"""``cdi-ml bench``: speed and success on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ..errors import ParameterError
from ..workflow.load import read_prepared
from .options import ABOVE_0, PATH, data_options, whole


@click.group()
def bench() -> None:
    """Measure speed and success on this machine."""


@bench.command()
@click.option("--data", type=PATH, help="An array file; otherwise a simulated crystal.")
@click.option(
    "--size",
    "sizes",
    type=whole(4),
    multiple=True,
    default=(64, 128),
    show_default=True,
    help="Cubic crop; may be repeated.",
)
@click.option("--iterations", type=whole(10), default=60, show_default=True)
@click.option("--device", default="cpu", show_default=True)
def engine(data: Path | None, sizes: Sequence[int], iterations: int, device: str) -> None:
    """Milliseconds of each algorithm beside the bare FFT pair, and of cohere where it is installed."""
    from ..bench.engine import engine_table
    from ..utils.device import find_device

    find_device(device)
    for line in engine_table(data, sizes, iterations, device):
        click.echo(line)


@bench.command()
@click.option("--crystals", type=whole(0), default=200, show_default=True)
@click.option("--first", type=whole(0), default=0, help="Number of the first crystal.")
@click.option("--data", type=PATH, help="Measured data to phase instead of simulated crystals.")
@data_options
@click.option("--seeds", type=whole(1), default=20, show_default=True, help="With --data.")
@click.option("-o", "--out", type=PATH, default=Path("bench_cnn.jsonl"), show_default=True)
@click.option("--device", default="cpu", show_default=True, help="Of the times of a prediction.")
@click.pass_context
def cnn(
    context: click.Context,
    /,
    crystals: int,
    first: int,
    data: Path | None,
    seeds: int,
    out: Path,
    device: str,
    **reading: Any,
) -> None:
    """Time a prediction, and phase held-out crystals from random starts and from predictions.

    Each finished chain is a line of OUT; given again, the benchmark goes on where it was.
    """
    from ..bench import cnn as bench_cnn
    from ..bench import table
    from ..utils.device import find_device

    find_device(device)
    for name in reading if data is None else ():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise ParameterError(f"--{name}: is of measured data: give --data too")
    with table.lent(out):
        if data is not None:
            cases = bench_cnn.measured(read_prepared(data, **reading), seeds)
        else:
            for line in bench_cnn.speed_table(device):
                click.echo(line)
            cases = bench_cnn.simulated(range(first, first + crystals))
        for line in bench_cnn.compare(cases, out):
            click.echo(line)


@bench.command()
@click.option("--crystals", type=whole(0), default=50, show_default=True)
@click.option("--first", type=whole(0), default=0, help="Number of the first crystal.")
@click.option("--gaps", type=whole(0), default=6, show_default=True, help="Crystals with a gap.")
@click.option("-o", "--out", type=PATH, default=Path("bench_refine.jsonl"), show_default=True)
@click.option("--device", default="cpu", show_default=True, help="Of the times and of the gaps.")
def refine(crystals: int, first: int, gaps: int, out: Path, device: str) -> None:
    """Time an epoch of REFINE, and phase strongly strained crystals with and without it.

    Each finished chain is a line of OUT; given again, the benchmark goes on where it was.
    """
    from ..bench import refine as bench_refine
    from ..bench import table
    from ..utils.device import find_device

    find_device(device)
    with table.lent(out):
        for line in bench_refine.speed_table(device):
            click.echo(line)
        for line in bench_refine.gap_table(range(first, first + gaps), device):
            click.echo(line)
        for line in bench_refine.compare(range(first, first + crystals), out):
            click.echo(line)


@bench.command()
@click.option("-o", "--out", type=PATH, required=True, help="Folder for all that comes of it.")
@click.option("--minutes", type=ABOVE_0, default=5.0, show_default=True, help="For everything.")
@click.option("--device", help="cpu, cuda, cuda:1 … (default: cuda where there is one).")
@click.option("--quick", is_flag=True, help="Tiny sizes: a test of the script, no figures.")
@click.option(
    "--only",
    type=click.Choice(["checks", "speed", "train"]),
    multiple=True,
    help="Leave the rest out; may be repeated.",
)
@click.option("--checkpoint", type=PATH, help="Folder of an earlier run whose training goes on.")
@click.option("--batch", type=whole(1), help="Patterns in a step of training.")
@click.option(
    "--steps", type=whole(1), help="Of the whole training (default: what the minutes allow)."
)
def gpu(**given: Any) -> None:
    """Check a GPU against the CPU, take the figures of this machine, and train `fast` in the time left.

    OUT gets the figures (gpu.md, gpu.jsonl), weights, and a checkpoint in parts of at most 16 MiB. Given
    again, what is there is not measured again and the training goes on. Where little but torch is
    installed: python -m cdi_ml_plugin.bench.gpu, with the same options.
    """
    from ..bench.gpu.script import Options, run

    for line in run(Options(**given)):
        click.echo(line)


@bench.command()
@click.option("--scans", type=whole(2), default=24, show_default=True, help="Of the series.")
@click.option("--size", type=whole(16), default=64, show_default=True, help="Cubic crop of those.")
@click.option("--workers", type=whole(1), default=2, show_default=True, help="Of the series.")
@click.option(
    "--idle",
    type=click.IntRange(1, 10_000),
    default=1000,
    show_default=True,
    help="Workers without work.",
)
@click.option(
    "--tasks", type=whole(1), default=10_000, show_default=True, help="For the idle ones."
)
@click.option(
    "--only",
    type=click.Choice(["throughput", "overhead", "scan"]),
    multiple=True,
    help="Leave the rest out; may be repeated.",
)
def series(scans: int, size: int, workers: int, idle: int, tasks: int, only: Sequence[str]) -> None:
    """Time a series against commands one after the other, the scheduler with idle workers, and a scan by its size.

    The scans are virtual ones in a temporary folder. The commands and the series have the threads that the environment
    gives them, OMP_NUM_THREADS.
    """
    from tempfile import TemporaryDirectory

    from ..bench.scheduler import overhead
    from ..bench.series import one_scan, throughput

    parts = only or ("throughput", "overhead", "scan")
    with TemporaryDirectory() as name:
        if "throughput" in parts:
            for line in throughput(Path(name) / "many", scans, size, workers):
                click.echo(line)
        if "overhead" in parts:
            for line in overhead(idle, tasks):
                click.echo(line)
        if "scan" in parts:
            for line in one_scan(Path(name) / "one", sorted({size, 2 * size})):
                click.echo(line)


@bench.command()
@click.option("--crystals", type=whole(1), default=63, show_default=True)
@click.option(
    "--first",
    type=whole(0),
    default=1000,
    show_default=True,
    help="Number of the first crystal; defaults were chosen on those below 1000.",
)
@click.option(
    "-c",
    "--chain",
    "chains",
    multiple=True,
    default=("default", "CNN 220", "random 220"),
    show_default=True,
    help="default, coherent, 'from random phases', 'CNN 60', 'CNN 220', 'random 220', 'CNN search 60', "
    "'random search 220' or cohere; may be repeated.",
)
@click.option("--weights", default="fast", show_default=True, help="Of the chains with CNN.")
@click.option("-o", "--out", type=PATH, default=Path("bench_solve.jsonl"), show_default=True)
def solve(crystals: int, first: int, chains: Sequence[str], weights: str, out: Path) -> None:
    """Phase simulated crystals of all kinds from one start each, and give the share that is found.

    Each finished chain is a line of OUT; given again, the benchmark goes on where it was. The error is
    the squared one, after shift, global factor and twin.
    """
    from ..bench import table
    from ..bench.solve import solve as lines

    with table.lent(out):
        for line in lines(range(first, first + crystals), chains, out, weights):
            click.echo(line)


@bench.command()
@click.option("--crystals", type=whole(1), default=40, show_default=True)
@click.option(
    "--first",
    type=whole(0),
    default=1100,
    show_default=True,
    help="Number of the first crystal; the factors of the uncertainties were fixed on 0 to 35 and 1000 to 1034.",
)
@click.option("--seeds", type=whole(2), default=5, show_default=True, help="Starts of each.")
@click.option("-o", "--out", type=PATH, default=Path("bench_uncertainty.jsonl"), show_default=True)
def uncertainty(crystals: int, first: int, seeds: int, out: Path) -> None:
    """Phase simulated crystals from several starts, and count how often the stated intervals hold the truth.

    Each finished crystal is a line of OUT; given again, the benchmark goes on where it was. Five starts of a
    crystal take some ten seconds of one core.
    """
    from ..bench import table
    from ..bench.uncertainty import calibrate

    with table.lent(out):
        for line in calibrate(range(first, first + crystals), out, seeds):
            click.echo(line)


@bench.command("weights")
@click.argument("sources", nargs=-1, metavar="[WEIGHTS]...")
@click.option("--patterns", type=whole(1), default=512, show_default=True, help="Of each set.")
def weights_(sources: Sequence[str], patterns: int) -> None:
    """Predict held-out patterns by WEIGHTS (shipped ones or files; default: fast), by their kind."""
    from ..bench.weights import compare

    for line in compare(sources or ("fast",), patterns):
        click.echo(line)
