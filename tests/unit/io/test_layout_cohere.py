"""cohere_beamlines' own instruments on the virtual scans of the APS: the same counts, and the same bases."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from openpyxl import Workbook

from cdi_ml_plugin import Geometry, load
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.geometry.config_instr import BEAMLINES
from cdi_ml_plugin.geometry.instruments import DIFFRACTOMETERS
from cdi_ml_plugin.simulate.scan import VirtualScan, write_virtual_scan
from cdi_ml_plugin.workflow.load import read_prepared

pytest.importorskip("cohere_beamlines")
SHAPE = (24, 40, 40)
BEAMLINE = {"34idc": "aps_34idc", "chex": "aps_28idb", "7idd": "aps_7idd", "1ide": "aps_1ide",
            "20ide": "aps_20ide"}  # fmt: skip
# What a user writes into config_instr besides the files, and what cohere takes the file's number to be.
TYPED: dict[str, dict[str, Any]] = {
    "34idc": {},
    "chex": {"diffractometer": "huber", "detector": "s28eiger2-si"},
    "7idd": {},
    "1ide": {"detector": "ASI", "vff_r_offset": 0.0},
    "20ide": {"detector": "ASI"},
}


@pytest.fixture(scope="module", params=BEAMLINE)
def scan(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> VirtualScan:
    folder = tmp_path_factory.mktemp(request.param)
    return write_virtual_scan(folder, shape=SHAPE, photons=1e6, size=150.0, layout=request.param)


def instrument(scan: VirtualScan) -> tuple[Any, int, dict[str, Any]]:
    """Theirs, the number of the scan, and the configuration, with what is not in the files."""
    layout = scan.geometry.diffractometer
    assert isinstance(layout, str)
    number = scan.options.get("scan", 12)
    config = {"data_dir": str(scan.folder), **TYPED[layout]}
    if "spec" in scan.options:
        config["specfile"] = str(scan.options["spec"])
    if "geometry" in scan.options:
        known = json.loads(Path(scan.options["geometry"]).read_text())
        config |= {"energy": known["energy"], "detdist": 1000 * known["distance"]}
        config["vff_eta_offset"] = known["vff_eta_offset"]
    if layout == "20ide":  # from the files it takes N steps for the N - 1 that there are
        config["scan_step"] = scan.geometry.step
    configs = {"config": {"scan": str(number)}, "config_instr": config}
    module = import_module(f"cohere_beamlines.{BEAMLINE[layout]}.instrument")
    return module.create_instr(configs, need_det=layout != "34idc"), number, configs


def ours_from(layout: str) -> np.ndarray:
    """Their laboratory frame to ours: CHEX has the beam along y."""
    return np.array([[-1, 0, 0], [0, 0, 1], [0, 1, 0]]) if layout == "chex" else np.eye(3)


def test_bases(scan: VirtualScan) -> None:
    """Reciprocal and direct, to 1e-6 with every sign.

    At 20-ID-E cohere_beamlines 4.5.6 takes DetZ for the distance and for a way of the detector along the
    beam, and so counts it twice (findings/cohere_20ide_distance.sh): there it is given them apart.
    """
    theirs, number, configs = instrument(scan)
    found = read_prepared(scan.data, crop=(16, 32, 32), **scan.options).geometry
    assert found is not None
    layout, peak = str(scan.geometry.diffractometer), list(found.reference[::-1])
    if layout == "34idc":  # where it counts pixels on the detector, and not in the region
        peak = [*theirs.det_obj.get_realpixelpos(peak[:2]), peak[2]]
    if layout == "20ide":
        kind = type(theirs.diff_obj)
        theirs.diff_obj = type("Apart", (kind,), {"detectordist_mne": "detdist"})()
        configs["config_instr"] |= {"DetZ": 0.0, "detdist": scan.geometry.distance}
    reciprocal, direct, transfer, _, _ = theirs.get_geometry(peak, number, configs)
    turn = ours_from(layout)
    for ours, basis in (
        (found.reciprocal_basis(), reciprocal),
        (found.direct_basis((1, 1, 1)), direct),
    ):
        expected = (turn @ basis)[:, ::-1]
        scale = np.abs(expected).max()
        np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-6 * scale)
    assert found.d_spacing == pytest.approx(0.2 * np.pi / np.linalg.norm(transfer), rel=1e-6)


def test_counts(scan: VirtualScan) -> None:
    """Those of their `get_scan_array`, which sets to 0 what is masked here."""
    if scan.geometry.diffractometer == "34idc":
        pytest.skip("tests/hosts/test_cohere_preprocess.py compares those of 34-ID-C")
    theirs, number, _ = instrument(scan)
    where = scan.data
    if not hasattr(theirs.det_obj, "data_dir") or scan.data.is_file():
        [[(found, name)]] = theirs.datainfo4scans()
        assert (found, Path(name)) == (number, scan.data)
    counts, _ = theirs.get_scan_array(str(where))
    m = load(scan.data, **{k: v for k, v in scan.options.items() if k != "geometry"})
    known = np.where(m.mask, 0, m.intensity)
    np.testing.assert_allclose(known, np.where(m.mask, 0, counts.T), rtol=1e-5)
    assert known.max() > 100


# --- folders that cohere has prepared, of any beamline, without the files of its scan ---------------------
CONFIGS: dict[str, dict[str, Any]] = {
    "aps_34idc": {"th": 0.2, "chi": 90.0, "phi": -5.0, "delta": 32.0, "gamma": 12.6, "detdist": 500.0,
                  "det_roi": [0, 512, 0, 512], "detector": "34idcTIM2", "scanmot": "th"},
    "aps_28idb": {"mu": 3.0, "eta": 17.0, "chi": 90.0, "phi": 20.0, "nu": 8.0, "del": 33.1,
                  "detdist": 700.0, "detector": "s28eiger2-si", "diffractometer": "tower",
                  "scanmot": "eta"},
    "aps_7idd": {"wedge": 10.0, "chi": 2.0, "th": 7.0, "phi": 15.0, "yaw": 5.0, "pitch": 34.0,
                 "radius": 680.0, "detector": "7iddrobot", "scanmot": "th"},
    "aps_1ide": {"aero": 12.0, "vff_eta": 60.0, "vff_r": 294.4, "vff_r_offset": 0.01,
                 "vff_eta_offset": 0.002, "detdist": 3000.0, "detector": "ASI", "energy": 52000.0,
                 "scanmot": "aero"},
    "aps_20ide": {"samRy": 12.0, "DetX": 130.0, "DetY": 217.9, "DetZ": 2500.0, "detector": "ASI",
                  "energy": 52.0, "scanmot": "samRy"},
    "esrf_id01": {"mu": 0.5, "eta": 17.2, "phi": 25.0, "nu": 5.0, "delta": 33.7, "detdist": 0.5,
                  "detector": "mpxgaas", "scanmot": "eta"},
    "Petra3_P10": {"mu": 2.0, "om": 17.0, "chi": 88.0, "phi": 10.0, "gam": 4.0, "del": 34.0,
                   "detdist": 1800.0, "detector": "e4m", "scanmot": "om", "detector_module": 0},
}  # fmt: skip
PEAK = (5, 250, 240)  # frame, row, column


def experiment(folder: Path, beamline: str, **config: Any) -> Path:
    """A folder that cohere has prepared."""
    for name in ("conf", "phasing_data", "preprocessed_data"):
        (folder / name).mkdir(parents=True)
    lines = [f"{key} = {value!r}" for key, value in config.items()]
    (folder / "conf/config_instr").write_text("\n".join(lines) + "\n")
    (folder / "conf/config").write_text(f'scan = "12"\nbeamline = "{beamline}"\n')
    tifffile.imwrite(folder / "phasing_data/data.tif", np.ones((8, 8, 8), np.float32))
    book = Workbook()
    book.active.append(["max ind (x)", "max ind (y)", "max ind frame"])
    book.active.append(PEAK[::-1])
    book.save(folder / "preprocessed_data/preprocess.xlsx")
    return folder


@pytest.mark.parametrize("beamline", CONFIGS)
def test_a_prepared_folder_of_any_beamline(
    beamline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The basis is that of cohere's own instrument, with what config_instr says and nothing else.

    Of ID01 and P10 columns run the other way here (see `geometry.instruments`), where bcdi and cdiutils
    agree against cohere_beamlines.
    """
    config = {"energy": 9.0, "scan_step": 0.01, **CONFIGS[beamline]}
    found = read_prepared(experiment(tmp_path / "exp", beamline, **config)).geometry
    assert found is not None
    module = import_module(f"cohere_beamlines.{beamline}.instrument")
    diffractometer = import_module(f"cohere_beamlines.{beamline}.diffractometers")
    detectors = import_module(f"cohere_beamlines.{beamline}.detectors")
    make = getattr(
        diffractometer, "create_diffractometer", lambda _: diffractometer.Diffractometer()
    )
    needed = {**config, "clear_asicbounds": False}
    configs = {"config": {"scan": "12"}, "config_instr": dict(config)}
    kind = next(each for name, each in vars(module).items() if name.startswith("Instrument_"))
    axes, wanted = make(config.get("diffractometer")), scan_of(config, beamline)
    if beamline == "aps_20ide":
        axes = type("Apart", (type(axes),), {"detectordist_mne": "detdist"})()
        configs["config_instr"] |= {"DetZ": 0.0, "detdist": 2.5}
    theirs = kind(detectors.create_detector(config["detector"], needed), axes, configs)
    positions = np.full(8, float(config[config["scanmot"]]))
    monkeypatch.setattr(kind, "parse_metadata", lambda *_, **__: {"scanmot_posns": positions})
    peak = [*PEAK[1:][::-1], PEAK[0]]
    if beamline == "aps_34idc":
        peak = [*theirs.det_obj.get_realpixelpos(peak[:2]), peak[2]]
    reciprocal, _, _, _, _ = theirs.get_geometry(peak, 12, configs)
    ours = Geometry(**{**found.numbers(), **wanted}).reciprocal_basis()
    expected = (ours_from(str(found.diffractometer)) @ reciprocal)[:, ::-1]
    scale = np.abs(expected).max()
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-6 * scale)
    assert found.directions == DIFFRACTOMETERS[str(found.diffractometer)].directions


