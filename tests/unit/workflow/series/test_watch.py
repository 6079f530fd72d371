"""Scans that come in: each is taken once, when it has settled and all of it is there."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from cdi_ml_plugin.cli.app import cli
from cdi_ml_plugin.errors import ParameterError, ReadError
from cdi_ml_plugin.utils.workers import cluster as clusters
from cdi_ml_plugin.workflow.series import phase as phasing
from cdi_ml_plugin.workflow.series.arrivals import Arrivals
from cdi_ml_plugin.workflow.series.complete import lacking, mark
from cdi_ml_plugin.workflow.series.recipe import Recipe
from cdi_ml_plugin.workflow.series.run import series
from cdi_ml_plugin.workflow.series.scans import SeriesScan, listed
from cdi_ml_plugin.workflow.series.task import Task
from cdi_ml_plugin.workflow.series.watch import Watch

RECIPE = Recipe("3*ER", seeds=1, parameters={"initial_support_area": [0.5, 0.5, 0.5]})
SOON = Watch(minutes=0.01, settled=0.1)
dask = pytest.mark.skipif(not clusters.installed(), reason="Dask distributed is not installed")


@pytest.fixture
def phased(monkeypatch):
    """Names and frames of what is phased, in that order."""
    found = []
    before = phasing.reconstruct

    def counted(measurement, *args, **kwargs):
        name = Path(measurement.provenance["source"]).name
        found.append((name, measurement.provenance.get("frames")))
        return before(measurement, *args, **kwargs)

    monkeypatch.setattr(phasing, "reconstruct", counted)
    return found


def beside(function):
    """Run beside the test."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def of(events, kind):
    return [event["scan"] for event in events if event["event"] == kind]


@pytest.mark.usefixtures("plain")
def test_a_scan_whose_frames_arrive_one_by_one_is_taken_once_when_complete(
    beamtime, tmp_path, phased
):
    there, coming = beamtime / "scan_001", tmp_path / "scan_1"
    frames = sorted((there / "frames").iterdir())

    def arrive():
        coming.mkdir()
        for frame in frames:
            shutil.copy(frame, coming / f".{frame.name}")
            (coming / f".{frame.name}").rename(coming / frame.name)
            time.sleep(0.05)

    writer = beside(arrive)
    events = []
    reading = {"spec": there / "virtual.spec", "dark": there / "dark.tif"}
    scans = listed([tmp_path / "scan_{scan}"], "1", there=False)
    made = series(
        scans,
        tmp_path / "out",
        Recipe("3*ER", seeds=1, reading=reading),
        watch=Watch(minutes=1, settled=0.1),
        say=events.append,
    )
    writer.join()
    assert phased == [("scan_1", len(frames))]
    assert [event["event"] for event in events if event.get("scan") == "0001"] == [
        "waiting",
        "arrived",
        "done",
    ]
    assert made.done == 1
    assert (tmp_path / "out" / "series.html").is_file()


def test_half_a_scan_fails_and_is_taken_again_when_the_rest_has_come(night, tmp_path, phased):
    whole = (night / "scan_2.npy").read_bytes()
    (night / "scan_2.npy").write_bytes(whole[:-500])
    events = []

    def say(event):
        events.append(event)
        if event["event"] == "failed":
            (night / "scan_2.npy").write_bytes(whole)

    made = series([night], tmp_path / "out", RECIPE, watch=Watch(0.03, 0.1), say=say)
    assert of(events, "arrived") == ["scan_1", "scan_2", "scan_3", "scan_2"]
    assert (of(events, "failed"), made.done) == (["scan_2"], 3)
    assert sorted(name for name, _ in phased) == ["scan_1.npy", "scan_2.npy", "scan_3.npy"]


