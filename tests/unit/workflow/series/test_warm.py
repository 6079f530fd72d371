"""Warm starts: from the nearest anchor, said, never worse than cold, and done again only where an anchor changed."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from cdi_ml_plugin import Measurement, diffraction, read_result
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.physics.metrics import misfits
from cdi_ml_plugin.physics.moduli import Moduli
from cdi_ml_plugin.view.pages import series as page
from cdi_ml_plugin.workflow.series import phase as phasing
from cdi_ml_plugin.workflow.series import warm
from cdi_ml_plugin.workflow.series.outcome import Outcome
from cdi_ml_plugin.workflow.series.recipe import Recipe
from cdi_ml_plugin.workflow.series.run import series
from cdi_ml_plugin.workflow.series.scans import SeriesScan
from cdi_ml_plugin.workflow.series.turns import seconds_left

RECIPE = Recipe("150*SEARCH + 20*ER", seeds=2)


def crystal(phase: float, other: bool = False) -> np.ndarray:
    """A box without a corner, complex64 (24, 24, 24), whose strain is `phase`; or another crystal."""
    z, y, x = np.meshgrid(*3 * [(np.arange(24) - 12) / 5], indexing="ij")
    solid = (abs(z) <= 0.9) & (abs(y) <= 1.1) & (abs(x) <= 0.8) & (z + y + x < 1.6)
    if other:
        solid = (z**2 + (y / 1.3) ** 2 + x**2 < 0.9) & (x - z < 0.8)
    return solid * np.exp(1j * phase * (0.7 * z**2 + 0.4 * x**3 + 0.5 * x * y))


def written(folder: Path, number: int, obj: np.ndarray) -> None:
    intensity = diffraction(obj).astype(float)
    counts = np.random.default_rng(number).poisson(1e6 * intensity / intensity.sum())
    np.save(folder / f"scan_{number}.npy", counts)


@pytest.fixture
def grown(tmp_path, monkeypatch, plain):
    """Four scans of a crystal whose strain grows, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(page, "draw_trends", lambda *_: None)
    folder = tmp_path / "grown"
    folder.mkdir()
    for number in range(1, 5):
        written(folder, number, crystal(0.3 * number))
    return folder


@pytest.fixture
def cold(monkeypatch):
    """Names of the scans that are phased cold from now on."""
    found = []
    before = phasing.reconstruct

    def counted(measurement, *args, **kwargs):
        found.append(Path(measurement.provenance["source"]).stem)
        return before(measurement, *args, **kwargs)

    monkeypatch.setattr(phasing, "reconstruct", counted)
    return found


def begun(made):
    return [outcome.start for outcome in made.outcomes]


def scans(count, **columns):
    return [
        SeriesScan(str(n), Path("a"), columns={k: v[n] for k, v in columns.items()})
        for n in range(count)
    ]


def test_each_scan_begins_from_the_two_nearest_anchors():
    found = warm.starts(scans(9), 3)
    assert [place for place, one in enumerate(found) if not one] == [1, 4, 7]
    assert found[0] == found[2] == ("scan_1", "scan_4")
    assert found[8] == ("scan_7", "scan_4")
    # scans that are added leave the anchors where they are
    longer = warm.starts(scans(10), 3)
    assert longer[:8] == found[:8]
    assert longer[9] == ()  # it would be farther from one than half of three
    assert warm.starts(scans(1), 3) == [()]


def test_of_few_scans_two_are_anchors():
    found = warm.starts(scans(8), 8)
    assert [place for place, one in enumerate(found) if not one] == [1, 6]
    assert found[3] == ("scan_1", "scan_6")
    assert warm.starts(scans(3), 8)[1] == ("scan_0", "scan_2")
    assert warm.starts(scans(2), 8) == [(), ()]


def test_scans_are_near_by_a_number_of_the_table():
    found = warm.starts(scans(6, heat=[5.0, 0.0, 4.0, 1.0, 3.0, 2.0]), 3, ["heat"])
    assert [place for place, one in enumerate(found) if not one] == [2, 3]
    assert found[0] == ("scan_2", "scan_3")


def test_what_is_no_number_leaves_the_order_of_the_scans():
    numbered = warm.starts(scans(4), 2)
    for value in (math.nan, "300 K"):
        assert warm.starts(scans(4, t=[3.0, 1.0, value, 0.0]), 2, ["t"]) == numbered


def test_a_scan_of_its_own_recipe_is_cold_and_no_anchor():
    given = scans(4)
    given[1] = replace(given[1], given={"sequence": "5*ER"})
    assert [len(one) for one in warm.starts(given, 3)] == [0, 0, 2, 0]


def test_what_cannot_be_warm(grown, tmp_path):
    for wrong in (1, 2.5, True):
        with pytest.raises(ParameterError, match=r"warm = .*whole number from 2"):
            series([grown], tmp_path / "out", RECIPE, warm=wrong)
    with pytest.raises(ParameterError, match="held-out"):
        series([grown], tmp_path / "out", replace(RECIPE, held_out=0), warm=3)
    assert not (tmp_path / "out").exists()


def test_of_counting_alone_the_misfit_is_one():
    for counts in (3e4, 1e6):
        intensity = diffraction(crystal(1.0)).astype(float) + 1e-9
        expected = counts * intensity / intensity.sum()
        noisy = np.random.default_rng(1).poisson(expected).astype(np.float32)
        data = Moduli.of(Measurement(noisy), 0.03, torch.device("cpu"))
        obj = torch.from_numpy(crystal(1.0)) * np.sqrt(counts / intensity.sum()) / data.scale
        for ratio, deviation in misfits(obj, data).values():
            assert abs(ratio - 1) < 3 * deviation < 0.5
        assert misfits(1.1 * obj, data)["fitted"][0] > 1.02