def scan_of(config: dict[str, Any], beamline: str) -> dict[str, Any]:
    """Parameters in which cohere_beamlines differs from ours, for the comparison."""
    if beamline == "esrf_id01":
        return {"directions": ("x-", "y-")}
    if beamline == "Petra3_P10":
        return {"directions": ("x+", "y-"), "beam_zero": (1035.0, 1080.0)}
    if beamline == "aps_34idc":
        return {"beam_zero": (260.0, 261.0)}
    return {}


def test_what_a_prepared_folder_lacks(tmp_path: Path) -> None:
    config = {"energy": 9.0, "scan_step": 0.01, **CONFIGS["aps_28idb"]}
    del config["nu"], config["detdist"]
    m = read_prepared(experiment(tmp_path / "exp", "aps_28idb", **config))
    with pytest.raises(ParameterError, match="no distance, nu: give them too"):
        m.geometry  # noqa: B018
    other = read_prepared(experiment(tmp_path / "other", "bl99", th=0.2))
    assert other.geometry is None
    [note] = other.notes
    assert "beamline 'bl99' is unknown: use one of aps_34idc" in note


def test_distance_of_id01_in_mm(tmp_path: Path) -> None:
    """Its form asks for mm, its code takes metres."""
    config = {"energy": 9.0, "scan_step": 0.01, **CONFIGS["esrf_id01"], "detdist": 500.0}
    found = read_prepared(experiment(tmp_path / "exp", "esrf_id01", **config)).geometry
    assert found is not None
    assert found.distance == 0.5
    assert set(CONFIGS) | {"simple"} == set(BEAMLINES)
