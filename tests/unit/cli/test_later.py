"""What is said of a result after it was phased: its geometry, its twin, the level of its surface."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from cdi_ml_plugin import Measurement, analyse, fourier, read_result, reconstruct
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.geometry.geometry import Geometry
from cdi_ml_plugin.geometry.instruments import DIFFRACTOMETERS
from cdi_ml_plugin.io.cxi.writer import cxi_bytes
from cdi_ml_plugin.workflow.geometry_file import read_geometry, template
from support import ROOT

NUMBERS = {
    "diffractometer": "id01", "energy": 9.0, "distance": 0.5, "motor": "eta", "step": 0.03, "mu": 0.0, "eta": 17.2,
    "phi": 25.0, "nu": 5.0, "delta": 33.7, "reference": [6, 390, 124],
}  # fmt: skip


@pytest.fixture(scope="module")
def result(counts: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result of which no geometry is known; no test changes it."""
    folder = tmp_path_factory.mktemp("result")
    found = reconstruct(Measurement(counts), "20*ER + 30*HIO + 10*ER", seeds=2)
    (folder / "result.cxi").write_bytes(cxi_bytes(found, "cdi-ml"))
    return folder


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    path = tmp_path / "geometry.json"
    path.write_text(json.dumps(NUMBERS))
    return path


def test_a_geometry_given_later_is_the_crystals(
    run, result, numbers, tmp_path, plain_picture
) -> None:
    assert run("analyse", result)[0] == 2
    code, said, _ = run("analyse", result, "--geometry", numbers, "-o", tmp_path / "new")
    assert code == 0
    assert "lattice spacing" in said
    whole = read_result(tmp_path / "new")
    geometry = whole.measurement.geometry
    assert geometry is not None
    assert geometry.numbers() == Geometry(**NUMBERS).numbers()
    expected = analyse(whole.object, whole.support, geometry).figures
    kept = json.loads((tmp_path / "new" / "metrics.json").read_text())["crystal"]
    assert kept["d_spacing_nm"] == expected["d_spacing_nm"]
    before = read_result(result)
    np.testing.assert_array_equal(whole.object, before.object)
    assert not [note for note in whole.notes if "no crystal" in note]
    # another number changes that number alone
    numbers.write_text('{"distance": 0.6}')
    assert run("analyse", tmp_path / "new", "--geometry", numbers, "-o", tmp_path / "next")[0] == 0
    changed = read_result(tmp_path / "next").measurement.geometry
    assert changed is not None
    assert changed.numbers() == {**geometry.numbers(), "distance": 0.6}


def test_the_twin_has_the_same_diffraction(run, result, numbers, tmp_path, plain_picture) -> None:
    out = tmp_path / "twin"
    assert run("analyse", result, "--geometry", numbers, "--twin", "-o", out)[0] == 0
    before, after = read_result(result), read_result(out)
    assert not np.allclose(before.object, after.object, atol=1e-3 * np.abs(before.object).max())
    for one, other in zip(before.runs, after.runs, strict=True):
        pattern = fourier.diffraction(one.object)
        np.testing.assert_allclose(
            fourier.diffraction(other.object), pattern, atol=1e-4 * pattern.max()
        )
        assert (other.support == (other.object != 0)).mean() == (
            one.support == (one.object != 0)
        ).mean()
    assert any("twin" in note for note in after.notes)
    assert run("analyse", out, "--twin", "-o", tmp_path / "again")[0] == 0
    np.testing.assert_array_equal(read_result(tmp_path / "again").object, before.object)


def test_a_level_decides_what_counts(run, result, numbers) -> None:
    outputs = [
        run("analyse", result, "--geometry", numbers, "--level", level)[1] for level in (0.1, 0.5)
    ]
    assert outputs[0] != outputs[1]
    code, _, said = run("analyse", result, "--geometry", numbers, "--level", 1)
    assert code == 2
    assert "no voxel is above it" in said


def test_a_lattice_to_compare_with_is_a_material_and_a_reflection(run, result, numbers) -> None:
    words = ("analyse", result, "--geometry", numbers)
    assert "mean strain" not in run(*words)[1]
    named = run(*words, "--material", "Au", "--hkl", 1, -1, 1)
    assert named[0] == 0
    assert named == run(*words, "--d-spacing", 0.40782 / 3**0.5)
    assert "mean strain" in named[1]
    for wrong, says in (
        (("--material", "Au"), "half of a reflection"),
        (("--material", "Gold", "--hkl", 1, 1, 1), "unknown to xrayutilities"),
        (("--material", "Au", "--hkl", 1, 0, 0), "its first are 1 1 1"),
        (("--material", "Au", "--hkl", 1, 1, 1, "--d-spacing", 0.2), "twice"),
        (("--uncertain", "beam", 1), "use energy, distance, beam_zero"),
        (("--uncertain", "beam_zero", -1), "finite number from 0"),
    ):
        code, _, said = run(*words, *wrong)
        assert code == 2, wrong
        assert says in said
    assert run(*words, "--uncertain", "beam_zero", 0.5, "--uncertain", "energy", 1e-5)[0] == 0


