"""A particle of known shape and displacement: through frames and SPEC file, phased, in the laboratory again."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.spatial import ConvexHull, HalfspaceIntersection

from cdi_ml_plugin import Geometry, reconstruct
from cdi_ml_plugin.crystal.analysis import analyse
from cdi_ml_plugin.crystal.histograms import depths, histograms, surface_depth
from cdi_ml_plugin.crystal.phase import without_ramp
from cdi_ml_plugin.data.prepare import prepare
from cdi_ml_plugin.io.readers import load
from cdi_ml_plugin.physics.alignment import align
from cdi_ml_plugin.simulate.particle import coordinates
from cdi_ml_plugin.simulate.scan import VirtualScan, write_virtual_scan
from support.polyhedron import (
    HEIGHTS,
    NORMALS,
    crystal,
    particle,
    same_displacement,
    same_shape,
    strain,
)

pytestmark = pytest.mark.slow  # all are of one particle, phased once

G = np.array([23.04994, 10.63489, -7.71719])  # 1/nm, of the virtual scan's peak
SHAPE = (96, 112, 112)


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> VirtualScan:
    folder = tmp_path_factory.mktemp("virtual")
    return write_virtual_scan(
        folder,
        shape=SHAPE,
        photons=3e8,
        crystal=partial(particle, q=float(np.linalg.norm(G))),
        seed=1,
    )


@pytest.fixture(scope="module")
def phased(scan: VirtualScan) -> tuple[np.ndarray, Geometry]:
    """The object, of the two twins that no diffraction tells apart the true one; and the geometry."""
    frames = load(scan.data, **scan.options)
    measurement = prepare(frames, crop=(96, 96, 96))
    result = reconstruct(measurement, "CNN + 20*ER + 180*HIO + 40*ER", seeds=[0])
    geometry = measurement.geometry
    assert geometry is not None
    return align(result.object * result.support, scan.true_object(result.object.shape)), geometry


def test_shape_comes_back(phased: tuple[np.ndarray, Geometry]) -> None:
    assert same_shape(crystal(*phased))


def test_displacement_comes_back(phased: tuple[np.ndarray, Geometry]) -> None:
    assert same_displacement(crystal(*phased))


def test_strain_comes_back_and_so_do_its_distributions(
    phased: tuple[np.ndarray, Geometry],
) -> None:
    found = crystal(*phased)
    points = np.stack(np.meshgrid(*found.axes(), indexing="ij")[::-1])
    normal = found.q / np.linalg.norm(found.q)
    truth = strain(points, normal)
    truth -= np.average(truth[found.solid], weights=found.amplitude[found.solid] ** 2)
    known = found.solid & np.isfinite(found.strain)
    inside = known & (depths(found) > surface_depth(found))
    span = np.ptp(np.quantile(truth[known], (0.01, 0.99)))
    error = found.strain - truth
    assert np.sqrt(np.mean(error[inside] ** 2)) < 0.1 * span
    assert found.figures["strain_range"] == pytest.approx(span, rel=0.1)
    counted = histograms(found)["strain"]
    for part, where in (("bulk", inside), ("surface", known & ~inside)):
        assert counted.mean[part] == pytest.approx(truth[where].mean(), abs=0.03 * span)
        assert counted.std[part] == pytest.approx(truth[where].std(), rel=0.15)
        expected = np.cumsum(np.histogram(truth[where], counted.edges)[0]) / where.sum()
        measured = np.cumsum(getattr(counted, part)) / where.sum()
        assert np.abs(measured - expected).max() < 0.08  # of the voxels, up to any strain


def test_mean_strain_comes_back(phased: tuple[np.ndarray, Geometry], scan: VirtualScan) -> None:
    """Against the lattice without displacement; its peak lies where the ramp between both objects says."""
    obj, geometry = phased
    shape = obj.shape
    basis = geometry.direct_basis(shape)
    points = coordinates(shape, basis)
    length = float(np.linalg.norm(G))
    perfect = particle(points, length)
    _, ramp = without_ramp(scan.true_object(shape) * perfect.conj())
    q = geometry.momentum_transfer() + np.linalg.inv(basis).T @ ramp
    found = analyse(obj, np.abs(obj) > 0.2 * np.abs(obj).max(), geometry,
                    d_spacing=2 * np.pi / float(np.linalg.norm(q)))  # fmt: skip
    truth = strain(points, q / np.linalg.norm(q))
    expected = np.average(truth, weights=np.abs(perfect) ** 2)
    assert abs(expected) > 3e-5
    assert found.figures["mean_strain"] == pytest.approx(expected, abs=1e-5)


def test_volume_and_area_come_back(phased: tuple[np.ndarray, Geometry]) -> None:
    found = crystal(*phased)
    corners = HalfspaceIntersection(np.column_stack([NORMALS, -HEIGHTS]), np.zeros(3)).intersections
    hull = ConvexHull(corners)
    assert found.figures["volume_nm3"] == pytest.approx(hull.volume, rel=0.02)
    assert found.figures["area_nm2"] == pytest.approx(hull.area, rel=0.04)


def test_the_mirror_image_does_not_pass(phased: tuple[np.ndarray, Geometry]) -> None:
    obj, geometry = phased
    mirrored = Geometry(**{**geometry.numbers(), "directions": ("x-", "y-")})
    assert not same_shape(crystal(obj, mirrored))
    assert not same_shape(crystal(obj[::-1, ::-1, ::-1], geometry))
    assert same_shape(crystal(obj, Geometry(**geometry.numbers())))
