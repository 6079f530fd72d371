"""Facets of crystals whose planes are known, and none of round ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cdi_ml_plugin.crystal.facet_search import find_facets
from cdi_ml_plugin.crystal.facets import Facets, names
from cdi_ml_plugin.crystal.indexing import Planes, indexed
from cdi_ml_plugin.crystal.material import material
from cdi_ml_plugin.errors import ParameterError
from support.faceted import VOXEL, octahedron, polyhedron, sphere, true_areas
from support.polyhedron import HEIGHTS, NORMALS


def against(found: Facets, normals: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, ...]:
    """Which true facet each found one is; degrees between their normals; relative error of its area."""
    faced = np.array([facet.normal for facet in found.facets])
    cosine = faced @ normals.T
    which = cosine.argmax(axis=1)
    degrees = np.degrees(np.arccos(np.clip(cosine.max(axis=1), -1, 1)))
    area = np.array([facet.area_nm2 for facet in found.facets])
    return which, degrees, area / true_areas(normals, heights)[which] - 1


@pytest.mark.parametrize(
    ("size", "noise", "degrees"), [(100.0, 0.0, 0.2), (100.0, 0.1, 2.0), (60.0, 0.0, 0.2)]
)
def test_a_truncated_octahedron(size: float, noise: float, degrees: float) -> None:
    normals, heights, _ = octahedron(size, seed=2)
    found = find_facets(polyhedron(normals, heights, noise))
    which, off, area = against(found, normals, heights)
    assert sorted(which) == list(range(14))  # every one, and each once
    assert off.max() < degrees
    assert np.abs(area).max() < 0.05
    assert found.share > 0.97
    numbers = [facet.number for facet in found.facets]
    assert numbers == list(range(1, 15))
    assert all(np.diff([facet.share for facet in found.facets]) <= 0)
    for facet in found.facets:
        cosine = facet.normal @ np.array([20, 10, 5]) / np.linalg.norm([20, 10, 5])
        assert facet.angle_deg == pytest.approx(np.degrees(np.arccos(cosine)), abs=1e-6)
        assert facet.flatness_nm < 0.2 * VOXEL
        height = facet.centre @ normals[which[facet.number - 1]]
        assert height == pytest.approx(heights[which[facet.number - 1]], abs=0.5 * VOXEL)


def test_a_particle_without_symmetry() -> None:
    found = find_facets(polyhedron(NORMALS, 0.6 * HEIGHTS))
    which, off, area = against(found, NORMALS, 0.6 * HEIGHTS)
    assert sorted(which) == list(range(len(NORMALS)))
    assert off.max() < 0.5
    assert np.abs(area).max() < 0.03
    assert all(facet.resolved for facet in found.facets)


@pytest.mark.parametrize("cut", [0.5, 0.85])
def test_a_sphere_that_stands_on_a_plane_has_one(cut: float) -> None:
    normal = np.array([[0.3, -0.8, 0.52]]) / np.linalg.norm([0.3, -0.8, 0.52])
    crystal = polyhedron(normal, np.array([100.0 * cut]), 0.05, radius=100.0)
    (facet,) = find_facets(crystal).facets
    assert facet.normal @ normal[0] > np.cos(np.radians(0.5))
    assert facet.area_nm2 == pytest.approx(np.pi * 100**2 * (1 - cut**2), rel=0.08)
    assert facet.resolved is True


@pytest.mark.parametrize("radius", [45.0, 90.0])
def test_a_sphere_has_none(radius: float) -> None:
    found = find_facets(sphere(radius, noise=0.05))
    assert found.facets == ()
    assert found.share == 0
    assert "no facets: the surface is round" in found.notes[0]
    assert len(found.rows()) == 1
    np.testing.assert_array_equal(found.numbers, 0)
    surface = found.surface
    assert surface.areas.sum() == pytest.approx(4 * np.pi * radius**2, rel=0.05)
    outwards = surface.points / np.linalg.norm(surface.points, axis=1)[:, None]
    assert (surface.normals * outwards).sum(axis=1).min() > np.cos(np.radians(12))


def test_what_noise_makes_of_a_sphere_is_not_called_resolved() -> None:
    found = find_facets(sphere(80.0, noise=0.15))
    assert not any(facet.resolved for facet in found.facets)


def test_a_small_facet_is_said_to_be_one() -> None:
    normals, heights, _ = octahedron(100.0, 4, cube=1.4)
    crystal = polyhedron(normals, heights)
    found = find_facets(replace(crystal, figures={"edge_width_nm": 30.0}))
    small = {facet.number for facet in found.facets if not facet.resolved}
    assert small == {facet.number for facet in found.facets if facet.width_nm < 60}
    assert 0 < len(small) < len(found.facets)
    assert any("hardly resolved" in note for note in found.notes)
    assert [row[0].endswith("?") for row in found.rows()[1:]] == [
        not facet.resolved for facet in found.facets
    ]


def test_strain_and_displacement_are_those_below_each() -> None:
    normals, heights, _ = octahedron(90.0, seed=2)
    crystal = polyhedron(normals, heights)
    z, y, x = np.meshgrid(*crystal.axes(), indexing="ij")
    across = np.tensordot(normals, np.stack([x, y, z]), axes=1).astype(np.float32)
    nearest = (across - heights[:, None, None, None]).argmax(
        axis=0
    )  # which facet a voxel lies below
    strain = np.where(crystal.inside, 1e-4 * nearest, np.nan).astype(np.float32)
    moved = np.where(crystal.inside, 0.01 * across[3], np.nan).astype(np.float32)
    found = find_facets(replace(crystal, strain=strain, displacement=moved))
    which, _, _ = against(found, normals, heights)
    for facet, true in zip(found.facets, which, strict=True):
        assert facet.strain == pytest.approx(1e-4 * true, abs=8e-5)
        expected = 0.01 * (np.asarray(facet.centre) - VOXEL * normals[true]) @ normals[3]
        assert facet.displacement_nm == pytest.approx(expected, abs=0.04)
    assert found.depth_nm == 2 * VOXEL


@pytest.mark.parametrize("hkl", [(1, 1, 1), (2, 0, 0), (3, 1, 1)])
def test_a_truncated_octahedron_is_indexed(hkl: tuple[int, int, int]) -> None:
    normals, heights, turn = octahedron(80.0, seed=5)
    q = turn @ np.array(hkl) * 1.54
    found = indexed(find_facets(polyhedron(normals, heights, 0.05, q=q)), q, "Au", hkl)
    assert found.notes == ()
    index = np.array([facet.index for facet in found.facets])
    assert sorted(map(tuple, index)) == sorted(
        [(h, k, m) for h in (-1, 1) for k in (-1, 1) for m in (-1, 1)]
        + [tuple(s * np.eye(3, dtype=int)[a]) for s in (-1, 1) for a in range(3)]
    )
    assert max(facet.misfit_deg for facet in found.facets) < 2
    # angles between planes are those of their indices: one crystal, not a family for each facet
    unit = index / np.linalg.norm(index, axis=1)[:, None]
    faced = np.array([facet.normal for facet in found.facets])
    np.testing.assert_allclose(faced @ faced.T, unit @ unit.T, atol=0.05)
    along = unit @ np.array(hkl) / np.linalg.norm(hkl)
    angles = [facet.angle_deg for facet in found.facets]
    np.testing.assert_allclose(np.degrees(np.arccos(np.clip(along, -1, 1))), angles, atol=2)


def test_no_index_where_it_cannot_be_told() -> None:
    normals, heights, turn = octahedron(80.0, seed=5)
    q = turn @ np.array([1.54, 1.54, 1.54])
    found = find_facets(polyhedron(normals, heights, q=q))
    wrong = indexed(found, q, "Au", (4, 2, 0))  # another reflection than the one that q is of
    assert all(facet.index is None for facet in wrong.facets)
    assert "turned at random" in wrong.notes[-1]
    few = indexed(replace(found, facets=found.facets[:2]), q, "Au", (1, 1, 1))
    assert "2 are too few" in few.notes[-1]
    # planes that contain Q, as facets of a prism do: every turn by 30 degrees changes {110} into {211}
    axis = q / np.linalg.norm(q)
    aside = np.cross(axis, [0, 0, 1.0])
    aside /= np.linalg.norm(aside)
    other = np.cross(axis, aside)
    sides = [np.cos(a) * aside + np.sin(a) * other for a in np.arange(6) * np.pi / 3]
    prism = [replace(f, normal=tuple(s)) for f, s in zip(found.facets, sides, strict=False)]
    turned = indexed(replace(found, facets=tuple(prism)), q, "Au", (1, 1, 1))
    assert all(facet.index is None for facet in turned.facets)
    assert "two turns about Q" in turned.notes[-1]


def test_planes_of_a_lattice() -> None:
    planes = Planes.of(material("Au"))
    counts = np.bincount(planes.families)
    assert sorted(counts) == [6, 8, 12, 24, 24, 24, 24, 24]
    np.testing.assert_allclose(np.linalg.norm(planes.normals, axis=1), 1)


@pytest.mark.parametrize(
    ("name", "hkl", "says"),
    [
        ("Unobtainium", (1, 1, 1), "unknown to xrayutilities"),
        ("Au", (0, 0, 0), r"hkl = \(0, 0, 0\)"),
        ("Au", (1, 1), "three whole numbers"),
        ("Au", (1, 1, 1.5), "three whole numbers"),
    ],
)
def test_what_is_no_reflection(name: str, hkl: tuple[int, int, int], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        indexed(find_facets(sphere(40.0)), (1, 0, 0), name, hkl)


def test_a_crystal_of_a_few_voxels() -> None:
    with pytest.raises(ParameterError, match="voxels above its level, too few"):
        find_facets(sphere(11.0))
    nothing = replace(sphere(40.0), inside=np.zeros_like(sphere(40.0).inside))
    with pytest.raises(ParameterError, match="0 voxels above"):
        find_facets(nothing)


def test_a_hole_and_a_second_piece_have_no_facets() -> None:
    normals, heights, _ = octahedron(80.0, seed=2)
    crystal = polyhedron(normals, heights)
    amplitude = crystal.amplitude.copy()
    middle = tuple(n // 2 for n in amplitude.shape)
    amplitude[middle] = 0.05  # the core of a dislocation
    amplitude[2:5, 2:5, 2:5] = 0.9
    other = find_facets(replace(crystal, amplitude=amplitude, inside=amplitude > 0.1))
    assert other.surface.areas.sum() == pytest.approx(
        find_facets(crystal).surface.areas.sum(), rel=1e-6
    )


def test_records_have_every_name() -> None:
    found = find_facets(polyhedron(NORMALS, 0.6 * HEIGHTS))
    first = found.records()[0]
    assert list(first) == names()
    assert first["h"] is None
    assert first["misfit_deg"] is None
    assert first["normal_x"] == found.facets[0].normal[0]
    assert all(len(row) == len(found.rows()[0]) for row in found.rows())
