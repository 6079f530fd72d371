"""Small scans of a series, as arrays and as a beamline writes them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from cdi_ml_plugin.view.figures import summary
from cdi_ml_plugin.view.pages import report
from cdi_ml_plugin.view.pages import series as pages
from cdi_ml_plugin.workflow.series.content import Series
from cdi_ml_plugin.workflow.series.recipe import Recipe
from cdi_ml_plugin.workflow.series.run import series
from cdi_ml_plugin.workflow.series.table import applied, read_table, scans_of
from support.growing import write


def emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "draw_summary", lambda result: Figure((1, 1)))
    monkeypatch.setattr(report, "page", lambda *_: "")
    monkeypatch.setattr(pages, "draw_trends", lambda *_: None)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results with an empty picture and page, which take longest."""
    emptied(monkeypatch)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: None) -> Path:
    """Three scans as arrays, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "night"
    folder.mkdir()
    for number in range(1, 4):
        box = np.pad(np.ones((4, 5, 4)), ((4, 4), (4, 5), (4, 4)))
        box = box * np.exp(1j * 0.2 * number * np.arange(12)[:, None, None] ** 2 / 10)
        pattern = abs(np.fft.fftshift(np.fft.fftn(box, norm="ortho"))) ** 2
        np.save(folder / f"scan_{number}.npy", np.random.default_rng(number).poisson(1e4 * pattern))
    return folder


@pytest.fixture(scope="session")
def beamtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four scans at 34-ID-C of one crystal whose strain grows, and a table of them."""
    folder = tmp_path_factory.mktemp("beamtime")
    write(folder, 4, shape=(32, 32, 32), size=140.0, phases=(0.5, 1.5))
    lines = [
        f"{n},1,scan_{n:03d}/frames,scan_{n:03d}/virtual.spec,scan_{n:03d}/dark.tif,scan_{n:03d}/white.tif,{20 * n}"
        for n in range(1, 5)
    ]
    (folder / "table.csv").write_text(
        "\n".join(["name,scan,data,spec,dark,white,temperature", *lines]) + "\n"
    )
    return folder


@pytest.fixture(scope="session")
def go_on(beamtime: Path) -> Callable[..., Series]:
    """Make a series of those scans over the temperature, or go on with one."""
    table = beamtime / "table.csv"
    rows = read_table(table, ["temperature"])
    scans = applied(table, rows, scans_of(table, rows), ["temperature"])
    recipe = Recipe("10*ER + 30*HIO + 20*ER", seeds=1)
    return partial(series, scans, recipe=recipe, along=["temperature"])


@pytest.fixture(scope="session")
def ended(
    beamtime: Path, go_on: Callable[..., Series], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of that series, to be copied; its third scan had lost a file, and failed."""
    out = tmp_path_factory.mktemp("ended") / "out"
    lost = beamtime / "scan_003/white.tif"
    lost.rename(lost.with_suffix(".away"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        emptied(monkeypatch)
        go_on(out=out)
    lost.with_suffix(".away").rename(lost)
    return out
