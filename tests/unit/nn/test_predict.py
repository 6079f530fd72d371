"""From a first guess to a prediction: passes, HIO between them, and the polish after them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from cdi_ml_plugin.nn import kinds, losses
from cdi_ml_plugin.nn.pattern import Pattern
from cdi_ml_plugin.nn.predict import (
    Prediction,
    estimate,
    first_guess,
    polish,
    predict,
    predictions,
    search,
)
from cdi_ml_plugin.operators.cnn import in_batches
from cdi_ml_plugin.simulate.batch import Particles


def test_passes_feed_the_estimate_back() -> None:
    preset = kinds.find("fast")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = kinds.made(preset)
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


def test_network_and_hio_take_turns() -> None:
    preset, order = kinds.find("fast"), []

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


@pytest.mark.parametrize("name", ["fast", "paper"])
def test_seeds_in_one_batch_are_as_each_alone(name: str) -> None:
    preset = kinds.find(name)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = kinds.made(preset, 8)
    batch = Particles(families=("faceted",), fine=1).draw(1, torch.Generator().manual_seed(2))
    field = torch.nn.functional.interpolate(batch.modulus[None], [preset.field] * 3)[0, 0]
    seen = (field, torch.ones_like(field, dtype=torch.bool))

    def drawn() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed) for seed in (3, 0, 5)]

    together = predictions(preset, network, seen, 2, 4, drawn())
    for one, generator in zip(together, drawn(), strict=True):
        alone = predict(preset, network, seen, 2, 4, generator)
        assert one.trusted == alone.trusted
        assert one.chi2 == pytest.approx(alone.chi2, rel=1e-3)
        assert one.chance == pytest.approx(alone.chance, rel=1e-3)
        for found, other in zip(
            (one.object, *one.others), (alone.object, *alone.others), strict=True
        ):
            assert float(losses.overlap(found[None], other[None]).max()) < 1e-4
    assert float(losses.overlap(together[0].object[None], together[1].object[None])) > 1e-2


def test_a_batch_is_filled_up_and_what_fills_it_dropped() -> None:
    asked: list[int] = []

    def numbered(generators: Sequence[torch.Generator]) -> list[Prediction]:
        asked.append(len(generators))
        return [Prediction(torch.zeros(1), one.initial_seed(), 0.0) for one in generators]

    seeds = [torch.Generator().manual_seed(100 + seed) for seed in range(5)]
    found = in_batches(numbered, seeds, 4)
    assert asked == [4, 4]
    assert [one.chi2 for one in found] == [100, 101, 102, 103, 104]
