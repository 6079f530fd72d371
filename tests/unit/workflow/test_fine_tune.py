"""Fine-tuning judged by scans that were held out: which, that they stay unseen, and what is said."""

from __future__ import annotations

import errno
import inspect
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.cli.app import main
from cdi_ml_plugin.cli.fine_tune import fine_tune as command
from cdi_ml_plugin.errors import MeasurementError, ParameterError
from cdi_ml_plugin.nn import weights
from cdi_ml_plugin.nn.unet import Fast
from cdi_ml_plugin.training import checkpoint, loop
from cdi_ml_plugin.training.fine_tune import Scans
from cdi_ml_plugin.training.loop import Session
from cdi_ml_plugin.workflow import fine_tune as module
from cdi_ml_plugin.workflow.fine_tune import Verdict, chosen, fine_tune, judge
from support.networks import installed
from support.weights import SHAPE, counts, untrained

CPU = Session(accelerator="cpu")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "VALIDATED", 2)
    monkeypatch.setattr(module, "CHAIN", "CNN + 4*ER")
    monkeypatch.setattr(module, "SEEDS", 2)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("weights") / "fresh.safetensors")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    def called(*arguments: object) -> tuple[int, str, str]:
        given = [*map(str, arguments), "--accelerator", "cpu", "-q"]
        monkeypatch.setattr(sys, "argv", ["cdi-ml", "fine-tune", *given])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, *capfd.readouterr()

    return called


def series(*seeds: int) -> list[tuple[str, Measurement]]:
    return [(f"s{seed}", Measurement(counts(seed))) for seed in seeds]


def test_they_lie_evenly_along_the_series() -> None:
    assert chosen(["one"], None) == []
    wanted = {2: [1], 4: [2], 6: [3], 8: [2, 6], 15: [2, 7, 12]}
    for count, places in wanted.items():
        assert chosen([str(n) for n in range(count)], None) == places
    for count in range(2, 12):
        for many in range(count):
            found = chosen([str(n) for n in range(count)], many)
            assert len(set(found)) == many
            assert set(found) <= set(range(count))
            assert [count - 1 - place for place in found][::-1] == pytest.approx(found, abs=1)
    assert chosen(["a", "b", "c"], ("c", "a")) == [0, 2]


