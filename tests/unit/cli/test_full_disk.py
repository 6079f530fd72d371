"""On a full disk every command that writes says so in one line, and what was there stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cdi_ml_plugin.training import loop
from support.commands import CHAIN, assert_refused

TRAIN = ("--recipe", "fast", "--batch", 1, "--accelerator", "cpu", "-q")
TWO = ("-a", "a: 2*ER", "-a", "b: 2*HIO")

SIZE = 1000  # bytes

# What each writes to `out`, from data or a result; the second time there is something that it would replace or go on.
COMMANDS: dict[str, Callable[[Path, Path, Path, int], tuple[object, ...]]] = {
    "reconstruct": lambda data, _, out, n: ("reconstruct", data, "-a", CHAIN, "-o", out, "--force"),
    "compare": lambda data, _, out, n: ("compare", data, *TWO, "--seeds", 1 + n, "-o", out),
    "train": lambda *given: ("train", given[2], *TRAIN, "--steps", given[3]),
    "figure": lambda _, result, out, n: (
        *("figure", result, "--kind", "slices", "--size", 200, "--out", out, "--force"),
    ),
    "export": lambda _, result, out, n: (
        "export",
        result,
        out,
        "--to",
        "cdiutils",
        "--scan",
        1,
        "--force",
    ),
}


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes, as on a disk that is full then."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder but the log of a training, which only grows."""
    paths = [path for path in folder.rglob("*") if "log" not in path.relative_to(folder).parts]
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in paths
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk(
    name: str, array: Path, run, tmp_path: Path, plain_picture, monkeypatch
) -> None:
    monkeypatch.setattr(loop, "VALIDATED", 4)
    result, out = tmp_path / "result", tmp_path / "out"
    assert run("reconstruct", array, "-a", CHAIN, "-o", result)[0] == 0
    assert run(*COMMANDS[name](array, result, out, 1))[0] == 0
    before = tree(tmp_path)
    with full_after(SIZE):
        answer = run(*COMMANDS[name](array, result, out, 2))
    assert_refused(answer)
    assert tree(tmp_path) == before
    shutil.rmtree(out)
    before = tree(tmp_path)
    with full_after(SIZE):
        answer = run(*COMMANDS[name](array, result, out, 1))
    assert_refused(answer)
    if name in ("train", "compare"):  # these keep a folder to go on in
        assert run(*COMMANDS[name](array, result, out, 1))[0] == 0
    else:
        assert tree(tmp_path) == before
