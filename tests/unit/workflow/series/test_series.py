"""A series: every scan its own result, what fails stops no other, what is finished is not done again."""

from __future__ import annotations

import csv
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from cdi_ml_plugin import object_error, read_result, reconstruct
from cdi_ml_plugin.cli.app import cli
from cdi_ml_plugin.errors import ParameterError, ReadError, SequenceError, WriteError
from cdi_ml_plugin.physics.alignment import placed
from cdi_ml_plugin.view.pages import series as pages
from cdi_ml_plugin.workflow.load import read_prepared
from cdi_ml_plugin.workflow.series import phase as phasing
from cdi_ml_plugin.workflow.series.outcome import SLICE
from cdi_ml_plugin.workflow.series.recipe import Recipe
from cdi_ml_plugin.workflow.series.run import series
from cdi_ml_plugin.workflow.series.scans import SeriesScan
from cdi_ml_plugin.workflow.series.table import applied, read_table, scans_of

GEOMETRY = {
    "energy": 9.0, "distance": 1.0, "theta": 0.2, "chi": 90.0, "phi": -5.0, "delta": 32.174,
    "gamma": 12.6346, "step": 0.025, "pixel": [55e-6, 55e-6], "reference": [6, 7, 6],
}  # fmt: skip
RECIPE = Recipe("12*ER", seeds=2, parameters={"initial_support_area": [0.5, 0.5, 0.5]})


def states(made):
    return [outcome.state for outcome in made.outcomes]


def objects(out):
    return {
        folder.name: read_result(folder).object.tobytes() for folder in sorted(out.glob("scan_*"))
    }


