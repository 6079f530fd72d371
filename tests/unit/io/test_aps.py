"""Scans of APS 28-ID-B, 7-ID-D, 1-ID-E and 20-ID-E: what their files say, and what they lack."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

from cdi_ml_plugin import Geometry, load
from cdi_ml_plugin.data.scan import Scan
from cdi_ml_plugin.errors import ReadError
from cdi_ml_plugin.geometry.spec import read_scan
from cdi_ml_plugin.geometry.spec_geometry import STATIONS, station
from cdi_ml_plugin.io import readers
from cdi_ml_plugin.simulate.scan import VirtualScan
from support import aps, bliss
from support.spec import spec_text

CHEX = "virtual_S0001_00000.h5"
FILE = "virtual_012.ASI.h5"


@pytest.fixture(scope="module", params=[*STATIONS, "20ide"])
def scan(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> VirtualScan:
    return aps.write(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture
def chex(tmp_path: Path) -> VirtualScan:
    return aps.write(tmp_path, "chex")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return aps.write(tmp_path, "20ide").data


def test_each_file_has_one_reader_and_each_spec_file_its_station(scan: VirtualScan) -> None:
    name = str(scan.geometry.diffractometer)
    expected = name if name in ("chex", "20ide") else "34idc"
    first, *others = readers.choose(scan.data)
    assert first.name == expected
    assert [each.name for each in others] == (["array"] if scan.data.is_file() else [])
    if "spec" in scan.options:
        assert station(read_scan(scan.options["spec"], 1)) == name


def test_a_spec_file_of_few_motors_is_taken_as_34idcs(tmp_path: Path) -> None:
    path = tmp_path / "a.spec"
    for lost in ("Delta", "Gamma", "Theta"):
        path.write_text(spec_text().replace(lost, "Other"))
        assert station(read_scan(path, 7)) == "34idc"
    path.write_text(
        "\n".join(x for x in spec_text().splitlines() if x[:2] not in ("#O", "#P")) + "\n"
    )
    assert station(read_scan(path, 7)) == "34idc"


def test_where_each_value_came_from(scan: VirtualScan) -> None:
    m = load(scan.data, **{k: v for k, v in scan.options.items() if k != "geometry"})
    about = Scan.of(m.provenance)
    assert about is not None
    if "spec" in scan.options:
        moved = scan.geometry.motor if scan.geometry.diffractometer != "34idc" else "Theta"
        assert "scan 1, column" in about.sources[moved]
        assert about.sources["monitor"].endswith("column Monitor")
    else:
        assert about.sources["distance"] == f"{scan.data}: /DMS/DetZ"
        assert about.sources["energy"] == f"{scan.data}: /HEM/Energy"
        assert (about.name, m.provenance["detector"]) == ("012", "20ideASI")
    assert m.provenance["format"].startswith(("34-ID-C", "7-ID-D", "1-ID-E", "APS 28", "APS 20"))


def test_from_spec_takes_the_station_too(scan: VirtualScan) -> None:
    if "spec" not in scan.options:
        return
    known = {k: scan.geometry.numbers()[k] for k in ("energy", "distance", "reference")}
    if scan.geometry.diffractometer == "1ide":
        with pytest.raises(
            ReadError, match=r"has no energy \(Energy\), distance \(detdist\), vff_eta_off"
        ):
            Geometry.from_spec(scan.options["spec"], 1)
        known["vff_eta_offset"] = 0.002
    found = Geometry.from_spec(scan.options["spec"], 1, **known)
    np.testing.assert_allclose(
        found.reciprocal_basis(), scan.geometry.reciprocal_basis(), rtol=1e-5, atol=1e-9
    )


def test_the_spacing_of_a_detector_that_is_moved_is_braggs() -> None:
    """At whatever distance: 0.3 m beside a beam that goes 3 m."""
    g = Geometry(
        diffractometer="1ide", energy=52.0, distance=3.0, step=0.01, reference=(5, 259, 259),
        aero=3.0, vff_eta=20.0, vff_r=0.3, vff_eta_offset=0.0,
    )  # fmt: skip
    assert g.d_spacing == pytest.approx(g.wavelength / 2 / np.sin(np.arctan(0.1) / 2), rel=1e-6)


def test_chex_without_its_spec_file(chex: VirtualScan) -> None:
    m = load(chex.data)
    [note] = m.notes
    assert (
        "scan 1 has no energy (in the SPEC file, as what follows: give it as --spec FILE)" in note
    )
    assert "delta" in note
    np.testing.assert_array_equal(m.intensity, load(chex.data, **chex.options).intensity)


def test_chex_and_what_does_not_belong_together(chex: VirtualScan, tmp_path: Path) -> None:
    spec = chex.options["spec"]
    with pytest.raises(ReadError, match="no scan 7; the 1 scan"):
        load(chex.data, spec=spec, scan=7)
    named = tmp_path / "other.h5"
    shutil.copy(chex.data, named)
    with pytest.raises(
        ReadError, match=r"has no number of a scan, as NAME_S0012_00000.h5: give --scan"
    ):
        load(named, reader="chex", spec=spec)
    assert load(named, reader="chex", spec=spec, scan=1).provenance["format"] == "APS 28-ID-B"
    with h5py.File(chex.data, "a") as file:
        short = file["entry/data/data"][:15]
        del file["entry/data/data"]
        file["entry/data/data"] = short
    with pytest.raises(
        ReadError, match=r"scan 1 has 15 frames and 16 values of eta: not of one scan"
    ):
        load(chex.data, spec=spec)
    with h5py.File(chex.data, "a") as file:
        del file["entry/data/data"]
        file["entry/data/data"] = h5py.ExternalLink("absent.h5", "/data")
    assert not any(each.name == "chex" for each in readers.survey()[0] if each.can_read(chex.data))
    with pytest.raises(ReadError, match=r"absent.h5, which is not there"):
        load(chex.data, reader="chex", spec=spec)


def test_what_a_spec_file_lacks_is_one_note(chex: VirtualScan) -> None:
    spec = chex.options["spec"]
    spec.write_text(spec.read_text().replace("camdist", "other").replace("  Nu  ", "  Ny  "))
    [note] = load(chex.data, **chex.options).notes
    assert note.count("distance (camdist in ") == note.count("nu (Nu in ") == 1
    assert "eta (" not in note
    assert "give what is missing as --geometry FILE" in note


def test_frames_of_a_part_of_the_detector(tmp_path: Path) -> None:
    """Their place is that of #UIMR5, where it has their size; else beam_zero is to be given."""
    scan = aps.write(tmp_path, "7idd")
    for path in scan.data.iterdir():
        tifffile.imwrite(path, tifffile.imread(path)[300:560, 450:750])
    lacking = load(scan.data, **scan.options)
    assert any("has no beam_zero" in note for note in lacking.notes)
    spec = scan.options["spec"]
    spec.write_text(
        spec.read_text().replace("7iddrobot:\n", "7iddrobot:\n#UIMR5  450 300 300 260 1\n")
    )
    geometry = load(scan.data, **scan.options).provenance["geometry"]
    assert (geometry["roi"], geometry["beam_zero"]) == ((450, 300, 300, 260), (531.0, 514.0))


