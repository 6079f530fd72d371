"""Whatever is damaged in an input of whatever kind: it is read, or refused by our own errors in one plain line."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cdi_ml_plugin.errors import ReadError
from support.fuzz import Bench, Fault, watched
from support.kinds import KINDS, Kind

# Of each kind; the slower ones fewer. CDI_ML_FUZZ=1000,7 is another count and seed.
COUNT, SEED = map(int, os.environ.get("CDI_ML_FUZZ", "24,0").split(","))


@pytest.mark.parametrize("name", KINDS)
def test_damaged_inputs(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bench = Bench(name, KINDS[name], tmp_path / "deep" / "down")
    capfd.readouterr()
    for number in range(max(6, COUNT // KINDS[name].slow)):
        bench.attempt(SEED, number)
    assert capfd.readouterr().out == ""


def made(folder: Path) -> Sequence[Path]:
    (folder / "a").write_bytes(b"0123456789")
    return [folder / "a"]


def kind(reading: Callable[[Path], object]) -> Kind:
    """A kind whose sound file is read, and whose damaged ones do something."""
    return Kind(
        made,
        lambda f: (f / "a").read_bytes() == b"0123456789" or reading(f),
        (lambda data, rng: data[1:],),
    )


def say(text: str) -> Callable[[Path], object]:
    def reading(folder: Path) -> None:
        raise ReadError(text)

    return reading


def test_what_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Bench("a", kind(say("refused")), tmp_path / "a").attempt(0, 0) == "refused"
    assert Bench("b", kind(lambda folder: None), tmp_path / "b").attempt(0, 0) == ""
    with pytest.raises(Fault, match="c, seed 0, number 0, a: KeyError: 1"):
        Bench("c", kind(lambda folder: {}[1]), tmp_path / "c").attempt(0, 0)
    # the base of our errors mends what these three say
    monkeypatch.setattr(ReadError, "__str__", lambda error: says)
    for says, what in (
        ("a\nb", "no plain line"),
        ("x" * 401, "401 characters"),
        ("\udcff", "no plain"),
    ):
        with pytest.raises(Fault, match=what):
            Bench("d", kind(say(says)), tmp_path / f"d{len(says)}{what[0]}").attempt(0, 0)


CHILD = """
import os, sys, time
from support import fuzz, kinds
def read(folder):
    match (folder / "a").read_bytes():
        case b"1": os.abort()
        case b"2": time.sleep(60)
def make(folder):
    (folder / "a").write_bytes(b"sound")
    return [folder / "a"]
class Bench(fuzz.Bench):
    def attempt(self, seed, number):
        (self.folder / "a").write_bytes(str(number).encode())
        self.kind.read(self.folder)
        return ""
fuzz.Bench = Bench
kinds.KINDS["odd"] = kinds.Kind(make, read, ())
sys.exit(fuzz.main())
"""


@pytest.mark.slow
def test_a_crash_and_a_hang_are_faults_and_the_run_goes_on() -> None:
    found = [about for _, about in watched(["odd"], 0, 0, 4, patience=3, child_is=("-c", CHILD))]
    said = [str(about.get("fault", "")).split(" (")[0] for about in found]
    head = "odd, seed 0, number"
    assert said == ["", f"{head} 1: crashes", f"{head} 2: hangs", ""]
