"""The file of a benchmark: rows are added, a half one is dropped, and a file that is not its own stays as it is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cdi_ml_plugin.bench import table
from cdi_ml_plugin.cli.app import main
from cdi_ml_plugin.errors import ParameterError


def lent(out: Path) -> None:
    with table.lent(out):
        raise AssertionError("this adds rows")


def test_a_row_that_was_being_written_is_dropped(tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    table.append(out, {"key": "one"})
    whole = out.read_bytes()
    out.write_bytes(whole + b'{"key": "tw')
    assert list(table.read(out)) == ["one"]
    assert out.read_bytes() == whole


@pytest.mark.parametrize(
    "text",
    [
        b"one line without an end",
        b"first\nlast",
        b'{"a": 1}\nlast',
        b'{"key": 1}\n5\nlast',
        b"[1]\n[2",
        b"\xff\n\xff",
    ],
)
def test_a_file_of_another_is_left_as_it_is(tmp_path: Path, text: bytes) -> None:
    out = tmp_path / "notes.txt"
    out.write_bytes(text)
    for look in (table.read, lent):
        with pytest.raises(ParameterError, match=r"notes\.txt: is no table of this benchmark"):
            look(out)
    assert out.read_bytes() == text


def test_options_of_measured_data_need_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["cdi-ml", "bench", "cnn", "--crop", "8", "8", "8"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "--crop: is of measured data: give --data too" in capsys.readouterr().err
