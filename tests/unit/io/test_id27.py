"""ESRF ID27: one rotation, an Eiger that stands still, and a calibration from outside."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from cdi_ml_plugin import load
from cdi_ml_plugin.workflow.load import read_prepared
from support import peers

PEAK = (4, 15, 20)
_AWAY = [axis - at for axis, at in zip(np.ogrid[:10, :32, :36], PEAK, strict=True)]
COUNTS = np.round(4000 * np.exp(-sum(0.2 * away**2 for away in _AWAY))).astype(np.uint32)
NATH = -1.0 + 0.05 * np.arange(10)
SCRIPT = """
import json, sys
from cdiutils.io import Loader
loader = Loader.from_setup("id27", experiment_file_path=sys.argv[1], scan=3, sample_name="PtNP", detector_name="part")
angles = {k: v.tolist() if hasattr(v, "tolist") else v for k, v in loader.load_motor_positions().items()}
counts = loader.load_detector_data()
print(json.dumps({"angles": angles, "energy": loader.load_energy(), "sums": counts.sum(axis=(1, 2)).tolist()}))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "PtNP.h5", "w") as file:
        entry = file.create_group("PtNP_3.1")
        entry["title"] = "ascan nath -1 -0.55 9 1"
        entry["measurement/part"] = COUNTS
        entry["instrument/positioners/nath"] = NATH
        entry["instrument/calibration/wavelength"] = 0.3738
        entry["instrument/part/distance"] = 123.0
    return tmp_path / "PtNP.h5"


def test_the_calibration_comes_from_outside(path: Path, tmp_path: Path) -> None:
    found = load(path, scan=3)
    assert found.provenance["format"] == "ESRF ID27"
    [note] = found.notes
    for word in ("distance (that of a calibration)", "beam_zero", "pixel"):
        assert word in note
    given = {"distance": 0.6, "beam_zero": [1500.0, 1600.0], "pixel": [75e-6, 75e-6]}
    (tmp_path / "g.json").write_text(json.dumps(given))
    geometry = read_prepared(path, scan=3, geometry=tmp_path / "g.json", crop=(8, 16, 16)).geometry
    assert geometry is not None
    assert geometry.energy == pytest.approx(12.39841984 / 0.3738)
    assert (geometry.motor, geometry.step) == ("nath", pytest.approx(0.05))
    assert geometry.angles["nath"] == pytest.approx(NATH[4])
    # no arm: the lattice spacing is that of the pixel, λ / (2 sin θ)
    away = np.hypot(1500.0 - 20, 1600.0 - 15) * 75e-6
    theta = 0.5 * np.arctan(away / 0.6)
    assert geometry.d_spacing == pytest.approx(geometry.wavelength / (2 * np.sin(theta)), rel=1e-6)


@pytest.mark.slow
def test_cdiutils_reads_the_same(path: Path) -> None:
    found = peers.ask(SCRIPT, path)
    ours = load(path)
    assert found["sums"] == ours.intensity.sum(axis=(1, 2)).tolist()
    np.testing.assert_allclose(found["angles"]["sample_inplane_angle"], NATH)
    assert found["energy"] == pytest.approx(1000 * ours.provenance["geometry"]["energy"], rel=1e-6)