def test_each_scan_is_what_it_is_alone(night, tmp_path):
    made = series([night], tmp_path / "out", RECIPE)
    assert states(made) == ["done"] * 3
    for scan in made.scans:
        alone = reconstruct(
            read_prepared(scan.data), "12*ER", seeds=2, parameters=RECIPE.parameters
        )
        result = read_result(tmp_path / "out" / scan.folder)
        turned = made.outcomes[made.scans.index(scan)].turned
        same = np.array_equal(result.object, alone.object)
        assert same != turned
        assert object_error(result.object, alone.object) < 1e-6
    content = json.loads((tmp_path / "out/series.json").read_text())
    with (tmp_path / "out/series.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row, told in zip(rows, content["rows"], strict=True):
        result = read_result(tmp_path / "out" / told["folder"])
        assert float(row["chi2"]) == pytest.approx(result.metrics["chi2"])
        assert told["figures"]["pearson"] == pytest.approx(result.metrics["pearson"])
    assert content["reference"] == "scan_1"
    assert not list((tmp_path / "out").glob(".*"))


def test_what_is_damaged_or_empty_says_why_and_stops_no_other(night, tmp_path):
    (night / "scan_2.npy").write_bytes((night / "scan_2.npy").read_bytes()[:300])
    np.save(night / "scan_4.npy", np.zeros((12, 14, 12)))
    events = []
    made = series([night], tmp_path / "out", RECIPE, say=events.append)
    assert states(made) == ["done", "failed", "done", "failed"]
    assert "scan_2.npy" in made.outcomes[1].reason
    assert made.outcomes[3].reason
    assert sorted(p.name for p in (tmp_path / "out").glob("scan_*")) == [
        "scan_scan_1",
        "scan_scan_3",
    ]
    assert [e["scan"] for e in events if e["event"] == "failed"] == ["scan_2", "scan_4"]
    with (tmp_path / "out/series.csv").open() as file:
        assert [bool(row["reason"]) for row in csv.DictReader(file)] == [False, True, False, True]


@pytest.fixture
def phased(monkeypatch):
    """Names of the scans that are phased from now on."""
    found = []
    before = phasing.reconstruct

    def counted(measurement, *args, **kwargs):
        found.append(measurement.provenance["source"].rpartition("/")[2])
        return before(measurement, *args, **kwargs)

    monkeypatch.setattr(phasing, "reconstruct", counted)
    return found


def test_what_is_finished_is_done_again_only_where_something_changed(night, tmp_path, phased):
    out = tmp_path / "out"
    series([night], out, RECIPE)
    first = objects(out)
    phased.clear()
    series([night], out, RECIPE)
    assert phased == []
    os.utime(night / "scan_1.npy")  # touched, and the same
    series([night], out, RECIPE)
    assert phased == []
    counts = np.load(night / "scan_1.npy")
    counts[6, 7, 6] += 50
    np.save(night / "scan_1.npy", counts)
    series([night], out, RECIPE)
    assert phased == ["scan_1.npy"]
    phased.clear()
    (out / "scan_scan_3/scan.json").write_text("{")
    (out / "scan_scan_2/result.cxi").unlink()
    series([night], out, RECIPE)
    assert sorted(phased) == ["scan_2.npy", "scan_3.npy"]
    after = objects(out)
    assert after["scan_scan_1"] != first["scan_scan_1"]
    phased.clear()
    series([night], out, Recipe("13*ER", seeds=2, parameters=RECIPE.parameters))
    assert len(phased) == 3


def test_what_was_moved_or_is_read_otherwise_to_the_same_is_not_done_again(night, tmp_path, phased):
    np.save(night / "flat.npy", np.zeros((12, 14, 12), bool))
    masked = replace(RECIPE, reading={"mask": night / "flat.npy"})
    scans = [night / f"scan_{number}.npy" for number in (1, 2)]
    series(scans, tmp_path / "out", masked)
    moved = night.rename(tmp_path / "elsewhere")
    phased.clear()
    scans = [moved / path.name for path in scans]
    series(scans, tmp_path / "out", replace(RECIPE, reading={"mask": moved / "flat.npy"}))
    series(scans, tmp_path / "out", RECIPE)
    assert phased == []
    series(scans, tmp_path / "out", replace(RECIPE, reading={"threshold": 3.0}))
    assert phased == ["scan_1.npy", "scan_2.npy"]


def test_the_exit_code_says_whether_every_scan_has_a_result(night, tmp_path):
    words = ["series", str(night), "-a", "3*ER", "-q", "--workers", "1"]
    some, none = ["-o", str(tmp_path / "out")], ["-o", str(tmp_path / "none")]
    words += ["--set", "initial_support_area=[0.5, 0.5, 0.5]"]
    assert not cli.main([*words, *some], standalone_mode=False)
    np.save(night / "scan_2.npy", np.zeros((12, 14, 12)))
    assert cli.main([*words, *some], standalone_mode=False) == 1
    for number in (1, 3):
        np.save(night / f"scan_{number}.npy", np.zeros((12, 14, 12)))
    with pytest.raises(ReadError, match=r"no scan of 3 has a result: .*nothing to phase"):
        cli.main([*words, *none], standalone_mode=False)
    assert not (tmp_path / "none").exists()


def test_stopped_its_tables_are_of_what_is_there(night, tmp_path, monkeypatch):
    def stopped(measurement, *args, **kwargs):
        if measurement.provenance["source"].endswith("scan_3.npy"):
            raise KeyboardInterrupt
        return before(measurement, *args, **kwargs)

    series([night], tmp_path / "out", RECIPE)
    before = phasing.reconstruct
    monkeypatch.setattr(phasing, "reconstruct", stopped)
    other, events = replace(RECIPE, sequence="30*ER"), []
    with pytest.raises(KeyboardInterrupt):
        series([night], tmp_path / "out", other, say=events.append)
    with (tmp_path / "out/series.csv").open() as file:
        first, second, third = csv.DictReader(file)
    for row in (first, second):
        result = read_result(tmp_path / "out" / f"scan_{row['scan']}")
        assert result.sequence == "30*ER"
        assert float(row["chi2"]) == pytest.approx(result.metrics["chi2"])
    assert (third["state"], third["chi2"]) == ("failed", "")
    assert third["reason"] == "stopped before it had a result: the same command goes on"
    assert events[-1] == {"event": "stopped", "done": 2, "scans": 3}


def test_a_phase_is_no_picture_among_strains(ended):
    rows = [
        {"scan": "a", "folder": "scan_0001", "state": "done", "figures": {"strain_rms": 1e-4}},
        {"scan": "b", "folder": "scan_0002", "state": "done", "figures": {"chi2": 0.1}},
    ]
    assert set(pages.read_slices(ended, rows, SLICE, strained=True)) == {"a"}
    assert set(pages.read_slices(ended, rows, SLICE, strained=False)) == {"a", "b"}


def test_another_geometry_makes_another_result_of_the_same_counts(night, tmp_path, phased):
    file, recipe = (
        tmp_path / "geometry.json",
        replace(RECIPE, reading={"geometry": "geometry.json"}),
    )
    spacings = []
    for energy in (9.0, 10.0):
        file.write_text(json.dumps({**GEOMETRY, "energy": energy}))
        made = series([night / "scan_1.npy"], tmp_path / "out", recipe)
        spacings.append(made.outcomes[0].figures["d_spacing_nm"])
    assert phased == ["scan_1.npy"] * 2
    assert spacings[0] / spacings[1] == pytest.approx(10 / 9, rel=1e-2)


def test_a_scan_of_its_own_recipe(night, tmp_path, phased):
    (tmp_path / "t.csv").write_text(
        "data,algorithm,seeds\nnight/scan_2.npy,7*ER,1\nnight/scan_3.npy,,\n"
    )
    rows = read_table(tmp_path / "t.csv")
    scans = applied(tmp_path / "t.csv", rows, scans_of(tmp_path / "t.csv", rows), [])
    made = series(scans, tmp_path / "out", RECIPE)
    assert made.done == 2
    results = [read_result(tmp_path / "out" / scan.folder) for scan in scans]
    assert [(r.sequence, len(r.runs)) for r in results] == [("7*ER", 1), ("12*ER", 2)]


def test_a_bad_recipe_is_refused_before_anything_is_read(night, tmp_path, phased):
    with pytest.raises(SequenceError):
        series([night], tmp_path / "out", Recipe("12*NONE*"))
    own = SeriesScan("hot", night / "scan_1.npy", given={"set:nope": 1})
    with pytest.raises(ParameterError, match=r"scan hot, by the table: .*nope"):
        series([own], tmp_path / "out", RECIPE)
    with pytest.raises(ParameterError, match="held_out"):
        Recipe(held_out=0.9)
    with pytest.raises(ParameterError, match="unknown: there are reader"):
        Recipe(reading={"colour": "red"})
    with pytest.raises(ParameterError, match="no scan of this series"):
        series([night], tmp_path / "out", RECIPE, reference="scan_9")
    assert phased == []
    assert not (tmp_path / "out").exists()


def test_a_full_disk_fails_one_scan(night, tmp_path, monkeypatch):
    def full(result, folder, *args, **kwargs):
        if folder.name == "scan_scan_2":
            raise WriteError(f"{folder}: writing failed, nothing was changed: No space left")
        return before(result, folder, *args, **kwargs)

    before = phasing.save
    monkeypatch.setattr(phasing, "save", full)
    made = series([night], tmp_path / "out", RECIPE)
    assert states(made) == ["done", "failed", "done"]
    assert "No space left" in made.outcomes[1].reason


def test_all_are_in_the_twin_of_the_reference(ended, go_on, tmp_path, plain):
    out = shutil.copytree(ended, tmp_path / "out")
    made = go_on(out=out)  # the third, too
    assert made.done == 4
    first, *others = (read_result(out / scan.folder) for scan in made.scans)
    for other in others:
        assert not placed(other.object, first.object)[1].turned
    again = go_on(out=out)
    assert [o.turned for o in again.outcomes] == [o.turned for o in made.outcomes]
    assert all(0 < o.beside["difference_object"] < 0.5 for o in made.outcomes[1:])
    rms = [o.figures["strain_rms"] for o in made.outcomes]
    assert all(0 < o.beside["difference_strain_rms"] < 2 * max(rms) for o in made.outcomes[1:])
    assert (out / "series.html").read_text().count("scan_0004/report.html") == 2
    content = json.loads((out / "series.json").read_text())
    assert [row["along"]["temperature"] for row in content["rows"]] == [20.0, 40.0, 60.0, 80.0]


def test_a_column_that_no_scan_has(night, tmp_path):
    with pytest.raises(ParameterError, match="against 'temperature': is no column"):
        series([night], tmp_path / "out", RECIPE, along=["temperature"])
