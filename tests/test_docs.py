"""The quick start does what it says: its commands and its Python run, in order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cdi_ml_plugin.cli import cli

PAGE = Path(__file__).resolve().parents[1] / "docs" / "quickstart.md"


def test_quick_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(
        r"^```(sh|python)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S
    )
    assert [kind for kind, _ in blocks].count("python") > 3
    for kind, text in blocks:
        if kind == "python":
            exec(compile(text, str(PAGE), "exec"), names)
            continue
        for line in text.replace("\\\n", " ").splitlines():
            program, *words = shlex.split(line)
            assert program == "cdi-ml"
            cli.main(words, standalone_mode=False)
    assert {path.name for path in (tmp_path / "from_python").iterdir()} == {
        path.name for path in (tmp_path / "result").iterdir()
    }
