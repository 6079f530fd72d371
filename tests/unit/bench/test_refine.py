"""``cdi-ml bench refine``: its crystals, its chains, and its tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cdi_ml_plugin.bench import refine as bench_refine
from cdi_ml_plugin.cli.app import cli
from cdi_ml_plugin.operators.sequence import parse


def test_the_crystals_are_strongly_strained_and_nothing_else() -> None:
    spread = []
    for case in bench_refine.strained(range(3)):
        assert case.truth is not None
        assert not case.measurement.mask.any()
        assert 1e7 < case.measurement.intensity.sum() < 1e9
        inside = case.truth[np.abs(case.truth) > 0.1 * np.abs(case.truth).max()]
        spread.append(abs(inside.mean()) / np.abs(inside).mean())
    assert np.mean(spread) < 0.9  # phases of 4 rad and more nearly average out


def test_the_chains_read_back_and_their_lengths_are_alike() -> None:
    """At 64³ an epoch takes about as long as 20 iterations or more."""
    lengths = {}
    for name, (sequence, starts) in bench_refine.CHAINS.items():
        step = parse(sequence)
        assert parse(str(step)) == step
        assert starts == 1
        epochs = sum(b.times for b in step.blocks() if b.operator.name == "REFINE")
        assert (epochs > 0) == ("REFINE" in name)
        lengths[name] = step.iterations - epochs + 20 * epochs
    assert max(lengths.values()) < 1.2 * min(lengths.values())


@pytest.mark.slow
def test_a_finished_line_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chains = {"ER": ("2*ER", 1), "REFINE": ("2*ER + 2*REFINE(channels=4)", 1)}
    monkeypatch.setattr(bench_refine, "CHAINS", chains)
    monkeypatch.setattr(bench_refine, "KINDS", {"small": "REFINE(channels=4)"})
    monkeypatch.setattr(bench_refine, "END", "1*ER")
    out = tmp_path / "rows.jsonl"
    command = ["bench", "refine", "--gaps", "0", "--device", "cpu", "-o", str(out), "--crystals"]
    first = CliRunner().invoke(cli, [*command, "1"], catch_exceptions=False)
    assert first.exit_code == 0
    assert "REFINE, small:" in first.output
    lines = out.read_text().splitlines()
    assert [json.loads(line)["chain"] for line in lines] == ["ER", "REFINE"]
    CliRunner().invoke(cli, [*command, "2"], catch_exceptions=False)
    assert out.read_text().splitlines()[:2] == lines
    assert len(out.read_text().splitlines()) == 4
