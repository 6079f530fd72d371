"""``cdi-ml compare``: many seeds of several chains, compared on one page."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ParameterError, ReadError
from ..workflow.load import read_prepared
from .options import (
    PATH,
    data_options,
    parameter_options,
    read_parameters,
    read_setting,
    say_notes,
    whole,
)
from .workers import told, worker_options

if TYPE_CHECKING:
    from ..comparison.comparison import Comparison
    from ..data.measurement import Measurement
    from ..data.result import Result
    from ..geometry.geometry import Basis

LONGEST = 40  # characters of a sequence that can be the name of its chain


@click.command()
@click.argument("data", type=PATH)
@click.option(
    "-a",
    "--algorithm",
    "chains",
    multiple=True,
    metavar="[NAME:]SEQUENCE",
    help="A chain, as 'random: 3*(20*ER + 180*HIO) + 20*ER'; two or more, with the results.",
)
@click.option(
    "--result",
    "finished",
    multiple=True,
    metavar="NAME:PATH",
    help="A result of DATA to stand beside: a result.cxi, or of cohere, PyNX or cdiutils.",
)
@click.option(
    "--seeds",
    type=whole(2),
    default=100,
    show_default=True,
    metavar="N",
    help="Runs of each chain.",
)
@click.option("-o", "--out", type=PATH, required=True, help="Folder for the runs and the page.")
@worker_options
@data_options
@parameter_options
def compare(
    data: Path,
    chains: Sequence[str],
    finished: Sequence[str],
    seeds: int,
    out: Path,
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
    """Phase DATA by several chains from many seeds; write compare.html and compare.json.

    Figures of merit, agreement between seeds (transfer function, spread), spectral weight and slices of
    each chain. DATA and its options are those of `cdi-ml reconstruct`; --set NAME:KEY=VALUE is for
    the chain of that name alone. Nothing of a --result is run: its figures of merit are computed anew, on DATA.
    Each finished run is kept in OUT/runs: the same command goes on
    where it was stopped, and more --seeds add to what is there. The runs are done one after the other by this process,
    unless --workers, --scheduler, --cluster or --gpus name others.
    """
    from ..comparison import run as comparing
    from ..comparison.chains import parameters_of
    from ..comparison.runs import check_foreign
    from ..operators.sequence import parse
    from ..physics.moduli import HELD_OUT
    from ..utils.files import check_folder
    from ..utils.interrupt import interruption
    from ..utils.swap import writer
    from ..workflow.save import save_comparison

    wanted = told(workers, scheduler, system, gpus)
    others = by_path(finished)
    named = by_name(chains, len(others))
    for_all, own = by_chain(settings, named)
    parameters = read_parameters(data, config, for_all)
    for label, given in parameters_of(named, parameters, own).items():
        for operator in parse(named[label]).bind(given).operators():
            operator.check()  # before the data, which take longer
    check_foreign(out)
    check_folder(out)
    with writer(out):
        measurement = read_prepared(data, **reading)
        click.echo(measurement)
        say_notes(measurement)
        results = {name: _result(path, measurement) for name, path in others.items()}
        try:
            comparison = comparing.compare(
                measurement,
                named,
                out,
                seeds=seeds,
                parameters=parameters,
                chain_parameters=own,
                results=results,
                held_out=HELD_OUT if held_out is None else held_out,
                device=device,
                basis=_basis(measurement),
                command=shlex.join(["cdi-ml", *sys.argv[1:]]),
                progress=not quiet and sys.stderr.isatty(),
                workers=wanted,
            )
        except KeyboardInterrupt as stop:
            click.echo(
                f"note: what is finished is kept in {out}: the same command goes on from there"
            )
            raise click.Abort from stop
        with interruption(signal.SIGTERM):  # whoever sends it waits before he kills
            paths = save_comparison(comparison, out)
    _report(comparison)
    click.echo(f"written: {', '.join(map(str, paths))}")


def by_name(chains: Sequence[str], others: int = 0) -> dict[str, str]:
    """Split ``NAME: SEQUENCE``; a chain without a name is called by its sequence, or by its number.

    Raises
    ------
    ParameterError
        Fewer than two chains, with `others` results, or two of one name, or an empty name.
    """
    if len(chains) + others < 2:
        raise ParameterError(
            f"{len(chains)} chain(s) given: give -a twice or more, or --result beside it"
        )
    named: dict[str, str] = {}
    for number, text in enumerate(chains, 1):
        name, colon, sequence = text.partition(":")
        if not colon or "'" in name or '"' in name:  # that colon stands in a text of the chain
            sequence = text
            name = " ".join(text.split()) if len(text) <= LONGEST else f"chain {number}"
        name = name.strip()
        if not name:
            raise ParameterError(
                f"-a {text!r}: has no name before the colon: give one, or no colon"
            )
        if name in named:
            raise ParameterError(
                f"-a {text!r}: another chain is {name!r} already: name it otherwise"
            )
        named[name] = sequence.strip()
    return named


def by_path(finished: Sequence[str]) -> dict[str, Path]:
    """Split ``NAME: PATH``; a path without a name is called by itself.

    Raises
    ------
    ParameterError
        No path, or two of one name.
    """
    named: dict[str, Path] = {}
    for text in finished:
        name, colon, rest = text.partition(":")
        if not colon or Path(text).exists():  # that colon is of the path
            name, rest = text, text
        name = name.strip()
        if not name or not rest.strip() or "\0" in rest:
            raise ParameterError(f"--result {text!r}: write it as NAME:PATH")
        if name in named:
            raise ParameterError(
                f"--result {text!r}: another is {name!r} already: name it otherwise"
            )
        named[name] = Path(rest.strip())
    return named


def _result(path: Path, measurement: Measurement) -> Result:
    """A result on the data that are compared; one of this package has its own, which must be the same."""
    from ..io.results import of_another, read_any_result

    return read_any_result(path, None if of_another(path) is None else measurement)


def by_chain(
    settings: Sequence[str], names: Iterable[str]
) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """Split ``--set [NAME:]KEY=VALUE`` into the settings for all chains and those of each.

    Raises
    ------
    ParameterError
        The name is that of no chain.
    """
    for_all: list[str] = []
    own: dict[str, dict[str, Any]] = {}
    for setting in settings:
        name = _name_in(setting, names)
        if name is None:
            for_all.append(setting)
        else:
            key, value = read_setting(setting.strip()[len(name) :].lstrip()[1:])
            own.setdefault(name, {})[key] = value
    return for_all, own


def _name_in(setting: str, names: Iterable[str]) -> str | None:
    text = setting.strip()
    # first the names that there are: one of them may itself hold a colon or an equals sign
    for name in sorted(names, key=len, reverse=True):
        if text.startswith(name) and text[len(name) :].lstrip().startswith(":"):
            return name
    name, colon, _ = text.partition("=")[0].rpartition(":")
    if colon:
        raise ParameterError(
            f"--set {setting}: {name.strip()!r} is no chain: give one of {', '.join(names)}"
        )
    return None


def _basis(measurement: Measurement) -> Basis | None:
    """Steps of Q in 1/nm, where the data are frames with a SPEC file that tells them."""

    try:
        geometry = measurement.geometry
    except (ReadError, ParameterError) as error:
        click.echo(
            f"note: |Q| is in shares of the Nyquist frequency, for there is no geometry: {error}"
        )
        return None
    return None if geometry is None else geometry.reciprocal_basis()


def _report(comparison: Comparison) -> None:
    for chain in comparison.content()["chains"]:
        figures = [
            _median(name, values) for name, values in chain["figures"].items() if "median" in values
        ]
        lost = f", {chain['not_finite']} not finite" if chain["not_finite"] else ""
        spread = chain["spread_between_seeds"]
        click.echo(
            f"{chain['label']}: {chain['finished']} run(s){lost}; {', '.join(figures)}; "
            + (f"spread between seeds {spread:.3g}; " if spread is not None else "")
            + (
                f"{chain['seconds']['median']:.3g} s a run"
                if chain["seconds"]
                else "time not noted"
            )
        )
    if not comparison.complete:
        click.echo("note: interrupted: the same command goes on where it stopped")


def _median(name: str, values: Mapping[str, float]) -> str:
    from ..data.quantities import quantity

    what = quantity(name)
    median, low, high = (what.text(values[part]) for part in ("median", "low", "high"))
    return f"{name} {median} ({low} – {high})"