def test_a_folder_gets_scans_until_nothing_is_new_and_the_same_command_goes_on(
    night, tmp_path, phased
):
    late = night / "scan_3.npy"
    late.rename(tmp_path / "late.npy")
    (night / "notes.txt").write_text("no scan")
    out = night / "out"  # which is no scan either

    def say(event):
        if event["event"] == "done" and event["scan"] == "scan_2":
            (tmp_path / "late.npy").rename(late)
            (night / "cut.h5").write_bytes(b"no HDF5 yet")

    made = series([night], out, RECIPE, watch=Watch(0.03, 0.1), say=say)
    cut, *others = made.outcomes
    assert [(o.name, o.state) for o in others] == [(f"scan_{n}", "done") for n in (1, 2, 3)]
    assert "cut.h5 is open for writing, or not whole" in cut.reason
    assert made.reference == "scan_1"
    assert all(outcome.reference for outcome in others)
    (night / "cut.h5").unlink()
    again = series([night], out, RECIPE, watch=SOON)
    assert (len(phased), again.done) == (3, 3)


def test_ctrl_c_writes_the_page_and_leaves_what_had_not_come(night, tmp_path, phased):
    def say(event):
        if event["event"] == "done":
            raise KeyboardInterrupt

    scans = listed([night / "scan_{scan}.npy"], "3-4", there=False)
    made = series(scans, tmp_path / "out", RECIPE, watch=Watch(60, 0.1), say=say)
    assert [outcome.state for outcome in made.outcomes] == ["done", "failed"]
    assert made.outcomes[1].reason == "it has not come: the same command goes on"
    assert "scan_0003/report.html" in (tmp_path / "out/series.html").read_text()
    np.save(night / "scan_4.npy", np.load(night / "scan_1.npy"))
    again = series(scans, tmp_path / "out", RECIPE, watch=Watch(60, 0.1))
    assert (again.done, len(phased)) == (2, 2)


@pytest.fixture
def growing(tmp_path):
    """An HDF5 file of scans 1 and 2, of three points each."""
    path = tmp_path / "many.h5"
    with h5py.File(path, "w") as file:
        for number in (1, 2):
            entry = file.create_group(f"{number}.1")
            entry["title"] = "ascan eta 0 1 2 1"
            entry["start_time"] = "now"
            shape = (0 if number == 2 else 3, 8, 8)
            entry.create_dataset(
                "measurement/data", shape, "i4", maxshape=(None, 8, 8), chunks=(1, 8, 8)
            )
            entry["measurement/data"][...] = 1
    return path


def test_what_a_scan_in_a_file_of_many_lacks(growing, tmp_path):
    one, two, three = (
        Task(SeriesScan(f"{n:04d}", growing, str(n)), RECIPE, tmp_path) for n in (1, 2, 3)
    )
    before = mark(one, True)
    assert lacking(one, True) == ""
    assert lacking(two, True).endswith("2.1: 0 of 3 frames")
    assert mark(three, True) == ""
    with h5py.File(growing, "a") as file:
        file["2.1/measurement/data"].resize(2, axis=0)
        file["2.1/measurement/data"][...] = 1
    assert mark(one, True) == before
    assert lacking(two, True).endswith("2.1: 2 of 3 frames")
    with h5py.File(growing, "a") as file:
        file["2.1/end_time"] = "stopped before its last point"
    assert lacking(two, True) == ""
    with h5py.File(growing, "a") as file:
        file["3.1/start_time"] = "now"
    assert lacking(three, True).endswith("3.1: has no end_time yet")


def test_a_file_that_is_open_for_writing_is_not_complete(growing, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    task = Task(SeriesScan("0001", growing, "1"), RECIPE, tmp_path)
    with growing.open("r+b") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)  # as HDF5 does in the process that writes
        assert "open for writing" in lacking(task, True)
        assert mark(task, True)  # looked at without a lock
    assert lacking(task, True) == ""


def test_frames_that_a_file_has_room_for_and_does_not_hold(tmp_path):
    path = tmp_path / "one.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("entry/data", (4, 8, 8), "i4", chunks=(1, 8, 8))
        data[:3] = 1
    task = Task(SeriesScan("one", path), RECIPE, tmp_path)
    assert lacking(task, False).endswith("entry: 3 of 4 frames")
    path.write_bytes(path.read_bytes()[:100])
    assert "not whole" in lacking(task, False)


