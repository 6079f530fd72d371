"""Beams that are refracted and absorbed in crystals whose paths are known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin import Geometry
from cdi_ml_plugin.crystal.analysis import analyse
from cdi_ml_plugin.crystal.crystal import Crystal
from cdi_ml_plugin.crystal.material import Index, material
from cdi_ml_plugin.crystal.refraction import correction, note_of, path_inside
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.simulate.particle import coordinates
from support.polyhedron import HEIGHTS, NORMALS, displacement

SHAPE = (64, 72, 64)
GOLD = Index.of("Au", 9.0)
VOXEL = 5.0
EDGE = 12.0  # nm


@pytest.fixture(scope="module")
def geometry() -> Geometry:
    return Geometry(
        energy=9.0, distance=1.0, theta=0.2, chi=90.0, phi=-5.0, delta=32.174, gamma=12.6346,
        step=0.025, reference=(24, 300, 300), binning=(1, 4, 4),
    )  # fmt: skip


def to_face(points: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Length from each place (3, …) to the surface of the polyhedron of `support.polyhedron`, towards a unit vector."""
    along = NORMALS @ towards
    left = HEIGHTS[:, None, None, None] - np.tensordot(NORMALS, points, axes=1)
    ahead = along > 1e-9
    lengths: np.ndarray = (left[ahead] / along[ahead, None, None, None]).min(axis=0)
    return lengths


def depth(points: np.ndarray) -> np.ndarray:
    """Below the surface of the polyhedron, nm; negative outside."""
    left: np.ndarray = HEIGHTS[:, None, None, None] - np.tensordot(NORMALS, points, axes=1)
    return left.min(axis=0)


def seen(geometry: Geometry, index: Index) -> tuple[np.ndarray, np.ndarray]:
    """The object that phasing finds of the polyhedron, and the one that there is."""
    points = coordinates(SHAPE, geometry.direct_basis(SHAPE)).astype(np.float64)
    q = geometry.momentum_transfer()
    k = 2 * np.pi / geometry.wavelength
    incoming = np.array([0.0, 0.0, 1.0])
    outgoing = incoming + q / k
    assert np.linalg.norm(outgoing) == pytest.approx(1)  # k_f is as long as k_i
    amplitude = np.clip(0.5 + depth(points) / EDGE, 0, 1)
    true = amplitude * np.exp(-1j * np.linalg.norm(q) * displacement(points))
    # exp(i(k·r − ωt)) in n = 1 − δ + iβ: the beam has come from −k_i, and leaves along k_f
    path = np.maximum(to_face(points, -incoming) + to_face(points, outgoing), 0)
    return true * np.exp(1j * k * (-index.delta + 1j * index.beta) * path), true


def test_a_refracting_crystal_comes_back(geometry: Geometry) -> None:
    obj, true = seen(geometry, GOLD)
    support = np.abs(true) > 0.05
    truth = analyse(true, support, geometry)
    bare = analyse(obj, support, geometry)
    found = analyse(obj, support, geometry, index=GOLD)
    inner = truth.solid & found.solid
    inner &= depth(np.stack(np.meshgrid(*truth.axes(), indexing="ij"))[::-1]) > VOXEL

    def errors(crystal: Crystal) -> np.ndarray:
        difference = (crystal.phase - truth.phase)[inner]
        return np.abs(difference - difference.mean())

    assert np.quantile(errors(bare), 0.9) > 0.1  # without it the test would show nothing
    assert np.sqrt(np.mean(errors(found) ** 2)) < 0.01
    assert np.quantile(errors(found), 0.99) < 0.05
    # refraction moves the peak by a part in 10⁵ of Q: the lattice spacing comes back as well
    shift = np.linalg.norm(bare.q - truth.q)
    assert np.linalg.norm(found.q - truth.q) < 0.1 * shift
    # and the amplitude is even again
    middle = depth(np.stack(np.meshgrid(*truth.axes(), indexing="ij"))[::-1]) > 3 * EDGE
    assert found.amplitude[middle].std() < 0.1 * bare.amplitude[middle].std()
    strongest = found.figures["refraction_rad"]
    assert 0.3 < strongest < 1.5
    assert found.figures["absorption_gain"] == pytest.approx(
        np.exp(strongest * GOLD.beta / GOLD.delta)
    )
    assert "refraction_rad" not in bare.figures


