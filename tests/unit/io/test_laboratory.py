"""The crystal in the files of a result: CXI, VTK and JSON; and what becomes of a geometry that is not there."""

from __future__ import annotations

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure
from silx.io import nxdata
from silx.io import open as silx_open
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOXML import vtkXMLImageDataReader

from cdi_ml_plugin.crystal.account import account_of
from cdi_ml_plugin.crystal.crystal import Crystal
from cdi_ml_plugin.crystal.of_result import crystal_of, crystal_or_note
from cdi_ml_plugin.io.cxi.reader import read_result
from cdi_ml_plugin.io.cxi.writer import cxi_bytes
from cdi_ml_plugin.io.vtk import vti_bytes
from cdi_ml_plugin.view.figures import summary
from cdi_ml_plugin.view.pages import report
from cdi_ml_plugin.workflow.earlier import CRYSTAL_FILES, RESULT_FILES
from cdi_ml_plugin.workflow.save import save
from support.commands import PRECIOUS
from support.results import GEOMETRY, make_result, with_provenance

LABORATORY = "entry_1/laboratory_1"
QUANTITIES = {"amplitude": "", "phase": "rad", "displacement": "nm", "strain": ""}


@pytest.fixture(scope="module", autouse=True)
def quick_summary():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(summary, "draw_summary", lambda *_, **__: Figure(figsize=(1, 1)))
        patch.setattr(report, "page", lambda *_, **__: "")
        yield


@pytest.fixture(scope="module")
def result():
    return with_provenance(make_result(), geometry=GEOMETRY.numbers())


@pytest.fixture(scope="module")
def crystal(result):
    return crystal_of(result)


