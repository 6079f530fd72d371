"""Damaged inputs of every kind, in a process that is watched.

From the folder ``tests``: ``python -m support.fuzz --count 200 --seed 7 [--kind npy …]``. A fault names its kind,
seed and number; with ``--first NUMBER --count 1`` it comes again.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cdi_ml_plugin.errors import CdiMlError
from support.damage import spoilt
from support.kinds import KINDS, Kind

LONGEST = 400  # characters of a message
PATIENCE = 60  # seconds for one input
MEMORY = 12  # GB that the child may take


class Fault(AssertionError):
    """What the package may not do with an input, however damaged."""


class Bench:
    """A folder with sound files of a kind, which are damaged one at a time."""

    def __init__(self, name: str, kind: Kind, folder: Path) -> None:
        self.name, self.kind, self.folder = name, kind, folder
        folder.mkdir(parents=True)
        self.paths = kind.make(folder)
        self.sound = {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
        kind.read(folder)
        self.restore()

    def restore(self) -> None:
        """Put the files back as they were."""
        if self.kind.writes:
            shutil.rmtree(self.folder, ignore_errors=True)
            for path, data in self.sound.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        for path in self.paths:
            path.write_bytes(self.sound[path])

    def attempt(self, seed: int, number: int) -> str:
        """Read one damaged input; what is said of it, empty where it is taken.

        Raises
        ------
        Fault
            Another exception than ours, or a message that is not one line, too long, or not UTF-8.
        """
        rng = np.random.default_rng([seed, number, zlib.crc32(self.name.encode())])
        path = self.paths[number % len(self.paths)]
        with warnings.catch_warnings(action="ignore"):  # damaging may lose what it likes
            path.write_bytes(spoilt(self.sound[path], rng, self.kind.damages))
        where = f"{self.name}, seed {seed}, number {number}, {path.name}"
        try:
            self.kind.read(self.folder)
        except CdiMlError as error:
            return _judged(str(error), where)
        except Exception as error:
            raise Fault(f"{where}: {type(error).__name__}: {error!s:.300}") from error
        finally:
            self.restore()
        return ""


def _judged(said: str, where: str) -> str:
    if len(said.splitlines()) != 1 or not said.isprintable():
        raise Fault(f"{where}: no plain line: {said!r}")
    if len(said) > LONGEST:
        raise Fault(f"{where}: {len(said)} characters: {said!r}")
    try:
        said.encode()
    except UnicodeEncodeError as error:
        raise Fault(f"{where}: not UTF-8: {said!r}") from error
    return said


# --- the child ------------------------------------------------------------------------------------
def work(names: Sequence[str], seed: int, first: int, count: int) -> None:
    """Say before each input which it is, and afterwards what came of it, a line of JSON each.

    `first` and up to `count` is for the first kind; the others are from 0.
    """
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY * 2**30, MEMORY * 2**30))
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever else is printed
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps({"begins": [name, first]}), file=out)
            try:
                bench = Bench(name, KINDS[name], Path(folder, "deep", "down", "here"))
            except Exception:
                print(json.dumps({"unsound": traceback.format_exc()}), file=out)
                raise
            for number in range(first, count):
                print(json.dumps({"begins": [name, number]}), file=out)
                print(json.dumps(_about(bench, seed, number)), file=out)
        first = 0
    print(json.dumps({"ends": True}), file=out)


def _about(bench: Bench, seed: int, number: int) -> dict[str, object]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return {"said": bench.attempt(seed, number)}
    except Fault as fault:
        stack = traceback.format_exception(fault.__cause__ or fault)
        return {"fault": str(fault), "stack": "".join(stack[-6:])}


# --- the parent -----------------------------------------------------------------------------------
def watched(
    names: Sequence[str],
    seed: int,
    first: int,
    count: int,
    patience: float = PATIENCE,
    child_is: Sequence[str] = ("-m", "support.fuzz"),
) -> Iterator[tuple[str, dict[str, object]]]:
    """What the child says of each input; a crash or a hang is a fault, after which a new child goes on."""
    left = [*names]
    while left:
        words = ["--child", f"--seed={seed}", f"--first={first}", f"--count={count}"]
        began = None
        with subprocess.Popen(
            [sys.executable, *child_is, *words, *(f"--kind={name}" for name in left)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[1],
        ) as child:
            for about in _lines(child, patience):
                if "ends" in about:
                    return
                if "unsound" in about:
                    raise SystemExit(about["unsound"])
                if "begins" in about:
                    began = about["begins"]
                    left = left[left.index(began[0]) :]
                else:
                    yield began[0], about
                    began = [began[0], began[1] + 1]
            code = _ended(child)
        if began is None:
            raise SystemExit(f"the child does not begin (it ended with {code})")
        name, first = began
        what = "hangs" if code == -9 else f"crashes ({code})"
        yield name, {"fault": f"{name}, seed {seed}, number {first}: {what}", "stack": ""}
        first += 1


def _ended(child: subprocess.Popen[bytes]) -> int:
    """How it ended, or -9 where it had to be ended."""
    try:
        return child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _lines(child: subprocess.Popen[bytes], patience: float) -> Iterator[dict[str, Any]]:
    """Lines of JSON, until there are no more, or none for too long."""
    assert child.stdout is not None
    descriptor, rest = child.stdout.fileno(), b""
    until = time.monotonic() + patience + 60  # it begins with imports
    while select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
        if not (read := os.read(descriptor, 65536)):
            return
        *lines, rest = (rest + read).split(b"\n")
        yield from map(json.loads, lines)
        until = time.monotonic() + patience


def main(words: Sequence[str] | None = None) -> int:
    """Run many, and say how many were read and refused and what was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=100, help="inputs of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER")
    parser.add_argument("--kind", action="append", choices=[*KINDS])
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    names = given.kind or [*KINDS]
    end = given.first + given.count
    if given.child:
        work(names, given.seed, given.first, given.count)
        return 0
    found = {name: Counter[str]() for name in names}
    for name, about in watched(names, given.seed, given.first, end):
        said = about.get("said")
        found[name]["fault" if said is None else "refused" if said else "read"] += 1
        if said is None:
            print(about["fault"], about["stack"], sep="\n", flush=True)
    for name, figures in found.items():
        print(f"{name:18}", *(f"{figures[key]:5} {key}" for key in ("read", "refused", "fault")))
    wrong = sum(figures["fault"] for figures in found.values())
    inputs = sum(figures.total() for figures in found.values())
    print(f"{inputs} inputs, {wrong} faults")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
