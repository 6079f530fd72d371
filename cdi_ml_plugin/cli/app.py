"""``cdi-ml``: the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ..errors import CdiMlError
from ..version import __version__
from ..workflow.load import read_prepared
from .bench import bench
from .compare import compare
from .export import export
from .figure import figure
from .hosts import cohere_guess, hosts
from .network import fine_tune, train, weights
from .options import PATH, data_options, parameter_options, read_parameters
from .view import can_watch, view, watch_and_write

if TYPE_CHECKING:
    from ..data.measurement import Measurement
    from ..data.result import Result
    from ..engine.progress import Watch


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cdi-ml")
def cli() -> None:
    """Phase Bragg coherent diffraction patterns with ER, HIO, RAAR and neural networks."""


@cli.command()
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
    from ..operators.sequence import parse
    from ..utils.files import check_folder
    from ..workflow.save import FILES

    parameters = read_parameters(data, config, settings)
    chain = parameters.get("algorithm_sequence") if sequence is None else sequence
    if chain is not None:
        step = parse(str(chain)).bind(parameters)
        for operator in step.operators():  # before the data, which take longer
            operator.check()
    check_folder(out, FILES, force)
    live = live and can_watch()
    measurement = read_prepared(data, **reading)
    click.echo(measurement)
    phase = partial(_phase, measurement, sequence, seeds, parameters, held_out, device, quiet)
    write = partial(_write, out=out, force=force)
    if live:
        watch_and_write(measurement, f"{data} – cdi-ml", phase, write)
    else:
        write(phase())


def _phase(
    measurement: Measurement,
    sequence: str | None,
    seeds: int | None,
    parameters: dict[str, Any],
    held_out: float | None,
    device: str | None,
    quiet: bool,
    watch: Watch | None = None,
) -> Result:
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


def _write(result: Result, out: Path, force: bool) -> None:
    """Write the files, and say what they say."""
    from ..crystal.analysis import crystal_or_note
    from ..data.quantities import line
    from ..workflow.save import write_result

    crystal, result = crystal_or_note(result)
    written = write_result(result, out, force=force, crystal=crystal)
    for note in dict.fromkeys([*result.notes, *(n for run in result.runs for n in run.notes)]):
        click.echo(f"note: {note}")
    click.echo(
        f"{result.sequence}: {len(result.runs)} run(s) in {result.seconds:.1f} s on {result.device}; "
        f"best is seed {result.run.seed}: {line(result.metrics)}"
    )
    if crystal is not None:
        click.echo(f"crystal: {line(crystal.figures)}")
    click.echo(f"written: {', '.join(map(str, written))}")


@cli.command()
@click.argument("name", required=False)
def algorithms(name: str | None) -> None:
    """List the algorithms that a sequence can name, or explain the one called NAME."""
    from ..operators import registry
    from ..utils.plugins import provider

    if name is not None:
        import inspect
        from dataclasses import fields

        algorithm = registry.load(name)
        click.echo(f"{algorithm.name}: {inspect.getdoc(algorithm)}\n")
        for item in fields(algorithm):
            key = algorithm.keys.get(item.name)
            default = algorithm.defaults.get(item.name, item.default)
            click.echo(f"  {item.name} = {default}" + (f"    (parameter {key})" if key else ""))
        return
    for found, entry in sorted(registry.find().items()):
        click.echo(f"{found:8} {registry.summary(entry)}  [{provider(entry)}]")


@cli.command()
@click.argument("folder", type=PATH)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--photons", type=float, default=2e7, show_default=True, help="Counts in all.")
@click.option(
    "--phase-range",
    type=float,
    default=2.0,
    show_default=True,
    help="Strain phase, rad, peak to peak.",
)
@click.option("--force", is_flag=True, help="Replace a scan that is there already.")
def simulate(folder: Path, seed: int, photons: float, phase_range: float, force: bool) -> None:
    """Write a virtual 34-ID-C scan of a strained crystal into FOLDER: frames, SPEC file, fields."""
    from ..simulate.scan import write_virtual_scan

    scan = write_virtual_scan(
        folder, seed=seed, photons=photons, phase_range=phase_range, force=force
    )
    click.echo(
        f"written: {scan.frames} (scan {scan.scan} of {scan.spec}), {scan.dark}, {scan.white}"
    )


@cli.command()
@click.option(
    "-o", "--out", type=PATH, default=Path("demo"), show_default=True, help="Folder to work in."
)
@click.option("-a", "--algorithm", "sequence", metavar="SEQUENCE", help="Chain of algorithms.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, metavar="N")
@click.option("--force", is_flag=True, help="Replace what is there already.")
def demo(out: Path, sequence: str | None, seeds: int, force: bool) -> None:
    """Simulate a 34-ID-C scan, phase it from its frames, and compare with the truth."""
    from ..physics.alignment import object_error
    from ..simulate.scan import write_virtual_scan
    from ..utils.files import check_folder
    from ..workflow.save import FILES

    check_folder(out / "result", FILES, force)
    scan = write_virtual_scan(out / "scan", force=force)
    click.echo(
        f"cdi-ml reconstruct {scan.frames} --spec {scan.spec} --scan {scan.scan} --dark {scan.dark} "
        f"--white {scan.white} --crop 64 64 64 --seeds {seeds} --out {out / 'result'}"
    )
    measurement = read_prepared(
        scan.frames,
        spec=scan.spec,
        scan=scan.scan,
        dark=scan.dark,
        white=scan.white,
        crop=(64, 64, 64),
    )
    result = _phase(measurement, sequence, seeds, {}, None, None, False)
    _write(result, out / "result", force)
    error = object_error(result.object, scan.true_object(result.object.shape))
    click.echo(f"object error against the truth (shift, phase and twin removed): {error:.3f}")


cli.add_command(bench)
cli.add_command(compare)
cli.add_command(export)
cli.add_command(figure)
cli.add_command(train)
cli.add_command(weights)
cli.add_command(fine_tune)
cli.add_command(hosts)
cli.add_command(cohere_guess)
cli.add_command(view)


def main() -> None:
    """Entry point: whatever is wrong with the input is one line and exit code 2."""
    try:
        cli(prog_name="cdi-ml", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.Abort:
        click.echo("cdi-ml: interrupted", err=True)
        sys.exit(130)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "cdi-ml"
        _fail(f"{error.format_message().rstrip('.')} (try '{command} --help')")
    except click.ClickException as error:
        _fail(error.format_message())
    except CdiMlError as error:
        _fail(str(error))
    except (OSError, MemoryError) as error:
        _fail(f"{type(error).__name__}: {error}")
    except RuntimeError as error:
        if "memory" not in str(error):  # as torch says that there is not enough of it
            raise
        _fail(f"{str(error).partition('. ')[0]}: crop or bin the data, or use another device")


def _fail(message: str) -> NoReturn:
    click.echo(f"cdi-ml: error: {' '.join(message.split())}", err=True)
    sys.exit(2)