def test_a_pattern_that_is_centred_otherwise_moves_the_start():
    measurement = Measurement(np.roll(diffraction(crystal(1.0)), (2, -1, 1), (0, 1, 2)))
    obj, distance = warm.moved(crystal(1.0), measurement)
    assert distance < 1e-6
    assert diffraction(obj) == pytest.approx(measurement.intensity, abs=1e-4)


def test_warm_starts_are_said_and_take_part_in_going_on(grown, tmp_path, cold):
    out = tmp_path / "out"
    made = series([grown], out, RECIPE, warm=2)
    first, _, third, _ = begun(made)
    assert begun(made) == [first, "", third, ""]
    assert {first, third} <= {"warm from scan_2", "warm from scan_4"}
    assert cold == ["scan_2", "scan_4"]
    results = [read_result(out / scan.folder) for scan in made.scans]
    assert [len(result.runs) for result in results] == [1, 2, 1, 2]
    note = f"warm start: from the object of scan {first.removeprefix('warm from ')}"
    assert note in " ".join(results[0].notes)
    assert not results[0].metrics["free_llk"] > 1.05 * results[1].metrics["free_llk"]
    with (out / "series.csv").open() as file:
        assert [row["start"] for row in csv.DictReader(file)] == begun(made)
    assert first in (out / "series.html").read_text()

    def written_at():
        return [(out / scan.folder / "result.cxi").stat().st_mtime_ns for scan in made.scans]

    before = written_at()
    assert begun(series([grown], out, RECIPE, warm=2)) == begun(made)
    assert written_at() == before
    counts = np.load(grown / "scan_4.npy")
    counts[12, 12, 12] += 50
    np.save(grown / "scan_4.npy", counts)
    series([grown], out, RECIPE, warm=2)
    # what began from it, or was judged by it, is done again
    changed = [one != other for one, other in zip(before, written_at(), strict=True)]
    assert changed == [True, False, True, True]
    assert cold[2:] == ["scan_4"]

    made = series([grown], out, RECIPE)
    assert cold[3:] == ["scan_1", "scan_3"]
    assert begun(made) == [""] * 4
    series([grown], out, RECIPE, warm=2)
    assert len(cold) == 5  # a cold result is one of a series that is warm as well


def test_after_a_jump_no_scan_is_worse_than_cold(grown, tmp_path):
    written(grown, 3, crystal(0.9, other=True))
    made = series([grown], tmp_path / "out", RECIPE, warm=2)
    alone = series([grown / "scan_3.npy"], tmp_path / "alone", RECIPE)
    assert made.outcomes[2].start.startswith("cold: its pattern is unlike those of scan_")
    assert made.outcomes[2].figures["free_llk"] == alone.outcomes[0].figures["free_llk"]
    assert made.outcomes[0].start.startswith("warm from scan_")


def test_what_is_refused_is_phased_cold_and_the_better_is_kept(grown, tmp_path, monkeypatch):
    monkeypatch.setattr(warm, "CHAIN", "3*HIO")
    made = series([grown / f"scan_{n}.npy" for n in (1, 2, 4)], tmp_path / "out", RECIPE, warm=2)
    alone = series([grown / "scan_2.npy"], tmp_path / "alone", RECIPE)
    said = made.outcomes[1].start
    assert re.match("cold; from scan_[14] the misfit of fitted voxels is", said)
    assert made.outcomes[1].figures["free_llk"] == alone.outcomes[0].figures["free_llk"]
    assert len(read_result(tmp_path / "out/scan_scan_2").runs) == 2


def test_without_an_anchor_that_fits_a_scan_is_cold(grown, tmp_path):
    np.save(grown / "scan_1.npy", np.load(grown / "scan_1.npy")[2:-2])
    (grown / "scan_4.npy").write_bytes(b"nothing")
    recipe = Recipe("20*ER", seeds=1)
    made = series([grown], tmp_path / "out", recipe, warm=2)
    assert made.outcomes[0].start == (
        "cold: scan scan_4 has no result; scan scan_2 has another shape, 24 × 24 × 24"
    )
    assert [outcome.done for outcome in made.outcomes] == [True, True, True, False]
    (grown / "scan_2.npy").write_bytes(b"nothing")
    made = series([grown], tmp_path / "none", recipe, warm=2)
    assert [outcome.done for outcome in made.outcomes] == [True, False, True, False]
    lost = [f"cold: scan scan_{n} has no result" for n in (2, 4)]
    assert begun(made)[0].startswith(lost[0])
    assert begun(made)[2] == f"{lost[0]}; {lost[1].removeprefix('cold: ')}"
    with h5py.File(tmp_path / "none/series.nxs") as file:
        assert list(file["entry_1/scans/start"].asstr()) == begun(made)


def test_the_time_left_is_told_for_cold_and_warm_scans_apart():
    tasks = [phasing.Task(one, RECIPE, Path("out"), ("scan_0",)) for one in scans(4)]
    tasks[0] = replace(tasks[0], starts=())
    cold, warmed, lost = (
        Outcome(state, state, seconds=seconds)
        for state, seconds in (("done", 100.0), ("done", 8.0), ("failed", 1.0))
    )
    assert seconds_left(tasks, [cold, None, None, None], 2) is None
    assert seconds_left(tasks, [cold, warmed, None, None], 2) == 8.0
    assert seconds_left(tasks, [cold, warmed, lost, None], 2) == 4.0
    assert seconds_left(tasks, [None, warmed, lost, lost], 1) is None
