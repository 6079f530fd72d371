"""NeXus files that place sample and detector by transformations, against Diamond's own mmg_toolbox."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from cdi_ml_plugin import Geometry, load
from cdi_ml_plugin.errors import ReadError
from cdi_ml_plugin.simulate.scan import VirtualScan, write_virtual_scan
from cdi_ml_plugin.workflow.load import read_prepared
from support import peers

SHAPE = (24, 40, 40)
SAMPLE, MODULE = "entry1/sample/transformations", "entry1/instrument/merlin/module"
SCRIPT = """
import json, sys
import h5py
import numpy as np
from mmg_toolbox.nexus.instrument_model import NXDetectorModule, NXSsample
path, frame, row, column = sys.argv[1], *map(int, sys.argv[2:])
with h5py.File(path) as file:
    module = NXDetectorModule("entry1/instrument/merlin/module", file)
    sample = NXSsample("entry1/sample", file)
    wavelength = 12.398419843320026 / file["entry1/sample/beam/incident_energy"][()]
    found = []
    for n, i, j in np.ndindex(2, 2, 2):
        out = np.squeeze(module.pixel_wavevector((0, row + i, column + j), wavelength))
        q = out - np.array([0, 0, 2 * np.pi / wavelength])
        found.append([*(10 * q), *(10 * sample.transforms[frame + n][:3, :3].T @ q)])
