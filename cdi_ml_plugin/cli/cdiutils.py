"""``cdi-ml cdiutils-phase`` and ``cdiutils-modes``: in place of PyNX's commands in cdiutils' pipeline."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from .options import PATH, parameter_options, read_parameters


@click.command("cdiutils-phase")
@click.argument("inputs", type=PATH)
@click.option(
    "-a",
    "--algorithm",
    "sequence",
    metavar="SEQUENCE",
    help="Chain; default that of INPUTS, or ours.",
)
@parameter_options
def cdiutils_phase(
    inputs: Path,
    sequence: str | None,
    config: Path | None,
    settings: Sequence[str],
    held_out: float | None,
    device: str | None,
    quiet: bool,
) -> None:
    """Phase what cdiutils has prepared, in place of pynx-cdi-id01: INPUTS is its pynx-cdi-inputs.txt.

    Of nb_run random starts the best nb_run_keep are written beside INPUTS, named as PyNX names them:
    …_Run0001_LLKf…_LLK….cxi. Numbers and seeds go on from the runs that are there.
    """
    from ..engine.plan import Plan
    from ..engine.run import reconstruct
    from ..errors import ParameterError, SequenceError
    from ..io.arrays import read_array
    from ..io.pynx_inputs import read_inputs
    from ..io.pynx_results import last_run, write_runs
    from ..physics.moduli import HELD_OUT
    from ..utils.swap import writer

    wanted = read_inputs(inputs)
    parameters = read_parameters(inputs, config, settings)
    chain = sequence if sequence is not None else wanted.algorithm
    try:
        Plan.of(chain, parameters)
    except SequenceError as error:
        if sequence is not None or chain is None:
            raise
        raise ParameterError(
            f"{inputs}: algorithm = {chain}: PyNX's language is not that of this command ({error}): "
            "give a chain with -a, as -a '1*CNN+200*SEARCH+20*ER'"
        ) from error
    folder = inputs.resolve().parent
    measurement = read_array(wanted.data, wanted.mask)
    click.echo(measurement)
    with writer(folder):  # before the hours of phasing: the numbers of its runs are nobody else's
        first = last_run(folder)
        result = reconstruct(
            measurement,
            chain,
            seeds=range(first, first + wanted.runs),
            parameters=parameters,
            held_out=HELD_OUT if held_out is None else held_out,
            device=device,
            progress=not quiet and sys.stderr.isatty(),
        )
        written = write_runs(result, folder, wanted.data.stem, wanted.keep)
    for note in result.notes:
        click.echo(f"note: {note}")
    for path in written:
        click.echo(f"written: {path}")


@click.command("cdiutils-modes")
@click.argument("results", type=PATH, nargs=-1, required=True)
@click.option("-o", "--out", type=PATH, default=Path("mode.h5"), show_default=True)
def cdiutils_modes(results: Sequence[Path], out: Path) -> None:
    """Write the orthogonal modes of RESULTS, .cxi files, in place of pynx-cdi-analysis.

    Twins are turned over and shifts taken out first, against the first file.
    """
    from ..io.pynx_results import write_modes
    from ..utils.swap import writer

    with writer(out):
        weights = write_modes(results, out)
    click.echo(f"written: {out}: the first mode holds {100 * weights[0]:.2f} %")
