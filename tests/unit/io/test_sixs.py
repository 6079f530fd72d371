"""Scans of SOLEIL SIXS: upright and flat samples, step by step and continuous."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cdi_ml_plugin import load
from cdi_ml_plugin.data.scan import Scan
from cdi_ml_plugin.errors import ParameterError, ReadError
from cdi_ml_plugin.workflow.load import read_prepared
from support import bliss, soleil

GROUP = "SIXS/i14-c-cx1-ex-med-v-dif-group.1"


def test_an_upright_sample(tmp_path: Path) -> None:
    path = soleil.sixs(tmp_path / "Pt_ascan_mu_00123.nxs")
    m = load(path)
    np.testing.assert_array_equal(m.intensity, soleil.counts())
    assert m.mask[:, 255:261].all()
    assert m.provenance["format"] == "SOLEIL SIXS"
    known = m.provenance["geometry"]
    assert (known["diffractometer"], known["detector"]) == ("sixs2022", "maxipix")
    assert {k: known[k] for k in ("beta", "omega", "gamma", "delta", "energy", "motor")} == {
        "beta": 0.0, "omega": 12.0, "gamma": 37.0, "delta": 1.5, "energy": 8.5, "motor": "mu",
    }  # fmt: skip
    assert "directions" not in known  # those of the diffractometer
    assert any("columns are taken along x-, rows along y+" in note for note in m.notes)
    scan = Scan.of(m.provenance)
    assert scan is not None
    assert (scan.name, scan.command, scan.exposure) == ("123", "ascan_mu", 0.5)
    assert scan.date == "2022-06-20T12:00:00"
    np.testing.assert_array_equal(scan.motors["mu"], soleil.ANGLES)
    np.testing.assert_array_equal(scan.monitor, 1.0 + np.arange(soleil.FRAMES))
    assert scan.sources["mu"] == f"{path}: com/scan_data/actuator_1_1"
    assert scan.sources["omega"] == f"{path}: com/{GROUP}/omega/position"
    assert scan.sources["beta"] == "not in the file, taken as 0"
    assert load(path, scan=123).provenance == load(path, scan="com").provenance == m.provenance


def test_a_flat_sample_of_2019(tmp_path: Path) -> None:
    m = load(soleil.flat(tmp_path / "a.nxs"))
    known = m.provenance["geometry"]
    assert (known["diffractometer"], known["detector"], known["motor"]) == ("sixs", "merlin", "mu")
    assert (known["beta"], known["gamma"], known["delta"]) == (0.4, 20.0, 27.0)
    assert m.mask[:, 255:260].all()
    nameless = load(soleil.flat(tmp_path / "b.nxs", titled=False))
    assert nameless.provenance["geometry"] == known
    assert "data_07 of scan_data has no name: taken as mu" in nameless.notes


def test_an_upright_sample_of_before_2022_has_its_detector_turned(tmp_path: Path) -> None:
    places = {
        f"SIXS/i14-c-cx1-ex-{n}/position_pre": None
        for n in ("mu-med-h", "gamma-med-h", "delta-med-h")
    }
    upright = {f"SIXS/i14-c-cx1-ex-{n}-med-v/position_pre": at for n, at in
               {"mu": 18.0, "omega": 3.0, "gamma": 37.0, "delta": 0.0}.items()}  # fmt: skip
    other = {"SIXS/i14-c-cx1-ex-omega-a-med/position_pre": 70.0}  # of the analyser
    m = load(soleil.flat(tmp_path / "a.nxs", **places, **upright, **other))
    known = m.provenance["geometry"]
    assert (known["diffractometer"], known["directions"]) == ("sixs2022", ("y-", "x-"))
    assert (known["omega"], known["gamma"]) == (3.0, 37.0)


def test_a_continuous_scan(tmp_path: Path) -> None:
    """Columns have names of their own, and every encoder trembles."""
    tremble = 1e-4 * np.random.default_rng(1).standard_normal((3, soleil.FRAMES))
    at = dict(
        zip(("omega", "gamma", "delta"), np.array([[12.0], [37.0], [1.5]]) + tremble, strict=True)
    )
    path = soleil.sixs(
        tmp_path / "fly.nxs",
        **{f"{GROUP}/{name}/position": None for name in ("mu", *at)},
        **{f"scan_data/{name}": None for name in ("actuator_1_1", "data_03", "data_09")},
        **{f"scan_data/{name}": column for name, column in {"mu": soleil.ANGLES, **at}.items()},
        **{"scan_data/maxpix": soleil.counts(), "scan_data/imon0": np.ones(soleil.FRAMES)},
    )
    m = load(path)
    known = m.provenance["geometry"]
    assert known["motor"] == "mu"
    assert [known[name] for name in at] == pytest.approx([12.0, 37.0, 1.5], abs=1e-3)
    assert not [note for note in m.notes if "rocking" in note]
    scan = Scan.of(m.provenance)
    assert scan is not None
    np.testing.assert_array_equal(scan.motors["mu"], soleil.ANGLES)
    assert len(scan.monitor) == soleil.FRAMES


def test_circles_in_vacuum_are_others(tmp_path: Path) -> None:
    places = {f"{GROUP}/{name}/position": None for name in ("mu", "omega", "gamma", "delta")}
    other = {
        f"SIXS/i14-c-cx2-ex-{n}-uhv/position_pre": 1.0 for n in ("mu", "omega", "gamma", "delta")
    }
    known = load(soleil.sixs(tmp_path / "a.nxs", **places, **other)).provenance["geometry"]
    assert not {"omega", "gamma", "delta"} & set(known)


def test_an_energy_scan(tmp_path: Path) -> None:
    energy = 8.5 + 0.002 * np.arange(soleil.FRAMES)
    path = soleil.sixs(tmp_path / "a.nxs", **{"scan_data/actuator_1_1": energy})
    with h5py.File(path, "a") as file:
        file["com/scan_data/actuator_1_1"].attrs["long_name"] = b"i14-c-c02/op/mono/energy"
    known = load(path).provenance["geometry"]
    assert (known["motor"], known["step"]) == ("energy", pytest.approx(0.002))
    assert known["mu"] == 18.0


def test_what_is_missing_is_one_note(tmp_path: Path) -> None:
    path = soleil.sixs(
        tmp_path / "a_12.nxs",
        **{"SIXS/i14-c-c02-op-mono/energy": None, f"{GROUP}/gamma/position": None},
    )
    m = read_prepared(path, crop=(8, 32, 32))
    [note] = [note for note in m.notes if "scan 12" in note]
    for word in ("energy (SIXS/i14-c-c02-op-mono/energy or ", "distance (SOLEIL's files",
                 "beam_zero (SOLEIL's files", "gamma (SIXS/*gamma*)", "--geometry"):  # fmt: skip
        assert word in note
    (tmp_path / "g.json").write_text(
        '{"energy": 8.5, "distance": 0.9, "gamma": 37.0, "beam_zero": [200, 300]}'
    )
    whole = read_prepared(path, crop=(8, 32, 32), geometry=tmp_path / "g.json").geometry
    assert whole is not None
    assert (whole.angles["gamma"], whole.angles["mu"]) == (37.0, soleil.ANGLES[bliss.PEAK[0]])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"scan_data/actuator_1_1": soleil.ANGLES[:6]}, "8 frames and 6 values of mu"),
        ({"scan_data/data_03": np.ones(5)}, "8 frames and 5 values of the monitor"),
        ({"scan_data/data_09": None}, "scan 7 has no frames|com has no frames"),
        ({"scan_data/data_10": np.ones((8, 9, 9))}, "detectors 2 .*--dataset"),
    ],
)
def test_files_that_do_not_serve(changed: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = soleil.sixs(tmp_path / "a_7.nxs", **changed)
    with pytest.raises(ReadError, match=says):
        load(path)


def test_another_scan_a_lost_link_and_another_beamline(tmp_path: Path) -> None:
    path = soleil.sixs(tmp_path / "a_7.nxs", entry="Pt_2022")
    with pytest.raises(ReadError, match=r"holds no scan 8: it holds Pt_2022 \(scan 2022\)"):
        load(path, scan=8)
    with pytest.raises(ParameterError, match="scan '-': give its number"):
        load(path, scan="-")
    with h5py.File(path, "a") as file:
        del file["Pt_2022/scan_data/data_09"]
        file["Pt_2022/scan_data/data_09"] = h5py.ExternalLink("absent.h5", "/image")
    with pytest.raises(ReadError, match=r"data_09 lies in absent\.h5, which is not there"):
        load(path)
    for other in (bliss.write(tmp_path / "b.h5"), soleil.cristal(tmp_path / "c.nxs")):
        assert load(other).provenance["format"] in ("ESRF ID01", "SOLEIL CRISTAL")


def test_a_detector_that_is_driven_is_no_rocking_scan(tmp_path: Path) -> None:
    path = soleil.sixs(tmp_path / "a_00012.nxs")
    with h5py.File(path, "a") as file:
        column = file["com/scan_data"].create_dataset("actuator_1_2", data=np.linspace(1, 2, 8))
        column.attrs["long_name"] = "i14-c-cx1/ex/delta-med-v/position"
    m = load(path)
    assert "step" not in m.provenance["geometry"]
    assert any("moves the detector (delta)" in note for note in m.notes)
