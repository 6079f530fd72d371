"""``cdi-ml view``: measured data or a result in a window."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ParameterError, ReadError, WriteError
from ..workflow.load import read_inspected, read_prepared
from .inspect import look, show
from .options import PATH, data_option, data_options

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
@data_option
@data_options
def view(path: Path, flip: bool, data: Path | None, **reading: Any) -> None:
    """Show PATH in a window: slices, isosurface, χ² of all runs.

    PATH is a result (result.cxi, or its folder; results_phasing of cohere, CXI files of PyNX, a mode of
    cdiutils) or measured data, as `reconstruct` takes them; of these it
    shows what `inspect` says, and a mask can be drawn. Where there is no display, a picture is written into
    the current folder instead.
    """
    from ..data.result import Result
    from ..view.probe import no_display
    from ..view.window.display import need_qt
    from ..view.window.recorded import Recorded

    need_qt()
    reason = no_display()
    shown = _read(path, flip, data, reading, in_window=reason is None)
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
    path: Path, flip: bool, data: Path | None, reading: dict[str, Any], in_window: bool
) -> Recorded | Measurement | Result:
    if not _is_result(path):
        for name, value in (("twin", flip), ("data", data)):
            if value:
                raise ParameterError(f"--{name}: only for results, and {path} is none")
        if in_window:
            return look(path, reading, *read_inspected(path, **reading))
        return read_prepared(path, **reading)
    given = [f"--{name}" for name, value in reading.items() if value and name != "geometry"]
    if given:
        raise ParameterError(f"{', '.join(given)}: only for measured data, and {path} is a result")
    from ..workflow.later import read_later

    return read_later(path, reading["geometry"], flip, data)


def _is_result(path: Path) -> bool:
    """Whether a path is a result; the folder of an experiment, or of a pipeline, is its prepared data."""
    from ..io.cxi.reader import is_one
    from ..io.readers import choose
    from ..io.results import of_another

    if is_one(path) or of_another(path) is None:
        return is_one(path)
    try:
        return not choose(path)[0].prepared
    except ReadError:  # no reader knows it
        return True


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
