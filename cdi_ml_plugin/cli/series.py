"""``cdi-ml series``: many scans by one recipe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ParameterError, ReadError
from .options import ABOVE_0, PATH, Number, data_options, parameter_options, read_parameters, whole
from .workers import worker_options

if TYPE_CHECKING:
    from ..workflow.series.scans import SeriesScan
    from ..workflow.series.watch import Watch


@click.command()
@click.argument("data", nargs=-1, type=PATH)
@click.option(
    "-a",
    "--algorithm",
    "sequence",
    metavar="SEQUENCE",
    help="Chain of algorithms, as '3*(20*ER + 180*HIO) + 20*ER'.",
)
@click.option("--seeds", type=whole(1), metavar="N", help="Random starts of each scan.")
@click.option("-o", "--out", type=PATH, required=True, help="Folder for the series.")
@click.option(
    "--table",
    type=PATH,
    metavar="FILE",
    help="CSV or TOML with what single scans have of their own: columns scan, name or data, and options of "
    "`reconstruct`.",
)
@click.option(
    "--against",
    "along",
    multiple=True,
    metavar="NAME",
    help="Show figures over this column of the table, motor or number of the geometry; may be repeated.",
)
@click.option(
    "--reference",
    metavar="SCAN",
    help="Number or name of the scan that the others are held against (default: the first that has a result).",
)
@click.option(
    "--warm",
    type=whole(2),
    metavar="N",
    help="Phase one in N scans from random phases, the others from the objects of the two nearest of those: for one "
    "crystal that changes slowly.",
)
@worker_options
@click.option(
    "--watch",
    "minutes",
    type=ABOVE_0,
    metavar="MINUTES",
    help="Take scans as they come in, until nothing new has come for so long; Ctrl-C ends it too.",
)
@click.option(
    "--settled",
    type=Number(min=0),
    metavar="SECONDS",
    help="With --watch: how long nothing of a scan may have changed (default: 30).",
)
@click.option(
    "--dry-run", is_flag=True, help="With --cluster: print the job script, and do nothing else."
)
@click.option("--json-lines", is_flag=True, help="Say what happens as JSON, an object a line.")
@data_options
@parameter_options
@click.pass_context
def series(
    context: click.Context,
    /,
    data: Sequence[Path],
    sequence: str | None,
    seeds: int | None,
    out: Path,
    table: Path | None,
    along: Sequence[str],
    reference: str | None,
    warm: int | None,
    workers: int | None,
    scheduler: str | None,
    system: str | None,
    gpus: bool,
    minutes: float | None,
    settled: float | None,
    dry_run: bool,
    json_lines: bool,
    config: Path | None,
    settings: Sequence[str],
    held_out: float | None,
    device: str | None,
    quiet: bool,
    scan: str | None,
    **reading: Any,
) -> None:
    """Phase many scans by one recipe, each into OUT/scan_NAME, and write series.html, .csv, .json, .nxs, .pvd and .gif.

    DATA are files and folders of scans, as of `reconstruct`; or with --scan 54-80,90 one file of many scans, or a path
    with {scan} where its number stands ({scan:04}: with zeros), which goes for --spec, --dark, --white, --mask and
    --geometry as well.

    By default as many --workers do it as this machine feeds. A scan that fails says why, and stops no other; the exit
    code is then 1. The same command goes on where it was stopped: what is finished is done again only where data,
    recipe or version have changed.

    With --watch a scan is taken once, when nothing of it changes any more and all of its frames are there.
    """
    from ..physics.moduli import HELD_OUT
    from ..utils.workers.cluster import script
    from ..utils.workers.wanted import Wanted
    from ..workflow.series import run
    from ..workflow.series.recipe import Recipe
    from ..workflow.series.scans import listed
    from ..workflow.series.table import applied, read_table, scans_of

    wanted = Wanted(workers, scheduler, system, gpus)
    if dry_run:
        if system is None:
            raise ParameterError("--dry-run: prints a job script: give --cluster")
        click.echo(script(wanted).rstrip())
        return
    first = data[0] if data else out
    recipe = Recipe(
        sequence,
        seeds,
        read_parameters(first, config, settings),
        HELD_OUT if held_out is None else held_out,
        device,
        reading,
    )
    watch = watched(minutes, settled)
    if watch is not None and warm is not None:
        raise ParameterError("--warm: takes scans that are all there: leave --watch out")
    rows = [] if table is None else read_table(table, along)
    come_in = watch is not None and bool(data) and scan is None
    if come_in and table is not None:
        raise ParameterError("--watch: --table takes --scan, or a column data")
    scans: list[SeriesScan] = []
    if table is not None and not data:
        scans = scans_of(table, rows)
    elif not come_in:
        scans = listed(data, scan, reading.get("reader"), there=watch is None)
    if table is not None:
        scans = applied(table, rows, scans, along)
    say = Progress(quiet, json_lines)
    about: dict[str, Any] = {
        "reference": reference,
        "along": along,
        "watch": watch,
        "warm": warm,
        "say": say,
    }
    made = run.series(data if come_in else scans, out, recipe, workers=wanted, **about)
    if not made.scans:
        where = ", ".join(map(str, data or (table or out,)))
        raise ReadError(f"{where}: no scan has come in: give --watch more minutes, or another DATA")
    if not made.done:
        count = len(made.scans)
        more = f"; the others: {made.outcomes[1].reason} …" if count > 1 else ""
        raise ReadError(f"no scan of {count} has a result: {made.outcomes[0].reason}{more}")
    say.end(made)
    if made.done < len(made.scans):
        context.exit(1)


def watched(minutes: float | None, settled: float | None) -> Watch | None:
    """How scans are waited for; None where they are not."""
    from ..workflow.series.watch import Watch

    if minutes is None:
        if settled is not None:
            raise ParameterError("--settled: goes with --watch: give --watch MINUTES too")
        return None
    return Watch(minutes) if settled is None else Watch(minutes, settled)


class Progress:
    """A line for people, or an object for machines, of each event."""

    def __init__(self, quiet: bool, json_lines: bool) -> None:
        self.quiet = quiet
        self.json_lines = json_lines
        self.failed: set[str] = set()  # what was said of already

    def __call__(self, event: dict[str, Any]) -> None:
        if event["event"] == "failed":
            self.failed.add(event["scan"])
        if self.json_lines:
            click.echo(json.dumps(event, ensure_ascii=False))
        elif (line := said(event)) and (
            not self.quiet or event["event"] in ("failed", "alone", "unwritten")
        ):
            click.echo(line)

    def end(self, made: Any) -> None:
        """Say what came of the whole."""
        from ..workflow.series.write import COLLECTION, FILES, FILM

        paths = [made.out / name for name in (*FILES, COLLECTION, FILM)]
        written = [str(path) for path in paths if path.is_file()]
        if self.json_lines:
            self({"event": "end", "done": made.done, "scans": len(made.scans), "written": written})
            return
        failed = [one for one in made.outcomes if not one.done and one.name not in self.failed]
        click.echo(f"{made.done} of {len(made.scans)} scans have a result")
        for outcome in failed:  # that have not come, or were stopped
            click.echo(f"scan {outcome.name}: {outcome.reason}")
        click.echo(f"written: {', '.join(written)}")


def said(event: dict[str, Any]) -> str:
    """A line of an event; empty for nothing to say."""
    kind = event["event"]
    if kind == "begin":
        ready = event["finished"]
        already = f", {ready} of them finished already" if ready else ""
        if event["scans"] is None:
            absent = "".join(f", {path} is not there yet" for path in event["absent"])
            return f"waiting for scans{absent}"
        return f"{event['scans']} {'scan' if event['scans'] == 1 else 'scans'}{already}"
    if kind == "waiting":
        return f"scan {event['scan']} waits: {event['reason']}"
    if kind == "arrived":
        return (
            f"scan {event['scan']} {'is finished already' if event['finished'] else 'is complete'}"
        )
    if kind == "unwritten":
        return f"note: the page is not written: {event['reason']}"
    if kind == "stopped":
        of = "" if event["scans"] is None else f" of {event['scans']}"
        has = (
            f"{event['done']}{of} scans have a result" if event["done"] else "no scan has a result"
        )
        return f"note: stopped: {has}; the same command goes on from there"
    if kind == "workers":
        return str(event["about"])
    if kind == "alone":
        return f"note: scan {event['scan']} is not held against the reference: {event['reason']}"
    if kind == "together" and event["scans"]:
        count = f"{event['scans']} {'result is' if event['scans'] == 1 else 'results are'}"
        return f"{count} held against that of scan {event['reference']}"
    if kind in ("done", "failed"):
        from ..data.quantities import line

        figures = {k: event["figures"][k] for k in SHOWN if event["figures"].get(k) is not None}
        what = event["reason"] if kind == "failed" else f"{event['seconds']:.1f} s, {line(figures)}"
        what += f"; {event['start']}" if event.get("start") else ""
        word = "failed: " if kind == "failed" else ""
        count = f"{event['done']} done, {event['failed']} failed, {event['running']} running"
        left = f", {event['left']} to go" if event["left"] else ""
        if left and event["seconds_left"] is not None:
            left += f": {duration(event['seconds_left'])}"
        return f"scan {event['scan']}: {word}{what}  [{count}{left}]"
    return ""


SHOWN = ("chi2", "d_spacing_nm", "strain_rms")


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
