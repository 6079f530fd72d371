"""A scan of PETRA III P10: its folder, .fio or master file, and what they do not say."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cdi_ml_plugin import load
from cdi_ml_plugin.data.scan import Scan
from cdi_ml_plugin.errors import ReadError
from cdi_ml_plugin.io import readers
from support import p10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return p10.write(tmp_path_factory.mktemp("p10"))


def test_however_it_is_named(folder: Path, tmp_path: Path) -> None:
    """By its folder, its .fio, the master file, the folder above; copied together into one folder."""
    master = folder / "e4m" / "S_00012_master.h5"
    for path in (folder, folder / "S_00012.fio", master, folder.parent):
        m = load(path)
        assert m.provenance["format"] == "PETRA III P10"
        np.testing.assert_array_equal(m.intensity[~m.mask], p10.counts()[~m.mask])
        assert m.provenance["geometry"]["detector"] == "e4m"
        lost = np.zeros(m.shape, dtype=bool)
        lost[:, 2, 3] = lost[3, 0, 0] = True  # the master's mask, and its cut-off
        np.testing.assert_array_equal(m.mask, lost)
    for file in (folder / "S_00012.fio", *(folder / "e4m").iterdir()):
        shutil.copy(file, tmp_path)
    for path in (tmp_path, tmp_path / master.name):
        m = load(path, scan=12)
        assert (m.provenance["format"], m.shape) == ("PETRA III P10", p10.counts().shape)
        assert m.provenance["geometry"]["detector"] == "e4m"


def test_what_the_files_say(folder: Path) -> None:
    m = load(folder)
    scan, geometry = Scan.of(m.provenance), m.provenance["geometry"]
    assert scan is not None
    assert (scan.name, scan.sample, scan.exposure) == ("S_00012", "S", 0.5)
    assert (scan.command, scan.date) == ("ascan om 17 17.1 5 0.5", "Tue Feb  4 20:41:43 2020")
    assert list(scan.motors) == ["om"]
    np.testing.assert_array_equal(scan.motors["om"], p10.OM)
    np.testing.assert_array_equal(scan.monitor, p10.CURRENT)
    wanted = {"energy": 9.0, "distance": 1.83, "pixel": (75e-6, 75e-6), "motor": "om", "mu": 0.5,
              "chi": 90.0, "phi": 12.5, "gamma": 3.0, "delta": 34.0}  # fmt: skip
    assert {name: geometry[name] for name in wanted} == wanted
    assert geometry["step"] == pytest.approx(0.02)
    fio, master = folder / "S_00012.fio", folder / "e4m" / "S_00012_master.h5"
    assert scan.sources["distance"] == f"{fio}: _distance"
    assert scan.sources["om"] == f"{fio}: column om"
    assert scan.sources["exposure"] == f"{master}: entry/instrument/detector/count_time"


def test_what_is_missing_is_one_note(tmp_path: Path) -> None:
    m = load(p10.write(tmp_path, without=("fmbenergy", "_distance", "del"), phi="unknown"))
    [note] = [note for note in m.notes if "S_00012 has no" in note]
    for word in ("energy (fmbenergy of S_00012.fio)", "distance (_distance of", "delta (del of",
                 "phi (phi of", "beam_zero (beam_center_x and", "--geometry FILE"):  # fmt: skip
        assert word in note


def test_the_centre_of_the_beam_where_the_detector_was_told(tmp_path: Path) -> None:
    folder = p10.write(tmp_path)
    with h5py.File(folder / "e4m/S_00012_master.h5", "a") as file:
        file["entry/instrument/detector/beam_center_x"][...] = 7.5
        file["entry/instrument/detector/beam_center_y"][...] = 5.25
    assert load(folder).provenance["geometry"]["beam_zero"] == (7.5, 5.25)


def test_scans_of_a_folder(tmp_path: Path) -> None:
    for number in (7, 12, 13):
        p10.write(tmp_path, number, _distance=1000.0 + number)
    assert load(tmp_path, scan=12).provenance["geometry"]["distance"] == pytest.approx(1.012)
    assert load(tmp_path, scan="S_00007").provenance["acquisition"]["name"] == "S_00007"
    with pytest.raises(ReadError, match="holds no scan 8: it holds S_00007, S_00012, S_00013"):
        load(tmp_path, scan=8)
    with pytest.raises(ReadError, match=r"one scan is needed.*S_00007, S_00012.*--scan NUMBER"):
        load(tmp_path)
    with pytest.raises(ReadError, match="holds no scan 13: it holds S_00012"):
        load(tmp_path / "S_00012", scan=13)


def test_detectors(tmp_path: Path) -> None:
    """That of ``_ccd``, where several were read out."""
    folder = p10.write(tmp_path)
    (folder / "p300").mkdir()
    for file in (folder / "e4m").iterdir():
        shutil.copy(file, folder / "p300")
    assert load(folder).provenance["geometry"]["detector"] == "e4m"
    assert load(folder, dataset="p300").provenance["geometry"]["detector"] == "p300"
    with pytest.raises(ReadError, match="has frames of e4m, p300: choose the detector"):
        load(folder, dataset="e2500")
    fio = folder / "S_00012.fio"
    fio.write_text(fio.read_text().replace("_ccd = e4m", "_ccd = lambda"))
    with pytest.raises(ReadError, match="choose the detector with --dataset"):
        load(folder)


def test_the_second_hutch(tmp_path: Path) -> None:
    """Its circles by its names; the files have the motors of both, and the others are 0."""
    columns = {"samth": p10.OM, "e2_t02": np.full(p10.FRAMES, 33.5), "curpetra": p10.CURRENT}
    about = load(p10.write(tmp_path, columns=columns, command="dscan samth 0 0.1 5 0.5")).provenance
    geometry = about["geometry"]
    assert (geometry["motor"], geometry["delta"]) == ("om", 33.5)
    assert [geometry[name] for name in ("mu", "chi", "phi", "gamma")] == [0, 0, 0, 0]
    np.testing.assert_array_equal(about["acquisition"]["motors"]["om"], p10.OM)


def test_other_scans(tmp_path: Path) -> None:
    energy = 9000 + 2.0 * np.arange(p10.FRAMES)
    m = load(p10.write(tmp_path, 1, columns={"fmbenergy": energy}, command="ascan fmbenergy"))
    assert m.provenance["geometry"]["motor"] == "energy"
    assert m.provenance["geometry"]["step"] == pytest.approx(0.002)
    np.testing.assert_allclose(m.provenance["acquisition"]["motors"]["energy"], energy / 1000)
    across = {"diffx": np.arange(p10.FRAMES) / 10, "curpetra": p10.CURRENT}
    m = load(p10.write(tmp_path, 2, columns=across, command="ascan diffx 0 0.5 5 1"))
    assert list(m.provenance["acquisition"]["motors"]) == ["diffx"]
    assert any("moves no circle of the sample" in note for note in m.notes)


def test_a_series_at_each_point(tmp_path: Path) -> None:
    """Three frames of each point in a file of its own are added; what one of them lost is lost."""
    frames = np.repeat(p10.counts(), 3, axis=0)
    frames[4, 1, 1] = 2**32 - 1
    m = load(p10.write(tmp_path, parts=p10.FRAMES, frames=frames))
    once = load(p10.write(tmp_path / "once"))
    lost = once.mask.copy()
    lost[1, 1, 1] = True
    np.testing.assert_array_equal(m.mask, lost)
    np.testing.assert_array_equal(m.intensity[~lost], 3 * once.intensity[~lost])
    assert "3 frames at each of 6 points were added" in m.notes


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ({"columns": {"om": p10.OM[:5]}}, "6 frames and 5 values of om"),
        ({"columns": {"om": p10.OM[:3]}, "parts": 1}, "6 frames and 3 values of om"),
    ],
)
def test_frames_and_points_of_unequal_number(
    tmp_path: Path, spoil: dict[str, Any], says: str
) -> None:
    with pytest.raises(ReadError, match=says):
        load(p10.write(tmp_path, **spoil))


def test_damaged(tmp_path: Path) -> None:
    folder = p10.write(tmp_path)
    fio = folder / "S_00012.fio"
    text = fio.read_text()
    fio.write_text(text.replace(" 103.0", ""))
    with pytest.raises(ReadError, match=r"line 32, '17.06', is no row of 2 numbers: cut short"):
        load(folder)
    fio.write_text(text)
    (folder / "e4m/S_00012_data_000002.h5").unlink()
    with pytest.raises(ReadError, match=r"lies in S_00012_data_000002.h5, which is not there"):
        load(folder)
    shutil.rmtree(folder / "e4m")
    with pytest.raises(ReadError, match=r"has no frames: there is no S_00012_master.h5"):
        load(folder)


def test_it_leaves_others_alone(folder: Path, tmp_path: Path) -> None:
    """.fio files of DESY's other beamlines, and an Eiger's master file without any."""
    reader = readers.find("p10")
    other = tmp_path / "S_00001" / "S_00001.fio"
    other.parent.mkdir()
    other.write_text("!\n%c\nascan omega\nuser p08user Acquisition started at Tue\n%p\nomega = 1\n")
    assert not reader.can_read(other)
    assert not reader.can_read(tmp_path)
    for file in (folder / "e4m").iterdir():
        shutil.copy(file, other.parent)
    m = load(other.parent / "S_00012_master.h5")
    assert m.provenance["format"] == "h5"


def test_two_columns_of_one_name_that_differ(tmp_path: Path) -> None:
    fio = p10.write(tmp_path) / "S_00012.fio"
    fio.write_text(fio.read_text().replace("curpetra DOUBLE", "om DOUBLE"))
    with pytest.raises(ReadError, match="two columns om that differ"):
        load(fio.parent)
