"""``cdi-ml bench weights``: errors by family."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cdi_ml_plugin.bench import weights as bench_weights
from cdi_ml_plugin.nn import kinds, weights
from cdi_ml_plugin.simulate.batch import FAMILIES
from cdi_ml_plugin.training.objective import Seen


def test_the_table_has_a_line_for_each_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = kinds.made(kinds.find("fast"))
    card = weights.Card("fast", ("faceted",), (0.0, 1.0), 0, "none", 0.0, "none", {})
    weights.save(tmp_path / "some.safetensors", network, card)
    found = []

    def seen(recipe: object, network: object, device: object, count: int) -> Seen:
        figures = torch.linspace(0, 1, count)
        found.append(recipe)
        return Seen(figures, figures, figures, figures, {"faceted": torch.arange(count // 2)})

    monkeypatch.setattr(bench_weights, "looked_at", seen)
    lines = list(bench_weights.compare([str(tmp_path / "some.safetensors")], 11))
    assert found == [bench_weights.FIRST, bench_weights.ALL]
    assert [line.split()[0] for line in lines[2:]] == ["first", "all", "with"]
    assert "0.500,  36% (11)" in lines[3]  # below √0.1
    assert "0.200,  80% (5)" in lines[4]


def test_patterns_say_what_they_are_made_of() -> None:
    drawn = bench_weights.ALL.particles.draw(200, torch.Generator().manual_seed(0))
    assert set(drawn.touched) == set(FAMILIES) - {"oversampling", "noise"}  # which all have
    for family, which in drawn.touched.items():
        assert 0 < len(which) < 200, family
    hidden = (~drawn.known).flatten(1).any(1).nonzero()[:, 0]
    named = torch.cat([drawn.touched[name] for name in ("gaps", "beamstop", "range")])
    assert set(hidden.tolist()) <= set(named.tolist())
