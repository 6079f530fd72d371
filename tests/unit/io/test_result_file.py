"""A result that is written reads back as it was, and whatever does not says why."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from cdi_ml_plugin.data.measurement import Measurement
from cdi_ml_plugin.data.result import Result, Run
from cdi_ml_plugin.errors import ReadError
from cdi_ml_plugin.io.cxi.reader import read_result
from cdi_ml_plugin.io.cxi.writer import DETECTOR, PROCESS, cxi_bytes
from cdi_ml_plugin.io.readers import load
from support.results import make_result, same

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
    "flags": {True: float("inf"), 3: "Å"},
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


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (f"{PROCESS}/record", "older release"),
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
