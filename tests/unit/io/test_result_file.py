"""A result that is written reads back as it was, and whatever does not says why."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
import silx.io

from cdi_ml_plugin.data.measurement import Measurement
from cdi_ml_plugin.data.result import Result, Run
from cdi_ml_plugin.errors import ReadError
from cdi_ml_plugin.io.cxi.reader import earlier_provenance, read_result
from cdi_ml_plugin.io.cxi.writer import DETECTOR, PROCESS, cxi_bytes
from cdi_ml_plugin.io.readers import load
from cdi_ml_plugin.utils import jsonable
from support.results import GEOMETRY, make_result, same

PROVENANCE = {
    "source": "scan_54",
    "nothing": None,
    "binning": (1, 2, 2),
    "geometry": {
        "energy": np.float64(9.0),
        "roi": (0, 256, 0, 256),
        "deep": {"a": [1, (2.5, None)]},
    },
    "angles": np.array([1.0, np.nan]),
    "scan": np.int64(54),
    "flags": {True: float("inf"), 3: "Å", "a/b": 1, "": 2, ".": 3, "entry 1": 4, "x\0": 5},
    "text": "None",
    "texts": ["None", "", "ß"],
    "mixed": (1, 2.0, True, None, "x", [[1, 2], []], {}),
    "no_order": {"z": 1, "a": 2},
    "empty": ((), [], {}, ""),
    "truths": [True, False],
    "large": [2**63, -(2**70), 2**62, -(2**63)],
    "odd": {1, 2},
    "raw": b"\0\1",
    "complex": [1j, complex("nan")],
    "half": "\ud800",
    "numbers": [np.float32(0.1), np.int8(-3), np.bool_(True), np.str_("t"), np.complex64(1j)],
    "arrays": [
        np.zeros((0, 3)),
        np.arange(5000, dtype=">i4"),
        np.array(7, np.uint64),
        np.array([True, False]),
        np.array(["a", "bc"]),
        np.longdouble(0.1),
        np.float16([0.5]),
    ],
}


@pytest.fixture(scope="module")
def result():
    made = make_result()
    rng = np.random.default_rng(0)
    first, second = made.runs
    other = Run(
        seed=7,
        object=(first.object * np.exp(1j * rng.random(first.object.shape))).astype(np.complex64),
        support=rng.random(first.object.shape) < 0.3,
        metrics={"chi2": 0.1 + 0.2, "pearson": float("nan")},
        history={"chi2": np.float32([np.nan, 1, 0.5]), "other": np.float32([])},
        reason="not finite",
        notes=("one", "two"),
    )
    measurement = Measurement(made.measurement.intensity, made.measurement.mask, PROVENANCE)
    parameters = {"x": None, "pair": (1, 2), "triggers": [1, 1], "beta": 0.9}
    return Result(
        measurement, (first, second, other), 1, "20*ER", parameters, "cpu", 1 / 3, ("a note",)
    )


@pytest.fixture(scope="module")
def path(result, tmp_path_factory):
    path = tmp_path_factory.mktemp("result") / "result.cxi"
    path.write_bytes(cxi_bytes(result))
    return path


def test_a_result_reads_back_to_the_bit(result, path):
    back = read_result(path)
    for name in ("intensity", "mask"):
        one, two = getattr(result.measurement, name), getattr(back.measurement, name)
        assert one.dtype == two.dtype
        np.testing.assert_array_equal(one, two)
    assert same(dict(result.measurement.provenance), dict(back.measurement.provenance))
    assert len(back.runs) == 3
    for one, two in zip(result.runs, back.runs, strict=True):
        assert one.object.tobytes() == two.object.tobytes()
        assert two.object.dtype == np.complex64
        assert two.support.dtype == bool
        np.testing.assert_array_equal(one.support, two.support)
        assert same(dict(one.metrics), two.metrics)
        assert same(dict(one.history), two.history)
        assert (one.seed, one.reason, one.notes) == (two.seed, two.reason, two.notes)
    for name in ("best", "sequence", "parameters", "device", "seconds", "notes"):
        assert same(getattr(result, name), getattr(back, name)), name


def as_one_text(path):
    """The file as 0.1 wrote it, with all that is known as one text."""
    back = read_result(path)
    about = ("seed", "metrics", "reason", "notes")
    record = {
        "measurement": {"provenance": back.measurement.provenance},
        "runs": [{key: getattr(run, key) for key in about} for run in back.runs],
        **{key: getattr(back, key) for key in ("best", "sequence", "parameters", "device")},
        **{key: getattr(back, key) for key in ("seconds", "notes")},
    }
    with h5py.File(path, "a") as file:
        for name in ("device", "seconds", "notes", "configuration", "provenance"):
            del file[PROCESS][name]
        for group in file[PROCESS]["runs"].values():
            del group["metrics"]
        del file[PROCESS].attrs["record"]
        file[PROCESS]["record"] = jsonable.dumps(record)


def test_a_file_of_an_older_release_reads_back(result, path, tmp_path):
    copy = tmp_path / "copy.cxi"
    copy.write_bytes(path.read_bytes())
    as_one_text(copy)
    back = read_result(copy)
    assert same(dict(result.measurement.provenance), dict(back.measurement.provenance))
    assert same(dict(result.parameters), back.parameters)
    assert [run.metrics["chi2"] for run in back.runs] == [
        run.metrics["chi2"] for run in result.runs
    ]
    assert earlier_provenance(copy).keys() == earlier_provenance(path).keys() == PROVENANCE.keys()


def test_others_see_groups_and_values(path):
    with silx.io.open(str(path)) as file:
        process = file[PROCESS]
        assert process.attrs["NX_class"] == "NXprocess"
        assert {"program", "version", "date", "sequence_index"} <= set(process)
        assert process["configuration/beta"][()] == 0.9
        assert process["configuration/triggers"][()].tolist() == [1, 1]
        assert process["provenance/geometry/energy"][()] == 9.0
        assert process["provenance/geometry/energy"].attrs["units"] == "keV"
        assert process["provenance/binning"][()].tolist() == [1, 2, 2]
        assert process["provenance/source"].asstr()[()] == "scan_54"
        assert process["runs/run_0003/metrics/chi2"][()] == 0.1 + 0.2
        assert process["runs/run_0003/notes"].asstr()[()].tolist() == ["one", "two"]
        assert process["seconds"].attrs["units"] == "s"
        texts = []
        process.visititems(
            lambda name, node: (
                texts.append(node.asstr()[()])
                if getattr(node, "shape", None) == () and node.dtype.kind in "OS"
                else None
            )
        )
        # none of what people wrote is text inside text
        assert sum(text.startswith(("{", "[")) for text in texts) == 5  # what HDF5 has no form for


def test_the_file_hardly_grows(result, path, tmp_path):
    plain = replace(
        result,
        measurement=Measurement(
            result.measurement.intensity, result.measurement.mask, {"geometry": GEOMETRY.numbers()}
        ),
    )
    (tmp_path / "a.cxi").write_bytes(cxi_bytes(plain))
    new = (tmp_path / "a.cxi").stat().st_size
    as_one_text(tmp_path / "a.cxi")
    with h5py.File(tmp_path / "a.cxi") as old, h5py.File(tmp_path / "b.cxi", "w") as copy:
        for name in old:
            old.copy(name, copy)
    assert new < (tmp_path / "b.cxi").stat().st_size + 60_000


def test_what_is_not_finite_reads_back(tmp_path):
    broken = make_result(finite=False)
    (tmp_path / "result.cxi").write_bytes(cxi_bytes(broken))
    back = read_result(tmp_path)  # the folder will do
    assert back.object.tobytes() == broken.object.tobytes()


def test_the_measurement_is_where_cxi_keeps_it(result, path):
    with h5py.File(path) as file:
        assert file[DETECTOR].attrs["NX_class"] == "NXdetector"
        assert file[f"{DETECTOR}/data"].dtype == np.float32
        assert file[f"{DETECTOR}/mask"].dtype == np.int8
        chosen = file[f"{PROCESS}/runs/run_0002/object"]
        assert chosen == file["entry_1/image_1/data"]  # one dataset, two names
    again = load(path)  # and so a result can be phased again
    np.testing.assert_array_equal(again.intensity, result.measurement.intensity)
    np.testing.assert_array_equal(again.mask, result.measurement.mask)


def refused(path, *words):
    with pytest.raises(ReadError) as caught:
        read_result(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in (path.name, *words):
        assert word in message, message


def test_refusals(path, tmp_path):
    refused(tmp_path / "none.cxi", "no such file")
    (tmp_path / "text.cxi").write_text("counts")
    refused(tmp_path / "text.cxi", "not an HDF5 file")
    with h5py.File(tmp_path / "pynx.cxi", "w") as file:
        file.attrs["creator"] = "PyNX"
    refused(tmp_path / "pynx.cxi", "written by PyNX")
    with h5py.File(tmp_path / "other.cxi", "w") as file:
        file["a"] = 1
    refused(tmp_path / "other.cxi", "of another program")
    with h5py.File(tmp_path / "old.cxi", "w") as file:
        file.attrs["creator"] = "cdi_ml_plugin"
    refused(tmp_path / "old.cxi", "older release")


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (f"{PROCESS}/provenance", "damaged"),
        (f"{PROCESS}/runs/run_0003", "damaged"),
        (f"{PROCESS}/runs/run_0001/history", "damaged"),
        (f"{DETECTOR}/data", "damaged"),
    ],
)
def test_parts_that_are_missing(path, tmp_path, gone, words):
    copy = tmp_path / "copy.cxi"
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "a") as file:
        del file[gone]
    refused(copy, words)


@pytest.mark.parametrize("record", ["{", "[]", '{"runs": []}', '{"!tuple": 1}', '{"!what": 1}'])
def test_a_record_that_is_damaged(path, tmp_path, record):
    copy = tmp_path / "copy.cxi"
    copy.write_bytes(path.read_bytes())
    as_one_text(copy)
    with h5py.File(copy, "a") as file:
        del file[f"{PROCESS}/record"]
        file[f"{PROCESS}/record"] = record
    refused(copy, "damaged")


@pytest.mark.parametrize("left", [0.1, 0.5, 0.99])
def test_a_file_that_was_cut(path, tmp_path, left):
    whole = path.read_bytes()
    (tmp_path / "cut.cxi").write_bytes(whole[: int(left * len(whole))])
    refused(tmp_path / "cut.cxi", "damaged")


def test_a_shape_that_does_not_fit(path, tmp_path):
    copy = tmp_path / "copy.cxi"
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "a") as file:
        del file[f"{PROCESS}/runs/run_0001/support"]
        file[f"{PROCESS}/runs/run_0001/support"] = np.ones((4, 4, 4), np.int8)
    refused(copy, "do not fit")


def test_a_result_that_takes_arrays_from_other_files(result, tmp_path):
    path = tmp_path / "result.cxi"
    path.write_bytes(cxi_bytes(result))
    read_result(path)
    with h5py.File(path, "a") as file:
        del file["entry_1/image_1/mask"]
        file["entry_1/image_1/mask"] = h5py.ExternalLink("other.h5", "/mask")
    with pytest.raises(ReadError, match=r"damaged .*mask lies in another file"):
        read_result(path)
