"""``cdi-ml inspect``: what it prints and writes, and a command that phases the data."""

from __future__ import annotations

import json
import shlex
from dataclasses import fields

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from cdi_ml_plugin import Inspection, Measurement, inspect, prepare
from cdi_ml_plugin.io.readers import load
from cdi_ml_plugin.view.figures import inspection
from cdi_ml_plugin.view.figures.inspection import draw_inspection
from cdi_ml_plugin.workflow.earlier import RESULT_FILES
from support.commands import assert_refused, experiment

FILES = {"inspection.png", "inspection.json"}


@pytest.fixture
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "draw_inspection", lambda *_: Figure((1, 1)))


def frames_of(scan) -> list[object]:
    return [
        *(scan / "frames", "--spec", scan / "virtual.spec", "--scan", 1),
        *("--dark", scan / "dark.tif", "--white", scan / "white.tif"),
    ]


def command_of(out: str) -> list[str]:
    (line,) = (line for line in out.splitlines() if line.startswith("cdi-ml reconstruct"))
    return shlex.split(line)[1:]


def test_a_table_and_nothing_written(scan, run, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    code, out, err = run("inspect", *frames_of(scan))
    assert (code, err) == (0, "")
    found = inspect(
        load(
            scan / "frames",
            spec=scan / "virtual.spec",
            scan=1,
            dark=scan / "dark.tif",
            white=scan / "white.tif",
        )
    )
    table = dict(line.split(maxsplit=1) for line in out.splitlines() if line[13:14] == " ")
    assert table["read"].startswith("34-ID-C frames, 20 files, virtual_S0001_00000.tif to ")
    assert table["shape"].startswith("20 × 24 × 24 (rocking × row × column)")
    assert table["counts"].startswith(f"{found.counts:.4g}, ")
    assert table["peak"].startswith(str(found.peak))
    assert f"hot: {found.hot}" in table["mask"]
    assert "checks: " in out
    assert not list((tmp_path / "here").iterdir())


def test_the_command_phases_the_data(scan, run, tmp_path, monkeypatch, plain_picture):
    monkeypatch.chdir(tmp_path)
    command = command_of(run("inspect", *frames_of(scan))[1])
    assert command[command.index("--scan") + 1] == "1"
    code, out, err = run(*command, "-a", "3*ER", "--seeds", 1)
    assert code == 0, err
    size = command[command.index("--crop") + 1 : command.index("--crop") + 4]
    assert f"Measurement({' × '.join(size)}, " in out
    assert {path.name for path in (tmp_path / "result").iterdir()} >= set(RESULT_FILES)


def test_what_is_given_stands_in_the_command(array, run):
    given = ["--threshold", "2.5", "--crop", "12", "16", "14", "--binning", "1", "1", "1"]
    out = run("inspect", array, *given)[1]
    command = command_of(out)
    for option, count in (("--threshold", 1), ("--crop", 3), ("--binning", 3)):
        at, where = command.index(option), given.index(option)
        assert command[at + 1 : at + 1 + count] == given[where + 1 : where + 1 + count]
    assert out.count("as given") == 2
    assert "suggested" not in out


def test_files(array, run, tmp_path):
    out = tmp_path / "new" / "look"
    code, text, _ = run("inspect", array, "-o", out)
    assert code == 0
    assert f"written: {out / 'inspection.png'}, {out / 'inspection.json'}" in text
    assert {path.name for path in out.iterdir()} == FILES
    assert imread(out / "inspection.png").std() > 0.05
    content = json.loads((out / "inspection.json").read_text(encoding="utf-8"))
    assert content.keys() == {field.name for field in fields(Inspection)} | {
        "command",
        "provenance",
    }
    found = inspect(load(array))
    assert tuple(content["peak"]) == found.peak
    assert content["frame_counts"] == list(found.frame_counts)
    assert [check["level"] for check in content["checks"]] == [c.level for c in found.checks]
    assert shlex.split(content["command"])[1:] == command_of(text)


def test_what_is_there_stays_unless_forced(array, run, tmp_path, no_picture):
    (tmp_path / "inspection.json").write_text("precious")
    assert_refused(run("inspect", array, "-o", tmp_path), "inspection.json already")
    assert (tmp_path / "inspection.json").read_text() == "precious"
    assert run("inspect", array, "-o", tmp_path, "--force")[0] == 0
    assert (tmp_path / "inspection.json").read_text() != "precious"


def test_a_picture_that_fails_leaves_nothing(array, run, tmp_path, monkeypatch):
    def fails(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(inspection, "draw_inspection", fails)
    assert_refused(run("inspect", array, "-o", tmp_path / "out"), "no room")
    assert not (tmp_path / "out").exists()


def test_doubts_are_said(array, counts, run):
    counts = counts.copy()
    counts[7] = counts[6]
    np.save(array, counts)
    code, out, _ = run("inspect", array)
    assert code == 0
    assert "check: red: stale frames: frame 7 is frame 6 once more" in out


def test_what_cohere_has_prepared_is_left_as_it_is(counts, run, tmp_path):
    counts = counts.copy()
    counts[2, 3, 4] = 10**6
    out = run("inspect", experiment(tmp_path, counts))[1]
    assert "read          cohere experiment" in out
    assert "hot: 0" in out


@pytest.mark.parametrize(
    ("option", "word"),
    [
        (("--spec", "x.spec"), "spec"),
        (("--geometry", "none.json"), "none.json"),
        (("--mask", "none.npy"), "none.npy"),
        (("--crop", "2", "2", "2"), "at least 4"),
        (("--threshold", "1e30"), "leaves nothing"),
    ],
)
def test_refusals(array, run, tmp_path, option, word):
    assert_refused(run("inspect", array, *option, "-o", tmp_path / "out"), word)
    assert not (tmp_path / "out").exists()


def test_the_picture(counts):
    """Every panel is labelled, and no word runs out of the picture, however much is wrong."""
    spoilt = counts.copy()
    spoilt[8] = spoilt[7]
    spoilt[3] = 0
    mask = np.zeros(counts.shape, dtype=bool)
    mask[:, 8] = True
    measurement = Measurement(np.minimum(spoilt, 2000), mask)
    found = inspect(measurement, threshold=1, crop=(12, 16, 14), lost_frames=False)
    figure = draw_inspection(measurement, found)
    figure.canvas.draw()
    panels = [ax for ax in figure.axes if ax.get_title()]
    assert len(panels) == 5
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in panels)
    images = [ax.images[0].get_array() for ax in panels[:3]]
    for axis, image in enumerate(images):
        np.testing.assert_allclose(image.filled(0), measurement.intensity.sum(axis), rtol=1e-6)
    assert images[0].mask[8].all()
    width, height = figure.canvas.get_width_height()
    for text in (text for ax in figure.axes for text in ax.texts):
        box = text.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= width
        assert 0 <= box.y0 < box.y1 <= height


def test_the_box_in_the_picture_is_what_prepare_cuts_out(counts):
    moved = np.pad(counts, ((4, 1), (0, 5), (3, 2)))
    for data in (moved, prepare(moved, crop=(14, 18, 16))):
        found = inspect(data, crop=(8, 6, 6), binning=(1, 2, 1))
        part = prepare(data, crop=(8, 6, 6), binning=(1, 2, 1))
        whole = data if data is moved else data.intensity
        cut = whole[tuple(slice(a, b) for a, b in found.box)]
        assert cut.shape == (8, 12, 6)
        assert cut.sum() == part.intensity.sum()