@pytest.fixture(scope="module")
def written(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("laboratory")
    paths = save(result, folder)
    assert paths == tuple(folder / name for name in RESULT_FILES + CRYSTAL_FILES)
    return folder


def contents(folder):
    return {path.name for path in folder.iterdir()}


# -- CXI ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUANTITIES)
def test_silx_plots_each_quantity_along_the_laboratory(written, crystal, name):
    with silx_open(str(written / "result.cxi")) as file:
        plot = nxdata.get_default(file[f"{LABORATORY}/{name}"])
        assert plot is not None
        assert plot.is_valid
        assert plot.axes_dataset_names == ["z", "y", "x"]
        assert [axis.attrs["units"] for axis in plot.axes] == ["nm"] * 3
        for axis, positions in zip(plot.axes, crystal.axes(), strict=True):
            np.testing.assert_array_equal(axis[()], positions)
        np.testing.assert_array_equal(plot.signal[()], getattr(crystal, name))
        assert plot.signal.attrs["units"] == QUANTITIES[name]
        assert name in plot.signal.attrs["long_name"]


def test_the_complex_object_is_an_image_of_cxi(written, crystal):
    with silx_open(str(written / "result.cxi")) as file:
        image = file["entry_1/image_2"]
        plot = nxdata.get_default(image)
        assert plot.is_valid
        np.testing.assert_array_equal(plot.signal[()], crystal.object)
        np.testing.assert_array_equal(image["support"][()], crystal.inside)
        assert image["data_space"][()] == b"real"
        size = crystal.voxel * 1e-9 * np.array(crystal.amplitude.shape[::-1])
        np.testing.assert_allclose(image["image_size"][()], size)


def test_the_default_plot_is_still_the_object_in_the_detector_frame(written, result):
    with silx_open(str(written / "result.cxi")) as file:
        plot = nxdata.get_default(file)
        assert plot.axes_dataset_names == ["rocking", "row", "column"]
        np.testing.assert_array_equal(plot.signal[()], result.object)


def test_geometry_and_figures_have_units(written, result, crystal):
    shape = result.measurement.shape
    with h5py.File(written / "result.cxi") as file:
        geometry = file[f"{LABORATORY}/geometry"]
        for name, unit, value in [
            ("energy", "keV", 9.0),
            ("distance", "m", 0.5),
            ("step", "deg", 0.01),
            ("delta", "deg", 30.0),
            ("reciprocal_basis", "1/nm", GEOMETRY.reciprocal_basis()),
            ("direct_basis", "nm", GEOMETRY.direct_basis(shape)),
            ("q", "1/nm", crystal.q),
            ("reference_q", "1/nm", GEOMETRY.momentum_transfer()),
        ]:
            np.testing.assert_array_equal(geometry[name][()], value)
            assert geometry[name].attrs["units"] == unit
        assert json.loads(geometry["reference"].asstr()[()]) == [20, 128, 130]
        assert geometry["diffractometer"].asstr()[()] == "34idc"
        figures = file[f"{LABORATORY}/figures"]
        assert set(figures) == {*crystal.figures, "twin"}
        units = {name: figures[name].attrs["units"] for name in crystal.figures}
        assert units["d_spacing_nm"] == "nm"
        assert units["volume_nm3"] == "nm^3"
        assert units["strain_rms"] == ""
        detector = file["entry_1/instrument_1/detector_1"]
        assert detector["distance"][()] == 0.5
        assert detector["x_pixel_size"].attrs["units"] == "m"
        energy = file["entry_1/instrument_1/source_1/energy"]
        assert energy[()] == pytest.approx(9000 * 1.602176634e-19)


def test_the_result_reads_back_with_its_geometry(written, result):
    back = read_result(written / "result.cxi")
    assert back.measurement.provenance == result.measurement.provenance
    assert back.measurement.geometry == GEOMETRY


# -- VTK ------------------------------------------------------------------------------------------


def read_vti(path):
    reader = vtkXMLImageDataReader()
    reader.SetFileName(str(path))
    reader.Update()
    image = reader.GetOutput()
    points = image.GetPointData()
    arrays = {
        points.GetArrayName(i): vtk_to_numpy(points.GetArray(i))
        for i in range(points.GetNumberOfArrays())
    }
    return image, arrays


def test_vtk_reads_the_crystal(written, crystal):
    image, arrays = read_vti(written / "result.vti")
    z, y, x = crystal.amplitude.shape
    assert image.GetDimensions() == (x, y, z)
    np.testing.assert_allclose(image.GetSpacing(), crystal.voxel)
    np.testing.assert_allclose(image.GetOrigin(), crystal.origin)
    inside = arrays["inside"].reshape(z, y, x) == 1
    np.testing.assert_array_equal(inside, crystal.inside)
    np.testing.assert_array_equal(arrays["amplitude"].reshape(z, y, x), crystal.amplitude)
    for name, values in [
        ("phase", crystal.phase),
        ("displacement_nm", crystal.displacement),
        ("strain", crystal.strain),
    ]:
        known = np.isfinite(values)
        read = arrays[name].reshape(z, y, x)
        np.testing.assert_array_equal(read[known], values[known])
        assert np.isnan(read[0, 0, 0])  # far outside there is nothing to show
    fields = image.GetFieldData()
    np.testing.assert_array_equal(vtk_to_numpy(fields.GetArray("q_per_nm")), crystal.q)
    for name, value in crystal.figures.items():
        np.testing.assert_array_equal(vtk_to_numpy(fields.GetArray(name)), [value])


def marked(shape, index):
    amplitude = np.full(shape, 0.5, dtype=np.float32)
    amplitude[index] = 1
    blank = np.zeros(shape, dtype=np.float32)
    return Crystal(
        amplitude, blank, blank, blank, np.ones(shape, bool), 2.5, np.array([1.0, 2.0, 3.0])
    )


def test_a_marked_voxel_lies_at_its_place_in_vtk(tmp_path):
    crystal = marked((6, 8, 11), (1, 6, 9))
    (tmp_path / "a.vti").write_bytes(vti_bytes(crystal))
    image, arrays = read_vti(tmp_path / "a.vti")
    z, y, x = (axis[i] for axis, i in zip(crystal.axes(), (1, 6, 9), strict=True))
    assert image.GetPoint(int(arrays["amplitude"].argmax())) == (x, y, z)


def test_a_marked_voxel_of_the_detector_lies_at_its_place_in_the_laboratory(result, tmp_path):
    shape, index = result.measurement.shape, (8, 11, 19)
    obj = np.where(result.support, 1, 0).astype(np.complex64)
    obj[index] = 9
    support = result.support.copy()
    support[index] = True
    runs = (replace(result.runs[0], object=obj, support=support),)
    crystal = crystal_of(replace(result, runs=runs, best=0))
    (tmp_path / "a.vti").write_bytes(vti_bytes(crystal))
    image, arrays = read_vti(tmp_path / "a.vti")
    place = GEOMETRY.direct_basis(shape) @ (np.array(index) - np.array(shape) // 2)
    found = image.GetPoint(int(arrays["amplitude"].argmax()))
    assert np.abs(place).max() > 3 * crystal.voxel
    np.testing.assert_allclose(found, place, atol=crystal.voxel)


# -- JSON, and where there is no crystal ----------------------------------------------------------


def test_metrics_hold_the_figures(written, crystal):
    metrics = json.loads((written / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["crystal"].keys() == crystal.figures.keys()
    assert metrics["crystal"]["d_spacing_nm"] == crystal.figures["d_spacing_nm"]
    assert metrics["notes"] == []


def test_no_geometry_no_laboratory(tmp_path):
    for name in ("metrics.json", "result.vti"):  # of an earlier run
        (tmp_path / name).write_text(PRECIOUS)
    save(make_result(), tmp_path, force=True)
    assert contents(tmp_path) == set(RESULT_FILES)
    with h5py.File(tmp_path / "result.cxi") as file:
        assert not {"image_2", "laboratory_1"} & set(file["entry_1"])
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["crystal"] is None
    assert metrics["notes"] == []


@pytest.mark.parametrize(
    ("provenance", "words"),
    [
        ({"spec": "gone.spec", "scan": 54, "peak": (20, 128, 130)}, "gone.spec"),
        ({"geometry": {**GEOMETRY.numbers(), "step": 0}}, "step is 0"),
    ],
)
def test_a_geometry_that_cannot_be_read_is_a_note(tmp_path, provenance, words):
    lost = with_provenance(make_result(), **provenance)
    save(lost, tmp_path)
    assert contents(tmp_path) == set(RESULT_FILES)
    (note,) = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["notes"]
    assert note.startswith("no crystal in the laboratory: ")
    assert words in note
    (kept,) = read_result(tmp_path).notes
    assert kept == note
    crystal, again = crystal_or_note(read_result(tmp_path))
    assert crystal is None
    assert again.notes == (note,)  # and not twice


def test_the_crystal_is_made_once(result, crystal, tmp_path, monkeypatch):
    def refuse(_):
        raise AssertionError("made again")

    monkeypatch.setattr("cdi_ml_plugin.workflow.save.crystal_or_note", refuse)
    save(result, tmp_path, crystal=crystal)
    assert contents(tmp_path) == set(RESULT_FILES + CRYSTAL_FILES)


def test_a_result_file_of_the_laboratory_is_small(result, crystal):
    figures = account_of(result, crystal).crystal
    plain, more = cxi_bytes(result), cxi_bytes(result, crystal=crystal, figures=figures)
    assert len(more) < 3 * len(plain)