def ball(radius: float, size: int = 60) -> tuple[np.ndarray, np.ndarray]:
    points = coordinates((size, size + 5, size + 2), VOXEL * np.eye(3)[:, ::-1]).astype(float)
    distance = np.sqrt((points**2).sum(axis=0)) - radius
    return np.clip(0.5 - distance / EDGE, 0, 1), points


@pytest.mark.parametrize("towards", [(0, 0, -1), (0, 2, 0), (1, -2, 3), (-3, 1, 1), (1, 1, 1)])
def test_paths_in_a_sphere(towards: tuple[float, float, float]) -> None:
    amplitude, points = ball(101.3)
    unit = np.asarray(towards) / np.linalg.norm(towards)
    found = path_inside(amplitude, 0.5, towards, VOXEL)
    along = np.tensordot(unit, points, axes=1)
    root = along**2 + 101.3**2 - (points**2).sum(axis=0)
    inside = amplitude > 0.5
    error = (found - (np.sqrt(np.maximum(root, 0)) - along))[inside]
    assert np.sqrt(np.mean(error**2)) < 0.3 * VOXEL
    assert abs(error.mean()) < 0.05 * VOXEL
    assert (found[~inside] == 0).all()


def test_a_hole_is_matter_and_a_gap_is_not() -> None:
    bar = np.zeros((9, 9, 40))
    bar[2:7, 2:7, 5:35] = 1
    holed = bar.copy()
    holed[4, 4, 20] = 0  # the core of a dislocation
    np.testing.assert_array_equal(*(path_inside(b, 0.5, (1, 0, 0), 1.0) for b in (bar, holed)))
    assert path_inside(bar, 0.5, (1, 0, 0), 1.0)[4, 4, 5] == pytest.approx(29.5)
    bar[:, :, 15:25] = 0
    assert path_inside(bar, 0.5, (1, 0, 0), 1.0)[4, 4, 5] == pytest.approx(19.5)


def test_the_signs() -> None:
    amplitude, _ = ball(100)
    found = correction(amplitude, 0.5, VOXEL, 0.1378, (0, 0, 0), Index(1e-5, 1e-6))
    centre = found.factor[tuple(n // 2 for n in found.factor.shape)]
    k = 2 * np.pi / 0.1378
    assert np.angle(centre) == pytest.approx(1e-5 * k * 200, rel=0.01)
    assert np.abs(centre) == pytest.approx(np.exp(1e-6 * k * 200), rel=1e-3)
    assert "of given numbers" in note_of(found.index, found.figures)
    assert "up to 0.091" in note_of(found.index, found.figures)
    nothing = correction(np.zeros((5, 5, 5)), 0.5, VOXEL, 0.1378, (0, 0, 0), GOLD)
    assert nothing.figures == {"refraction_rad": 0, "absorption_gain": 1}
    assert (nothing.factor == 1).all()


def test_the_index_of_gold() -> None:
    """r_e·λ²·N·Z/2π is δ far from edges; Au has 59 atoms in a nm³."""
    free = 2.8179e-6 * 0.13776**2 * 59.0 * 79 / (2 * np.pi)
    assert GOLD.delta == pytest.approx(free, rel=0.15)
    assert Index.read("Au", 9.0) == GOLD
    assert Index.read("3e-5, 2e-6", 9.0) == Index(3e-5, 2e-6)
    assert material("Au").a == pytest.approx(4.078, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Gold", "material 'Gold' is unknown to xrayutilities"),
        ("au", "did you mean Au"),
        ("__import__", "unknown to xrayutilities"),
        ("1,2,3", "or two numbers"),
        ("a,b", "or two numbers"),
        ("0.5,0", "refraction: delta = 0.5: give a finite number from 0 to 0.01"),
        ("1e-5,-1e-6", "refraction: beta"),
        ("nan,0", "refraction: delta"),
    ],
)
def test_what_is_no_index(text: str, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        Index.read(text, 9.0)


def test_soft_x_rays_have_none_here() -> None:
    with pytest.raises(ParameterError, match="delta"):
        Index.of("Au", 0.1)
