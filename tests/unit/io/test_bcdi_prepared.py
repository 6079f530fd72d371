"""What bcdi has prepared: its own text of the setup gives the geometry that its own matrix has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cdi_ml_plugin import load
from cdi_ml_plugin.workflow.load import read_prepared
from support import peers, sound

COUNTS = sound.COUNTS
# Python's text of bcdi's Setup and Detector, and its steps of q along column, row and frame numbers, 1/nm.
SCRIPT = """
import json, sys
import numpy as np
from bcdi.experiment.beamline import create_beamline
from bcdi.experiment.detector import create_detector
from bcdi.experiment.setup import Setup
about = json.loads(sys.argv[1])
detector = create_detector("Maxipix", binning=(1, 2, 2), roi=[300, 428, 60, 188])
setup = Setup(about["beamline"], detector=detector, energy=9000, distance=0.5, **about["angles"])
angles = about["angles"]
below = angles["grazing_angle"]
matrix, _ = create_beamline(about["beamline"]).transformation_matrix(
    setup.wavelength * 1e9, 0.5e9, 110e3, 110e3, np.radians(5.0), np.radians(33.7),
    below and np.radians(below[-1]), np.radians(0.0109), angles["rocking_angle"], verbose=False)
print(json.dumps([str(setup.params), str(detector.params), matrix.tolist()]))
"""
ARM = {"inplane_angle": 5.0, "outofplane_angle": 33.7, "tilt_angle": 0.0109}


def write(path: Path, setup: str, detector: str, **parameters: Any) -> Path:
    with h5py.File(path, "w") as file:
        file["output/data"] = COUNTS
        file["output/mask"] = np.zeros(COUNTS.shape, dtype=int)
        file["params/setup"], file["params/detector"] = setup, detector
        file["params/parameters"] = str(parameters)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("beamline", "rocking", "grazing", "name"),
    [
        ("CRISTAL", "outofplane", None, "cristal"),
        ("CRISTAL", "inplane", (17.0,), "cristal"),
        ("SIXS_2019", "inplane", (0.4,), "sixs"),
        ("34ID", "inplane", None, "34idc"),
    ],
)
def test_the_geometry_is_that_of_its_own_matrix(
    beamline: str, rocking: str, grazing: Any, name: str, tmp_path: Path
) -> None:
    angles = {**ARM, "rocking_angle": rocking, "grazing_angle": grazing}
    about = json.dumps({"beamline": beamline, "angles": angles})
    setup, detector, matrix = peers.ask(SCRIPT, about)
    path = write(tmp_path / "S12_preprocessing_norm.h5", setup, detector, use_rawdata=True)
    found = read_prepared(path)
    assert found.provenance["format"] == "bcdi"
    geometry = found.geometry
    assert geometry is not None
    assert geometry.diffractometer == name
    steps = geometry.reciprocal_basis()[:, ::-1]
    np.testing.assert_allclose(steps, matrix, rtol=0, atol=3e-3 * np.abs(steps).max())


def test_data_in_the_laboratorys_frame_have_no_geometry(tmp_path: Path) -> None:
    path = write(tmp_path / "S12_preprocessing.h5", "{'beamline': 'ID01'}", "{}", use_rawdata=False)
    found = load(path)
    np.testing.assert_array_equal(found.intensity, COUNTS)
    assert any("laboratory's frame: no geometry" in note for note in found.notes)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "S12_preprocessing.h5",
        "{'beamline': 'ID01', 'rocking_angle': 'outofplane'}",
        "{}",
    )
    [note] = load(path).notes
    for word in ("energy", "distance", "nu", "delta"):
        assert word in note
