"""The record of a result whose groups were tampered with is refused, never read otherwise."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from cdi_ml_plugin.errors import ReadError
from cdi_ml_plugin.io.cxi.reader import read_result
from cdi_ml_plugin.io.cxi.writer import PROCESS, cxi_bytes
from cdi_ml_plugin.io.readers import load
from support.results import GEOMETRY, make_result, with_provenance


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    about = {
        "source": "scan_54",
        "binning": (1, 2, 2),
        "geometry": {**GEOMETRY.numbers(), "deep": {"a": [1, (2.5, None)]}},
        "mixed": (1, 2.0, True, None, "x", [[1, 2], []], {}),
    }
    made = with_provenance(make_result(), **about)
    made.parameters["beta"] = 0.9
    path = tmp_path_factory.mktemp("result") / "result.cxi"
    path.write_bytes(cxi_bytes(made))
    assert read_result(path).measurement.provenance["mixed"] == about["mixed"]
    return path


def refused(path, word):
    with pytest.raises(ReadError) as caught:
        read_result(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert word in message


def tampered(path, tmp_path, change):
    copy = tmp_path / "copy.cxi"
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "a") as file:
        change(file[PROCESS])
    refused(copy, "damaged")


def put(name, value, kind=None):
    def change(process):
        kept = dict(process[name].attrs)
        del process[name]
        process[name] = np.bytes_(value) if isinstance(value, str) else value
        if not isinstance(value, h5py.SoftLink | h5py.ExternalLink):
            process[name].attrs.update({**kept, **({"type": np.bytes_(kind)} if kind else {})})

    return change


def say(name, key, value):
    value = np.bytes_(value) if key == "type" else value
    return lambda process: process[name].attrs.__setitem__(key, value)


def drop(name):
    return lambda process: process.__delitem__(name)


def unsay(name, key):
    return lambda process: process[name].attrs.__delitem__(key)


def add(name, value):
    return lambda process: process.__setitem__(name, value)


@pytest.mark.parametrize(
    "change",
    [
        drop("configuration"),
        drop("configuration/beta"),  # one that is gone is missed
        drop("provenance/mixed/3"),
        drop("runs/run_0001/metrics/chi2"),
        drop("seconds"),
        add("configuration/more", 1.0),  # one that came, too
        put("configuration/beta", "0.9"),
        put("configuration/beta", 1),
        put("configuration/beta", [0.9]),
        put("configuration/beta", h5py.SoftLink("/cxi_version")),
        put("configuration/beta", 0.9, "int"),
        put("configuration/beta", 0.9, "what"),
        put("configuration/beta", 0.9, "list of float"),
        put("configuration/beta", 0.9, "str"),
        put("configuration/x", 5, "none"),
        put("configuration/beta", "{", "json"),
        put("configuration/beta", h5py.Empty("f")),
        put("provenance/geometry/deep", 4),
        say("provenance/geometry", "type", "list"),
        say("provenance/geometry", "length", 99),
        say("provenance/mixed", "type", "set"),
        say("provenance/mixed", "type", b"\xff"),
        unsay("configuration/beta", "type"),
        unsay("provenance", "length"),
        say("runs", "number", 3),
        say("runs", "best", 2),
        say("runs", "best", "x"),
        unsay("runs", "best"),
        put("runs/run_0001/seed", "x", "str"),
        put("notes", "x", "str"),
        put("device", 3, "int"),
        drop("device"),
        put("algorithm", 1.0, "float"),
        lambda process: process["provenance/geometry"].__setitem__("deep/self", process),
        lambda process: say(".", "record", "what")(process),
    ],
)
def test_groups_that_were_tampered_with(path, tmp_path, change):
    tampered(path, tmp_path, change)


@pytest.mark.parametrize(
    "change",
    [
        put("provenance/geometry", h5py.ExternalLink("other.h5", "/geometry")),
        put("provenance", h5py.ExternalLink("other.h5", "/geometry")),
        put("provenance", h5py.SoftLink("/entry_1")),
        drop("provenance"),
        drop("provenance/binning"),
        put("provenance/binning", [0, 1, 1], "tuple of int"),
        put("provenance/source", h5py.SoftLink("/entry_1/program_name")),
    ],
)
def test_data_with_a_foreign_record_are_refused(path, tmp_path, change):
    copy = tmp_path / "copy.cxi"
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "a") as file:
        change(file[PROCESS])
    with pytest.raises(ReadError, match=r"copy\.cxi: says that .* damaged or foreign"):
        load(copy)
