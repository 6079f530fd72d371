"""A scan of ESRF ID01: counts, what moved, and where its voxels lie, without a number typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cdi_ml_plugin import Geometry, load
from cdi_ml_plugin.data.scan import Scan
from cdi_ml_plugin.errors import MeasurementError, ParameterError, ReadError
from cdi_ml_plugin.workflow.load import read_inspected, read_prepared
from support import bliss

NAME = bliss.DETECTOR


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bliss.write(tmp_path_factory.mktemp("id01") / "sample.h5")


def test_counts_and_gaps(path: Path) -> None:
    m = load(path, scan=12)
    np.testing.assert_array_equal(m.intensity, bliss.counts())
    gap = np.zeros(m.shape[1:], dtype=bool)
    gap[255:261] = gap[:, 255:261] = True
    np.testing.assert_array_equal(m.mask, np.broadcast_to(gap, m.shape))
    assert m.provenance["dataset"] == f"12.1/measurement/{NAME}"
    np.testing.assert_array_equal(load(path).intensity, m.intensity)  # the only one with frames


def test_the_scan_and_where_each_value_came_from(path: Path) -> None:
    scan = Scan.of(load(path, scan="12.1").provenance)
    assert scan is not None
    assert (scan.name, scan.command, scan.sample) == ("12.1", "ascan eta 8 8.07 7 0.5", "PtNP")
    assert (scan.exposure, scan.date) == (0.5, "2025-04-01T12:00:00+02:00")
    np.testing.assert_array_equal(scan.motors["eta"], bliss.ETA)
    assert list(scan.motors) == ["eta"]  # the others stood still
    np.testing.assert_array_equal(scan.monitor, 1000.0 + np.arange(bliss.FRAMES))
    keys = {what: place.removeprefix(f"{path}: 12.1/") for what, place in scan.sources.items()}
    assert keys["energy"] == "instrument/monochromator/Energy"
    assert keys["beam_center_x"] == f"instrument/{NAME}/beam_center_x"
    assert keys["delta"] == "instrument/positioners/delta"
    assert (keys["eta"], keys["monitor"]) == ("instrument/positioners/eta", "measurement/mon2")
    assert (keys["command"], keys["sample"]) == ("title", "sample/name")


def test_the_geometry_is_that_of_the_peak(path: Path) -> None:
    m = read_prepared(path, scan="12", crop=(8, 32, 32))
    expected = Geometry(
        diffractometer="id01",
        energy=9.0,
        distance=0.9,
        step=0.01,
        motor="eta",
        reference=bliss.PEAK,
        detector=NAME,
        pixel=(55e-6, 55e-6),
        beam_zero=(250.5, 310.25),
        eta=float(bliss.ETA[bliss.PEAK[0]]),
        **bliss.ANGLES,
    )
    found = m.geometry
    assert found is not None
    numbers, wanted = found.numbers(), expected.numbers()
    assert numbers.pop("step") == pytest.approx(wanted.pop("step"), rel=1e-9)
    assert numbers == wanted
    # Bragg: the detector at delta above nu is at cos 2θ = cos δ cos ν
    two_theta = np.arccos(np.prod(np.cos(np.radians([34.0, 3.0]))))
    assert found.d_spacing == pytest.approx(found.wavelength / 2 / np.sin(two_theta / 2), rel=1e-6)
    # a voxel of a field of 32 pixels is λ·D / (32·p) wide
    edges = np.linalg.norm(found.direct_basis(m.shape), axis=0)
    assert edges[1:] == pytest.approx(found.wavelength * 0.9 / (32 * 55e-6), rel=0.2)


@pytest.mark.parametrize(("given", "kev"), [(9.0, 9.0), (9000.0, 9.0), (12.5, 12.5)])
def test_energy_in_kev_or_ev(tmp_path: Path, given: float, kev: float) -> None:
    key = "instrument/monochromator/Energy"
    path = bliss.write(tmp_path / "a.h5", without=(key,))
    with h5py.File(path, "a") as file:
        file[f"12.1/{key}"] = given
    assert load(path).provenance["geometry"]["energy"] == kev


def test_energy_of_the_positioner_and_lengths_in_their_units(tmp_path: Path) -> None:
    keys = ("instrument/monochromator/Energy", f"instrument/{NAME}/distance")
    path = bliss.write(tmp_path / "a.h5", without=keys, mononrj=8.5)
    with h5py.File(path, "a") as file:
        file[f"12.1/{keys[1]}"] = 900.0
        file[f"12.1/{keys[1]}"].attrs["units"] = "mm"
    about = load(path).provenance
    assert about["geometry"]["energy"] == 8.5
    assert about["geometry"]["distance"] == pytest.approx(0.9)
    assert about["acquisition"]["sources"]["energy"].endswith("positioners/mononrj")


def test_what_is_missing_is_one_note(tmp_path: Path) -> None:
    lacking = ("delta", "instrument/monochromator/Energy", f"instrument/{NAME}/distance", "mu")
    path = bliss.write(tmp_path / "a.h5", without=lacking)
    m = read_prepared(path, crop=(8, 32, 32))
    [note] = [note for note in m.notes if "12.1" in note]
    for word in ("energy (instrument/monochromator/Energy or ", "distance (instrument/mpx1x4/distance)",
                 "delta (instrument/positioners/delta)", "--geometry"):  # fmt: skip
        assert word in note
    assert "eta (" not in note.replace("delta (", "")
    assert "mu" not in note  # not in use where it is not in the file
    assert m.provenance["geometry"]["mu"] == 0
    assert m.provenance["acquisition"]["sources"]["mu"] == "not in the file, taken as 0"
    with pytest.raises(ParameterError, match="no energy, distance, delta"):
        m.geometry.direct_basis(m.shape)  # type: ignore[union-attr]
    (tmp_path / "g.json").write_text('{"energy": 9.0, "distance": 0.9, "delta": 34.0}')
    whole = read_prepared(path, crop=(8, 32, 32), geometry=tmp_path / "g.json").geometry
    assert whole is not None
    assert (whole.angles["delta"], whole.angles["eta"]) == (34.0, bliss.ETA[bliss.PEAK[0]])


def test_scans_that_are_not_there_are_listed(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"no scan 13: it holds 11.1 \(ascan phi .*, 12.1 \(ascan"):
        load(path, scan=13)
    with pytest.raises(ReadError, match=r"11.1 has no frames: choose another with --scan"):
        load(path, scan=11)
    with pytest.raises(ParameterError, match="scan 'twelve': give its number"):
        load(path, scan="twelve")
    two = bliss.write(bliss.write(tmp_path / "two.h5"), "PtNP_14.1")
    with pytest.raises(
        ReadError, match=r"one scan with frames is needed.*12.1 .*PtNP_14.1 .*--scan"
    ):
        load(two)
    assert load(two, scan=14).provenance["dataset"] == f"PtNP_14.1/measurement/{NAME}"
    assert (
        load(bliss.write(two, "Au_14.1"), scan="Au_14.1").provenance["acquisition"]["name"]
        == "Au_14.1"
    )
    with pytest.raises(ReadError, match=r"one scan 14 is needed.*PtNP_14.1"):
        load(two, scan=14)


def test_detectors_and_masks(tmp_path: Path) -> None:
    path = bliss.write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file["12.1/measurement/eiger2M"] = np.full((bliss.FRAMES, 40, 30), 7, np.uint32)
    with pytest.raises(ReadError, match=r"detectors 2 \(eiger2M 8 × 40 × 30, mpx1x4"):
        load(path)
    pixel = np.zeros((40, 30), bool)
    pixel[3, 4] = True
    m = load(path, dataset="eiger2M", mask=pixel)
    np.testing.assert_array_equal(m.mask, np.broadcast_to(pixel, m.shape))
    assert any("a part of eiger2M" in note for note in m.notes)
    with pytest.raises(MeasurementError, match=r"a mask has shape \(9, 9\)"):
        load(path, dataset="eiger2M", mask=np.ones((9, 9), bool))


@pytest.mark.parametrize(
    ("moved", "says"),
    [
        ({"eta": 8.0}, "moves no circle of the sample: no rocking scan"),
        ({"phi": bliss.ETA}, "moves eta and phi together: no rocking scan"),
        ({"eta": 8 + 10 * (bliss.ETA - 8) ** 2}, "steps of eta are uneven"),
    ],
)
def test_other_scans(tmp_path: Path, moved: dict[str, Any], says: str) -> None:
    m = load(bliss.write(tmp_path / "a.h5", **moved))
    assert sum(says in note for note in m.notes) == 1


def test_a_scan_in_another_file(path: Path, tmp_path: Path) -> None:
    """A sample's file links to those of its scans."""
    with h5py.File(tmp_path / "all.h5", "w") as file:
        file["S_12.1"] = h5py.ExternalLink(str(path), "/12.1")
    m = load(tmp_path / "all.h5", scan=12)
    assert m.provenance["linked"] == (str(path),)
    assert m.provenance["geometry"]["energy"] == 9.0
    with h5py.File(tmp_path / "lost.h5", "w") as file:
        file["12.1"] = h5py.ExternalLink("absent.h5", "/12.1")
    with pytest.raises(ReadError, match=r"lies in absent.h5, which is not there"):
        load(tmp_path / "lost.h5", reader="id01", scan=12)