def test_pictures_and_exports_take_it_too(run, result, numbers, tmp_path) -> None:
    picture = tmp_path / "slices.png"
    words = ("--geometry", numbers, "--twin")
    assert run("figure", result, "--kind", "slices", "-o", picture, *words)[0] == 0
    plain = tmp_path / "plain.png"
    assert run("figure", result, "--kind", "slices", "-o", plain)[0] == 0
    assert picture.read_bytes() != plain.read_bytes()
    exported = run("export", result, tmp_path / "out", "--to", "cdiutils", "--scan", 1, *words)
    assert exported[0] == 0


@pytest.mark.parametrize("name", DIFFRACTOMETERS)
def test_a_filled_template_is_a_geometry(run, tmp_path, name: str) -> None:
    path = tmp_path / "g.json"
    assert run("geometry", "--diffractometer", name, "-o", path)[0] == 0
    assert run("geometry", "--diffractometer", name, "-o", path)[0] == 2  # it is there
    unknown = [key for key, value in template(name).items() if value is None]
    read = read_geometry(path)
    assert not set(unknown) & set(read)
    filled = {**dict.fromkeys(unknown, 1.0), "energy": 9.0, "distance": 0.5, "step": 0.01}
    filled["beam_zero"] = read.get("beam_zero", [100.0, 100.0])
    filled["motor"] = next(iter(DIFFRACTOMETERS[name].sample))
    Geometry(**{**read, **filled}, reference=(1, 1, 1))


def test_the_list_names_every_diffractometer(run) -> None:
    said = run("geometry")[1]
    assert all(f"{name} " in said for name in DIFFRACTOMETERS)
    assert run("geometry", "--diffractometer", "unknown")[0] == 2
    assert run("geometry", "-o", "x")[0] == 2


def test_a_template_leaves_the_direct_beam_to_the_data() -> None:
    """The middle of a detector would win over what the files say."""
    assert template("id01")["beam_zero"] is None
    assert template("34idc")["beam_zero"] == [260.0, 261.0]


def test_circles_are_those_of_the_data_where_no_diffractometer_is_given(
    run, result, numbers, tmp_path
) -> None:
    whole = tmp_path / "whole"
    assert run("analyse", result, "--geometry", numbers, "-o", whole)[0] == 0
    notes = read_result(whole).notes
    assert any("no beam_zero is given: the detector's middle" in note for note in notes)
    numbers.write_text('{"eta": 17.3}')
    assert run("analyse", whole, "--geometry", numbers, "-o", tmp_path / "next")[0] == 0
    changed = read_result(tmp_path / "next").measurement.geometry
    assert changed is not None
    assert changed.angles["eta"] == 17.3
    numbers.write_text('{"theta": 17.3}')
    code, _, said = run("analyse", whole, "--geometry", numbers)
    assert code == 2
    assert "unknown parameter 'theta'" in said


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"directions": 5}, "directions is 5"),
        ({"directions": ["x+", "z-"]}, "directions is ['x+', 'z-']"),
        ({"detector": {"a": "y+"}}, "a turns sample and detector about two axes"),
        ({"detector": {"distance": "y+"}}, "a circle is called distance"),
    ],
)
def test_odd_diffractometers_are_refused(tmp_path, changed: dict, says: str) -> None:
    described = {"sample": {"a": "x-"}, "detector": {"c": "y+"}, "directions": ["x+", "y-"]}
    path = tmp_path / "g.json"
    path.write_text(json.dumps({"diffractometer": described | changed}))
    with pytest.raises(ParameterError, match=re.escape(says)):
        read_geometry(path)


def test_the_files_of_the_docs_are_geometries() -> None:
    text = (ROOT / "docs" / "how-to" / "beamlines.md").read_text(encoding="utf-8")
    files = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert len(files) >= 3
    for content in files:
        geometry = Geometry(**json.loads(content), reference=(30, 60, 60))
        assert 0.2 < geometry.d_spacing < 0.3
        assert np.abs(geometry.direct_basis((64, 64, 64))).max() < 100
