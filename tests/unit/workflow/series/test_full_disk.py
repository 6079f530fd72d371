"""A disk that is full: a line for the scan that met it, nothing half-written, and the same command goes on."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from cdi_ml_plugin import read_result
from cdi_ml_plugin.errors import WriteError
from cdi_ml_plugin.utils import files, swap
from cdi_ml_plugin.view.pages import series as pages
from cdi_ml_plugin.workflow.series.recipe import Recipe
from cdi_ml_plugin.workflow.series.run import series

RECIPE = Recipe("3*ER", seeds=2, parameters={"initial_support_area": [0.5, 0.5, 0.5]})


@pytest.fixture
def full(monkeypatch):
    """Make the disk full for a folder, from its so-many-th write on; how often it was written is counted."""
    before, counted = files.synced, []

    def limit(name, writes):
        def synced(path: Path, *args, **kwargs):
            if f"{name}." in f"{path}." or f"{name}/" in str(path):
                counted.append(path)
                if len(counted) > writes:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            before(path, *args, **kwargs)

        for module in (files, swap):
            monkeypatch.setattr(module, "synced", synced)
        return counted

    monkeypatch.setattr(pages, "page", lambda *_: "a page")
    yield limit
    monkeypatch.undo()


def objects(out):
    return {
        folder.name: [run.object.tobytes() for run in read_result(folder).runs]
        for folder in sorted(out.glob("scan_*"))
    }


def pair(night):
    return [night / "scan_1.npy", night / "scan_2.npy"]


@pytest.fixture
def alone(night, tmp_path):
    series(pair(night), tmp_path / "alone", RECIPE)
    return objects(tmp_path / "alone")


def test_a_disk_that_is_full_for_one_scan_at_each_of_its_writes(night, tmp_path, alone, full):
    counted = full("scan_scan_2", 10**9)
    series(pair(night), tmp_path / "every", RECIPE)
    many = len(counted)
    assert many > 5
    for writes in range(0, many, 3):
        out = tmp_path / f"full_{writes}"
        counted.clear()
        full("scan_scan_2", writes)
        events = []
        made = series(pair(night), out, RECIPE, say=events.append)
        assert made.outcomes[0].done
        said = [e["reason"] for e in events if e["event"] in ("failed", "alone")]
        assert len(said) <= 1
        assert all("No space left" in line and "\n" not in line for line in said)
        assert made.outcomes[1].done or made.outcomes[1].reason == said[0]
        hidden = [path.name for path in out.glob(".*")]
        assert hidden in ([], [".scan_scan_2.cdi-runs"])  # runs that have ended, and whole
        full("scan_scan_2", 10**9)
        assert series(pair(night), out, RECIPE).done == 2
        assert objects(out) == alone
        assert not list(out.glob(".*"))


def test_a_disk_that_is_full_when_the_page_is_written(night, tmp_path, full):
    out = tmp_path / "out"
    counted = full("out/.cdi-ml-", 10**9)
    series(pair(night), out, RECIPE)
    before = {path.name: path.read_bytes() for path in out.glob("series.*")}
    many = len(counted)
    for writes in range(many):
        counted.clear()
        full("out/.cdi-ml-", writes)
        with pytest.raises(WriteError, match="nothing was changed: No space left on device"):
            series(pair(night), out, RECIPE)
        assert {path.name: path.read_bytes() for path in out.glob("series.*")} == before
        assert not list(out.glob(".*"))


def test_the_reason_stands_in_the_table(night, tmp_path, monkeypatch, full):
    full("scan_scan_2", 0)
    series(pair(night), tmp_path / "out", RECIPE)
    table = (tmp_path / "out" / "series.csv").read_text()
    assert "failed" in table
    assert "nothing was changed: No space left on device" in table
