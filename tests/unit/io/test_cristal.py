"""Scans of SOLEIL CRISTAL."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from cdi_ml_plugin import load
from cdi_ml_plugin.data.scan import Scan
from cdi_ml_plugin.errors import ReadError
from cdi_ml_plugin.workflow.load import read_prepared
from support import soleil


def test_what_the_file_says(tmp_path: Path) -> None:
    path = soleil.cristal(tmp_path / "S12.nxs")
    m = load(path)
    np.testing.assert_array_equal(m.intensity, soleil.counts())
    known = m.provenance["geometry"]
    assert known["diffractometer"] == "cristal"
    assert {k: known[k] for k in ("phi", "gamma", "delta", "energy", "motor", "detector")} == {
        "phi": 25.0, "gamma": 5.0, "delta": 36.0, "energy": 8.5, "motor": "omega", "detector": "maxipix",
    }  # fmt: skip
    scan = Scan.of(m.provenance)
    assert scan is not None
    assert (scan.name, scan.command) == ("12", "ascan_mgomega")
    np.testing.assert_array_equal(scan.motors["omega"], soleil.ANGLES)
    assert len(scan.monitor) == soleil.FRAMES
    assert scan.sources["omega"] == f"{path}: exp_0012/scan_data/actuator_1_1"
    arm = "exp_0012/CRISTAL/Diffractometer/i06-c-c07-ex-dif-delta/position"
    assert scan.sources["delta"] == f"{path}: {arm}"


def test_names_in_capitals(tmp_path: Path) -> None:
    """bcdi has those of the detector's circles so, and cdiutils not."""
    path = soleil.cristal(tmp_path / "a.nxs")
    expected = load(path).provenance["geometry"]
    with h5py.File(path, "a") as file:
        group = file["exp_0012/CRISTAL"]
        arm = group["Diffractometer"]
        for name in ("gamma", "delta"):
            arm.move(f"i06-c-c07-ex-dif-{name}", f"I06-C-C07-EX-DIF-{name.upper()}")
        group.move("i06-c-c07-ex-mg_phi", "I06-C-C07-EX-MG_PHI")
        group.move("Monochromator", "MONOCHROMATOR")
        file["exp_0012"].move("CRISTAL", "cristal")
    assert load(path).provenance["geometry"] == expected


def test_phi_and_millionths(tmp_path: Path) -> None:
    """At first omega was written in millionths of a degree."""
    moved = {
        "scan_config/name": b"ascan_mgphi",
        "CRISTAL/i06-c-c07-ex-mg_omega/position": 18.2e6,
    }
    known = load(soleil.cristal(tmp_path / "a.nxs", **moved)).provenance["geometry"]
    assert (known["motor"], known["omega"]) == ("phi", pytest.approx(18.2))
    millionths = {"scan_data/actuator_1_1": 1e6 * soleil.ANGLES}
    known = load(soleil.cristal(tmp_path / "b.nxs", **millionths)).provenance["geometry"]
    assert (known["motor"], known["step"]) == ("omega", pytest.approx(0.01))


def test_the_name_of_a_column_goes_before_that_of_the_scan(tmp_path: Path) -> None:
    path = soleil.cristal(tmp_path / "a.nxs")
    with h5py.File(path, "a") as file:
        column = file["exp_0012/scan_data/actuator_1_1"]
        column.attrs["long_name"] = "i06-c-c07-ex-mg_phi/position"
    assert load(path).provenance["geometry"]["motor"] == "phi"


def test_scans_are_chosen_by_their_number(tmp_path: Path) -> None:
    path = soleil.cristal(tmp_path / "a.nxs")
    soleil.cristal(path, scan=14, **{"CRISTAL/i06-c-c07-ex-mg_phi/position": 30.0})
    with pytest.raises(
        ReadError, match=r"one scan is needed: it holds exp_0012 .*exp_0014 .*--scan"
    ):
        load(path)
    with pytest.raises(
        ReadError, match=r"holds no scan 13: it holds exp_0012 \(scan 12\), exp_0014"
    ):
        load(path, scan=13)
    assert load(path, scan=14).provenance["geometry"]["phi"] == 30.0
    assert load(path, scan="exp_0012").provenance["geometry"]["phi"] == 25.0


def test_what_is_missing_and_what_does_not_fit(tmp_path: Path) -> None:
    lacking = {
        "CRISTAL/Monochromator/energy": None,
        "CRISTAL/Diffractometer/i06-c-c07-ex-dif-delta/position": None,
        "scan_config/name": b"ascan_x",
    }
    m = read_prepared(soleil.cristal(tmp_path / "a.nxs", **lacking), crop=(8, 32, 32))
    [note] = [note for note in m.notes if "--geometry" in note]
    for word in (
        "energy (CRISTAL/Monochromator/energy)",
        "distance (",
        "beam_zero (",
        "delta (CRISTAL/Diff",
    ):
        assert word in note
    assert any("no circle of the sample: no rocking scan" in note for note in m.notes)
    path = soleil.cristal(tmp_path / "b.nxs", **{"scan_data/actuator_1_1": soleil.ANGLES[:6]})
    with pytest.raises(ReadError, match="8 frames and 6 values of omega"):
        load(path)
    with h5py.File(tmp_path / "lost.nxs", "w") as file:
        file["exp_0012"] = h5py.ExternalLink("absent.nxs", "/exp_0012")
    with pytest.raises(ReadError, match=r"lies in absent\.nxs, which is not there"):
        load(tmp_path / "lost.nxs", reader="cristal")