def test_a_detector_that_moves_is_no_rocking_scan(tmp_path: Path) -> None:
    """Encoders of an arm at rest are none that moves."""
    moved = load(bliss.write(tmp_path / "m.h5", delta=np.linspace(34, 36, bliss.FRAMES)))
    assert "step" not in moved.provenance["geometry"]
    assert any("moves the detector (delta): no rocking scan" in note for note in moved.notes)
    still = load(bliss.write(tmp_path / "s.h5", delta=34 + 1e-4 * (np.arange(bliss.FRAMES) % 2)))
    assert not still.notes
    assert still.provenance["geometry"]["delta"] == pytest.approx(34.00005)


def test_a_scan_that_turns_back_is_no_rocking_scan(tmp_path: Path) -> None:
    there = 8 + 0.01 * np.array([0, 1, 2, 3, 4, 5, 4, 3])
    m = load(bliss.write(tmp_path / "s.h5", eta=there))
    assert "step" not in m.provenance["geometry"]
    assert any("eta turns back" in note for note in m.notes)
    down = load(bliss.write(tmp_path / "d.h5", eta=bliss.ETA[::-1].copy()))
    assert down.provenance["geometry"]["step"] == pytest.approx(-0.01)


def test_positions_of_a_circle_that_cannot_be_used(tmp_path: Path) -> None:
    still = load(bliss.write(tmp_path / "c.h5", delta=np.full(bliss.FRAMES, 34.0)))
    assert still.provenance["geometry"]["delta"] == 34.0
    with pytest.raises(ReadError, match="8 frames and 5 values of eta"):
        load(bliss.write(tmp_path / "short.h5", eta=bliss.ETA[:5]))
    [note] = load(bliss.write(tmp_path / "nan.h5", phi=np.nan)).notes
    assert "has no phi" in note