@pytest.mark.slow
def test_a_held_out_scan_leaves_no_trace_in_the_weights(
    fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[torch.Tensor] = []
    draw = Scans.draw

    def recorded(self: Scans, count: int, numbers: torch.Generator) -> tuple[torch.Tensor, ...]:
        drawn.append(draw(self, count, numbers)[0])
        return draw(self, count, numbers)

    monkeypatch.setattr(Scans, "draw", recorded)
    monkeypatch.setattr(module, "judge", lambda *_: Verdict((), True, *np.ones((2, 2, 1, 2))))
    options = {"steps": 2, "batch": 2, "rate": 1e-3, "session": CPU, "held_out": ("s1",)}
    named = ("s0", "s1", "s2")
    for name, seeds in (("one", (0, 1, 2)), ("other", (0, 7, 2)), ("third", (3, 7, 5))):
        scans = [(n, Measurement(counts(seed))) for n, seed in zip(named, seeds, strict=True)]
        fine_tune(scans, tmp_path / name, fresh, **options)
    one, other, third = (
        load_file(tmp_path / n / checkpoint.NAME) for n in ("one", "other", "third")
    )
    assert all(torch.equal(one[key], other[key]) for key in one)
    # another scan that is trained on does leave one
    assert not all(torch.equal(one[key], third[key]) for key in one)

    def values(modulus: torch.Tensor) -> bytes:  # those of a pattern, however it was turned
        return modulus.flatten().sort().values.numpy().tobytes()

    held, *trained = (values(Scans.of(series(s), "fast").modulus[0]) for s in (1, 0, 2))
    seen = {values(pattern) for batch in drawn[:2] for pattern in batch}
    assert held not in seen
    assert seen <= {*trained}


@pytest.mark.slow
def test_the_card_carries_the_figures(fresh: Path, tmp_path: Path) -> None:
    options = {"steps": 1, "batch": 2, "rate": 1e-3, "session": CPU}
    card, verdict = fine_tune(series(0, 1, 2), tmp_path, fresh, **options)
    assert verdict.names == ("s1",)
    assert verdict.held_out
    assert card == weights.load(tmp_path / loop.WEIGHTS)[1]
    found = card.validation
    assert found["held_out_scans"] == 1
    assert found["chi2_before"] == pytest.approx(verdict.chain[0].mean())
    assert found["chi2_after"] == pytest.approx(verdict.chain[1].mean())
    assert found["prediction_after"] == pytest.approx(verdict.prediction[1].mean())
    assert found["error"] > 0  # of simulated patterns, as before
    assert card.recipe.startswith("cdi-ml fine-tune s0 s1 s2 --held-out s1 --from fresh")
    # the new weights are those that were trained, and judged
    again = judge(series(1), fresh, tmp_path / loop.WEIGHTS, True, CPU)
    np.testing.assert_array_equal(again.chain, verdict.chain)
    kept = load_file(tmp_path / loop.WEIGHTS)
    average = load_file(tmp_path / checkpoint.NAME)
    assert all(torch.equal(kept[k], average[f"average.{k}"].to(kept[k].dtype)) for k in kept)


def test_weights_against_themselves_are_no_different(fresh: Path) -> None:
    verdict = judge(series(0), fresh, fresh, True, CPU)
    assert verdict.change == (0, 0)
    assert not verdict.helped
    assert not verdict.worse
    assert "no difference on 1 held-out scan: " in str(verdict)


def test_old_weights_come_first(fresh: Path) -> None:
    verdict = judge(series(0), fresh, "fast", True, CPU)
    assert float(verdict.prediction[1].max()) < float(verdict.prediction[0].min())


def said(*ratios: float, held_out: bool = True, names: tuple[str, ...] = ("a",)) -> str:
    old = np.full((len(names), len(ratios)), 0.04)
    both = np.stack([old, old * ratios])
    verdict = Verdict(names, held_out, both, both)
    return f"{verdict.helped} {str(verdict).splitlines()[-1]}"


def test_the_verdict_is_by_the_spread_over_seeds() -> None:
    assert said(0.80, 0.81, 0.82).startswith("True helped on 1 held-out scan: ")
    assert "by -19.0%, spread over 3 seeds 1.2%, lower on 1 of 1" in said(0.80, 0.81, 0.82)
    assert said(0.8, 1.2, 0.9).startswith("False no difference")
    assert said(0.99, 0.99, 0.99).startswith("False no difference")  # too little to matter
    assert said(1.3, 1.2, 1.25).startswith("False worse")
    assert "helped on 2 held-out scans" in said(0.8, 0.8, names=("a", "b"))
    assert "of a alone, which says nothing of other scans" in said(0.8, 0.8, held_out=False)
    assert "2 scans that were trained on" in said(0.8, 0.8, held_out=False, names=("a", "b"))
    assert said(np.nan, 0.8).startswith("False no verdict")


@pytest.mark.parametrize("held_out", [3, 4, -1, True, 1.5, ("s0", "s1", "s2"), ("s9",)])
def test_what_leaves_nothing_to_train_on_is_refused(
    fresh: Path, tmp_path: Path, held_out: object
) -> None:
    with pytest.raises(ParameterError, match="held_out"):
        fine_tune(series(0, 1, 2), tmp_path / "out", fresh, held_out=held_out, session=CPU)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_what_cannot_judge_is_refused_before_the_training(fresh: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"s0 and s0 are the same counts.*leave one out"):
        fine_tune(series(0, 0), tmp_path / "out", fresh, session=CPU)
    mask = np.ones(SHAPE, dtype=bool)
    mask[SHAPE[0] // 2, SHAPE[1] // 2, SHAPE[2] // 2] = False
    dark = [*series(0), ("masked", Measurement(counts(1), mask))]
    with pytest.raises(MeasurementError, match="masked: nothing is known"):
        fine_tune(dark, tmp_path / "out", fresh, session=CPU)
    with pytest.raises(ParameterError, match="'s1': give a scan that is there once"):
        fine_tune(series(1, 0, 1), tmp_path / "out", fresh, held_out=["s1"], session=CPU)
    assert not (tmp_path / "out").exists()


def test_an_interruption_leaves_no_half_verdict(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconstruct = module.reconstruct

    def interrupted(*args: object, **more: object) -> object:
        def watch(_: object) -> None:
            signal.raise_signal(signal.SIGINT)

        return reconstruct(*args, **more, watch=watch)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "reconstruct", interrupted)
    with pytest.raises(KeyboardInterrupt):
        judge(series(0), fresh, fresh, True, CPU)


@pytest.mark.slow
def test_the_command(fresh: Path, tmp_path: Path, run: Run) -> None:
    folder, out = tmp_path / "three", tmp_path / "out"
    folder.mkdir()
    for seed in range(3):
        np.save(folder / f"s{seed}.npy", counts(seed))
    options = [folder, "--out", out, "--from", fresh, "--batch", 2, "--crop", *SHAPE]
    code, text, error = run(*options, "--steps", 1, "--rate", 1e-12)
    assert code == 0, error
    assert "s1.npy (held out)" in text
    assert "s0.npy (" not in text
    assert "χ² of held-out voxels after CNN + 4*ER: " in text
    assert "no difference on 1 held-out scan: " in text  # at such a rate
    assert f"note: stay with {fresh}\n" in text
    assert "simulated patterns: object error 0.900 before" in text
    card = weights.load(out / loop.WEIGHTS)[1]
    assert card.samples == 72
    assert card.validation["held_out_scans"] == 1
    assert "s0.npy s1.npy s2.npy --held-out s1.npy --from fresh.safetensors" in card.recipe
    assert "/" not in card.recipe
    code, text, error = run(*options, "--steps", 2, "--rate", 1e-12)  # it goes on
    assert code == 0, error
    card = weights.load(out / loop.WEIGHTS)[1]
    assert card.samples == 74
    assert card.validation["held_out_scans"] == 1
    code, _, error = run(*options, "--steps", 2, "--rate", 1e-12, "--held-out", "s0.npy")
    assert code == 2
    assert "of other scans" in error


def test_one_scan_is_judged_by_its_held_out_voxels(fresh: Path, tmp_path: Path, run: Run) -> None:
    np.save(tmp_path / "a.npy", counts())
    options = ["--steps", 1, "--batch", 2, "--from", fresh]
    code, text, error = run(tmp_path / "a.npy", "--out", tmp_path / "out", *options)
    assert code == 0, error
    assert "a.npy (trained on)" in text
    assert "the held-out voxels of a.npy alone, which says nothing of other scans" in text
    card = weights.load(tmp_path / "out" / loop.WEIGHTS)[1]
    assert card.validation["held_out_scans"] == 0
    assert card.validation["chi2_after"] > 0


def test_its_defaults_are_those_of_the_command() -> None:
    given = {option.name: option.default for option in command.params}
    for name, parameter in inspect.signature(fine_tune).parameters.items():
        if name in ("source", "steps", "batch", "rate"):
            assert given[name] == parameter.default


def test_no_space_is_one_line(
    fresh: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
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


class Vast(Fast):
    """A network that another version may have."""


def test_what_is_wrong_is_one_line(fresh: Path, tmp_path: Path, run: Run) -> None:
    good, dark, flat = (tmp_path / f"{n}.npy" for n in ("good", "dark", "flat"))
    np.save(good, counts())
    np.save(dark, np.zeros(SHAPE))
    np.save(flat, np.ones((40, 40)))
    damaged, foreign = tmp_path / "damaged.safetensors", tmp_path / "foreign.safetensors"
    damaged.write_bytes(fresh.read_bytes()[:-100])
    with installed(vast=f"{__name__}:Vast"):  # as another version may have made it
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
            ([good, "--from", foreign], "made for network 'vast'"),
            ([good, "--from", tmp_path / "gone.safetensors"], "gone.safetensors"),
            ([good, "--out", full], "holds weights.safetensors already"),
            ([good, "--out", file], "is a file"),
            ([good, "--minutes", 0], "--minutes"),
            ([good, "--rate", -1], "rate"),
            ([good, "--batch", 1], "--batch"),
            ([good, "--held-out", 1], "held_out, of 1 scan(s), = 1"),
            ([good, "--held-out", 10**30], "held_out, of 1 scan(s), = 1"),
            ([good, "--held-out", "good.npy"], "none is left to train on"),
            ([good, "--held-out", "-1"], "give a scan that is there once: good.npy"),
            ([good, good], "are the same counts"),
            ([good, good, "--scan", 3], "--scan 3"),
            ([good, "--scan", 3], "scan: not for "),
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
