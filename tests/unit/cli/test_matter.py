"""What a crystal is made of, in the commands: refraction, facets, and what is said of the twin."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from cdi_ml_plugin import Geometry, Measurement, read_result, reconstruct
from cdi_ml_plugin.crystal.twin import TAKEN
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.io.cxi.writer import cxi_bytes
from cdi_ml_plugin.simulate.particle import coordinates
from cdi_ml_plugin.view import probe
from cdi_ml_plugin.workflow.later import read_later
from support.polyhedron import HEIGHTS, NORMALS

SHAPE = (40, 44, 40)
WITH_OPENGL = pytest.mark.skipif(
    probe.no_opengl_for_pictures() is not None, reason="surfaces need OpenGL"
)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A box of known planes, phased from itself; no test changes it."""
    geometry = Geometry(
        energy=9.0, distance=1.0, theta=0.2, chi=90.0, phi=-5.0, delta=32.174, gamma=12.6346,
        step=0.025, reference=(24, 300, 300), binning=(1, 4, 4),
    )  # fmt: skip
    points = coordinates(SHAPE, geometry.direct_basis(SHAPE))
    distance = np.tensordot(NORMALS, points, axes=1) - 0.8 * HEIGHTS[:, None, None, None]
    obj = 30 * np.clip(0.5 - distance.max(axis=0) / 15, 0, 1).astype(np.complex64)
    measurement = Measurement(diffraction(obj), provenance={"geometry": geometry.numbers()})
    found = reconstruct(measurement, "2*ER", start=obj, support=np.abs(obj) > 0, held_out=0)
    folder = tmp_path_factory.mktemp("box")
    (folder / "result.cxi").write_bytes(cxi_bytes(found, "cdi-ml"))
    return folder


def test_facets_are_listed_and_written(run, result, tmp_path, plain_picture) -> None:
    code, said, _ = run("analyse", result, "--facets", "-o", tmp_path / "out")
    assert code == 0
    assert "facets.csv" in said
    lines = said.splitlines()
    head = next(n for n, line in enumerate(lines) if line.lstrip().startswith("facet "))
    with (tmp_path / "out" / "facets.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(NORMALS)
    for line, facet in zip(lines[head + 1 :], table, strict=False):
        assert line.split()[3] == f"{float(facet['area_nm2']):.0f}"  # the same in both
        assert len(line) <= len(lines[head])
    assert (tmp_path / "out" / "facets.vtp").is_file()
    assert run("analyse", result, "--facets", "-o", tmp_path / "out")[0] == 2
    assert run("analyse", result, "--facets", "-o", tmp_path / "out", "--force")[0] == 0
    # what was found with another surface does not stay beside a new result
    assert run("analyse", result, "--level", 0.6, "-o", tmp_path / "out", "--force")[0] == 0
    assert not list((tmp_path / "out").glob("facets.*"))


def test_refraction_is_applied_and_said(run, result, tmp_path, plain_picture) -> None:
    out = tmp_path / "out"
    code, said, _ = run("analyse", result, "--refraction", "Au", "-o", out)
    assert code == 0
    kept = json.loads((out / "metrics.json").read_text())
    largest = kept["crystal"]["refraction_rad"]
    assert 0.2 < largest < 1
    (note,) = [note for note in read_result(out).notes if "refraction" in note]
    assert f"of Au (delta 3.71e-05, beta 3.13e-06): up to {largest:.3g} rad" in note
    assert f"note: {note}" in said
    twice = run("analyse", result, "--refraction", "7.42e-5,0")[1]
    assert f"up to {2 * largest:.3g} rad, and 0.0% of the amplitude" in twice
    assert "refraction" not in run("analyse", result)[1]


def test_the_twin_is_open_and_taken_twice_it_is_what_it_was(
    run, result, tmp_path, plain_picture
) -> None:
    once, twice = tmp_path / "once", tmp_path / "twice"
    code, said, _ = run("analyse", result, "--twin", "-o", once)
    assert code == 0
    (line,) = [line for line in said.splitlines() if line.startswith("twin ")]
    assert "open; the conjugate was taken" in line
    assert TAKEN in read_result(once).notes
    assert run("analyse", once, "--twin", "-o", twice)[0] == 0
    assert TAKEN not in read_result(twice).notes


def test_what_an_earlier_analysis_said_of_itself_is_replaced(
    run, result, tmp_path, plain_picture
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    words = ("--level", 0.3, "--refraction", "Au")
    assert run("analyse", result, *words, "-o", first)[0] == 0
    words = ("--level", 0.5, "--refraction", "Pt")
    assert run("analyse", first, *words, "-o", second)[0] == 0
    for folder, level, material in ((first, 0.3, "Au"), (second, 0.5, "Pt")):
        notes = read_result(folder).notes
        (surface,) = [note for note in notes if note.startswith("surface at")]
        assert surface == f"surface at {level} of the highest amplitude"
        (corrected,) = [note for note in notes if "refraction" in note]
        assert f"of {material} (" in corrected
        largest = json.loads((folder / "metrics.json").read_text())["crystal"]["refraction_rad"]
        assert f"up to {largest:.3g} rad" in corrected
    assert f"note: {surface}" in run("analyse", second)[1]  # kept, and so still said


def test_every_reader_of_the_twin_knows_that_it_is_one(result) -> None:
    assert TAKEN in read_later(result, flip=True).notes
    assert TAKEN not in read_later(result).notes


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--refraction", "Gold"), "unknown to xrayutilities"),
        (("--refraction", "0.5,0"), "delta = 0.5: give a finite number from 0 to 0.01"),
        (("--facets", "--material", "Au"), "give material and hkl"),
        (("--facets", "--material", "Gold", "--hkl", 1, 1, 1), "unknown to xrayutilities"),
        (("--facets", "--material", "Au", "--hkl", 0, 0, 0), "Au has no reflection 0 0 0"),
        (("--facets", "--level", 0.9999), "too few to have facets"),
    ],
)
def test_bad_input_is_a_line(run, result, words, says) -> None:
    code, _, said = run("analyse", result, *words)
    assert code == 2
    assert says in said
    assert len(said.strip().splitlines()) == 1


def test_without_a_geometry_there_are_none(run, counts, tmp_path) -> None:
    found = reconstruct(Measurement(counts), "2*ER")
    (tmp_path / "result.cxi").write_bytes(cxi_bytes(found, "cdi-ml"))
    for words in (("analyse", "--facets"), ("analyse", "--refraction", "Au")):
        code, _, said = run(words[0], tmp_path, *words[1:])
        assert code == 2
        assert "say nothing of their geometry" in said
    code, said, refused = run("figure", tmp_path, "--kind", "facets", "-o", tmp_path / "a.png")
    assert code == 2
    assert "no picture of the facets, which needs a geometry" in said
    assert "shows nothing of facets" in refused


@WITH_OPENGL
@pytest.mark.parametrize(("width", "points"), [("85mm", 240.945), ("178mm", 504.567)])
def test_facets_have_the_width_and_the_letters_that_were_asked_for(
    run, result, tmp_path, width, points
) -> None:
    file = tmp_path / "facets.svg"
    words = ("--kind", "facets", "--width", width, "--font-size", 7.5, "--dpi", 60, "-o", file)
    code, _, error = run("figure", result, *words)
    assert code == 0, error
    text = file.read_text(encoding="utf-8")
    (found,) = re.findall(r'<svg [^>]*?width="([\d.]+)pt"', text)
    assert float(found) == pytest.approx(points, abs=0.01)
    assert {float(size) for size in re.findall(r"font-size: ([\d.]+)px", text)} <= {7.5, 5.25}
