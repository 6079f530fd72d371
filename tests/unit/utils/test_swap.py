"""A folder is exchanged as a whole; what is not ours stays in it, and what dead processes left is cleared."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cdi_ml_plugin.errors import WriteError
from cdi_ml_plugin.utils import claim, swap
from cdi_ml_plugin.utils.swap import exchange, recover, whole, writer
from support.results import contents


def write(folder: str | Path, text: str = "new", force: bool = True) -> None:
    with whole(folder, ["a", "b"], force, ["c"]) as stage:
        for name in ("a", "b"):
            (stage / name).write_text(text)


@pytest.fixture(params=["exchange", "two steps", "no links"])
def out(request, tmp_path, monkeypatch):
    """A folder that exists, on systems of three kinds."""

    def refuse(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    if request.param == "two steps":
        monkeypatch.setattr(swap, "exchange", lambda *_: False)
    if request.param == "no links":
        monkeypatch.setattr(os, "link", refuse)
    write(tmp_path / "out", "old")
    (tmp_path / "out" / "c").write_text("old")
    return tmp_path / "out"


def test_files_of_others_stay(out, tmp_path):
    (out / "sub" / "empty").mkdir(parents=True)
    (out / "sub" / "deep.txt").write_text("mine")
    (out / "away").symlink_to(tmp_path)
    (out / "nowhere").symlink_to("nothing")
    (out / ".hidden").write_text("mine")
    (out / "sub").chmod(0o555)
    out.chmod(0o750)
    write(out)
    assert contents(out) == {
        "a": b"new",
        "b": b"new",
        ".hidden": b"mine",
        "sub/deep.txt": b"mine",
    }
    assert os.readlink(out / "away") == str(tmp_path)
    assert os.readlink(out / "nowhere") == "nothing"
    assert (out / "sub" / "empty").is_dir()
    assert (out / "sub").stat().st_mode & 0o777 == 0o555
    assert out.stat().st_mode & 0o777 == 0o750
    assert list(tmp_path.iterdir()) == [out]
    (out / "sub").chmod(0o755)


def test_a_failure_changes_nothing(out, tmp_path):
    before = contents(out)
    with (
        pytest.raises(WriteError, match="nothing was changed: No such file"),
        whole(out, ["a", "b"], True, ["c"]) as stage,
    ):
        (stage / "a").write_text("half")
    with pytest.raises(KeyboardInterrupt), whole(out, ["a", "b"], True) as stage:
        raise KeyboardInterrupt
    with pytest.raises(WriteError, match="holds a, b, c already"):
        write(out, force=False)
    assert contents(out) == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_link_to_a_folder_stays_one(out, tmp_path):
    (tmp_path / "link").symlink_to(out)
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert contents(out) == {"a": b"new", "b": b"new"}


def test_who_stands_in_it_stays_in_it(out, monkeypatch):
    monkeypatch.chdir(out)
    write(".")
    assert {path.name for path in Path.cwd().iterdir()} == {"a", "b"}


def test_a_folder_in_place_of_a_file_is_refused(out):
    (out / "c").unlink()
    (out / "c").mkdir()
    (out / "c" / "mine").write_text("mine")
    before = contents(out)
    with pytest.raises(WriteError, match="c is a folder"):
        write(out)
    assert contents(out) == before


def test_what_came_in_meanwhile_is_taken_along(tmp_path, monkeypatch):
    out = tmp_path / "out"
    write(out, "old")

    def late(new, target):
        (target / "late.txt").write_text("mine")
        return exchange(new, target)

    monkeypatch.setattr(swap, "exchange", late)
    write(out)
    assert contents(out) == {"a": b"new", "b": b"new", "late.txt": b"mine"}


def test_what_the_dead_left_is_cleared(tmp_path):
    out = tmp_path / "out"
    write(out)
    for place in (
        tmp_path / ".out.cdi-ml-dead",
        out / ".cdi-ml-dead",
        out / ".cdi-ml-older",
    ):
        (place / "new").mkdir(parents=True)
        (place / "new" / "a").write_text("half")
    owner = {"pid": 2**30, "host": "here", "began": 0}
    (tmp_path / ".out.cdi-ml-dead" / "owner.json").write_text(json.dumps(owner))
    (tmp_path / ".output.cdi-ml-mine").mkdir()  # of another folder
    recover(out)
    assert contents(out) == {"a": b"new", "b": b"new"}
    assert {path.name for path in tmp_path.iterdir()} == {"out", ".output.cdi-ml-mine"}


@pytest.mark.parametrize("locks", [True, False])
def test_one_writer_and_its_empty_parents(tmp_path, monkeypatch, locks):
    if not locks:  # a disk without
        monkeypatch.setattr(claim, "_lock", lambda *_, **__: None)
    out = tmp_path / "deep" / "er" / "out"
    script = (
        "import sys; from cdi_ml_plugin.utils.swap import writer\n"
        "with writer(sys.argv[1]): print('here', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with (
            pytest.raises(WriteError, match=f"process {other.pid} on .* writes there"),
            writer(out),
        ):
            pass
        with writer(out, force=True):
            write(out)
        other.kill()
    with writer(out), writer(out):  # one process may do so in two places
        write(out)
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    with writer(tmp_path / "new" / "out"):
        assert (tmp_path / "new").is_dir()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["..", "../other", "", ".", "/", "a\0b", 1])
def test_a_damaged_journal_reaches_nothing(tmp_path, name):
    out, own = tmp_path / "out", tmp_path / ".out.cdi-ml-dead"
    for folder in (out, tmp_path / "other", own / "old"):
        folder.mkdir(parents=True)
        (folder / "a").write_text("kept")
    before = contents(tmp_path)
    undo = {"names": [name], "existed": [], "made": []}
    (own / "undo.json").write_text(json.dumps(undo))
    with pytest.raises(WriteError, match=r"undo\.json: damaged"):
        recover(out)
    (own / "undo.json").unlink()
    (own / "swap.json").write_text("[[]]")
    with pytest.raises(WriteError, match=r"swap\.json: damaged"):
        recover(out)
    (own / "swap.json").unlink()
    assert contents(tmp_path) == before
