"""Every option of every command, spoilt in every way of its kind."""

from __future__ import annotations

import sys

import pytest

from cdi_ml_plugin.bench import cnn as bench_cnn
from cdi_ml_plugin.bench import engine as bench_engine
from cdi_ml_plugin.bench import refine as bench_refine
from cdi_ml_plugin.bench import scheduler as bench_scheduler
from cdi_ml_plugin.bench import solve as bench_solve
from cdi_ml_plugin.bench.gpu import script as bench_gpu
from cdi_ml_plugin.cli.app import main
from support.bad.commands import Words, spoilt
from support.bad.room import Room, bounded, one_line

INPUTS = list(spoilt())
# A benchmark measures nothing for a bad option: that would take long.
MEASURING = {
    bench_cnn: ("speed_table", "compare"),
    bench_engine: ("_against_pair",),
    bench_gpu: ("_all",),
    bench_refine: ("speed_table", "gap_table", "compare"),
    bench_scheduler: ("overhead",),
    bench_solve: ("crystal",),
}


def measure(*_: object) -> None:
    raise AssertionError("this is measured")


@pytest.mark.parametrize(
    ("command", "words"), INPUTS, ids=[f"{c} {' '.join(w)!r}"[:90] for c, w in INPUTS]
)
def test_a_bad_option_is_refused(
    command: str,
    words: Words,
    room: Room,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if command.startswith("bench"):
        for module, names in MEASURING.items():
            for name in names:
                monkeypatch.setattr(module, name, measure)
    monkeypatch.setattr(sys, "argv", ["cdi-ml", *command.split(), *words])
    code: object = 0
    try:
        with bounded():
            main()
    except SystemExit as stop:
        code = stop.code
    finally:
        left = room.left()
    out, err = capsys.readouterr()
    assert code == 2, (code, out, err)
    one_line(err)
    assert "written" not in out
    assert not left


def test_there_are_many_bad_inputs() -> None:
    assert len(INPUTS) >= 2300
