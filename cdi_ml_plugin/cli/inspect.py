"""``cdi-ml inspect``: look at measured data before they are phased."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..workflow.load import read_inspected, read_prepared
from .options import PATH, data_options, say_notes

if TYPE_CHECKING:
    from ..data.inspect import Inspection
    from ..data.measurement import Measurement
    from ..view.window.recorded import Recorded

FILES = ("inspection.png", "inspection.json")
AXES = "rocking × row × column"


@click.command()
@click.argument("data", type=PATH)
@click.option("-o", "--out", type=PATH, help="Folder for a picture and the numbers as JSON.")
@click.option("--force", is_flag=True, help="Replace an inspection that is there already.")
@click.option("--view", is_flag=True, help="Then show it in a window, where a mask can be drawn.")
@data_options
def inspect(data: Path, out: Path | None, force: bool, view: bool, **reading: Any) -> None:
    """Look at DATA before phasing: rocking curve, peak, oversampling, noise, what is doubtful.

    DATA and its options are those of `reconstruct`. A crop and a threshold that are not given are suggested,
    and the command that phases the data with them is printed.
    """
    from ..utils.files import check_folder
    from ..utils.swap import writer

    reason = _no_window() if view else None
    if out is None:
        measurement, found = read_inspected(data, **reading)
        _print(data, measurement, found, reading)
    else:
        check_folder(out, FILES, force)  # before the data, which take longer
        with writer(out, force):
            measurement, found = read_inspected(data, **reading)
            command = _print(data, measurement, found, reading)
            _write(measurement, found, command, out, force)
        click.echo(f"written: {', '.join(str(out / name) for name in FILES)}")
    if reason is not None:
        click.echo(f"{reason}: no window is opened; --out FOLDER writes a picture")
    elif view:
        show(data, look(data, reading, measurement, found))


def look(data: Path, reading: dict[str, Any], m: Measurement, found: Inspection) -> Recorded:
    """All that a window shows of data that were read and inspected."""
    from ..data.preprocess import for_all_frames
    from ..io.arrays import read_mask
    from ..io.readers import choose
    from ..view.window.recorded import Recorded

    def again(mask: Path) -> Recorded:
        other = reading | {"mask": mask}
        return look(data, other, *read_inspected(data, **other))

    file = reading["mask"]
    given = {name for name in ("crop", "threshold") if reading[name] not in (None, ())}
    return Recorded(
        measurement=m,
        prepared=read_prepared(data, **reading, recorded=m),
        found=found,
        rows=tuple(rows(m, found, given)),
        command=phasing(data, found, reading),
        mask=None if file is None else for_all_frames(read_mask(file), m.shape),
        again=again if "mask" in choose(data, reading["reader"])[0].takes else None,
    )


def show(data: Path, recorded: Recorded) -> None:
    """Show recorded data until the window is closed; print the command with a mask drawn there."""
    from ..view.window.window import Window

    window = Window(f"{data} – cdi-ml")
    window.open()
    before = window.show_recorded(recorded)
    window.wait()
    if before.recorded is not recorded:
        click.echo(f"to phase it:\n{before.recorded.command}")


def _no_window() -> str | None:
    """Why there can be no window; DisplayError where Qt is not installed."""
    from ..view.probe import no_display
    from ..view.window.display import need_qt

    need_qt()
    return no_display()


def _print(data: Path, m: Measurement, found: Inspection, reading: dict[str, Any]) -> str:
    """Print table, doubts and command; return the command."""
    given = {name for name in ("crop", "threshold") if reading[name] not in (None, ())}
    for name, value in rows(m, found, given):
        click.echo(f"{name:13} {value}")
    say_notes(m)
    for note in found.notes[len(m.notes) :]:
        click.echo(f"note: {note}")
    fine = [check for check in found.checks if check.level == "green"]
    for check in found.checks:
        if check not in fine:
            click.echo(f"check: {check}")
    click.echo(f"checks: {len(fine)} of {len(found.checks)} in order")
    command = phasing(data, found, reading)
    click.echo(f"to phase it:\n{command}")
    return command


def rows(m: Measurement, found: Inspection, given: set[str]) -> Iterator[tuple[str, str]]:
    """Name and value of each line of the table; `given` are options that were not left to be suggested."""
    yield "read", str(m.provenance.get("format", "array")) + _files(m)
    kind = "whole" if found.whole else "not whole: corrected or computed"
    yield "shape", f"{_by(found.shape)} ({AXES}), counts {kind}"
    mean = found.counts / found.shape[0]
    yield (
        "counts",
        f"{found.counts:.4g}, brightest voxel {found.highest:.4g}, a frame {mean:.3g} on average",
    )
    top = max(found.frame_counts)
    half = [frame for frame, counts in enumerate(found.frame_counts) if counts >= top / 2]
    yield (
        "rocking curve",
        f"highest at frame {found.frame_counts.index(top)} with {top:.4g}, "
        f"half of it from frame {half[0]} to {half[-1]}",
    )
    centre = ", ".join(f"{c:.1f}" for c in found.centre_of_mass)
    yield "peak", f"{found.peak}, centre of mass ({centre})"
    sizes = _by([round(size) for size in found.extents])
    yield (
        "oversampling",
        f"{_by([f'{r:.1f}' for r in found.oversampling])}: an object of {sizes} voxels in the crop",
    )
    share = found.masked / (found.shape[0] * found.shape[1] * found.shape[2])
    yield (
        "mask",
        f"{found.masked} voxels ({share:.1%}), {found.masked_near_peak} near the peak; hot: {found.hot}",
    )
    frames = {"empty": found.empty, "stale": found.stale, "lost": found.lost}
    yield "frames", ", ".join(f"{len(which)} {name}" for name, which in frames.items())
    yield "saturated", f"{found.saturated} voxels"
    yield "noise", f"{found.noise:.3g} counts a voxel, in a corner"
    yield "threshold", f"{_none(found.threshold)}, {_whose('threshold', given)}"
    yield (
        "crop",
        f"{_by(found.crop)}, {_whose('crop', given)}: {found.kept:.1%} of the counts clear of the noise",
    )


def phasing(data: Path, found: Inspection, reading: dict[str, Any]) -> str:
    """The command that phases the data, with what was given and what is suggested."""
    options = {**reading, "crop": found.crop, "threshold": found.threshold or None}
    words = ["cdi-ml", "reconstruct", str(data)]
    for name, value in options.items():
        if value in (None, (), False):
            continue
        words.append(f"--{name}")
        if value is not True:  # a flag
            values = value if isinstance(value, tuple) else (value,)
            words += [f"{v:g}" if isinstance(v, float) else str(v) for v in values]
    return shlex.join([*words, "--seeds", "5", "--out", "result"])


def _write(m: Measurement, found: Inspection, command: str, out: Path, force: bool) -> None:
    from ..utils.jsonable import plain
    from ..utils.swap import whole
    from ..view.figures.inspection import draw_inspection

    numbers = {**asdict(found), "checks": [check._asdict() for check in found.checks]}
    content = plain({**numbers, "command": command, "provenance": m.provenance})
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    with whole(out, FILES, force) as stage:
        draw_inspection(m, found).savefig(stage / "inspection.png", dpi=110)
        (stage / "inspection.json").write_text(text, encoding="utf-8")


def _files(m: Measurement) -> str:
    first, last = m.provenance.get("first"), m.provenance.get("last")
    if first and last:
        return f", {m.provenance.get('frames')} files, {first} to {last}"
    source = m.provenance.get("source")
    return f", {source}" if source else ""


def _none(level: float) -> str:
    return f"{level:g}" if level else "none"


def _whose(option: str, given: set[str]) -> str:
    return "as given" if option in given else "suggested"


def _by(values: Any) -> str:
    return " × ".join(map(str, values))
