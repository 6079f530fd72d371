"""Results that were phased before, of this package and of others, beside chains on one page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cdi_ml_plugin import Measurement, reconstruct
from cdi_ml_plugin.comparison.run import compare
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.fourier import to_cohere
from cdi_ml_plugin.io.results import read_any_result
from cdi_ml_plugin.workflow.save import save_comparison
from support.comparisons import crystal


@pytest.fixture(scope="module")
def cohere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As cohere would save the exact object: in its hand, at maximum 1, moved a little."""
    folder = tmp_path_factory.mktemp("cohere") / "results_phasing"
    folder.mkdir()
    obj = np.roll(crystal(), (1, 0, -2), (0, 1, 2))
    np.save(folder / "image.npy", to_cohere(obj) / np.abs(obj).max())
    np.save(folder / "support.npy", (np.abs(obj) > 0).T)
    return folder


def rounded(value: Any) -> Any:
    """Numbers to nine digits: the last depend on where in memory an array lies."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def test_results_beside_a_chain(measurement: Measurement, cohere: Path, tmp_path: Path) -> None:
    own = reconstruct(measurement, "2*ER", seeds=[5, 6])
    theirs = read_any_result(cohere, measurement)
    chains = {"slow": "3*ER + 2*HIO + 2*ER"}
    results = {"mine": own, "cohere": theirs}
    comparison = compare(measurement, chains, tmp_path, seeds=2, results=results)
    assert [member.label for member in comparison.members] == ["slow", "mine", "cohere"]
    _, mine, exact = comparison.members
    assert mine.values("chi2").tolist() == [run.metrics["chi2"] for run in own.runs]
    # the exact object fits best of all, and is what it was
    lowest = min(member.values("chi2").min() for member in comparison.members)
    assert exact.values("chi2")[0] == lowest < 0.05
    assert np.isnan(exact.transfer).all()  # one run agrees with itself
    assert np.isfinite(mine.transfer).any()
    content = comparison.content()
    assert [chain["phased_before"] for chain in content["chains"]] == [False, True, True]
    assert content["chains"][2]["seconds"] is None
    assert content["chains"][2]["notes"][0].startswith("phased by cohere")
    ranks = {name: one["rank_sum"] for name, one in content["chains"][1]["figures"].items()}
    assert ranks["chi2"] is not None
    assert ranks["free_llk"] is ranks["chi2_held_out"] is None  # other voxels were held out
    page, numbers = save_comparison(comparison, tmp_path)
    assert "cohere was phased before" in page.read_text(encoding="utf-8")
    assert json.loads(numbers.read_text())["chains"][1]["finished"] == 2
    # the folder is gone on with as any other
    again = compare(measurement, chains, tmp_path, seeds=2, results=results)
    assert rounded(again.content()["chains"]) == rounded(content["chains"])


def test_results_alone(measurement: Measurement, cohere: Path, tmp_path: Path) -> None:
    theirs = read_any_result(cohere, measurement)
    other = replace(theirs, sequence="another")
    comparison = compare(measurement, {}, tmp_path, seeds=2, results={"a": theirs, "b": other})
    first, second = comparison.members
    assert first.values("chi2") == second.values("chi2")


def test_what_is_refused(measurement: Measurement, cohere: Path, tmp_path: Path) -> None:
    theirs = read_any_result(cohere, measurement)
    for chains, results, words in (
        ({}, {"a": theirs}, "two or more"),
        ({"a": "ER"}, {"a": theirs}, "'a' is a chain and a result"),
        ({}, {"a": theirs, "b": theirs}, "the same"),
        ({"c": "ER"}, {"a": 3}, "give a Result"),
    ):
        with pytest.raises(ParameterError, match=words):
            compare(measurement, chains, tmp_path / "out", seeds=2, results=results)
    brighter = Measurement(2 * measurement.intensity, measurement.mask)
    with pytest.raises(ParameterError, match="result 'a': of other data"):
        compare(brighter, {"c": "ER"}, tmp_path / "out", seeds=2, results={"a": theirs})
    assert not (tmp_path / "out").exists()
