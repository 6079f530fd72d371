"""The facets of a crystal in a table and as a surface, read back by the readers of others."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvista

from cdi_ml_plugin.crystal.crystal import Crystal
from cdi_ml_plugin.crystal.facet_search import find_facets
from cdi_ml_plugin.crystal.facets import Facets
from cdi_ml_plugin.errors import WriteError
from cdi_ml_plugin.io.facets import FACET_FILES, write_facets
from support.faceted import polyhedron, sphere
from support.polyhedron import HEIGHTS, NORMALS


@pytest.fixture(scope="module")
def crystal() -> Crystal:
    made = polyhedron(NORMALS, 0.5 * HEIGHTS)
    z, _, _ = np.meshgrid(*made.axes(), indexing="ij")
    field = np.where(made.inside, 1e-5 * z, np.nan).astype(np.float32)
    return replace(made, strain=field, displacement=10 * field)


@pytest.fixture(scope="module")
def facets(crystal: Crystal) -> Facets:
    return find_facets(crystal)


def test_the_surface_reads_back(crystal: Crystal, facets: Facets, tmp_path: Path) -> None:
    written = write_facets(tmp_path, crystal, facets)
    assert [path.name for path in written] == list(FACET_FILES)
    mesh = pyvista.read(tmp_path / "facets.vtp")
    assert isinstance(mesh, pyvista.PolyData)
    np.testing.assert_allclose(mesh.points, facets.surface.points, atol=1e-3)
    np.testing.assert_array_equal(mesh.regular_faces, facets.surface.faces)
    np.testing.assert_array_equal(mesh["facet"], facets.numbers)
    z = facets.surface.points[:, 2]
    np.testing.assert_allclose(mesh["strain"], 1e-5 * z, atol=1e-5 * crystal.voxel)
    np.testing.assert_allclose(mesh["displacement_nm"], 1e-4 * z, atol=1e-4 * crystal.voxel)
    np.testing.assert_allclose(mesh["normals"], facets.surface.normals, atol=1e-6)
    np.testing.assert_allclose(mesh.field_data["q_per_nm"], crystal.q)
    # closed, and the outside in front
    assert mesh.volume == pytest.approx(crystal.solid.sum() * crystal.voxel**3, rel=0.02)
    assert not mesh.n_open_edges
    corner = facets.surface.normals[facets.surface.faces[:, 0]]
    assert (mesh.face_normals * corner).sum(axis=1).mean() > 0.9


def test_uncertainties_are_those_of_the_voxels_at_the_corners(
    crystal: Crystal, facets: Facets, tmp_path: Path
) -> None:
    steep = 1e-3 * np.arange(crystal.amplitude.shape[0], dtype=np.float32)[:, None, None]
    field = np.where(crystal.inside, steep, np.float32(np.nan))
    known = replace(crystal, uncertainties={"displacement": field, "strain": 2 * field})
    write_facets(tmp_path, known, facets)
    mesh = pyvista.read(tmp_path / "facets.vtp")
    at = 1e-3 * facets.surface.voxels[:, 0]
    np.testing.assert_allclose(mesh["displacement_uncertainty_nm"], at, atol=1e-3)
    np.testing.assert_allclose(mesh["strain_uncertainty"], 2 * at, atol=2e-3)


def test_the_table_reads_back(crystal: Crystal, facets: Facets, tmp_path: Path) -> None:
    write_facets(tmp_path, crystal, facets)
    with (tmp_path / "facets.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(facets.facets) == len(NORMALS)
    for line, facet in zip(lines, facets.facets, strict=True):
        assert float(line["area_nm2"]) == facet.area_nm2
        assert [float(line[f"normal_{axis}"]) for axis in "xyz"] == list(facet.normal)
        assert line["h"] == line["misfit_deg"] == ""
        assert line["resolved"] == "True"


def test_older_files_stay_unless_forced(crystal: Crystal, facets: Facets, tmp_path: Path) -> None:
    write_facets(tmp_path, crystal, facets)
    with pytest.raises(WriteError, match=r"holds facets.csv, facets.vtp already"):
        write_facets(tmp_path, crystal, facets)
    assert write_facets(tmp_path, crystal, facets, force=True)


def test_no_facets_are_a_head_and_a_grey_surface(tmp_path: Path) -> None:
    round_ = sphere(50.0)
    write_facets(tmp_path, round_, find_facets(round_))
    assert len((tmp_path / "facets.csv").read_text().splitlines()) == 1
    assert not pyvista.read(tmp_path / "facets.vtp")["facet"].any()
