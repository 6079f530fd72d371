"""Runs that are kept: nothing is computed twice, nothing of others is taken or lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.comparison.comparison import Comparison
from cdi_ml_plugin.comparison.run import compare
from cdi_ml_plugin.engine import loop
from cdi_ml_plugin.engine.plan import Plan
from cdi_ml_plugin.errors import (
    AlgorithmError,
    ParameterError,
    ReadError,
    SequenceError,
    WriteError,
)
from cdi_ml_plugin.workflow.save import COMPARISON_FILES, save_comparison
from support.comparisons import CHAINS, interrupt


# --- going on -----------------------------------------------------------------------------------
def test_nothing_is_computed_twice(
    measurement: Measurement, tmp_path: Path, calls: list[tuple[str, int]]
) -> None:
    chains = {"a": "2*ER", "b": "3*ER"}
    first = compare(measurement, chains, tmp_path, seeds=2)
    # in turn, so that an interruption or a busy moment hits both
    assert calls == [("2*ER", 0), ("3*ER", 0), ("2*ER", 1), ("3*ER", 1)]
    calls.clear()
    again = compare(measurement, {"other name": "2*ER", "b": "3*ER"}, tmp_path, seeds=2)
    assert not calls
    for before, after in zip(first.content()["chains"], again.content()["chains"], strict=True):
        assert before["figures"] == after["figures"]
        assert before["prtf"] == pytest.approx(after["prtf"], rel=1e-6)
    compare(measurement, {**chains, "c": "ER"}, tmp_path, seeds=3)
    assert calls == [("ER", 0), ("ER", 1), ("2*ER", 2), ("3*ER", 2), ("ER", 2)]
    calls.clear()
    fewer = compare(measurement, chains, tmp_path, seeds=2)
    assert not calls
    assert [len(member.runs) for member in fewer.members] == [2, 2]


@pytest.mark.parametrize(
    "change",
    [{"held_out": 0.05}, {"precision": "double"}, {"parameters": {"support_threshold": 0.3}}],
)
def test_other_runs_are_other_runs(
    change: dict[str, Any],
    measurement: Measurement,
    tmp_path: Path,
    calls: list[tuple[str, int]],
) -> None:
    chains = {"a": "ER", "b": "2*ER"}
    compare(measurement, chains, tmp_path, seeds=2)
    calls.clear()
    compare(measurement, chains, tmp_path, seeds=2, **change)
    assert len(calls) == 4


@pytest.mark.usefixtures("plain_figures")
def test_interrupted_and_resumed(
    measurement: Measurement,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    calls: list[tuple[str, int]],
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, after=3)
        part = compare(measurement, CHAINS, tmp_path, seeds=3)
    assert not part.complete
    assert [len(member.runs) for member in part.members] == [2, 1]
    save_comparison(part, tmp_path)
    assert "Interrupted" in (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert part.content()["chains"][1]["spread_between_seeds"] is None
    calls.clear()
    whole = compare(measurement, CHAINS, tmp_path, seeds=3)
    assert [seed for _, seed in calls] == [1, 2, 2]
    assert whole.complete
    assert [len(member.runs) for member in whole.members] == [3, 3]
    save_comparison(whole, tmp_path)
    assert "Interrupted" not in (tmp_path / "compare.html").read_text(encoding="utf-8")


def test_interrupted_before_there_is_anything_to_compare(
    measurement: Measurement,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    calls: list[tuple[str, int]],
) -> None:
    with monkeypatch.context() as patch:
        interrupt(patch, after=1)
        with pytest.raises(KeyboardInterrupt):
            compare(measurement, CHAINS, tmp_path, seeds=2)
    calls.clear()
    compare(measurement, CHAINS, tmp_path, seeds=2)
    assert len(calls) == 3


def lose(monkeypatch: pytest.MonkeyPatch, lost: list[int]) -> None:
    run = loop.run

    def losing(plan: Plan, seeds: Any, *given: Any, **words: Any) -> Iterator[Any]:
        return [
            replace(r, reason="not finite", object=0 * r.object, notes=("lost",))
            if r.seed in lost
            else r
            for r in run(plan, seeds, *given, **words)
        ]

    monkeypatch.setattr(loop, "run", losing)


@pytest.mark.usefixtures("plain_figures")
def test_runs_that_are_not_finite_are_counted_and_left_out(
    measurement: Measurement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        lose(patch, [1])
        comparison = compare(measurement, CHAINS, tmp_path, seeds=3)
    chain = comparison.content()["chains"][0]
    assert (chain["finished"], chain["not_finite"]) == (3, 1)
    assert chain["figures"]["chi2"]["number"] == 2
    assert chain["runs"][1]["distance_to_best"] is None
    save_comparison(comparison, tmp_path)
    assert "1 of 3 runs ended in NaN" in (tmp_path / "compare.html").read_text(encoding="utf-8")
    lose(monkeypatch, [0, 1])
    with pytest.raises(AlgorithmError, match="every run of a became NaN or infinite: lost"):
        compare(measurement, {"a": "ER", "b": "2*ER"}, tmp_path, seeds=2)


# --- refusals -----------------------------------------------------------------------------------
def test_wrong_requests(measurement: Measurement, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ParameterError, match="two or more"):
        compare(measurement, {"a": "ER"}, out)
    with pytest.raises(ParameterError, match="'a' and 'b' are the same"):
        compare(measurement, {"a": "2*HIO", "b": "2*hio(beta=0.9)"}, out)
    for seeds in (1, 0, 2.5, True):
        with pytest.raises(ParameterError, match="whole number from 2"):
            compare(measurement, CHAINS, out, seeds=seeds)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="random starts"):
        compare(measurement, CHAINS, out, parameters={"init_guess": "continue"})
    with pytest.raises(SequenceError):
        compare(measurement, {"a": "ER", "b": "2*NOPE"}, out)
    assert not out.exists()


def test_a_foreign_folder_is_left_alone(measurement: Measurement, tmp_path: Path) -> None:
    (tmp_path / "compare.html").write_text("precious")
    with pytest.raises(WriteError, match=r"holds other files \(compare.html\)"):
        compare(measurement, CHAINS, tmp_path, seeds=2)
    assert [path.name for path in tmp_path.iterdir()] == ["compare.html"]
    (tmp_path / "runs").mkdir()
    with pytest.raises(WriteError, match="name another folder"):
        compare(measurement, CHAINS, tmp_path, seeds=2)
    with pytest.raises(WriteError, match="no folder"):
        compare(measurement, CHAINS, tmp_path / "compare.html", seeds=2)


def test_other_data_need_another_folder(
    compared: tuple[Path, Comparison], measurement: Measurement
) -> None:
    out, _ = compared
    other = Measurement(measurement.intensity + 1, measurement.mask)
    with pytest.raises(WriteError, match="other data"):
        compare(other, CHAINS, out, seeds=2)


def test_a_damaged_run_is_named(measurement: Measurement, tmp_path: Path) -> None:
    compare(measurement, {"a": "ER", "b": "2*ER"}, tmp_path, seeds=2)
    one, other = sorted((tmp_path / "runs").glob("*.npz"))[:2]
    whole = one.read_bytes()
    one.write_bytes(whole[:100])
    with pytest.raises(ReadError, match=f"{one.name}: is damaged: delete it"):
        compare(measurement, {"a": "ER", "b": "2*ER"}, tmp_path, seeds=2)
    one.write_bytes(whole)
    other.with_name("f" * 16 + "-0000.npz").write_bytes(whole)  # of no chain here: no harm
    compare(measurement, {"a": "ER", "b": "2*ER"}, tmp_path, seeds=2)


@pytest.mark.usefixtures("plain_figures")
def test_pages_are_written_both_or_neither(
    measurement: Measurement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = compare(measurement, {"a": "ER", "b": "2*ER"}, tmp_path, seeds=2)
    for name in COMPARISON_FILES:
        (tmp_path / name).write_text("older")
    write = Path.write_text

    def full(path: Path, *given: Any, **more: Any) -> int:
        if path.name == COMPARISON_FILES[1]:
            raise OSError(28, "No space left on device")
        return write(path, *given, **more)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(WriteError, match="No space"):
        save_comparison(comparison, tmp_path)
    assert {(tmp_path / name).read_text() for name in COMPARISON_FILES} == {"older"}
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*COMPARISON_FILES, "runs"])
