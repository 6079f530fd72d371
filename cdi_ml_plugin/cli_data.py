"""How every command that takes measured patterns reads them: the options, and what they do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from .measurement import Measurement

PATH = click.Path(path_type=Path)
Command = TypeVar("Command", bound=Callable[..., Any])
Three = tuple[int, int, int]


def data_options(command: Command) -> Command:
    """Add the options that `read_prepared` takes."""
    for option in reversed(
        (
            click.option("--spec", type=PATH, help="Frames: the SPEC file of the experiment."),
            click.option("--scan", type=int, help="Frames: the scan number in the SPEC file."),
            click.option("--dark", type=PATH, help="Frames: dark field of the full detector."),
            click.option("--white", type=PATH, help="Frames: white field of the full detector."),
            click.option("--mask", type=PATH, help="File that is 1 where data are to be excluded."),
            click.option(
                "--threshold",
                type=float,
                metavar="COUNTS",
                help="Set intensities up to this to 0.",
            ),
            click.option(
                "--crop", type=int, nargs=3, metavar="Z Y X", help="Crop around the peak."
            ),
            click.option(
                "--binning", type=int, nargs=3, metavar="Z Y X", help="Add up intensities."
            ),
        )
    ):
        command = option(command)
    return command


def read_prepared(
    data: Path,
    *,
    threshold: float | None = None,
    crop: Three | None = None,
    binning: Three | None = None,
    **reading: Any,
) -> Measurement:
    """Read a measurement and make it ready for phasing.

    What cohere has prepared is taken as it is, unless an option wants something else.

    Parameters
    ----------
    data : Path
    threshold, crop, binning
        See `cdi_ml_plugin.preprocess.prepare`.
    **reading
        See `cdi_ml_plugin.io.read`.
    """
    from .io import read
    from .preprocess import prepare

    measurement = read(data, **reading)
    prepared_by_cohere = (data / "conf").is_dir()
    if prepared_by_cohere and threshold is None and not crop and not binning:
        return measurement
    return prepare(
        measurement,
        threshold=threshold,
        crop=crop or None,
        binning=binning or None,
        hot_pixels=not prepared_by_cohere,
    )
