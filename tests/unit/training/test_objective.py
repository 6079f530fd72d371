"""What training asks of the network, by which recipe: it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cdi_ml_plugin.cli.app import cli
from cdi_ml_plugin.nn import kinds, losses, weights
from cdi_ml_plugin.nn.pattern import Pattern
from cdi_ml_plugin.physics.alignment import twin
from cdi_ml_plugin.simulate.batch import PAPER, Particles
from cdi_ml_plugin.training import loop, objective
from cdi_ml_plugin.training.recipe import EPOCH, Recipe

TINY = Recipe(steps=4, batch=2)


# --- the recipe ---------------------------------------------------------------------------------
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


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe.paper(),
        Recipe(batch=8, rate=3e-4, twin=False, families=("faceted", "noise"), phase=(0.5, 4)),
        replace(Recipe.paper(), steps=10, twin=True, loss="overlap"),
        replace(Recipe.paper(), preset="fast", loss="error"),
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


# --- the objective ------------------------------------------------------------------------------
@pytest.mark.slow
def test_it_learns_one_batch_by_heart() -> None:
    recipe = Recipe(batch=4, families=("superellipsoid",), phase=(0.0, 2.0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = kinds.made(recipe.network)
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
    assert sum(found[-5:]) < 0.65 * sum(found[:5])


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


def test_validation_is_the_same_each_time() -> None:
    network = kinds.made(TINY.network)
    one, again = (objective.validate(TINY, network, torch.device("cpu"), 6) for _ in range(2))
    assert one == again
    assert 0 <= one["solved"] <= 1
    assert 0 < one["error"] <= 1


def test_the_network_learns_from_guesses_of_every_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(batch=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = kinds.made(recipe.network)
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
    ways = {tuple(one) for one in seen}
    assert () in ways
    assert ("polish",) in ways
    assert any(one[-1:] == ("polish",) and "estimate" in one for one in ways)
    assert max(one.count("estimate") for one in seen) == recipe.network.passes - 1
