"""What a series keeps of each scan as its reference has it, and what points to that."""

from __future__ import annotations

import json
import os
import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace

import h5py
import numpy as np
import pytest
from PIL import Image
from silx.io import nxdata
from silx.io import open as silx_open
from silx.math.calibration import ArrayCalibration

from cdi_ml_plugin import load, read_result
from cdi_ml_plugin.errors import ReadError
from cdi_ml_plugin.physics.alignment import placed
from cdi_ml_plugin.workflow.series.outcome import ALIGNED, Outcome, clear
from cdi_ml_plugin.workflow.series.recipe import Recipe
from cdi_ml_plugin.workflow.series.run import series

OBJECT = "entry_1/object_1"
STRAIN = "entry_1/laboratory_1/strain"
FOLDERS = ("scan_0001", "scan_0002", "scan_0004")  # the third failed
ER = Recipe("12*ER", seeds=2, parameters={"initial_support_area": [0.5, 0.5, 0.5]})


def held(folder, name):
    with h5py.File(folder / ALIGNED[0], "r") as file:
        return file[name][()]


def test_all_lie_on_one_grid_and_can_be_subtracted(ended):
    first, *others = (ended / folder for folder in FOLDERS)
    ours, theirs = read_result(first).object, held(first, f"{OBJECT}/object")
    window = tuple(
        slice(int(at[0]) + n // 2, int(at[-1]) + n // 2 + 1)
        for n, at in zip(
            ours.shape,
            (held(first, f"{OBJECT}/{a}") for a in ("rocking", "row", "column")),
            strict=True,
        )
    )
    assert (
        theirs.tobytes() == np.ascontiguousarray(ours[window]).tobytes()
    )  # the reference as it is
    solid = held(first, "entry_1/laboratory_1/solid") == 1
    for folder in others:
        for axis in "zyx":
            mine = held(folder, f"{STRAIN}/{axis}")
            assert mine.tobytes() == held(first, f"{STRAIN}/{axis}").tobytes()
            assert np.diff(mine) == pytest.approx(held(first, "entry_1/laboratory_1/voxel_nm"))
        _, placing = placed(held(folder, f"{OBJECT}/object"), theirs)
        assert not placing.turned
        assert placing.shift.abs().max() < 0.02  # voxels
        apart = held(folder, f"{STRAIN}/strain") - held(first, f"{STRAIN}/strain")
        both = solid & (held(folder, "entry_1/laboratory_1/solid") == 1)
        told = Outcome.read(folder)
        rms = float(np.sqrt(np.mean(apart[both].astype(float) ** 2)))
        assert rms == pytest.approx(told.beside["difference_strain_rms"], rel=1e-6)
        assert "beyond_grid" not in told.beside


def test_one_file_points_to_all_and_moves_with_its_folder(ended, tmp_path, monkeypatch):
    out = shutil.copytree(ended, tmp_path / "away/moved")
    monkeypatch.chdir("/")
    with h5py.File(out / "series.nxs", "r") as file:
        folders = file["entry_1/scans/folder"].asstr()[()]
        assert file["entry_1/scans/state"].asstr()[()].tolist() == ["done"] * 2 + ["failed", "done"]
        for name, source in (("object", f"{OBJECT}/object"), ("strain", f"{STRAIN}/strain")):
            stack = file[f"entry_1/aligned/{name}/{name}"]
            assert stack.is_virtual
            for place, folder in enumerate(folders):
                if folder in FOLDERS:
                    single = held(out / folder, source)
                    assert stack[place].tobytes() == single.tobytes()
                else:
                    assert np.isnan(stack[place]).all()
        middle = file["entry_1/aligned/strain_middle/strain_middle"][3]
        assert middle.tobytes() == single[len(single) // 2].tobytes()
        assert list(file["entry_1/results"]) == list(FOLDERS)
        counts = file["entry_1/results/scan_0004/instrument_1/detector_1/data"][()]
        assert np.array_equal(counts, read_result(out / "scan_0004").measurement.intensity)
        rows = json.loads((out / "series.json").read_text())["rows"]
        plot = file["entry_1/figures/volume_nm3"]
        for place, row in enumerate(rows):
            value = row["figures"].get("volume_nm3", np.nan)
            assert plot["volume_nm3"][place] == pytest.approx(value, nan_ok=True)
        assert plot["volume_nm3"].attrs["units"] == "nm^3"
        assert file["entry_1/scans/along/temperature"][()].tolist() == [20, 40, 60, 80]
    assert (out / "series.nxs").stat().st_size < (out / "scan_0001/result.cxi").stat().st_size


def test_silx_plots_strain_over_what_was_asked_for(ended):
    with silx_open(str(ended / "series.nxs")) as file:
        plot = nxdata.get_default(file)
        assert (plot.signal_name.partition(",")[0], plot.axes_names) == ("strain", ["temperature"])
        assert plot.is_curve
        stack = nxdata.get_default(file["entry_1/aligned"])
        assert stack.signal.ndim == 3
        for axis in stack.axes[1:]:
            assert ArrayCalibration(axis[()]).is_affine()  # else silx draws points
    with silx_open(str(ended / "scan_0002" / ALIGNED[0])) as file:
        plot = nxdata.get_default(file)
        assert plot.axes_names == ["z (nm)", "y (nm)", "x (nm)"]


def test_the_collection_is_on_common_axes_and_the_film_in_order(ended):
    sets = ET.parse(ended / "series.pvd").getroot().findall("./Collection/DataSet")
    assert [float(one.get("timestep")) for one in sets] == [20, 40, 80]
    grids = []
    for one in sets:
        grid = ET.parse(ended / one.get("file")).getroot().find("ImageData")
        grids.append([grid.get(key) for key in ("WholeExtent", "Origin", "Spacing")])
    assert grids[0] == grids[1] == grids[2]
    with Image.open(ended / "series.gif") as film:
        assert film.n_frames == 3
        assert film.info["loop"] == 0
    assert "data:image/gif" in (ended / "series.html").read_text()


@pytest.mark.parametrize(
    ("name", "says"),
    [("series.nxs", "give one of them"), (f"scan_0001/{ALIGNED[0]}", "give the result.cxi beside")],
)
def test_what_is_no_result_says_what_to_open(ended, name, says):
    for read in (read_result, load):
        with pytest.raises(ReadError, match=says):
            read(ended / name)


def test_with_another_reference_all_are_made_again(ended, go_on, tmp_path, plain, monkeypatch):
    out = shutil.copytree(ended, tmp_path / "out")
    (out / "scan_0002" / ALIGNED[1]).unlink()
    before = {folder: os.stat(out / folder / ALIGNED[0]).st_mtime_ns for folder in FOLDERS}
    monkeypatch.setattr("cdi_ml_plugin.workflow.series.run.phase_all", lambda *_: None)
    go_on(out=out)  # what is lost is made again, and no other
    after = {folder: os.stat(out / folder / ALIGNED[0]).st_mtime_ns for folder in FOLDERS}
    assert [f for f in FOLDERS if before[f] != after[f]] == ["scan_0002"]
    assert (out / "scan_0002" / ALIGNED[1]).is_file()
    made = go_on(out=out, reference="0004")
    mark = made.outcomes[3].mark
    for folder in FOLDERS:
        assert Outcome.read(out / folder).reference == mark
        with h5py.File(out / folder / ALIGNED[0], "r") as file:
            assert file["entry_1/about/reference"].asstr()[()] == "0004"


def test_of_another_shape_nothing_is_kept(night, tmp_path):
    out = tmp_path / "out"
    series([night], out, ER)
    assert (out / "scan_scan_2" / ALIGNED[0]).is_file()
    assert not (out / "scan_scan_2" / ALIGNED[1]).exists()  # no geometry
    counts = np.load(night / "scan_2.npy")
    np.save(night / "scan_2.npy", np.pad(counts, ((0, 2), (0, 0), (0, 0))))
    made = series([night], out, ER)
    assert made.done == 3
    assert not (out / "scan_scan_2" / ALIGNED[0]).exists()
    with h5py.File(out / "series.nxs", "r") as file:
        assert file["entry_1/scans/aligned"][()].tolist() == [1, 0, 1]
        stack = file["entry_1/aligned/object/object"][()]
        assert np.isnan(stack).all((1, 2, 3)).tolist() == [False, True, False]
        assert "strain" not in file["entry_1/aligned"]
    with Image.open(out / "series.gif") as film:
        assert film.n_frames == 2


def test_what_is_of_an_earlier_reference_goes(tmp_path):
    first = Outcome("a", "done", reference="r", aligned=list(ALIGNED))
    first.write(tmp_path, dict.fromkeys(ALIGNED, b"0"))
    assert first.held(tmp_path, "r")
    assert not first.held(tmp_path, "s")
    Outcome("a", "done", reference="s", aligned=[ALIGNED[0]]).write(tmp_path, {ALIGNED[0]: b"1"})
    assert sorted(path.name for path in tmp_path.iterdir()) == [ALIGNED[0], "scan.json"]
    assert Outcome.read(tmp_path).held(tmp_path, "s")
    clear(tmp_path)
    assert not list(tmp_path.iterdir())
    assert first.mark != replace(first, turned=True).mark  # the twin is another reference
