"""HDF5 files: which array, where its links lead, which mask is its, what was never written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from cdi_ml_plugin.errors import MeasurementError, ParameterError, ReadError
from cdi_ml_plugin.io.readers import load
from support.sound import COUNTS

GAP = np.zeros((8, 10), bool)
GAP[:, 3] = GAP[2] = True


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lost(path: str | Path) -> np.ndarray:
    """Frames that are masked as a whole."""
    return np.flatnonzero(load(path).mask.all(axis=(1, 2)))


# Eiger


def master(folder: Path, files: int = 3, images: int = 6) -> Path:
    """As Dectris writes it: linked files in reverse order, the first one the NeXus default."""
    folder.mkdir(exist_ok=True)
    for number in range(1, files + 1):
        with h5py.File(folder / f"x_data_{number:06d}.h5", "w") as file:
            part = COUNTS[2 * number - 2 : 2 * number].astype("u4")
            file["entry/data/data"] = np.where(GAP, np.uint32(2**32 - 1), part)
    path = folder / "x_master.h5"
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        data = file.create_group("entry/data")
        data.attrs.update(NX_class="NXdata", signal="data_000001")
        file["entry"].attrs.update(NX_class="NXentry", default="data")
        for number in range(files, 0, -1):
            link = h5py.ExternalLink(f"x_data_{number:06d}.h5", "/entry/data/data")
            data[f"data_{number:06d}"] = link
        detector = file.create_group("entry/instrument/detector/detectorSpecific")
        detector["nimages"], detector["ntrigger"] = images, 1
        detector["pixel_mask"] = np.where(GAP, 1, 0).astype("u4")
    return path


def test_the_files_of_an_eiger_are_read_in_order(here: Path) -> None:
    path = master(here / "eiger")
    for dataset in (None, "entry/data"):
        m = load(path, dataset=dataset)
        np.testing.assert_array_equal(m.intensity, np.where(GAP, 0, COUNTS))
        np.testing.assert_array_equal(m.mask, np.broadcast_to(GAP, m.shape))
        assert m.provenance["dataset"] == "entry/data/data_000001 to data_000003"
        assert [os.path.basename(name) for name in m.provenance["linked"]] == [
            f"x_data_{number:06d}.h5" for number in (1, 2, 3)
        ]
        (note,) = m.notes
        assert note == "17 pixel(s) masked by entry/instrument/detector/detectorSpecific/pixel_mask"
    assert "6 frames of the 9 that the master file announces" in load(master(here, images=9)).notes


def test_a_lost_file_of_an_eiger_is_named(here: Path) -> None:
    path = master(here / "eiger")
    second = path.with_name("x_data_000002.h5")
    os.rename(second, here / second.name)  # where HDF5 would find it: in the working folder
    with pytest.raises(ReadError, match=r"lies in x_data_000002\.h5, which is not there"):
        load(path)
    os.mkfifo(second)
    with pytest.raises(ReadError, match=r"x_data_000002\.h5: linked to .* and is no file"):
        load(path)
    second.unlink()
    second.write_bytes(b"no HDF5")
    with pytest.raises(ReadError, match=r"x_data_000002\.h5: not an HDF5 file"):
        load(path)
    master(here / "eiger")
    with h5py.File(path, "a") as file:
        del file["entry/data/data_000002"]
    with pytest.raises(ReadError, match="data_000002 is missing before data_000003"):
        load(path)


# Links


def test_links_out_of_a_file_stand_in_the_provenance(here: Path) -> None:
    with h5py.File("other.h5", "w") as file:
        file["d"] = COUNTS
    with h5py.File("a.h5", "w") as file:
        file["a"] = h5py.ExternalLink("other.h5", "/d")
        file["b"] = h5py.SoftLink("/a")
    for dataset in (None, "b"):
        assert load("a.h5", dataset=dataset).provenance["linked"] == (str(here / "other.h5"),)
    assert "linked" not in load("other.h5").provenance


def test_links_that_lead_nowhere(here: Path) -> None:
    place = "entry_1/data_1/data"
    for link, words in (
        (h5py.ExternalLink("gone.h5", "/d"), "lies in gone.h5, which is not there"),
        (h5py.SoftLink("/nowhere"), "leads to /nowhere, which is not there"),
        (h5py.SoftLink(f"/{place}"), "its links lead in a circle"),
    ):
        with h5py.File("a.h5", "w") as file:
            file[place] = link
            file["another"] = COUNTS  # never taken in place of what was lost
        with pytest.raises(ReadError, match=words):
            load("a.h5")
        assert load("a.h5", dataset="another").shape == COUNTS.shape
    with h5py.File("a.h5", "w") as file:
        file["d"] = h5py.ExternalLink("gone.h5", "/d")
    with pytest.raises(ReadError, match=r"d lies in gone\.h5, which is not there"):
        load("a.h5")


def test_a_foreign_record_is_not_taken(here: Path) -> None:
    with h5py.File("other.h5", "w") as file:
        file["r"] = '{"measurement": {"provenance": {"scan": 5}}}'
    for record in (
        h5py.ExternalLink("other.h5", "/r"),
        '{"measurement": {"provenance": [1, 2]}}',
        '{"measurement": {"provenance": {"origin": "abc"}}}',
        '{"measurement": {"provenance": {"binning": [0, 1, 1]}}}',
        '{"measurement": {"provenance": {"notes": 3}}}',
        '{"measurement": {"provenance": {"spec": 5, "scan": 3}}}',
        '{"measurement": {"provenance": {"scan": "x"}}}',
        '{"measurement": 3}',
        "{",
        5,
    ):
        with h5py.File("a.cxi", "w") as file:
            file.attrs["creator"] = "cdi_ml_plugin"
            file["entry_1/data_1/data"] = COUNTS
            file["entry_1/image_1/process_1/record"] = record
        with pytest.raises(ReadError, match=r"a\.cxi: says that .* damaged or foreign"):
            load("a.cxi")
        with h5py.File("a.cxi", "a") as file:
            file.attrs["creator"] = "another"
        assert set(load("a.cxi").provenance) == {"source", "format", "dataset"}


# Several arrays


def test_several_datasets_are_all_named(here: Path) -> None:
    with h5py.File("a.h5", "w") as file:
        file["x/a"], file["x/b"], file["rocking"] = COUNTS, COUNTS[:4], np.zeros(6)
    with pytest.raises(ReadError, match=r"x/a 6 × 8 × 10, x/b 4 × 8 × 10.*--dataset"):
        load("a.h5")
    assert load("a.h5", dataset="x/b").shape == (4, 8, 10)
    with pytest.raises(ReadError, match="holds no 'c': of datasets it has x/a"):
        load("a.h5", dataset="c")
    (here / "frames").mkdir()
    (here / "frames" / "a_1.tif").write_bytes(b"")
    with pytest.raises(
        ParameterError, match=r"dataset: not for .*frames, which reader 34idc reads"
    ):
        load(here / "frames", dataset="c")


# Masks


def test_the_mask_of_the_detector_that_has_the_data(here: Path) -> None:
    with h5py.File("a.h5", "w") as file:
        file["entry/one/data"], file["entry/two/data"] = COUNTS, COUNTS + 1
        file["entry/one/pixel_mask"] = np.where(GAP, 2**8, 0)
        file["entry/two/pixel_mask"] = 0 * GAP
        file["entry/data"] = h5py.SoftLink("/entry/one/data")
    m = load("a.h5", dataset="entry/data")
    np.testing.assert_array_equal(m.mask, np.broadcast_to(GAP, m.shape))
    assert not load("a.h5", dataset="entry/two/data").mask.any()
    with h5py.File("a.h5", "a") as file:
        file["entry/copy"] = COUNTS
    with pytest.raises(ReadError, match="could each be the mask"):
        load("a.h5", dataset="entry/copy")


def test_a_mask_of_another_shape_is_said(here: Path) -> None:
    with h5py.File("a.h5", "w") as file:
        file["d"], file["detector/pixel_mask"] = COUNTS, np.ones((3, 4))
    assert load("a.h5").notes == ("detector/pixel_mask does not fit the data, not used",)
    with h5py.File("a.h5", "a") as file:
        file["mask"] = np.ones((3, 4))
    with pytest.raises(MeasurementError, match="mask has shape"):
        load("a.h5", dataset="d")


# Never written


@pytest.mark.parametrize("fill", [0, 7])
def test_chunks_that_were_never_written(here: Path, fill: int) -> None:
    with h5py.File("a.h5", "w") as file:
        data = file.create_dataset("d", (11, 8, 10), "i4", chunks=(2, 4, 10), fillvalue=fill)
        data[:5] = COUNTS[:5]
        data[6:8, :4] = COUNTS[:2, :4]
    m = load("a.h5")
    never = np.zeros(m.shape, bool)
    never[6:8, 4:] = never[8:] = True
    never[5] = fill != 0  # in a chunk that was written, but all of it the fill value
    np.testing.assert_array_equal(m.mask, never)
    (note,) = m.notes
    assert note.endswith("8-10 masked, and 80 voxel(s) in others: never written to the file")


def test_a_dataset_that_was_never_written(here: Path) -> None:
    for options in ({}, {"chunks": (1, 8, 10)}):
        with h5py.File("a.h5", "w") as file:
            file.create_dataset("d", COUNTS.shape, "i4", **options)
        with pytest.raises(ReadError, match="d was never written to the file"):
            load("a.h5")


@pytest.mark.parametrize("step", [1, 2])
def test_sources_of_virtual_datasets(here: Path, step: int) -> None:
    layout = h5py.VirtualLayout((7, 8, 10), "i4")
    for number in range(2):
        where = slice(number, 6, 2) if step == 2 else slice(3 * number, 3 * number + 3)
        with h5py.File(f"s{number}.h5", "w") as file:
            data = file.create_dataset("d", (3, 8, 10), "i4", chunks=(1, 8, 10))
            data[: 3 - number] = COUNTS[where][: 3 - number]  # the second lacks its last frame
        layout[where] = h5py.VirtualSource(f"s{number}.h5", "d", (3, 8, 10))
    with h5py.File("v.h5", "w") as file:
        file.create_virtual_dataset("d", layout)
    np.testing.assert_array_equal(lost("v.h5"), [5, 6])  # frame 6 comes from nowhere
    m = load("v.h5")
    np.testing.assert_array_equal(m.intensity[:5], COUNTS[:5])
    assert [os.path.basename(name) for name in m.provenance["linked"]] == ["s0.h5", "s1.h5"]
    os.remove("s1.h5")
    with pytest.raises(ReadError, match=r"takes frames from s1\.h5, which is not there"):
        load("v.h5")
    os.mkfifo("s1.h5")
    with pytest.raises(ReadError, match="is no file"):
        load("v.h5")


def test_a_virtual_dataset_that_grows_with_its_source(here: Path) -> None:
    with h5py.File("s.h5", "w") as file:
        file.create_dataset("d", data=COUNTS, maxshape=(None, 8, 10))
    layout = h5py.VirtualLayout((6, 8, 10), "i4", maxshape=(None, 8, 10))
    source = h5py.VirtualSource("s.h5", "d", (6, 8, 10), maxshape=(None, 8, 10))
    layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
    with h5py.File("v.h5", "w") as file:
        file.create_virtual_dataset("d", layout)
    np.testing.assert_array_equal(load("v.h5").intensity, COUNTS)
    assert not load("v.h5").mask.any()


def test_values_in_a_raw_file_beside(here: Path) -> None:
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("d", COUNTS.shape, "i4", external=[("raw.bin", 0, COUNTS.nbytes)])
    with pytest.raises(ReadError, match=r"d lies in raw\.bin, not there"):
        load("a.h5")
    COUNTS.tofile("raw.bin")
    assert load("a.h5").provenance["linked"] == (str(here / "raw.bin"),)
    np.testing.assert_array_equal(load("a.h5").intensity, COUNTS)


# Saturation


@pytest.mark.parametrize(
    "name", ["saturation_value", "detectorSpecific/countrate_correction_count_cutoff"]
)
def test_what_reaches_the_detectors_level_is_masked_and_said(here: Path, name: str) -> None:
    path, level = master(here / "eiger"), int(np.sort(COUNTS[~np.isin(COUNTS, 0)])[-5])
    over = (level <= COUNTS) & ~GAP
    with h5py.File(path, "a") as file:
        file[f"entry/instrument/detector/{name}"] = np.array([level])
    m = load(path)
    np.testing.assert_array_equal(m.mask, over | GAP)
    wanted = f"{over.sum()} voxel(s) masked at or above {level:g}, entry/instrument/detector/{name}"
    assert any(note.startswith(wanted) for note in m.notes)
    assert m.provenance["saturated"] == over.sum() > 0


@pytest.mark.parametrize("level", [0, -1, np.nan, np.inf, 1e12, "high", [5, 5]])
def test_a_level_that_is_none_or_is_not_reached_masks_nothing(here: Path, level: object) -> None:
    with h5py.File("scan.h5", "w") as file:
        file["entry/data/data"] = COUNTS
        file["entry/instrument/detector/saturation_value"] = level
        file["other/detector/saturation_value"] = 1
    if level == 1e12:
        m = load("scan.h5")
        assert (m.provenance["saturation"], m.provenance["saturated"]) == (1e12, 0)
        assert not m.mask.any()
        assert m.notes == ()
        return
    with h5py.File("scan.h5", "a") as file:
        del file["other"]
    assert not load("scan.h5").mask.any()


def test_the_level_of_the_entry_with_the_data_counts_and_a_mask_stays(here: Path) -> None:
    level = COUNTS.max()
    with h5py.File("scan.h5", "w") as file:
        file["entry/data/data"] = COUNTS
        file["entry/data/mask"] = GAP
        file["entry/instrument/detector/saturation_value"] = level
        file["other/detector/saturation_value"] = 1
    np.testing.assert_array_equal(load("scan.h5").mask, GAP | (level <= COUNTS))


def test_a_filter_that_is_not_installed_is_named(tmp_path: Path) -> None:
    """In a process where hdf5plugin cannot be imported."""
    counts = np.random.default_rng(0).poisson(3.0, (8, 16, 16)).astype(np.uint32)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("data", data=counts, chunks=(1, 16, 16), **hdf5plugin.Bitshuffle())
    script = (
        "import sys\nsys.modules['hdf5plugin'] = None\n"
        "from cdi_ml_plugin import load\nfrom cdi_ml_plugin.errors import ReadError\n"
        "try:\n    load(sys.argv[1])\nexcept ReadError as error:\n    print(error)"
    )
    words = [sys.executable, "-W", "ignore", "-c", script, str(tmp_path / "a.h5")]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "compressed by a filter that is not installed (bitshuffle" in said
    assert "32008): pip install hdf5plugin" in said
