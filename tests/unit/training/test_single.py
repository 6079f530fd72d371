"""The stand-in for Lightning Fabric trains as Fabric does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cdi_ml_plugin.training import checkpoint
from cdi_ml_plugin.training.loop import Session, train
from cdi_ml_plugin.training.recipe import Recipe
from cdi_ml_plugin.training.single import Single

CPU = torch.device("cpu")
TINY = Recipe(steps=3, batch=1)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_it_trains_as_fabric_does(tmp_path: Path, precision: str) -> None:
    pytest.importorskip("lightning_fabric")
    session = Session(accelerator="cpu", precision=precision, validated=2)
    one, other = tmp_path / "one", tmp_path / "other"
    saved: list[int] = []
    log = tmp_path / "log.jsonl"
    train(TINY, one, session)
    # its accelerator is the session's no more
    given = replace(session, accelerator="nonsense", saved=lambda: saved.append(1))
    train(TINY, other, given, Single(CPU, precision, log))
    assert saved
    first, second = (load_file(folder / checkpoint.NAME) for folder in (one, other))
    assert first.keys() == second.keys()
    for key, value in first.items():
        torch.testing.assert_close(value, second[key], rtol=0, atol=0, msg=key)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines[-1]["step"] == 3
    assert lines[-1]["validation/error"] > 0
    assert not (other / "log").exists()
