"""Fine-tuning on measured patterns: it fits them, it goes on where it was, it says what is wrong."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.cli.app import main
from cdi_ml_plugin.errors import MeasurementError, ParameterError, WriteError
from cdi_ml_plugin.nn import weights
from cdi_ml_plugin.nn.pattern import Pattern
from cdi_ml_plugin.nn.presets import PRESETS, Preset
from cdi_ml_plugin.physics.moduli import HELD_OUT, Moduli
from cdi_ml_plugin.training import checkpoint, loop, objective
from cdi_ml_plugin.training.fine_tune import Scans, _turned, recipe_from
from cdi_ml_plugin.training.loop import Session, train

SHAPE = (33, 47, 38)  # odd, unequal
CPU = Session(accelerator="cpu")


@pytest.fixture(autouse=True)
def few_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "VALIDATED", 2)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a network that has learnt nothing."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = PRESETS["fast"].build()
    card = weights.Card(
        preset="fast",
        families=("superellipsoid", "noise"),
        phase_range=(0.0, 2.0),
        samples=70,
        hardware="none",
        hours=2.0,
        recipe="none",
        validation={"error": 0.9},
    )
    path = tmp_path_factory.mktemp("weights") / "fresh.safetensors"
    weights.save(path, network, card)
    return path


def counts(seed: int = 0) -> np.ndarray:
    """A sheared box with a curved phase, 3e6 photons."""
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in SHAPE], indexing="ij")
    crystal = (abs(z) < 5) & (abs(y) < 8) & (abs(x + y / 3) < 5 + seed)
    obj = crystal * np.exp(1j * 0.02 * (y**2 - z * x))
    wave = np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(obj), norm="ortho"))
    intensity = abs(wave) ** 2
    return np.random.default_rng(seed).poisson(3e6 * intensity / intensity.sum())


@pytest.fixture(scope="module")
def scans() -> Scans:
    return Scans.of([("one", Measurement(counts(0))), ("two", Measurement(counts(1)))], "fast")


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    def command(*arguments: object) -> tuple[int, str, str]:
        given = [*map(str, arguments), "--accelerator", "cpu", "-q"]
        monkeypatch.setattr(sys, "argv", ["cdi-ml", "fine-tune", *given])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, *capfd.readouterr()

    return command


@pytest.mark.slow
def test_a_scan_is_fitted_better(fresh: Path, scans: Scans, tmp_path: Path) -> None:
    recipe = recipe_from(weights.load(fresh)[1], steps=8, batch=4, rate=2e-3)
    before = scans.chi2(fresh)
    assert before == scans.chi2(fresh)
    card = train(recipe, tmp_path, replace(CPU, start=fresh, scans=scans))
    after = scans.chi2(tmp_path / loop.WEIGHTS)
    assert all(new < 0.8 * old for old, new in zip(before, after, strict=True))
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


def test_the_command(fresh: Path, tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    folder, out = tmp_path / "two", tmp_path / "out"
    folder.mkdir()
    for seed in range(2):
        np.save(folder / f"s{seed}.npy", counts(seed))
    command = [folder, "--out", out, "--from", fresh, "--batch", 2, "--crop", *SHAPE]
    code, text, error = run(*command, "--steps", 1, "--rate", 1e-12)
    assert code == 0, error
    for seed in range(2):
        assert f"s{seed}.npy: χ² " in text
    assert "note: no better on these scans" in text  # at such a rate
    assert "simulated patterns: object error 0.900 before" in text
    card = weights.load(out / loop.WEIGHTS)[1]
    assert card.samples == 72
    assert "s0.npy s1.npy --from fresh.safetensors" in card.recipe
    assert "2 scan(s)" in card.recipe
    assert "/" not in card.recipe
    code, text, error = run(*command, "--steps", 2, "--rate", 1e-12)  # it goes on
    assert code == 0, error
    assert weights.load(out / loop.WEIGHTS)[1].samples == 74


def test_no_space_is_one_line(
    fresh: Path,
    tmp_path: Path,
    run: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    np.save(tmp_path / "a.npy", counts())
    monkeypatch.setattr(checkpoint.os, "replace", full)
    out = tmp_path / "out"
    options = ["--steps", 1, "--batch", 2, "--from", fresh]
    code, _, error = run(tmp_path / "a.npy", "--out", out, *options)
    assert code == 2
    assert error.strip().splitlines()[-1].startswith("cdi-ml: error:")
    assert "No space left" in error
    assert not list(out.glob("*.safetensors"))
    assert not list(out.glob(".cdi-ml-*"))


def test_what_is_wrong_is_one_line(
    fresh: Path,
    tmp_path: Path,
    run: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good, dark, flat = (tmp_path / f"{n}.npy" for n in ("good", "dark", "flat"))
    np.save(good, counts())
    np.save(dark, np.zeros(SHAPE))
    np.save(flat, np.ones((40, 40)))
    damaged, foreign = tmp_path / "damaged.safetensors", tmp_path / "foreign.safetensors"
    damaged.write_bytes(fresh.read_bytes()[:-100])
    with monkeypatch.context() as patch:  # as another version may have made it
        patch.setitem(PRESETS, "vast", Preset("vast", 32, 4))
        network, card = weights.load(fresh)
        weights.save(foreign, network, replace(card, preset="vast"))
    full, file = tmp_path / "full", tmp_path / "file"
    full.mkdir()
    (full / loop.WEIGHTS).write_bytes(b"mine")
    file.write_text("")
    for number, (arguments, says) in enumerate(
        [
            ([dark], "dark.npy: intensity is zero"),
            ([flat], "2 dimension"),
            ([good, tmp_path / "gone.npy"], "gone.npy: no such file"),
            ([good, "--from", damaged], "damaged.safetensors"),
            ([good, "--from", foreign], "made for preset 'vast'"),
            ([good, "--from", tmp_path / "gone.safetensors"], "gone.safetensors"),
            ([good, "--out", full], "holds weights.safetensors already"),
            ([good, "--out", file], "is a file"),
            ([good, "--minutes", 0], "--minutes"),
            ([good, "--rate", -1], "rate"),
            ([good, "--batch", 1], "--batch"),
            ([good, good, "--scan", 3], "--scan 3"),
            ([good, "--scan", 3], "only for a folder of frames"),
            ([], "DATA"),
        ]
    ):
        out = tmp_path / f"out{number}"
        code, _, error = run("--out", out, "--from", fresh, *arguments)
        assert code == 2, says
        last = error.strip().splitlines()[-1]
        assert last.startswith("cdi-ml: error:"), error
        assert says in last
        assert not out.exists() or not list(out.glob("*.safetensors"))
    assert (full / loop.WEIGHTS).read_bytes() == b"mine"


def test_without_lightning_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scans: Scans, fresh: Path
) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    recipe = recipe_from(weights.load(fresh)[1], steps=1, batch=2, rate=1e-3)
    with pytest.raises(ParameterError, match=r"lightning_fabric is not installed.*\[train\]"):
        train(recipe, tmp_path / "out", replace(CPU, start=fresh, scans=scans))
