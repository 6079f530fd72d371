"""The supervised loop: it learns, it goes on where it was, it says what is wrong."""

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

from cdi_ml_plugin.cli.app import cli, main
from cdi_ml_plugin.errors import ParameterError, ReadError, WriteError
from cdi_ml_plugin.nn import losses, weights
from cdi_ml_plugin.nn.predict import PRESETS, Pattern, estimate, first_guess, polish, search
from cdi_ml_plugin.physics.metrics import twin
from cdi_ml_plugin.simulate.batch import PAPER, Particles
from cdi_ml_plugin.training import checkpoint, loop, objective
from cdi_ml_plugin.training.loop import Session, train
from cdi_ml_plugin.training.recipe import EPOCH, Recipe

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


def test_it_learns_one_batch_by_heart() -> None:
    recipe = Recipe(batch=4, families=("superellipsoid",), phase=(0.0, 2.0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = recipe.network.build()
    (optimiser,) = recipe.optimisers(network)
    device = torch.device("cpu")
    batch = recipe.particles.draw(4, objective.generator(recipe, device, 0, 0))
    found = []
    for step in range(45):
        numbers = objective.generator(recipe, device, 0, step)
        loss = objective.training_loss(recipe, network, batch, numbers)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        found.append(float(loss.detach()))
    assert sum(found[-5:]) < 0.5 * sum(found[:5])


def test_the_papers_schedule() -> None:
    recipe = Recipe.paper(batch=10)
    assert recipe.steps == 100 * EPOCH // 10
    per_turn = 25 * EPOCH // 10
    assert Recipe.paper(batch=10, processes=4).steps == recipe.steps // 4
    assert recipe.turn(0) == (0, 0.01)
    assert recipe.turn(per_turn - 1) == (0, 0.01)
    assert recipe.turn(per_turn) == (1, pytest.approx(0.0095))
    assert recipe.turn(3 * per_turn) == (1, pytest.approx(0.01 * 0.95**3))
    kinds = [type(o).__name__ for o in recipe.optimisers(torch.nn.Linear(1, 1))]
    assert kinds == ["Adam", "SGD"]
    assert recipe.particles == Particles(64, PAPER, (1.0, 1.0), fine=1)


def test_losses_of_an_exact_prediction_and_of_its_twin() -> None:
    recipe = replace(Recipe.paper(), steps=1)
    batch = replace(recipe.particles, field=32).draw(3, torch.Generator().manual_seed(0))
    pattern = Pattern.of(batch.modulus, batch.known)
    assert batch.object.angle().min() > -1e-3

    def judged(chosen: Recipe, obj: torch.Tensor) -> torch.Tensor:
        return objective._judge(chosen, obj, torch.stack([obj.abs(), obj.angle()]), batch, pattern)

    mirrored = twin(batch.object)
    for chosen in (recipe, Recipe(twin=True), Recipe(twin=False)):
        exact = judged(chosen, batch.object)
        torch.testing.assert_close(exact, torch.zeros(3), rtol=0, atol=2e-3)
        assert bool((judged(chosen, mirrored) < 2e-3).all()) == chosen.twin
    turned = batch.object * torch.polar(torch.tensor(3.0), torch.tensor(1.0))
    assert float(losses.overlap(turned, batch.object).max()) < 1e-5


def test_supervised_loss_is_equation_6() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.polar(torch.tensor([[[[1.0, 0.5, 0.0]]]]), torch.tensor([[[[0.2, 0.6, 3.0]]]]))
    amplitude = torch.tensor([[[[0.9, 0.5, 0.2]]]])
    phase = torch.tensor([[[[0.2, 0.5, 0.3]]]])  # the last is outside, where the true one is 0
    wave, modulus = torch.rand((2, 1, 4, 4, 4), generator=generator)
    got = losses.supervised(amplitude, phase, truth, wave, modulus)
    first = ((0.1**2 + 0.2**2) / (1 + 0.25)) ** 0.5
    second = ((0.1**2 + 0.3**2) / (0.2**2 + 0.6**2)) ** 0.5
    one, other = wave - wave.mean(), modulus - modulus.mean()
    third = 1 - float((one.abs() * other.abs()).sum() / (one.norm() * other.norm()))
    assert float(got[0]) == pytest.approx((first + second + third) / 3, rel=1e-5)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe.paper(),
        Recipe(batch=8, rate=3e-4, twin=False, families=("faceted", "noise"), phase=(0.5, 4)),
        replace(Recipe.paper(), steps=10, twin=True, loss="overlap"),
    ],
)
def test_the_command_on_a_card_makes_the_recipe_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe
) -> None:
    words = recipe.command().replace("FOLDER", str(tmp_path)).split()
    seen = []

    def noted(made: Recipe, *_: object) -> weights.Card:
        seen.append(made)
        return weights.Card("fast", (), (0, 1), 0, "", 0.0, "", {})

    monkeypatch.setattr(loop, "train", noted)
    cli.main(words[1:], standalone_mode=False)
    assert seen == [recipe]