print(json.dumps(np.array(found).tolist()))
"""


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> VirtualScan:
    folder = tmp_path_factory.mktemp("i16")
    return write_virtual_scan(folder, shape=SHAPE, photons=1e6, size=150.0, layout="i16")


@pytest.fixture
def changed(scan: VirtualScan, tmp_path: Path) -> Callable[[Callable[[h5py.File], None]], Path]:
    """A copy of the file, changed by a function."""

    def change(how: Callable[[h5py.File], None]) -> Path:
        folder = shutil.copytree(scan.folder, tmp_path / "scan")
        with h5py.File(folder / scan.data.name, "a") as file:
            how(file)
        return folder / scan.data.name

    return change


@pytest.mark.slow
def test_q_is_that_of_diamonds_own_library(scan: VirtualScan) -> None:
    """In the laboratory's frame and in the sample's, for eight voxels at the peak."""
    theirs = np.array(peers.ask(SCRIPT, scan.data, *map(str, scan.peak)))
    geometry = Geometry.of({**load(scan.data).provenance, "peak": scan.peak})
    assert geometry is not None
    for step, expected in zip(np.ndindex(2, 2, 2), theirs, strict=True):
        place = tuple(p + n for p, n in zip(scan.peak, step, strict=True))
        angle = geometry.angles["eta"] + step[0] * geometry.step
        here = Geometry(**{**geometry.numbers(), "reference": place, "eta": angle})
        q = here.momentum_transfer()
        np.testing.assert_allclose([*q, *here._rotation().T @ q], expected, rtol=1e-6)


def test_a_kappa_is_read_by_its_eulerian_angles(changed) -> None:
    """No axis of the laboratory: then those that the beamline keeps beside them."""
    angles = {"mu": 0.5, "eta": 11.0, "chi": 88.0, "phi": 3.0, "gam": 5.0, "delta": 33.7}

    def kappa(file: h5py.File) -> None:
        file[f"{SAMPLE}/chi"].attrs["vector"] = (0.64, 0.77, 0.0)
        for name, angle in angles.items():
            file[f"entry1/before_scan/diffractometer_sample/{name}"] = angle
        file["entry1/measurement/eta"] = 11.0 + 0.01 * np.arange(SHAPE[0])

    found = read_prepared(changed(kappa), crop=(24, 32, 32)).geometry
    assert found is not None
    assert found.diffractometer == "sixcircle"
    assert found.angles["nu"] == 5.0
    assert found.angles["eta"] == pytest.approx(11.0 + 0.01 * found.reference[0])
    assert found.step == pytest.approx(0.01)


def test_units_are_heeded(changed, scan: VirtualScan) -> None:
    def radians(file: h5py.File) -> None:
        for name in ("eta", "chi"):
            node = file[f"{SAMPLE}/{name}"]
            node[...] = np.radians(node[()])
            node.attrs["units"] = "rad"
        for name in ("module_offset", "fast_pixel_direction"):
            node = file[f"{MODULE}/{name}"]
            node[...] = node[()] * 1e-3
            node.attrs["units"] = "m"

    expected, found = (load(path).provenance["geometry"] for path in (scan.data, changed(radians)))
    for name in ("energy", "distance", "step", "chi"):
        assert found[name] == pytest.approx(expected[name])
    assert found["beam_zero"] == pytest.approx(expected["beam_zero"])


def test_a_detector_that_is_not_placed_is_one_note(changed) -> None:
    def cut(file: h5py.File) -> None:
        del file[MODULE]
        del file["entry1/sample/beam"]

    [note] = load(changed(cut)).notes
    for word in ("energy (incident_energy", "distance (", "--geometry"):
        assert word in note


@pytest.mark.parametrize(
    ("place", "to", "says"),
    [
        ("nowhere", "entry1/lost", "depends on entry1/lost, which is not there"),
        ("circle", f"/{SAMPLE}/phi", "lead in a circle"),
    ],
)
def test_chains_that_do_not_end(changed, place: str, to: str, says: str) -> None:
    def bend(file: h5py.File) -> None:
        file[f"{SAMPLE}/mu"].attrs["depends_on"] = to

    with pytest.raises(ReadError, match=says):
        load(changed(bend), reader="nexus")


def test_frames_and_positions_of_unequal_number(changed) -> None:
    def shorten(file: h5py.File) -> None:
        node = file[f"{SAMPLE}/eta"]
        attributes, values = dict(node.attrs), node[:-3]
        del file[f"{SAMPLE}/eta"]
        file[f"{SAMPLE}/eta"] = values
        file[f"{SAMPLE}/eta"].attrs.update(attributes)

    with pytest.raises(ReadError, match="24 frames and 21 values of eta"):
        load(changed(shorten))


def test_a_lost_file_of_frames_is_named(scan: VirtualScan, tmp_path: Path) -> None:
    path = shutil.copy(scan.data, tmp_path)
    with pytest.raises(ReadError, match=r"12-merlin\.h5, which is not there"):
        load(path, reader="nexus")


def test_entries_are_chosen_by_name_or_number(changed) -> None:
    def another(file: h5py.File) -> None:
        file.copy("entry1", "entry2")
        file["entry2/entry_identifier"][...] = "13"

    path = changed(another)
    with pytest.raises(ReadError, match=r"entry1 \(12\), entry2 \(13\): choose with --scan"):
        load(path)
    assert load(path, scan=13).provenance["acquisition"]["name"] == "13"
    assert load(path, scan="entry1").provenance["acquisition"]["name"] == "12"


def test_rotations_of_one_name_are_told_apart(changed, scan: VirtualScan) -> None:
    def rename(file: h5py.File) -> None:
        place = "entry1/instrument/merlin/transformations"
        file.move(f"{place}/delta", f"{place}/eta")
        file[f"{MODULE}/module_offset"].attrs["depends_on"] = f"/{place}/eta"
        if f"/{place}/delta" in str(file["entry1/instrument/merlin/depends_on"][()]):
            del file["entry1/instrument/merlin/depends_on"]
            file["entry1/instrument/merlin/depends_on"] = f"/{place}/eta"

    geometry = Geometry.of({**load(changed(rename)).provenance, "peak": scan.peak})
    assert geometry is not None
    assert geometry.angles["eta_2"] == scan.geometry.angles["delta"]
    np.testing.assert_allclose(
        geometry.reciprocal_basis(), scan.geometry.reciprocal_basis(), rtol=1e-4, atol=1e-9
    )


def test_a_module_without_a_direction_is_one_note(changed) -> None:
    [note] = load(changed(lambda file: file.__delitem__(f"{MODULE}/fast_pixel_direction"))).notes
    assert "has no distance" in note
