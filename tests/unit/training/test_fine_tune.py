"""Fine-tuning on measured patterns: it fits them, it goes on where it was, it says what is wrong."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.errors import MeasurementError, ParameterError, WriteError
from cdi_ml_plugin.nn import kinds, weights
from cdi_ml_plugin.nn.pattern import Pattern
from cdi_ml_plugin.nn.predict import estimate, first_guess
from cdi_ml_plugin.physics.moduli import HELD_OUT, Moduli
from cdi_ml_plugin.training import checkpoint, loop, objective
from cdi_ml_plugin.training.fine_tune import Scans, _turned, recipe_from
from cdi_ml_plugin.training.loop import Session, train
from support.weights import SHAPE, counts, untrained

CPU = Session(accelerator="cpu")


@pytest.fixture(autouse=True)
def few_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "VALIDATED", 2)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("weights") / "fresh.safetensors")


@pytest.fixture(scope="module")
def scans() -> Scans:
    return Scans.of([("one", Measurement(counts(0))), ("two", Measurement(counts(1)))], "fast")


def chi2(scans: Scans, source: Path) -> torch.Tensor:
    """χ² of what three passes of weights predict for each scan."""
    network, card = weights.load(source)
    pattern = Pattern.of(scans.modulus, scans.known)
    guess = first_guess(pattern, [torch.Generator().manual_seed(0)] * len(scans.names))
    return pattern.misfit(estimate(kinds.find(card.preset), network, pattern, guess, 3))


@pytest.mark.slow
def test_a_scan_is_fitted_better(fresh: Path, scans: Scans, tmp_path: Path) -> None:
    recipe = recipe_from(weights.load(fresh)[1], steps=8, batch=4, rate=2e-3)
    card = train(recipe, tmp_path, replace(CPU, start=fresh, scans=scans))
    before, after = (chi2(scans, source) for source in (fresh, tmp_path / loop.WEIGHTS))
    assert bool((after < 0.8 * before).all())
    assert card.samples == 70 + 8 * 4
    assert card.hours >= 2
    assert (card.families, card.phase_range) == (("superellipsoid", "noise"), (0.0, 2.0))


def test_scans_alone_decide_their_loss(fresh: Path, scans: Scans) -> None:
    network, card = weights.load(fresh)
    recipe = recipe_from(card, steps=1, batch=3, rate=1e-4)

    def loss(measured: tuple[torch.Tensor, torch.Tensor] | None) -> float:
        numbers = objective.generator(recipe, torch.device("cpu"), 0, 0)
        batch = recipe.particles.draw(2, numbers)
        return float(objective.training_loss(recipe, network, batch, numbers, measured))

    scan = scans.modulus[:1], scans.known[:1]
    alone, both = loss(None), loss(scan)
    louder = loss((8 * scan[0], scan[1]))  # the scale of a pattern says nothing
    assert louder == pytest.approx(both, rel=1e-4)
    physics = 3 * both - 2 * alone
    assert 0 < physics < objective.SCAN_WEIGHT


def test_a_run_goes_on_to_the_bit(fresh: Path, scans: Scans, tmp_path: Path) -> None:
    recipe = recipe_from(weights.load(fresh)[1], steps=4, batch=2, rate=1e-3)
    session = replace(CPU, start=fresh, scans=scans)
    train(recipe, tmp_path / "straight", session)
    calls = iter([0.0] * 3 + [1e6] * 50)  # stopped by its time limit after some steps
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(calls)))
        train(recipe, tmp_path / "halved", replace(session, minutes=60, save_every=1e9))
    facts = checkpoint.facts(tmp_path / "halved")
    assert facts is not None
    assert 0 < facts["step"] < 4
    (tmp_path / "halved" / loop.WEIGHTS).unlink()
    assert train(recipe, tmp_path / "halved", session).samples == 70 + 8
    one, other = (load_file(tmp_path / n / checkpoint.NAME) for n in ("straight", "halved"))
    assert one.keys() == other.keys()
    for key, value in one.items():
        torch.testing.assert_close(value, other[key], rtol=0, atol=0, msg=key)


def test_it_goes_on_with_nothing_else(fresh: Path, scans: Scans, tmp_path: Path) -> None:
    recipe = recipe_from(weights.load(fresh)[1], steps=1, batch=2, rate=1e-3)
    train(recipe, tmp_path, replace(CPU, start=fresh, scans=scans))
    turned = Scans.of([("two", Measurement(counts(1))), ("one", Measurement(counts(0)))], "fast")
    with pytest.raises(ParameterError, match="of other scans"):
        train(recipe, tmp_path, replace(CPU, start=fresh, scans=turned))
    with pytest.raises(ParameterError, match="of other scans"):
        train(recipe, tmp_path, replace(CPU, start=fresh))
    other = tmp_path / loop.WEIGHTS
    with pytest.raises(ParameterError, match="cannot start from weights"):
        train(recipe, tmp_path, replace(CPU, start=other, scans=scans))
    with pytest.raises(ParameterError, match=r"rate = 0\.001"):
        train(replace(recipe, rate=1e-5), tmp_path, replace(CPU, start=fresh, scans=scans))
    (tmp_path / checkpoint.NAME).unlink()
    with pytest.raises(WriteError, match=r"holds weights.safetensors already"):
        train(recipe, tmp_path, replace(CPU, start=fresh, scans=scans))
    train(recipe, tmp_path / "plain", CPU)
    with pytest.raises(ParameterError, match="of no scans"):
        train(recipe, tmp_path / "plain", replace(CPU, scans=scans))


def test_mirrored_and_turned_it_is_the_pattern_of_a_crystal() -> None:
    numbers = torch.Generator().manual_seed(0)
    obj = torch.zeros((1, 8, 8, 8), dtype=torch.complex64)
    obj[:, 1:, 1:, 1:] = torch.randn((1, 7, 7, 7), dtype=torch.complex64, generator=numbers)
    dummy = Pattern(torch.zeros((1, 16, 16, 16)), torch.ones((1, 16, 16, 16), dtype=torch.bool))

    def modulus(one: torch.Tensor) -> torch.Tensor:
        return torch.fft.fftshift(dummy.wave(one).abs(), dim=(1, 2, 3))

    other = obj.permute(0, 3, 1, 2)
    other = other.flip([1, 3]).roll([1, 1], [1, 3])
    torch.testing.assert_close(_turned(modulus(obj), (2, 0, 1), (0, 2)), modulus(other))


def test_all_48_are_drawn() -> None:
    field = torch.rand((1, 4, 4, 4), generator=torch.Generator().manual_seed(0))
    scans = Scans(("one",), field, field > 0.2, "")
    modulus, known = scans.draw(600, torch.Generator().manual_seed(1))
    assert bool((known == (modulus > 0.2)).all())
    assert len({one.numpy().tobytes() for one in modulus}) == 48
    assert bool((modulus[:, 2, 2, 2] == field[0, 2, 2, 2]).all())
    assert [Scans.share(batch) for batch in (2, 4, 16, 64)] == [1, 1, 4, 16]


def test_held_out_voxels_stay_unseen(scans: Scans) -> None:
    changed = np.fft.ifftshift(counts())
    hidden = Moduli.of(Measurement(counts()), HELD_OUT, torch.device("cpu")).held_out.numpy()
    assert len(hidden) == round(HELD_OUT * changed.size)
    changed.reshape(-1)[hidden] = 3
    again = Scans.of([("changed", Measurement(np.fft.fftshift(changed)))], "fast")
    torch.testing.assert_close(again.modulus[0], scans.modulus[0], rtol=0, atol=0)
    assert again.checksum != scans.checksum


def test_a_pattern_with_nothing_in_the_field_is_named() -> None:
    mask = np.ones(SHAPE, dtype=bool)
    mask[SHAPE[0] // 2, SHAPE[1] // 2, SHAPE[2] // 2] = False
    with pytest.raises(MeasurementError, match="masked: nothing is known"):
        Scans.of([("masked", Measurement(counts(), mask))], "fast")


def test_without_lightning_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scans: Scans, fresh: Path
) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    recipe = recipe_from(weights.load(fresh)[1], steps=1, batch=2, rate=1e-3)
    with pytest.raises(ParameterError, match=r"lightning_fabric is not installed.*\[train\]"):
        train(recipe, tmp_path / "out", replace(CPU, start=fresh, scans=scans))
