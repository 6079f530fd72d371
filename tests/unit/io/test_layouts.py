"""The virtual scan of each layout: read from its files alone, with nothing typed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cdi_ml_plugin import Geometry, fourier
from cdi_ml_plugin.data.scan import Scan
from cdi_ml_plugin.geometry.detectors import gaps
from cdi_ml_plugin.io.readers import load
from cdi_ml_plugin.simulate.layouts.table import LAYOUTS
from cdi_ml_plugin.simulate.scan import VirtualScan, write_virtual_scan
from cdi_ml_plugin.workflow.load import read_prepared
from support.polyhedron import crystal, particle, same_displacement, same_shape

SHAPE = (60, 72, 72)
SILENT = ("20ide",)  # whose files have neither command nor exposure nor monitor
WINDOW = 16  # voxels about the peak that are compared with the truth


@pytest.fixture(scope="module", params=LAYOUTS)
def scan(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> VirtualScan:
    """A particle's pattern in the files of one layout."""
    name = request.param
    q = np.linalg.norm(LAYOUTS[name]().geometry(SHAPE, (33, 30, 41)).momentum_transfer())
    folder = tmp_path_factory.mktemp(name)
    made = partial(particle, q=float(q))
    return write_virtual_scan(folder, shape=SHAPE, photons=3e7, crystal=made, layout=name)


@pytest.fixture(scope="module")
def read(scan: VirtualScan):
    """Its measurement, as one command reads it: a calibration of the detector is added later."""
    return load(scan.data, **{k: v for k, v in scan.options.items() if k != "geometry"})


def test_its_reader_is_found(scan: VirtualScan, read) -> None:
    assert "array" not in read.provenance["format"]
    assert not [note for note in read.notes if "could too" in note]
    lacking = [note for note in read.notes if "missing" in note]
    assert len(lacking) == ("geometry" in scan.options)  # what the calibration gives
    assert Path(read.provenance["source"]) == scan.data


def test_counts_are_those_of_the_truth(scan: VirtualScan, read) -> None:
    """Reduced χ² of 1 against |FT truth|² about the peak."""
    peak = np.array(scan.peak)
    assert len(read.intensity) == SHAPE[0]
    window = tuple(slice(p - WINDOW // 2, p + WINDOW // 2) for p in peak)
    truth = fourier.diffraction(scan.true_object((WINDOW,) * 3))
    used = (truth > 20) & ~read.mask[window]
    chi2 = np.mean((read.intensity[window][used] - truth[used]) ** 2 / truth[used])
    assert used.sum() > 500
    assert chi2 == pytest.approx(1, abs=6 * np.sqrt(2 / used.sum()) + 0.01)


def test_gaps_are_masked(scan: VirtualScan, read) -> None:
    if read.intensity.shape[1:] != SHAPE[1:]:  # the whole detector
        expected = np.zeros(read.intensity.shape[1:], dtype=bool)
        for rows, columns in gaps(scan.geometry.detector, *expected.shape):
            expected[rows, columns] = True
        masked = read.mask[len(read.mask) // 2]
        if scan.geometry.diffractometer in SILENT:  # its fields say which pixels are dead
            expected |= masked
            assert masked.mean() < 1e-3
        np.testing.assert_array_equal(masked, expected)
        assert not read.intensity[read.mask].any() or read.intensity.max() < 1e7


def test_what_the_scan_was(scan: VirtualScan, read) -> None:
    about = Scan.of(read.provenance)
    assert about is not None
    geometry = scan.geometry
    [moved] = [name for name in about.motors if len(about.motors[name]) == SHAPE[0]]
    at_peak = geometry.angles.get(geometry.motor, geometry.energy)
    assert about.motors[moved][scan.peak[0]] == pytest.approx(at_peak, abs=1e-5)
    if geometry.diffractometer not in SILENT:
        assert about.command
        assert about.exposure == pytest.approx(1.0)
        assert len(about.monitor) == SHAPE[0]


def test_the_crystal_comes_back_in_nm(scan: VirtualScan) -> None:
    measurement = read_prepared(scan.data, crop=(48, 64, 64), **scan.options)
    found = measurement.geometry
    assert found is not None
    expected = scan.geometry.reciprocal_basis()
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found.reciprocal_basis(), expected, rtol=1e-4, atol=1e-5 * scale)
    assert found.energy == pytest.approx(scan.geometry.energy, rel=1e-6)
    assert found.distance == pytest.approx(scan.geometry.distance, rel=1e-6)
    assert found.reference == scan.peak
    truth = scan.true_object(SHAPE)
    body = crystal(truth, found)
    assert same_shape(body)
    assert same_displacement(body)
    mirrored = Geometry(**{**found.numbers(), "directions": turned(found.directions)})
    assert not same_shape(crystal(truth, mirrored))


def turned(directions: tuple[str, str]) -> tuple[str, str]:
    """The same detector, looked at from behind."""
    column, row = directions
    return column[0] + ("-" if column[1] == "+" else "+"), row