def test_polish_keeps_the_exact_object_and_betters_another() -> None:
    batch = Particles(families=("faceted",), fine=1).draw(3, torch.Generator().manual_seed(2))
    pattern = Pattern.of(batch.modulus, batch.known)
    exact = pattern.scaled(batch.object, pattern.wave(batch.object))[0]
    after = polish(pattern, exact, 12)
    assert float(losses.overlap(after, exact).max()) < 0.01
    noise = torch.randn(exact.shape, generator=torch.Generator().manual_seed(0))
    rough = exact + 0.3 * noise * (exact.abs() > 0.1)
    better = polish(pattern, rough, 30)
    assert bool((losses.overlap(better, exact) < 0.5 * losses.overlap(rough, exact)).all())
    chi2 = [pattern.chi2(pattern.scaled(o, pattern.wave(o))[1]) for o in (rough, better)]
    assert bool((chi2[1] < 0.3 * chi2[0]).all())
    torch.testing.assert_close(polish(pattern, rough, 0), rough)


def test_passes_feed_the_estimate_back() -> None:
    preset = PRESETS["fast"]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = preset.build()
    batch = Particles().draw(2, torch.Generator().manual_seed(0))
    pattern = Pattern.of(batch.modulus, batch.known)
    guess = first_guess(pattern, [torch.Generator().manual_seed(s) for s in (1, 2)])
    with torch.no_grad():
        twice = estimate(preset, network, pattern, guess, 2)
        once = estimate(preset, network, pattern, guess, 1)
        again = estimate(preset, network, pattern, once, 1)
    torch.testing.assert_close(twice, again, rtol=1e-4, atol=1e-5)
    other = first_guess(pattern, [torch.Generator().manual_seed(s) for s in (1, 3)])
    torch.testing.assert_close(guess[0], other[0])
    assert not torch.allclose(guess[1], other[1])


def test_validation_is_the_same_each_time() -> None:
    network = TINY.network.build()
    one, again = (objective.validate(TINY, network, torch.device("cpu"), 6) for _ in range(2))
    assert one == again
    assert 0 <= one["solved"] <= 1
    assert 0 < one["error"] <= 1


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
        (["--precision", "bf16-true"], "bf16-mixed"),
        (["--rate", "-1"], "rate"),
        (["--accelerator", "warp"], "training"),
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
    with pytest.raises(ParameterError, match="cannot be made"):
        train(TINY, tmp_path / "run", CPU)


def test_facts_are_plain(tmp_path: Path) -> None:
    train(replace(TINY, steps=1), tmp_path, CPU)
    facts = checkpoint.facts(tmp_path)
    assert json.loads(json.dumps(facts)) == facts


def test_network_and_hio_take_turns() -> None:
    preset, order = PRESETS["fast"], []

    class Mirror(torch.nn.Module):
        """Gives back the estimate that it is handed: what is left is HIO and ER."""

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            order.append("network")
            return features[:, 16:18]

    batch = Particles(families=("faceted",), fine=1).draw(2, torch.Generator().manual_seed(2))
    pattern = Pattern.of(batch.modulus, batch.known)
    noise = torch.randn(batch.object.shape, generator=torch.Generator().manual_seed(0))
    rough = batch.object + 0.3 * noise * (batch.object.abs() > 0.1)
    found = search(preset, Mirror(), pattern, rough, 20)
    assert order == ["network"] * preset.passes
    assert bool(
        (losses.overlap(found, batch.object) < 0.1 * losses.overlap(rough, batch.object)).all()
    )
    alone = search(preset, Mirror(), pattern, rough, 0)
    assert float(losses.overlap(alone, rough).max()) < 1e-5


def test_the_network_learns_from_guesses_of_every_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(batch=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = recipe.network.build()
    batch = recipe.particles.draw(2, torch.Generator().manual_seed(0))
    pattern = Pattern.of(batch.modulus, batch.known)
    seen = []
    for name in ("polish", "estimate"):
        whole = getattr(objective, name)
        monkeypatch.setattr(
            objective, name, lambda *a, n=name, w=whole: (seen[-1].append(n), w(*a))[1]
        )
    for step in range(24):
        seen.append([])
        numbers = objective.generator(recipe, torch.device("cpu"), 0, step)
        guess = objective._guess(recipe, network, pattern, numbers)
        assert guess.shape == batch.object.shape
        assert not guess.requires_grad
    kinds = {tuple(one) for one in seen}
    assert () in kinds
    assert ("polish",) in kinds
    assert any(one[-1:] == ("polish",) and "estimate" in one for one in kinds)
    assert max(one.count("estimate") for one in seen) == recipe.network.passes - 1


def test_a_prediction_of_nothing_costs_and_does_not_spoil_its_batch() -> None:
    truth = Particles(32, PAPER, (1.0, 1.0), fine=1).draw(2, torch.Generator().manual_seed(0))
    pattern = Pattern.of(truth.modulus, truth.known)
    amplitude = truth.object.abs() * torch.tensor([1.0, 0.0])[:, None, None, None]
    amplitude.requires_grad_()
    phase = (truth.object.angle() % (2 * torch.pi)) * (truth.object.abs() > 0)
    wave = pattern.wave(torch.polar(amplitude, phase))
    loss = losses.supervised(amplitude, phase, truth.object, wave, pattern.modulus)
    assert loss.tolist() == pytest.approx([0, 2 / 3], abs=2e-3)
    loss.mean().backward()  # type: ignore[no-untyped-call]
    assert amplitude.grad is not None
    assert bool(amplitude.grad.isfinite().all())
