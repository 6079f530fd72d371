"""A comparison and its page: numbers, objects, surfaces."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from cdi_ml_plugin import Measurement, reconstruct
from cdi_ml_plugin.bench.crystals import blurred
from cdi_ml_plugin.comparison.comparison import Comparison
from cdi_ml_plugin.comparison.run import compare
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.geometry.geometry import Geometry
from cdi_ml_plugin.view.pages import comparison as view
from cdi_ml_plugin.view.pages.html import plotly
from cdi_ml_plugin.workflow.save import save_comparison
from support.comparisons import CHAINS, crystal
from support.pages import Browser, Page


def test_every_number_is_in_the_json(compared: tuple[Path, Comparison]) -> None:
    out, comparison = compared
    content = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    assert content == comparison.content()
    assert content["complete"]
    assert content["command"] == "cdi-ml compare again"
    assert content["versions"].keys() >= {"cdi_ml_plugin", "torch"}
    assert content["hardware"]
    assert content["data"]["provenance"] == {"source": "simulated"}
    assert [chain["label"] for chain in content["chains"]] == list(CHAINS)
    count = len(content["shells"]["q"])
    for chain in content["chains"]:
        assert [run["seed"] for run in chain["runs"]] == [0, 1, 2]
        assert len(chain["prtf"]) == len(chain["spectral_weight"]) == count
        assert 0 < chain["spread_between_seeds"] < 10
        for name, figure in chain["figures"].items():
            values = [run["metrics"][name] for run in chain["runs"]]
            assert figure["median"] == pytest.approx(np.median(values))
            assert sum(figure["histogram"]) == 3
        best = min(chain["runs"], key=lambda run: run["metrics"]["free_llk"])
        assert chain["best_seed"] == best["seed"]
        assert best["distance_to_best"] == pytest.approx(0, abs=1e-6)
    assert content["chains"][0]["figures"]["chi2"]["rank_sum"] is None
    assert 0 < content["chains"][1]["figures"]["chi2"]["rank_sum"]["p"] <= 1


def test_kept_runs_are_those_of_reconstruct(
    compared: tuple[Path, Comparison], measurement: Measurement
) -> None:
    """An ER end as it is; an HIO end within its support, and its figures are of that."""
    _, comparison = compared
    for member, chain in zip(comparison.members, CHAINS.values(), strict=True):
        result = reconstruct(measurement, chain, seeds=[1])
        own = member.runs[1]
        first, size = own.about["first"], own.about["shape"]
        window = tuple(slice(f, f + n) for f, n in zip(first, size, strict=True))
        inside = np.where(result.support, result.object, 0)
        np.testing.assert_array_equal(own.object(), inside[window])
        assert np.count_nonzero(inside) == np.count_nonzero(own.object())
    er, hio = comparison.members
    er_result = reconstruct(measurement, CHAINS[er.label], seeds=[1])
    assert er.runs[1].about["metrics"]["chi2"] == pytest.approx(er_result.metrics["chi2"], rel=1e-4)
    assert hio.runs[1].about["metrics"]["chi2"] != pytest.approx(result.metrics["chi2"], rel=0.01)


def test_the_page_stands_alone(compared: tuple[Path, Comparison]) -> None:
    out, _ = compared
    text = (out / "compare.html").read_text(encoding="utf-8")
    page = Page(text)
    outside = text.replace(plotly(), "")
    assert "http:" not in outside
    assert "https:" not in outside
    assert "url(" not in outside
    for label in CHAINS:
        assert label in page.text  # escaped in the source
    assert "cdi-ml compare again" in page.text
    assert "Interrupted" not in page.text
    assert len(page.sources) == 5 + len(CHAINS)  # a still picture of each surface
    for source in page.sources:
        head, _, data = source.partition(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")


def test_all_surfaces_turn_together(compared: tuple[Path, Comparison], browser: Browser) -> None:
    out, _ = compared
    browser.open(out / "compare.html")
    assert browser.wait("document.documentElement.dataset.surfaces") == str(len(CHAINS))
    camera = "[...document.querySelectorAll('.plot')].map(p => p.layout.scene.camera.eye.x)"
    browser.run(
        "const [plot] = document.querySelectorAll('.plot'), camera = plot.layout.scene.camera;"
        "Plotly.relayout(plot, {'scene.camera': {...camera, eye: {x: 0.25, y: 1, z: 0.5}}})"
    )
    browser.wait(f"{camera}.every(x => x === 0.25)")
    assert browser.errors() == []
    assert browser.requests() == [(out / "compare.html").as_uri()]
    assert browser.overflow() <= 0


def test_surfaces_in_the_laboratory(measurement: Measurement, tmp_path: Path) -> None:
    numbers = {"energy": 9.0, "distance": 0.5, "step": 0.01, "reference": (16, 128, 130)}
    angles = {"theta": 0.2, "chi": 90.0, "phi": -5.0, "delta": 30.0, "gamma": 15.0}
    geometry = Geometry(**numbers, **angles)  # type: ignore[arg-type]
    known = Measurement(measurement.intensity, provenance={"geometry": geometry.numbers()})
    basis = geometry.reciprocal_basis()
    comparison = compare(known, {"a": "ER", "b": "2*ER"}, tmp_path, seeds=2, basis=basis)
    found = view._surfaces(comparison, view._geometry(comparison))
    assert [surface["title"] for surface in found] == ["a", "b"]
    for surface in found:
        assert surface["names"] == ["phase", "strain"]
        assert surface["plot"]["layout"]["scene"]["xaxis"]["title"]["text"] == "x (nm)"
    (first, other) = (surface["plot"]["styles"] for surface in found)
    assert [scale["cmax"] for scale in first] == [scale["cmax"] for scale in other]


@pytest.mark.slow
def test_nothing_held_out(measurement: Measurement, tmp_path: Path) -> None:
    bare = Measurement(measurement.intensity)  # nor mask or provenance
    comparison = compare(bare, CHAINS, tmp_path, seeds=2, held_out=0)
    assert comparison.figures() == ["chi2", "pearson"]
    save_comparison(comparison, tmp_path)
    assert "no voxel held out" in (tmp_path / "compare.html").read_text(encoding="utf-8")


def test_a_kernel_of_the_beam_is_in_the_figures(tmp_path: Path) -> None:
    pattern = blurred(diffraction(crystal()).astype(float), np.full(3, 10.0), 0.5)
    data = Measurement(np.random.default_rng(0).poisson(pattern * 1e7 / pattern.sum()))
    chains = {"one": "300*SEARCH + 20*ER", "other": "300*SEARCH + 30*ER"}
    comparison = compare(data, chains, tmp_path, seeds=2)
    for member, chain in zip(comparison.members, chains.values(), strict=True):
        result = reconstruct(data, chain, seeds=[1])
        assert result.metrics["coherence_x"] > 0
        assert member.runs[1].about["metrics"] == pytest.approx(result.metrics)
