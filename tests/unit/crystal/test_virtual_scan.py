"""A particle of known shape and displacement: through frames and SPEC file, phased, in the laboratory again."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from cdi_ml_plugin import Geometry, reconstruct
from cdi_ml_plugin.data.prepare import prepare
from cdi_ml_plugin.io.readers import load
from cdi_ml_plugin.physics.alignment import align
from cdi_ml_plugin.simulate.scan import VirtualScan, write_virtual_scan
from support.polyhedron import crystal, particle, same_displacement, same_shape

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


def test_the_mirror_image_does_not_pass(phased: tuple[np.ndarray, Geometry]) -> None:
    obj, geometry = phased
    mirrored = Geometry(**{**geometry.numbers(), "directions": ("x-", "y-")})
    assert not same_shape(crystal(obj, mirrored))
    assert not same_shape(crystal(obj[::-1, ::-1, ::-1], geometry))
    assert same_shape(crystal(obj, Geometry(**geometry.numbers())))
