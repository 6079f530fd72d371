"""ESRF ID01 before BLISS: EDF frames and a SPEC file, against the loaders of cdiutils and bcdi."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from cdi_ml_plugin import load
from cdi_ml_plugin.data.scan import Scan
from cdi_ml_plugin.errors import ParameterError, ReadError
from cdi_ml_plugin.simulate.scan import VirtualScan, write_virtual_scan
from support import peers

SHAPE = (20, 40, 40)
SCRIPT = """
import json, sys
from types import SimpleNamespace
import numpy as np
from cdiutils.io import Loader
from bcdi.experiment.diffractometer import DiffractometerID01
folder, spec = sys.argv[1:]
loader = Loader.from_setup("id01spec", experiment_file_path=spec, detector_data_path=folder + "/", scan=12,
                           edf_file_template="data_mpx4_%05d.edf.gz", detector_name="mpx4inr")
counts = loader.load_detector_data()
angles = {k: np.ravel(v).tolist() for k, v in loader.load_motor_positions().items()}
detector = SimpleNamespace(specfile=spec, rootdir=folder)
distance = DiffractometerID01.retrieve_distance(SimpleNamespace(detector=detector))
print(json.dumps({"sums": counts.sum(axis=(1, 2)).tolist(), "angles": angles, "distance": distance}))
"""


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> VirtualScan:
    folder = tmp_path_factory.mktemp("edf")
    return write_virtual_scan(folder, shape=SHAPE, photons=1e6, size=150.0, layout="edf")


@pytest.fixture
def copy(scan: VirtualScan, tmp_path: Path) -> Path:
    return shutil.copytree(scan.folder, tmp_path / "scan")


@pytest.mark.slow
def test_the_loaders_of_cdiutils_and_bcdi_agree(scan: VirtualScan) -> None:
    theirs = peers.ask(SCRIPT, scan.data, scan.options["spec"])
    ours = load(scan.data, **scan.options)
    known = np.where(ours.mask, 0, ours.intensity)
    np.testing.assert_array_equal(theirs["sums"], known.sum(axis=(1, 2)))
    geometry, about = ours.provenance["geometry"], Scan.of(ours.provenance)
    assert about is not None
    assert geometry["distance"] == theirs["distance"]
    names = {"phi": "sample_inplane_angle", "delta": "detector_outofplane_angle",
             "nu": "detector_inplane_angle"}  # fmt: skip
    for circle, name in names.items():
        assert theirs["angles"][name] == pytest.approx([geometry[circle]], rel=1e-6)
    np.testing.assert_allclose(
        theirs["angles"]["sample_outofplane_angle"], about.motors["eta"], rtol=1e-6
    )


def test_frames_of_other_scans_are_left_alone(copy: Path, scan: VirtualScan) -> None:
    frames = copy / "frames"
    shutil.copy(frames / "data_mpx4_01200.edf.gz", frames / "data_mpx4_01199.edf.gz")
    (frames / "notes.edf").write_text("no number")
    found = load(frames, spec=copy / "virtual.spec", scan=12)
    np.testing.assert_array_equal(found.intensity, load(scan.data, **scan.options).intensity)


def test_a_lost_frame_is_named(copy: Path) -> None:
    (copy / "frames" / "data_mpx4_01207.edf.gz").unlink()
    with pytest.raises(ReadError, match=r"frame 1207 of scan 12 is not there \(1 of 20"):
        load(copy / "frames", spec=copy / "virtual.spec", scan=12)


def test_two_detectors_in_a_folder(copy: Path) -> None:
    frames = copy / "frames"
    shutil.copy(frames / "data_mpx4_01207.edf.gz", frames / "data_eiger_01207.edf.gz")
    with pytest.raises(ReadError, match="have the same number"):
        load(frames, spec=copy / "virtual.spec", scan=12)


def test_a_damaged_frame(copy: Path) -> None:
    path = copy / "frames" / "data_mpx4_01203.edf.gz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ReadError, match=r"data_mpx4_01203\.edf\.gz: "):
        load(copy / "frames", spec=copy / "virtual.spec", scan=12)


def test_what_has_to_be_given(copy: Path) -> None:
    frames, spec = copy / "frames", copy / "virtual.spec"
    for options in ({}, {"spec": spec}, {"scan": 12}):
        with pytest.raises(ParameterError, match="give --spec FILE and --scan N"):
            load(frames, **options)
    with pytest.raises(ReadError, match="no scan 13; the 1 scan"):
        load(frames, spec=spec, scan=13)


def test_without_calibration_it_is_one_note(copy: Path) -> None:
    spec = copy / "virtual.spec"
    lines = [line for line in spec.read_text().splitlines(True) if not line.startswith("#U")]
    spec.write_text("".join(lines).replace("  nrj", "  nrx").replace("mpx4inr", "ccd_n"))
    found = load(copy / "frames", spec=spec, scan=12)
    [note] = found.notes
    for word in ("energy (motors nrj", "distance (det_distance_COM", "beam_zero (cen_pix_x"):
        assert word in note
    assert found.provenance["geometry"]["detector"] == "maxipix"  # by its size
    assert found.mask.any()
    spec.write_text(spec.read_text().replace("ccd_n", "other"))
    with pytest.raises(ReadError, match="no column of frame numbers"):
        load(copy / "frames", spec=spec, scan=12)
