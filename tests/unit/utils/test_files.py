"""Files are written whole or not at all, and a failure leaves what was there."""

from __future__ import annotations

import errno

import pytest

from cdi_ml_plugin.errors import WriteError
from cdi_ml_plugin.utils import files
from cdi_ml_plugin.utils.files import check_folder, staged
from cdi_ml_plugin.utils.swap import whole
from support.results import contents


def test_no_permission(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files.tempfile, "TemporaryFile", refuse)
    with pytest.raises(WriteError, match="cannot be written to: Permission denied"):
        check_folder(tmp_path)
    monkeypatch.setattr(files.Path, "mkdir", refuse)
    with pytest.raises(WriteError, match="cannot be made: Permission denied"):
        check_folder(tmp_path / "new")


def test_names_in_subfolders_and_optional_ones(tmp_path):
    with staged(tmp_path, ["a", "deep/er/b"], optional=["deep/c", "d"]) as stage:
        for name in ("a", "deep/er/b", "d"):
            (stage / name).write_text("first")
    assert contents(tmp_path) == dict.fromkeys(("a", "deep/er/b", "d"), b"first")
    with (
        pytest.raises(WriteError, match="holds deep/er/b, d already"),
        staged(tmp_path, ["deep/er/b"], optional=["d"]),
    ):
        pass
    with staged(tmp_path, ["a"], force=True, optional=["deep/c", "d"]) as stage:
        (stage / "a").write_text("second")
        (stage / "deep/c").write_text("second")
    assert contents(tmp_path) == {"a": b"second", "deep/er/b": b"first", "deep/c": b"second"}


@pytest.mark.parametrize("writing", [staged, whole])
def test_what_came_in_meanwhile_is_not_replaced(tmp_path, writing):
    out = tmp_path / "out"

    def later():
        with writing(out, ["a", "b"]) as stage:
            for name in ("a", "b"):
                (stage / name).write_text("later")
            out.mkdir(exist_ok=True)
            (out / "a").write_text("sooner")

    with pytest.raises(WriteError, match="holds a already"):
        later()
    assert contents(tmp_path) == {"out/a": b"sooner"}
    assert {path.name for path in tmp_path.rglob("*")} == {"out", "a"}


def test_what_was_optional_comes_back_after_a_failure(tmp_path, monkeypatch):
    (tmp_path / "stale").write_text("precious")
    unlink = files.Path.unlink

    def fail(path, **options):
        if path == tmp_path / "stale":
            raise OSError(errno.EIO, "Input/output error")
        unlink(path, **options)

    def attempt():
        with staged(tmp_path, ["new/a"], force=True, optional=["stale"]) as stage:
            (stage / "new/a").write_text("new")

    monkeypatch.setattr(files.Path, "unlink", fail)
    with pytest.raises(WriteError, match="nothing was changed"):
        attempt()
    assert contents(tmp_path) == {"stale": b"precious"}
    assert [p.name for p in tmp_path.iterdir()] == ["stale"]


def test_a_full_disk_is_called_so_when_numpy_finds_it() -> None:
    assert files.reason(OSError("16384 requested and 6088 written")) == "No space left on device"