def test_numbers_that_are_no_geometry_are_noted(tmp_path: Path) -> None:
    path = bliss.write(tmp_path / "s.h5", without=(f"instrument/{bliss.DETECTOR}/distance",))
    with h5py.File(path, "a") as file:
        file[f"12.1/instrument/{bliss.DETECTOR}/distance"] = 900.0
    [note] = load(path).notes
    assert "distance is 900.0: give it in metres" in note
    with h5py.File(path, "a") as file:
        file[f"12.1/instrument/{bliss.DETECTOR}/distance"].attrs["units"] = "millimeter"
    m = load(path)
    assert not m.notes
    assert m.provenance["geometry"]["distance"] == 0.9


def test_a_lost_file_of_frames_is_named_with_scan(tmp_path: Path) -> None:
    path = bliss.write(tmp_path / "s.h5")
    with h5py.File(path, "a") as file:
        key = f"12.1/measurement/{bliss.DETECTOR}"
        del file[key]
        file[key] = h5py.ExternalLink("lost.h5", "/entry/data")
    with pytest.raises(ReadError, match=r"lies in lost\.h5, which is not there"):
        load(path, scan=12)


def test_a_note_of_what_is_missing_goes_when_it_is_given(tmp_path: Path) -> None:
    keys = tuple(f"instrument/{bliss.DETECTOR}/beam_center_{axis}" for axis in "xy")
    path = bliss.write(tmp_path / "s.h5", without=keys)
    [note] = read_prepared(path, crop=(8, 32, 32)).notes
    assert "the detector's middle is taken" in note
    given = tmp_path / "g.json"
    given.write_text('{"beam_zero": [250.5, 310.25]}')
    assert not read_prepared(path, crop=(8, 32, 32), geometry=given).notes
    assert not read_inspected(path, geometry=given)[0].notes
