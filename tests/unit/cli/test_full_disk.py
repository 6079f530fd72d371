"""On a full disk every command that writes says so in one line, and what was there stays."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cdi_ml_plugin.training import loop
from support.commands import CHAIN, assert_refused

TRAIN = ("--recipe", "fast", "--batch", 1, "--accelerator", "cpu", "-q")
GO_ON = ("train", "compare")  # these keep a folder to go on in
TWO = ("-a", "a: 2*ER", "-a", "b: 2*HIO")

SIZES = (0, 10, 1000)  # bytes: nothing can be written; not who writes; not what is written

# What each writes to `out`, from data or a result; the second time there is something that it would replace or go on.
COMMANDS: dict[str, Callable[[Path, Path, Path, int], tuple[object, ...]]] = {
    "reconstruct": lambda data, _, out, n: ("reconstruct", data, "-a", CHAIN, "-o", out, "--force"),
    "compare": lambda data, _, out, n: ("compare", data, *TWO, "--seeds", 1 + n, "-o", out),
    "simulate": lambda _, __, out, n: ("simulate", out, "--seed", n, "--force"),
    "demo": lambda _, __, out, n: ("demo", "-o", out, "-a", "2*ER", "--seeds", n, "--force"),
    "train": lambda *given: ("train", given[2], *TRAIN, "--steps", given[3]),
    "figure": lambda _, result, out, n: (
        *("figure", result, "--kind", "slices", "--size", 200, "--out", out, "--force"),
    ),
    "inspect": lambda data, _, out, n: ("inspect", data, "-o", out, "--force"),
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
    def refused(number: int) -> None:
        before = tree(tmp_path)
        for size in SIZES:
            with full_after(size):
                answer = run(*COMMANDS[name](array, result, out, number))
            assert_refused(answer)
            if number == 2 or name not in GO_ON:
                assert tree(tmp_path) == before

    monkeypatch.setattr(loop, "VALIDATED", 4)
    result, out = tmp_path / "result", tmp_path / "out"
    assert run("reconstruct", array, "-a", CHAIN, "-o", result)[0] == 0
    assert run(*COMMANDS[name](array, result, out, 1))[0] == 0
    refused(2)
    shutil.rmtree(out)
    refused(1)
    if name in GO_ON:
        assert run(*COMMANDS[name](array, result, out, 1))[0] == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_cannot_be_written_to(
    name: str, array: Path, run, tmp_path: Path, plain_picture, monkeypatch
) -> None:
    """Root may write whatever a folder's mode says: the system's answer is put in its place."""
    result, out = tmp_path / "result", tmp_path / "out"
    assert run("reconstruct", array, "-a", CHAIN, "-o", result)[0] == 0
    before = tree(tmp_path)
    opened = os.open
    for number in (errno.EROFS, errno.EACCES):

        def cannot(path: object, flags: int, *more: object, number: int = number, **kw: object):
            if flags & (os.O_WRONLY | os.O_RDWR):
                raise OSError(number, os.strerror(number), path)
            return opened(path, flags, *more, **kw)

        with monkeypatch.context() as patch:
            patch.setattr(os, "open", cannot)
            patch.setattr(os, "mkdir", lambda path, mode=0, **kw: cannot(path, os.O_RDWR))
            answer = run(*COMMANDS[name](array, result, out, 1))
        assert_refused(answer, str(out), os.strerror(number))
        assert tree(tmp_path) == before