def changed(path: Path, **values: Any) -> Path:
    """A file of 20-ID-E with other values; None takes one out."""
    with h5py.File(path, "a") as file:
        for key, value in values.items():
            del file[key.replace("_of_", "/")]
            if value is not None:
                file[key.replace("_of_", "/")] = value
    return path


def test_20ide_lacks_values(file: Path, tmp_path: Path) -> None:
    [note] = load(changed(file, DMS_of_DetZ=None, DMS_of_DetX=None, HEM_of_Energy=None)).notes
    for word in ("energy (HEM/Energy)", "distance (DMS/DetZ)", "detx (DMS/DetX)"):
        assert word in note
    assert "dety" not in note
    unnamed = tmp_path / "virtual_012.h5"
    shutil.copy(file, unnamed)
    [note] = load(unnamed).notes
    assert "pixel (no detector in the name of the file), beam_zero" in note


def test_20ide_energy_in_ev_and_lengths_in_their_units(file: Path) -> None:
    changed(file, HEM_of_Energy=[52000.0], DMS_of_DetZ=[2.4])
    with h5py.File(file, "a") as held:
        held["DMS/DetZ"].attrs["units"] = "m"
    geometry = load(file).provenance["geometry"]
    assert (geometry["energy"], geometry["distance"]) == (52.0, 2.4)
    assert geometry["detx"] == pytest.approx(0.13)


def test_20ide_of_unequal_number(file: Path) -> None:
    with pytest.raises(ReadError, match="scan 012 has 16 frames and 9 values of samry"):
        load(changed(file, SMS_of_E_of_HR_of_samRy=np.arange(9.0)))


def test_20ide_fields(file: Path) -> None:
    """Pixels with counts in the dark, and those dead in the white field, are masked, and marks stay masks."""
    with h5py.File(file, "r") as held:
        counts = held["exchange/data"][()]
        dark, white = held["exchange/data_dark"][0], held["exchange/data_white"][0].astype(float)
    m = load(file)
    dead = (dark > 0) | (white < white.mean() - 3 * white.std())
    np.testing.assert_array_equal(m.mask, np.broadcast_to(dead, m.shape))
    good = ~m.mask
    np.testing.assert_allclose(
        m.intensity[good], (counts * white.mean() / np.where(dead, 1, white))[good], rtol=1e-6
    )
    counts[3, 4, 5] = 2**32 - 1
    m = load(changed(file, exchange_of_data=counts))
    assert m.mask[3, 4, 5]
    assert any("largest value of an integer type" in note for note in m.notes)
    with pytest.raises(ReadError, match=r"data_dark is \(9, 9\), and frames are \(512, 512\)"):
        load(changed(file, exchange_of_data_dark=np.ones((1, 9, 9))))


def test_20ide_camera_has_an_offset(file: Path) -> None:
    camera = file.with_name("virtual_012.BSE.h5")
    shutil.copy(file, camera)
    frames = np.full((16, 40, 50), 100, np.uint16)
    frames[:, 20, 30] = 250
    changed(camera, exchange_of_data=frames, exchange_of_data_white=None,
            exchange_of_data_dark=np.full((3, 40, 50), 100, np.uint16))  # fmt: skip
    m = load(camera)
    assert (m.intensity[:, 20, 30] == 150).all()
    assert m.intensity.sum() == 16 * 150
    assert not m.mask.any()


def test_files_of_others_are_declined(tmp_path: Path) -> None:
    other = bliss.write(tmp_path / "virtual_S0001_00000.h5")
    with h5py.File(tmp_path / "tomography_012.ASI.h5", "w") as file:
        file["exchange/data"] = np.ones((3, 4, 5), np.uint16)  # Data Exchange, of another station
    for reader in ("chex", "20ide"):
        assert not readers.find(reader).can_read(other)
        assert not readers.find(reader).can_read(tmp_path / "tomography_012.ASI.h5")
    assert readers.choose(other)[0].name == "id01"
