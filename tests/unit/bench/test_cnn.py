"""The benchmark of CNN: what it phases, what it writes, how it goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cdi_ml_plugin.bench import cnn as bench_cnn
from cdi_ml_plugin.errors import ParameterError, WriteError
from cdi_ml_plugin.fourier import diffraction


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    chains = {"random 2": ("2*ER", 1), "random 2, best of 2": ("2*ER", 2)}
    monkeypatch.setattr(bench_cnn, "default_chains", lambda: chains)


def test_held_out_crystals_are_counts_of_their_objects() -> None:
    seen = 0
    for index in range(3):
        measurement, truth = bench_cnn.crystal(index)
        counts = measurement.intensity
        assert truth.shape == counts.shape == (64, 64, 64)
        np.testing.assert_array_equal(counts, np.rint(counts))
        assert 10**6.3 < counts.sum() < 10**9.1
        model = diffraction(truth)
        bright = (counts > 300) & ~measurement.mask
        fit = model[bright] * (counts[bright].sum() / model[bright].sum())
        # Poisson, and what partial coherence blurs
        assert np.median(np.abs(fit - counts[bright]) / counts[bright]) < 0.1
        seen += int(bright.sum())
    assert seen > 1000
    again, truth = bench_cnn.crystal(1)
    np.testing.assert_array_equal(again.intensity, bench_cnn.crystal(1)[0].intensity)
    assert not np.array_equal(truth, bench_cnn.crystal(2)[1])


def test_it_goes_on_where_it_was(tmp_path: Path, short: None) -> None:
    out = tmp_path / "bench.jsonl"
    lines = list(bench_cnn.compare(bench_cnn.simulated(range(1)), out))
    assert len(lines) == 3
    first = out.read_text()
    rows = [json.loads(line) for line in first.splitlines()]
    assert [row["seeds"] for row in rows] == [[0], [0, 1]]
    assert all(0 < row["object_error"] < 1.5 for row in rows)
    list(bench_cnn.compare(bench_cnn.simulated(range(2)), out))
    assert out.read_text().startswith(first)
    assert len(out.read_text().splitlines()) == 4
    out.write_text(first + '{"key": "cut sho')  # killed while it wrote
    lines = list(bench_cnn.compare(bench_cnn.simulated(range(1)), out))
    assert out.read_text() == first
    assert len(lines) == 3


def test_other_data_under_the_same_name_are_phased_again(tmp_path: Path, short: None) -> None:
    out = tmp_path / "bench.jsonl"
    for index in range(2):
        list(bench_cnn.compare(bench_cnn.measured(bench_cnn.crystal(index)[0], 1), out))
    assert len(out.read_text().splitlines()) == 2


def test_an_interrupted_chain_is_no_figure(
    tmp_path: Path, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = bench_cnn.reconstruct

    def interrupted(*given: Any, **more: Any) -> Any:
        result = run(*given, **more)
        return replace(result, runs=tuple(replace(r, reason="interrupted") for r in result.runs))

    monkeypatch.setattr(bench_cnn, "reconstruct", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(bench_cnn.compare(bench_cnn.simulated(range(1)), tmp_path / "bench.jsonl"))
    assert not (tmp_path / "bench.jsonl").exists()


def test_a_measurement_has_no_truth(tmp_path: Path, short: None) -> None:
    measurement, _ = bench_cnn.crystal(0)
    list(bench_cnn.compare(bench_cnn.measured(measurement, 2), tmp_path / "bench.jsonl"))
    rows = [json.loads(line) for line in (tmp_path / "bench.jsonl").read_text().splitlines()]
    assert [row["seeds"] for row in rows] == [[0], [1]]
    assert not any("object_error" in row for row in rows)


def test_wrong_files_are_named(tmp_path: Path, short: None) -> None:
    other = tmp_path / "other"
    other.write_text('{"figure": 1}\n')
    with pytest.raises(ParameterError, match="no table of this benchmark"):
        list(bench_cnn.compare([], other))
    with pytest.raises(WriteError, match="cannot be written"):
        list(bench_cnn.compare(bench_cnn.simulated(range(1)), tmp_path / "no" / "folder"))
