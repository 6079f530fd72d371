"""Two commands that write to one place: the later is refused in a line, or forced to write all the same."""

from __future__ import annotations

import json
import os
import socket
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from cdi_ml_plugin.io.cxi.writer import cxi_bytes
from cdi_ml_plugin.simulate import scan
from cdi_ml_plugin.simulate.scan import write_virtual_scan
from cdi_ml_plugin.training import loop
from cdi_ml_plugin.utils import claim
from cdi_ml_plugin.utils.files import IN_PLACE
from support.commands import assert_refused, experiment
from support.results import contents, make_result

CALLS = {
    "reconstruct": "reconstruct counts.npy -a 3*ER -o out",
    "compare": "compare counts.npy -a ER -a 2*ER --seeds 2 -o out",
    "demo": "demo -o .",
    "series": "series counts.npy -a 3*ER -o out",
    "simulate": "simulate out",
    "figure": "figure result.cxi --kind slices --size 240 -o out",
    "figure of one file": "figure result.cxi --kind slices --size 240 -o out.png",
    "inspect": "inspect counts.npy -o out",
    "export": "export result.cxi out --to cdiutils --scan 1",
    "train": "train out --steps 1 --batch 1 --accelerator cpu -q",
    "fine-tune": "fine-tune counts.npy -o out --steps 1 --batch 2 --accelerator cpu -q",
    "bench cnn": "bench cnn --crystals 1 -o out.jsonl",
    "bench gpu": "bench gpu --quick -o out",
    "bench refine": "bench refine --crystals 1 -o out.jsonl",
    "bench solve": "bench solve --crystals 1 -o out.jsonl",
    "bench uncertainty": "bench uncertainty --crystals 1 -o out.jsonl",
    "cohere-guess": "cohere-guess exp_54 -o out",
    "cdiutils-modes": "cdiutils-modes result.cxi -o out.h5",
}
PLACES = {"demo": "result", "figure of one file": "out.png", "cdiutils-modes": "out.h5"}
FORCED = ("simulate", "figure", "figure of one file", "inspect", "export")
OTHER = 2**22 + 1  # no process has it


@contextmanager
def held(path):
    """A claim of another process that is alive."""
    own = path.parent / f".{path.name}{IN_PLACE}other"
    own.mkdir()
    with (own / claim.OWNER).open("w") as stream:
        json.dump({"pid": OTHER, "host": socket.gethostname(), "began": 0}, stream)
        stream.flush()
        claim._lock(stream.fileno(), wait=False)
        yield


@pytest.fixture
def folder(tmp_path, counts, monkeypatch):
    np.save(tmp_path / "counts.npy", counts)
    (tmp_path / "result.cxi").write_bytes(cxi_bytes(make_result()))
    experiment(tmp_path, counts)
    small = partial(write_virtual_scan, shape=(20, 24, 24), size=100.0)
    monkeypatch.setattr(scan, "write_virtual_scan", small)
    monkeypatch.setattr(loop, "VALIDATED", 1)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def place(folder, name):
    default = "out.jsonl" if name.startswith("bench") and name != "bench gpu" else "out"
    return folder / PLACES.get(name, default)


@pytest.mark.skipif(os.name != "posix", reason="locks")
@pytest.mark.parametrize("name", CALLS)
def test_the_second_writer_is_refused(folder, run, name):
    with held(place(folder, name)):
        before = contents(folder)
        assert_refused(run(*CALLS[name].split()), f"process {OTHER} on ", "writes there")
        assert contents(folder) == before
        assert not place(folder, name).exists()


@pytest.mark.skipif(os.name != "posix", reason="locks")
@pytest.mark.parametrize("name", FORCED)
def test_force_writes_beside_another(folder, run, name):
    with held(place(folder, name)):
        assert run(*CALLS[name].split(), "--force")[0] == 0
        assert place(folder, name).exists()


@pytest.mark.parametrize("name", [*FORCED, "train"])
def test_what_a_dead_writer_left_is_cleared(folder, run, name):
    with held(place(folder, name)):
        pass
    if not place(folder, name).suffix:
        (place(folder, name) / f"{IN_PLACE}dead").mkdir(parents=True)
    assert run(*CALLS[name].split())[0] == 0
    assert not [path for path in folder.rglob("*") if IN_PLACE in path.name]
