"""``cdi-ml readers``, and a scan of ESRF ID01 from its file to a crystal."""

from __future__ import annotations

import re

import pytest

from cdi_ml_plugin.io.readers import survey
from cdi_ml_plugin.plugin import Reader
from support import bliss
from support.commands import assert_refused


def test_the_list(run):
    code, out, err = run("readers")
    assert (code, err) == (0, "")
    names = [line.split()[0] for line in out.splitlines() if not line.startswith(" ")]
    assert names == [reader.name for reader in survey()[0]]
    assert out.count("[cdi-ml-plugin ") == len(names)
    assert "options: --spec, --scan, --dark" in out


def test_which_reads_a_path(run, array, tmp_path):
    code, out, _ = run("readers", array)
    assert (code, out.count("\n")) == (0, 1)
    assert f"{array}: array reads it" in out
    code, out, _ = run("readers", bliss.write(tmp_path / "sample.h5"))
    assert re.search(r"sample.h5: id01 reads it: .*\n.*array could too \(--reader array\)", out)
    (tmp_path / "notes.txt").write_text("nothing")
    assert_refused(run("readers", tmp_path / "notes.txt"), "no reader knows it", "cdi-ml readers")
    assert_refused(run("readers", tmp_path / "absent"), "no such file or folder")


def test_packages_that_are_missing(run, array, monkeypatch: pytest.MonkeyPatch):
    [kind] = [type(each) for each in survey()[0] if each.name == "array"]
    monkeypatch.setattr(kind, "needs", ("no_such_module",))
    _, out, _ = run("readers")
    assert "missing: no_such_module (pip install no_such_module)" in out
    _, out, _ = run("readers", array)
    assert "but misses no_such_module" in out
    assert_refused(run("reconstruct", array, "--out", "x"), "reader array: needs no_such_module")


def test_a_broken_one_is_noted(run, array, monkeypatch: pytest.MonkeyPatch):
    def fails(self: Reader, path: object) -> bool:
        raise KeyError("entry")

    [kind] = [type(each) for each in survey()[0] if each.name == "cohere"]
    monkeypatch.setattr(kind, "can_read", fails)
    code, out, err = run("readers", array)
    assert (code, "array reads it" in out) == (0, True)
    assert err == "note: reader cohere: can_read fails: KeyError: 'entry'\n"


@pytest.mark.slow
def test_id01_to_a_crystal_without_a_number_typed(run, tmp_path):
    path = bliss.write(tmp_path / "sample.h5")
    options = ("--crop", 8, 48, 48, "-a", "20*ER", "--device", "cpu", "--out", tmp_path / "out")
    code, out, err = run("reconstruct", path, "--scan", 12, *options)
    assert (code, err) == (0, "")
    assert re.search(r"^lattice spacing +0\.2346\d* ", out, re.MULTILINE)
    assert re.search(r"^size +[\d.]+ × [\d.]+ × [\d.]+ nm", out, re.MULTILINE)
    assert (tmp_path / "out" / "result.vti").is_file()
    assert "no geometry" not in out
    assert_refused(
        run("reconstruct", path, "--scan", 13, "--out", tmp_path / "o"), "no scan 13", "12.1"
    )
