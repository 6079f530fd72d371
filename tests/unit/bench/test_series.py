"""``cdi-ml bench series``: what is timed, and against what."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from cdi_ml_plugin.bench import series
from cdi_ml_plugin.errors import ReadError


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that are timed, none of which runs."""
    seen: list[list[str]] = []

    def command(*words: object) -> None:
        seen.append([*map(str, words)])
        folder = Path(seen[-1][-1]) / "scan_0001"
        folder.mkdir(parents=True)
        (folder / "result.cxi").write_bytes(bytes(1_500_000))

    def written(folder: Path, **_: object) -> SimpleNamespace:
        folder.mkdir(parents=True)
        return SimpleNamespace(data=folder / "frames", options={"scan": 1, "spec": "virtual.spec"})

    monkeypatch.setattr(series, "write_virtual_scan", written)
    monkeypatch.setattr(series, "_command", command)
    return seen


def after(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_a_series_against_as_many_commands(tmp_path: Path, called: list[list[str]]) -> None:
    lines = list(series.throughput(tmp_path, 2, 16, 3))
    assert [words[0] for words in called] == ["reconstruct", "reconstruct", "series"]
    for words in called:
        assert (after(words, "--crop"), after(words, "-a")) == ("16", series.CHAIN)
    assert after(called[-1], "--workers") == "3"
    assert lines[-1].startswith("ratio of wall times: ")


def test_what_a_scan_costs_is_a_difference_of_series(
    tmp_path: Path, called: list[list[str]]
) -> None:
    head, line = series.one_scan(tmp_path, [16])
    rows = [len(Path(after(words, "--table")).read_text().splitlines()) - 1 for words in called]
    assert rows == [1, 3, 1]
    assert [after(words, "-a") for words in called] == [series.LITTLE, series.LITTLE, series.SOME]
    assert len(head.split("|")) == len(line.split("|"))
    assert line.startswith("16³ | ")
    assert line.endswith("| 1.5")


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(ReadError, match="cdi-ml reconstruct of the benchmark ended with 2"):
        series._command("reconstruct", "-o", "out")
