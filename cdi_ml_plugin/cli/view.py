"""``cdi-ml view``: measured data or a result in a window."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ParameterError, WriteError
from ..workflow.load import read_inspected, read_prepared
from .inspect import look, show
from .options import PATH, data_options

if TYPE_CHECKING:
    from ..data.measurement import Measurement
    from ..data.result import Result
    from ..engine.progress import Watch
    from ..view.window.recorded import Recorded


@click.command()
@click.argument("path", type=PATH)
@click.option(
    "--twin", "flip", is_flag=True, help="Results: take the twin, which has the same diffraction."
)
@data_options
def view(path: Path, flip: bool, **reading: Any) -> None:
    """Show PATH in a window: slices, isosurface, χ² of all runs.

    PATH is a result (result.cxi, or its folder) or measured data, as `reconstruct` takes them; of these it
    shows what `inspect` says, and a mask can be drawn. Where there is no display, a picture is written into
    the current folder instead.
    """
    from ..data.result import Result
    from ..view.probe import no_display
    from ..view.window.display import need_qt
    from ..view.window.recorded import Recorded

    need_qt()
    reason = no_display()
    shown = _read(path, flip, reading, in_window=reason is None)
    if isinstance(shown, Recorded):
        show(path, shown)
    elif reason is not None:
        click.echo(f"{reason}: written instead: {_picture(shown, path)}")
    elif isinstance(shown, Result):
        from ..view.window.window import Window

        window = Window(f"{path} – cdi-ml")
        window.open()
        window.show_result(shown)
        window.wait()


def can_watch() -> bool:
    """Whether a reconstruction can be watched in a window; says so where it cannot.

    Raises
    ------
    DisplayError
        Qt is not installed.
    """
    from ..view.probe import no_display
    from ..view.window.display import need_qt

    need_qt()
    reason = no_display()
    if reason is not None:
        click.echo(f"{reason}: going on without a window")
    return reason is None


def watch_and_write(
    measurement: Measurement,
    title: str,
    phase: Callable[[Watch], Result],
    write: Callable[[Result], None],
) -> None:
    """Phase in front of a window, write what came of it, and leave it on the screen."""
    from ..view.window.live import Live
    from ..view.window.window import Window

    window = Window(title)
    window.open()
    window.show_data(measurement)
    result = Live(window, measurement, phase).run()
    write(result)
    if window.is_open:
        window.show_result(result)
        window.wait()


def _read(
    path: Path, flip: bool, reading: dict[str, Any], in_window: bool
) -> Recorded | Measurement | Result:
    if not _is_result(path):
        if flip:
            raise ParameterError(f"--twin: only for results, and {path} is none")
        if in_window:
            return look(path, reading, *read_inspected(path, **reading))
        return read_prepared(path, **reading)
    given = [f"--{name}" for name, value in reading.items() if value and name != "geometry"]
    if given:
        raise ParameterError(f"{', '.join(given)}: only for measured data, and {path} is a result")
    from ..workflow.later import read_later

    return read_later(path, reading["geometry"], flip)


def _is_result(path: Path) -> bool:
    import h5py

    from ..io.cxi.writer import PROGRAM

    if path.is_dir():
        return (path / "result.cxi").is_file()
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return bool(file.attrs.get("creator") == PROGRAM)


def _picture(shown: Measurement | Result, path: Path) -> Path:
    """Draw into the current folder under a name that is free."""
    from ..data.result import Result
    from ..view.figures.pattern import draw_pattern
    from ..view.figures.summary import draw_summary

    figure = draw_summary(shown) if isinstance(shown, Result) else draw_pattern(shown)
    stem = path.resolve().stem
    for number in count():
        file = Path(f"{stem}_summary{f'_{number}' if number else ''}.png")
        try:
            with file.open("xb") as stream:
                figure.savefig(stream, dpi=130)
        except FileExistsError:
            continue
        except OSError as error:
            raise WriteError(f"{file.resolve()}: cannot be written: {error.strerror}") from error
        return file
    raise AssertionError
