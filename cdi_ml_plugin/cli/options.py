"""How the commands that phase measured patterns read them and their parameters: options, what they do."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import ParameterError

if TYPE_CHECKING:
    from ..data.measurement import Measurement

MOST = 10**9  # of anything that is counted
Command = TypeVar("Command", bound=Callable[..., Any])


class _Path(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value).strip():  # pathlib takes no name for the current folder
            self.fail("names no file and no folder: give its name", param, ctx)
        return super().convert(value, param, ctx)


class Number(click.FloatRange):
    """A number in a range; NaN and infinity are in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number", param, ctx)
        return number


PATH = _Path(path_type=Path)
ABOVE_0 = Number(min=0, min_open=True)


def whole(lowest: int) -> click.IntRange:
    """A count or a number of something, from `lowest` on."""
    return click.IntRange(min=lowest, max=MOST)


def data_options(command: Command) -> Command:
    """Add the options that `read_prepared` takes."""
    for option in reversed(
        (
            click.option(
                "--reader",
                metavar="NAME",
                help="What reads DATA, of those that `cdi-ml readers` lists (default: what knows it).",
            ),
            click.option("--spec", type=PATH, help="Frames: the SPEC file of the experiment."),
            click.option(
                "--scan",
                metavar="N[.K]",
                help="The scan's number, in the SPEC file or in a file of several scans; 54.2 is the second "
                "scan of number 54.",
            ),
            click.option("--dark", type=PATH, help="Frames: dark field of the full detector."),
            click.option("--white", type=PATH, help="Frames: white field of the full detector."),
            click.option("--monitor", is_flag=True, help="Frames: divide by the beam monitor."),
            click.option(
                "--geometry",
                type=PATH,
                metavar="FILE",
                help="JSON file with parameters of Geometry, as `cdi-ml geometry` writes it; they win over the data's.",
            ),
            click.option("--mask", type=PATH, help="File that is 1 where data are to be excluded."),
            click.option(
                "--dataset",
                metavar="NAME",
                help="Files that hold several arrays: which (a key, a dataset, a TIFF series' number, a detector).",
            ),
            click.option(
                "--threshold",
                type=Number(min=0),
                metavar="COUNTS",
                help="Set intensities up to this to 0.",
            ),
            click.option(
                "--crop", type=whole(1), nargs=3, metavar="Z Y X", help="Crop around the peak."
            ),
            click.option(
                "--binning", type=whole(1), nargs=3, metavar="Z Y X", help="Add up intensities."
            ),
        )
    ):
        command = option(command)
    return command


data_option = click.option(
    "--data",
    type=PATH,
    metavar="PATH",
    help="What was phased, for a result of another program that does not hold it.",
)


def later_options(command: Command) -> Command:
    """Add what may be said of a result that was phased before."""
    for option in (
        data_option,
        click.option(
            "--twin",
            "flip",
            is_flag=True,
            help="Take the conjugate twin, which has the same diffraction.",
        ),
        click.option(
            "--geometry",
            type=PATH,
            metavar="FILE",
            help="JSON file with parameters of Geometry, as `cdi-ml geometry` writes it; they win over the result's.",
        ),
    ):
        command = option(command)
    return command


def parameter_options(command: Command) -> Command:
    """Add the options of every command that runs chains: parameters, held-out share, device."""
    for option in reversed(
        (
            click.option("--config", type=PATH, help="A cohere config_rec file, as it is."),
            click.option(
                "--set",
                "settings",
                multiple=True,
                metavar="KEY=VALUE",
                help="One parameter, cohere's names; may be repeated.",
            ),
            click.option(
                "--held-out",
                type=Number(min=0, max=0.5),
                help="Share of voxels that no algorithm sees (default 0.03).",
            ),
            click.option(
                "--device", help="cpu, cuda, cuda:1 … (default: cuda where there is one)."
            ),
            click.option(
                "-q",
                "--quiet",
                is_flag=True,
                help="No progress bar (it is shown on a terminal only).",
            ),
        )
    ):
        command = option(command)
    return command


def say_notes(measurement: Measurement, name: str = "") -> None:
    """Print what was masked without being asked for; a `Result` has it among its notes."""
    for note in measurement.notes:
        click.echo(f"note: {name}{note}")


def read_parameters(data: Path, config: Path | None, settings: Sequence[str]) -> dict[str, Any]:
    """Parameters from a config_rec (given, or that of the experiment), then from ``--set``."""
    from ..engine.parameters import as_cohere
    from ..io.cohere import read_config
    from ..io.config_older import modern

    if config is None and (data / "conf" / "config_rec").is_file():
        config = data / "conf" / "config_rec"
    elif config is not None and not read_config(config):
        raise ParameterError(
            f"--config {config}: holds no parameter: leave it out, or name another"
        )
    parameters = as_cohere(modern(read_config(config))) if config else {}
    return parameters | dict(map(read_setting, settings))


def read_setting(setting: str) -> tuple[str, Any]:
    """Key and value of one ``--set KEY=VALUE``."""
    key, equals, value = (part.strip() for part in setting.partition("="))
    if not equals or not key:
        raise ParameterError(f"--set {setting}: write it as key=value")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return key, value  # a text without quotes