def test_a_spec_file_says_how_many_points_there_will_be(beamtime, tmp_path):
    there = beamtime / "scan_001"
    text = (there / "virtual.spec").read_text().rstrip("\n")
    spec = tmp_path / "run.spec"
    task = Task(SeriesScan("0001", there / "frames", "1"), Recipe(reading={"spec": spec}), tmp_path)
    assert lacking(task, False).endswith("run.spec is not there")
    spec.write_text(text.rpartition("\n")[0].rpartition("\n")[0] + "\n")
    assert "30 of 32 points" in lacking(task, False)
    half = mark(task, False)
    spec.write_text(text + "\n")
    assert lacking(task, False) == ""
    whole = mark(task, False)
    spec.write_text(text + "\n\n#S 2 ascan th 0 1 31 1\n")
    assert mark(task, False) == whole != half


def test_what_cannot_be_watched(tmp_path):
    with pytest.raises(ParameterError, match="above 0"):
        Watch(0)
    with pytest.raises(ParameterError, match="settled"):
        Watch(1, -1)
    with pytest.raises(ParameterError, match="give more minutes"):
        Watch(0.5)
    with pytest.raises(ParameterError, match="no scans"):
        Arrivals([], tmp_path, RECIPE, SOON, print)
    with pytest.raises(ParameterError, match="twice"):
        Arrivals(2 * [SeriesScan("a", Path("a.h5"))], tmp_path, RECIPE, SOON, print)


@pytest.mark.parametrize("lines", [True, False])
def test_the_command_says_what_waits_and_what_has_come(night, tmp_path, monkeypatch, capsys, lines):
    monkeypatch.setattr(clusters, "installed", lambda: False)
    words = ["series", str(night / "scan_{scan}.npy"), "--scan", "3-4", "-a", "3*ER"]
    words += ["--watch", "0.005", "--settled", "0.1", "-o", str(tmp_path / "out")]
    words += ["--set", "initial_support_area=[0.5, 0.5, 0.5]", *(["--json-lines"] if lines else [])]
    cli.main(words, standalone_mode=False)
    said = capsys.readouterr().out.splitlines()
    if lines:
        events = [json.loads(line) for line in said]
        kinds = ["begin", "waiting", "arrived", "workers", "done", "together", "end"]
        assert [event["event"] for event in events] == kinds
        assert events[1] == {"event": "waiting", "scan": "0003", "reason": "its files come in"}
    else:
        assert said[1:3] == ["scan 0003 waits: its files come in", "scan 0003 is complete"]
        assert "1 of 2 scans have a result" in said


def test_what_is_not_there_yet_is_said(night, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(clusters, "installed", lambda: False)
    words = ["series", "nowhere", "--watch", "0.001", "--settled", "0", "-o", str(tmp_path / "out")]
    with pytest.raises(ReadError, match="nowhere: no scan has come in"):
        cli.main(words, standalone_mode=False)
    assert "nowhere is not there yet" in capsys.readouterr().out


def test_settled_is_of_watch(night, tmp_path):
    with pytest.raises(ParameterError, match="give --watch"):
        cli.main(
            ["series", str(night), "--settled", "3", "-o", str(tmp_path / "out")],
            standalone_mode=False,
        )


def named(text):
    return text.upper()


@dask
def test_what_comes_in_goes_to_a_free_worker_and_waits_for_no_other():
    from distributed import Client, LocalCluster

    from cdi_ml_plugin.utils.workers.behind import Dask

    ended = []

    def coming():
        yield "a"
        while not ended:  # nothing new, and the result comes all the same
            yield None
        yield from ("b", "c")

    with (
        LocalCluster(
            1, processes=False, threads_per_worker=2, dashboard_address="localhost:0"
        ) as made,
        Client(made) as client,
    ):
        for place, result in Dask(client, 1, 0).run(named, coming()):
            ended.append((place, result))
    assert sorted(ended) == [(0, "A"), (1, "B"), (2, "C")]
    assert ended[0] == (0, "A")
