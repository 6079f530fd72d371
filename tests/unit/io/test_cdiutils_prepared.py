"""What the real cdiutils prepares of a virtual scan of ID01 is read with its geometry."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from cdi_ml_plugin import Measurement, load
from cdi_ml_plugin.errors import ReadError
from cdi_ml_plugin.simulate.scan import write_virtual_scan
from cdi_ml_plugin.workflow.load import read_prepared
from support import peers

pytestmark = pytest.mark.slow
CROP = (24, 40, 40)
SCRIPT = """
import sys
from cdiutils.pipeline import BcdiPipeline
parameters = dict(
    beamline_setup="id01", experiment_file_path=sys.argv[1], sample_name="virtual", scan=12, dump_dir=sys.argv[2],
    preprocess_shape=(24, 40, 40), detector_name="mpx1x4", voxel_reference_methods=["max"], hkl=[1, 1, 1],
    det_calib_params=dict(cch1=390.5, cch2=121.25, pwidth1=55e-6, pwidth2=55e-6, distance=0.5))
BcdiPipeline(params=parameters).preprocess()
print("{}")
"""
KEY = "entry_1/geometry_1/angles/sample_outofplane_angle"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan")
    write_virtual_scan(folder, shape=(32, 48, 48), photons=1e6, size=150.0, layout="bliss")
    return folder


@pytest.fixture(scope="module")
def prepared(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """cdiutils' dump_dir."""
    folder = tmp_path_factory.mktemp("dump")
    peers.ask(SCRIPT, raw / "experiment.h5", folder)
    return folder


def test_it_is_the_raw_scan_cropped(raw: Path, prepared: Path) -> None:
    ours: Measurement = read_prepared(raw / "virtual.h5", scan=12, crop=CROP)
    theirs = read_prepared(prepared)
    assert theirs.provenance["format"] == "cdiutils"
    np.testing.assert_array_equal(theirs.intensity, ours.intensity)
    np.testing.assert_array_equal(theirs.mask, ours.mask)
    assert theirs.provenance["peak"] == tuple(n // 2 for n in CROP)
    found, expected = theirs.geometry, ours.geometry
    assert found is not None
    assert expected is not None
    np.testing.assert_allclose(
        found.reciprocal_basis(), expected.reciprocal_basis(), rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(found.momentum_transfer(), expected.momentum_transfer(), rtol=1e-9)
    assert not theirs.notes


def test_the_file_alone_and_the_folder_are_the_same(prepared: Path) -> None:
    [file] = prepared.glob("*.cxi")
    one, other = load(file), load(prepared, scan=12)
    assert one.provenance["geometry"] == other.provenance["geometry"]
    with pytest.raises(ReadError, match=r"it holds S12_preprocessed_data\.cxi: choose with --scan"):
        load(prepared, scan=13)


def test_files_that_lack_something(prepared: Path, tmp_path: Path) -> None:
    [file] = prepared.glob("*.cxi")
    path = Path(shutil.copy(file, tmp_path / file.name))
    with h5py.File(path, "a") as content:
        angles = content.pop(KEY)
        content[KEY] = angles[()][:-1]
    with pytest.raises(ReadError, match="24 frames and 23 values of sample_outofplane_angle"):
        load(path)
    with h5py.File(path, "a") as content:
        del content[KEY]
        del content["entry_1/source_1/energy"]
    [note] = load(path).notes[-1:]
    assert "has no energy, sample_outofplane_angle" in note
    with h5py.File(path, "a") as content:
        del content["entry_1/result_1/voi"]
    with pytest.raises(ReadError, match="voi/cropped/ref"):
        load(path)
