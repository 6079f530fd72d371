"""The supervised loop: it goes on where it was, it says what is wrong."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from cdi_ml_plugin.cli.app import main
from cdi_ml_plugin.errors import ParameterError, ReadError, WriteError
from cdi_ml_plugin.nn import weights
from cdi_ml_plugin.training import checkpoint, loop
from cdi_ml_plugin.training.loop import Session, train
from cdi_ml_plugin.training.recipe import Recipe

TINY = Recipe(steps=4, batch=2)
CPU = Session(accelerator="cpu")


@pytest.fixture(autouse=True)
def few_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "VALIDATED", 4)


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / checkpoint.NAME)


@pytest.mark.parametrize("optimiser", ["adamw", "paper"])
def test_a_run_goes_on_to_the_bit(tmp_path: Path, optimiser: str) -> None:
    recipe = replace(TINY, optimiser=optimiser)
    train(recipe, tmp_path / "straight", CPU)
    # stopped by its time limit after two steps, then given again
    calls = iter([0.0] * 3 + [1e6] * 50)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(calls)))
        train(recipe, tmp_path / "halved", replace(CPU, minutes=60, save_every=1e9))
    facts = checkpoint.facts(tmp_path / "halved")
    assert facts is not None
    assert 0 < facts["step"] < 4
    card = train(recipe, tmp_path / "halved", CPU)
    assert card.samples == 8
    one, other = tensors(tmp_path / "straight"), tensors(tmp_path / "halved")
    assert one.keys() == other.keys()
    for key, value in one.items():
        torch.testing.assert_close(value, other[key], rtol=0, atol=0, msg=key)


@pytest.mark.slow
def test_killed_it_loses_at_most_one_interval(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cdi_ml_plugin", "train", str(tmp_path), "--batch", "1"]
    command += ["--accelerator", "cpu", "--save-every", "0.002", "--validate-every", "1000", "-q"]
    process = subprocess.Popen([*command, "--steps", "100000"], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (checkpoint.facts(tmp_path) or {"step": 0})["step"] < 3:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    facts = checkpoint.facts(tmp_path)
    assert facts is not None
    step = facts["step"]
    assert step >= 3
    again = replace(Recipe.of(facts["recipe"]), steps=step + 2)
    card = train(again, tmp_path, CPU)
    assert card.samples == step + 2
    assert (tmp_path / checkpoint.NAME).is_file()


def test_weights_of_a_run_can_be_started_from(tmp_path: Path) -> None:
    card = train(replace(TINY, steps=1), tmp_path / "first", CPU)
    file = tmp_path / "first" / loop.WEIGHTS
    network, read = weights.load(file)
    assert read == card
    assert read.samples == 2
    assert read.families == TINY.families
    assert (tmp_path / "first" / "log").is_dir()
    train(replace(TINY, steps=1, rate=1e-12), tmp_path / "second", replace(CPU, start=file))
    for one, other in zip(
        network.parameters(),
        weights.load(tmp_path / "second" / loop.WEIGHTS)[0].parameters(),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    with pytest.raises(ParameterError, match="cannot start from weights"):
        train(replace(TINY, steps=2), tmp_path / "first", replace(CPU, start=file))


def test_another_recipe_does_not_go_on(tmp_path: Path) -> None:
    train(replace(TINY, steps=1), tmp_path, CPU)
    with pytest.raises(ParameterError, match=r"batch = 2.*another folder"):
        train(replace(TINY, batch=3), tmp_path, CPU)


def test_no_space_keeps_the_older_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(replace(TINY, steps=1), tmp_path, CPU)
    before = (tmp_path / checkpoint.NAME).read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint.os, "replace", full)
    with pytest.raises(WriteError, match="No space left"):
        train(replace(TINY, steps=2), tmp_path, CPU)
    assert (tmp_path / checkpoint.NAME).read_bytes() == before
    assert not list(tmp_path.glob(".cdi-ml-*"))


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    train(replace(TINY, steps=1), tmp_path, CPU)
    file = tmp_path / checkpoint.NAME
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ReadError, match="is no checkpoint"):
        train(replace(TINY, steps=2), tmp_path, CPU)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--families", "cubes"], "families"),
        (["--families", "noise"], "superellipsoid or faceted"),
        (["--minutes", "0"], "--minutes"),
        (["--loss", "paper", "--no-twin"], "--recipe paper"),
        (["--network", "fsat"], "preset = 'fsat': give one of fast, paper"),
        (["--recipe", "paper", "--network", "fast"], "which a network has to predict apart"),
        (["--network", "paper", "--from", "fast"], "give --network fast"),
        (["--precision", "bf16-true"], "bf16-mixed"),
        (["--rate", "-1"], "rate"),
        (["--accelerator", "warp"], "--accelerator"),
        (["--from", "nothing.safetensors"], "nothing.safetensors"),
    ],
)
def test_wrong_options_are_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["cdi-ml", "train", str(tmp_path / "run"), *options])
        with pytest.raises(SystemExit) as stop:
            main()
    assert stop.value.code == 2
    error = capfd.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("cdi-ml: error:")
    assert says in error


def test_a_folder_that_is_a_file_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(WriteError, match="is a file"):
        train(TINY, tmp_path / "run", CPU)


def test_facts_are_plain(tmp_path: Path) -> None:
    train(replace(TINY, steps=1), tmp_path, CPU)
    facts = checkpoint.facts(tmp_path)
    assert json.loads(json.dumps(facts)) == facts
