"""A scan of MAX IV NanoMAX: its file, those it links to, and what they do not say."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from cdi_ml_plugin import load
from cdi_ml_plugin.data.scan import Scan
from cdi_ml_plugin.errors import ReadError
from cdi_ml_plugin.io import readers
from support import bliss, nanomax


def test_what_the_file_says(tmp_path: Path) -> None:
    path = nanomax.write(tmp_path)
    m = load(path)
    assert (m.provenance["format"], m.provenance["detector"]) == ("MAX IV NanoMAX", "eiger500k")
    assert m.provenance["linked"] == (str(tmp_path / "scan_000012_eiger500k.hdf5"),)
    np.testing.assert_array_equal(m.intensity, nanomax.counts())
    scan, geometry = Scan.of(m.provenance), m.provenance["geometry"]
    assert scan is not None
    assert (scan.name, scan.command, scan.exposure) == ("000012", nanomax.TYPED, 0.5)
    assert scan.date == "2020-02-04T20:08:23+00:00"
    assert list(scan.motors) == ["theta"]
    np.testing.assert_array_equal(scan.motors["theta"], nanomax.THETA)
    np.testing.assert_array_equal(scan.monitor, nanomax.ION_CHAMBER)
    wanted = {"energy": 9.0, "distance": 0.7, "pixel": (75e-6, 75e-6), "motor": "theta",
              "phi": 25.0, "gamma": 5.0, "delta": 33.7}  # fmt: skip
    assert {name: geometry[name] for name in wanted} == wanted
    assert scan.sources["distance"] == f"{path}: entry/snapshots/post_scan/radius"
    assert scan.sources["theta"] == f"{path}: entry/measurement/gontheta"


@pytest.mark.parametrize("where", ["snapshots/pre_scan", "snapshot"])
def test_older_and_interrupted_scans(where: str, tmp_path: Path) -> None:
    """Without the state after the scan."""
    geometry = load(nanomax.write(tmp_path, snapshots=(where,))).provenance["geometry"]
    assert (geometry["energy"], geometry["distance"], geometry["delta"]) == (9.0, 0.7, 33.7)


def test_what_is_missing_is_one_note(tmp_path: Path) -> None:
    """The pixel of the direct beam always is."""
    [note] = load(nanomax.write(tmp_path)).notes[-1:]
    assert "000012 has no beam_zero (in no file of NanoMAX): give what is missing" in note
    m = load(nanomax.write(tmp_path, 13, without=("energy", "radius", "delta")))
    [note] = [note for note in m.notes if "000013 has no" in note]
    for word in ("energy (entry/snapshots/post_scan/energy)", "distance (entry/snapshots/post_scan/radius)",
                 "delta (entry/snapshots/post_scan/delta)", "--geometry FILE"):  # fmt: skip
        assert word in note


def test_scans_of_a_folder(tmp_path: Path) -> None:
    for number in (7, 12):
        nanomax.write(tmp_path, number)
    assert load(tmp_path, scan=7).provenance["acquisition"]["name"] == "000007"
    with pytest.raises(ReadError, match="holds no scan 8: it holds 000007, 000012"):
        load(tmp_path, scan=8)
    with pytest.raises(ReadError, match=r"one scan is needed.*000007, 000012: choose with --scan"):
        load(tmp_path)
    with pytest.raises(ReadError, match="holds no scan 13: it holds 000012"):
        load(tmp_path / "000012.h5", scan=13)


def test_detectors(tmp_path: Path) -> None:
    """One whose frames were not copied is no hindrance to the others."""
    path = nanomax.write(tmp_path, detectors=("eiger500k", "eiger1m"))
    with pytest.raises(ReadError, match=r"detectors 2 \(eiger1m 6 × 12 × 16, eiger500k"):
        load(path)
    assert load(path, dataset="eiger1m").provenance["detector"] == "eiger1m"
    (tmp_path / "scan_000012_eiger1m.hdf5").unlink()
    assert load(path).provenance["detector"] == "eiger500k"
    with pytest.raises(ReadError, match=r"lies in scan_000012_eiger1m.hdf5, which is not there"):
        load(path, dataset="eiger1m")
    (tmp_path / "scan_000012_eiger500k.hdf5").unlink()
    with pytest.raises(ReadError, match=r"lies in scan_000012_eiger.*, which is not there"):
        load(path)


def test_other_scans(tmp_path: Path) -> None:
    energy = 9000 + 2.0 * np.arange(nanomax.FRAMES)
    m = load(nanomax.write(tmp_path, 1, columns={"energy": energy}, command="ascan energy"))
    assert m.provenance["geometry"]["motor"] == "energy"
    assert m.provenance["geometry"]["step"] == pytest.approx(0.002)
    typed = "npointflyscan sx 0 1 2 sy 0 1 1 0.01 0.01"  # a map: a position a line
    m = load(nanomax.write(tmp_path, 2, columns={"sy": np.array([0.0, 1.0])}, command=typed))
    assert any("moves no circle of the sample: no rocking scan" in note for note in m.notes)
    with pytest.raises(ReadError, match="6 frames and 5 values of theta"):
        load(nanomax.write(tmp_path, 3, columns={"gontheta": nanomax.THETA[:5]}))


def test_frames_in_a_virtual_dataset(tmp_path: Path) -> None:
    path = nanomax.write(tmp_path)
    other = "scan_000012_eiger500k.hdf5"
    layout = h5py.VirtualLayout(nanomax.counts().shape, np.uint32)
    layout[:] = h5py.VirtualSource(other, "entry/instrument/Eiger/data", layout.shape)
    with h5py.File(path, "a") as file:
        del file["entry/measurement/eiger500k/frames"]
        file.create_virtual_dataset("entry/measurement/eiger500k/frames", layout)
    np.testing.assert_array_equal(load(path).intensity, nanomax.counts())
    (tmp_path / other).unlink()
    with pytest.raises(ReadError, match="takes frames from scan_000012_eiger500k"):
        load(path)


def test_it_leaves_others_alone(tmp_path: Path) -> None:
    reader = readers.find("nanomax")
    assert not reader.can_read(bliss.write(tmp_path / "sample.h5"))
    path = nanomax.write(tmp_path)
    with h5py.File(path, "a") as file:  # SoftiMAX, where there is no goniometer
        for name in ("gontheta", "gonphi"):
            del file[f"entry/snapshots/pre_scan/{name}"], file[f"entry/snapshots/post_scan/{name}"]
        del file["entry/measurement/gontheta"]
    assert not reader.can_read(path)
    (tmp_path / "000001.h5").write_bytes(b"no HDF5")
    assert not reader.can_read(tmp_path / "000001.h5")
    assert not reader.can_read(tmp_path)


def test_the_unit_of_the_radius_is_heeded(tmp_path: Path) -> None:
    path = nanomax.write(tmp_path)
    with h5py.File(path, "a") as file:
        file["entry/snapshots/post_scan/radius"].attrs["units"] = "mm"
    assert load(path).provenance["geometry"]["distance"] == 0.7
