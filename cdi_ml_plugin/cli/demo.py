"""``cdi-ml simulate`` and ``cdi-ml demo``: a virtual scan, and the way from it to the crystal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..simulate.layouts.table import LAYOUTS
from ..workflow.load import read_prepared
from .options import ABOVE_0, PATH, Number, whole
from .reconstruct import phased, write

if TYPE_CHECKING:
    from ..simulate.scan import VirtualScan

PICTURE = "truth.png"
DPI = 150


@click.command()
@click.argument("folder", type=PATH)
@click.option("--seed", type=whole(0), default=0, show_default=True)
@click.option("--photons", type=ABOVE_0, default=2e7, show_default=True, help="Counts in all.")
@click.option(
    "--phase-range",
    type=Number(min=0),
    default=2.0,
    show_default=True,
    help="Strain phase, rad, peak to peak.",
)
@click.option(
    "--layout",
    type=click.Choice(list(LAYOUTS)),
    default="34idc",
    show_default=True,
    help="Whose files.",
)
@click.option("--force", is_flag=True, help="Replace a scan that is there already.")
def simulate(
    folder: Path, seed: int, photons: float, phase_range: float, layout: str, force: bool
) -> None:
    """Write a virtual rocking scan of a strained crystal into FOLDER, as a beamline would.

    That of 34-ID-C: frames, SPEC file, dark and white field.
    """
    from ..simulate.scan import TRUTH, write_virtual_scan
    from ..utils.files import check_folder
    from ..utils.swap import writer

    check_folder(folder, (*LAYOUTS[layout].files, TRUTH), force)
    with writer(folder, force):
        scan = write_virtual_scan(
            folder, seed=seed, photons=photons, phase_range=phase_range, layout=layout, force=force
        )
    click.echo(f"written: {scan.folder}: cdi-ml inspect {scan.data}{_options(scan)}")


def _options(scan: VirtualScan) -> str:
    return "".join(f" --{name} {value}" for name, value in scan.options.items())


@click.command()
@click.option(
    "-o", "--out", type=PATH, default=Path("demo"), show_default=True, help="Folder to work in."
)
@click.option("-a", "--algorithm", "sequence", metavar="SEQUENCE", help="Chain of algorithms.")
@click.option("--seeds", type=whole(1), default=3, show_default=True, metavar="N")
@click.option("--force", is_flag=True, help="Replace what is there already.")
def demo(out: Path, sequence: str | None, seeds: int, force: bool) -> None:
    """Simulate a 34-ID-C scan, phase it from its frames, and compare with the truth."""
    from ..crystal.beside import beside
    from ..engine.plan import Plan
    from ..physics.alignment import object_error
    from ..simulate.scan import write_virtual_scan
    from ..utils.files import check_folder, staged
    from ..utils.swap import writer
    from ..view.figures import truth as picture
    from ..view.style.sheet import save
    from ..workflow.earlier import check_result_folder

    Plan.of(sequence, {})  # before a scan is written for it
    check_result_folder(out / "result", force)
    check_folder(out, (PICTURE,), force)
    with writer(out / "scan", force), writer(out / "result", force):
        scan = write_virtual_scan(out / "scan", force=force)
        click.echo(
            f"cdi-ml reconstruct {scan.data}{_options(scan)} --crop 64 64 64 --seeds {seeds} --out {out / 'result'}"
        )
        measurement = read_prepared(scan.data, crop=(64, 64, 64), **scan.options)
        result = phased(measurement, sequence, seeds, {}, None, None, False)
        write(result, out / "result", force)
    truth = scan.true_object(result.object.shape)
    error = object_error(result.object, truth)
    geometry = measurement.geometry
    assert geometry is not None  # the scan has a SPEC file
    figure = picture.draw_truth(beside(result.object, truth, geometry))
    figure.set_dpi(DPI)
    with staged(out, (PICTURE,), force) as stage:
        save(figure, stage / PICTURE, picture.SHEET)
    click.echo(f"object error against the truth (shift, phase and twin removed): {error:.3f}")
    click.echo(f"written: {out / PICTURE}: the true crystal, the one found, and their difference")
