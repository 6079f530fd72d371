"""What is written, that others can read it, and that a failure leaves nothing behind."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from silx.io import nxdata
from silx.io import open as silx_open

from cdi_ml_plugin.data.result import Result, Run
from cdi_ml_plugin.errors import WriteError
from cdi_ml_plugin.simulate.particle import strained_crystal
from cdi_ml_plugin.utils import files
from cdi_ml_plugin.view.figures import summary
from cdi_ml_plugin.view.figures.summary import draw_summary
from cdi_ml_plugin.view.pages import report
from cdi_ml_plugin.view.style.slices import flatten_phase
from cdi_ml_plugin.workflow.earlier import RESULT_FILES, check_result_folder
from cdi_ml_plugin.workflow.save import save
from support import ROOT
from support.commands import PRECIOUS
from support.results import SHAPE, contents, make_result


@pytest.fixture(scope="module")
def result():
    return make_result()


@pytest.fixture(scope="module")
def written(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "deep" / "er"
    assert save(result, folder) == tuple(folder / name for name in RESULT_FILES)
    return folder


# -- CXI ------------------------------------------------------------------------------------------


def test_cxi_is_laid_out_as_pynx_does(written, result):
    with h5py.File(written / "result.cxi") as file:
        assert file["cxi_version"][()] == 150
        assert file.attrs["default"] == "entry_1"
        image = file["entry_1/image_1"]
        np.testing.assert_array_equal(image["data"][()], result.object)
        assert image["data"].dtype == np.complex64
        np.testing.assert_array_equal(image["support"][()], result.support)
        np.testing.assert_array_equal(image["mask"][()], result.measurement.mask)
        assert image["mask"].dtype == np.int8
        assert image["data_type"].asstr()[()] == "electron density"
        process = image["process_1"]
        assert process["algorithm"].asstr()[()] == "20*ER"
        assert {"program", "version", "command"} <= set(process)
        assert process["configuration/hio_beta"][()] == 0.9
        assert process["configuration/shrink_wrap_trigger"][()].tolist() == [1, 1]
        results = process["results"]
        assert results["chi2"][()] == 0.005
        assert np.isnan(results["chi2_held_out"][()])
        assert results["nb_point_support"][()] == result.support.sum()
        for run in ("run_0001", "run_0002"):
            history = process[f"runs/{run}/history/chi2"][()]
            np.testing.assert_array_equal(history, result.runs[0].history["chi2"])
        link = file.get("entry_1/data_1/data", getlink=True)
        assert isinstance(link, h5py.SoftLink)


def test_silx_finds_its_default_plot(written, result):
    with silx_open(str(written / "result.cxi")) as file:
        plot = nxdata.get_default(file)
        assert plot is not None
        assert plot.is_valid
        assert plot.signal_ndim == 3
        assert np.iscomplexobj(plot.signal[()])
        assert plot.axes_dataset_names == ["rocking", "row", "column"]
        np.testing.assert_array_equal(plot.signal[()], result.object)
        assert [axis[0] for axis in plot.axes] == [-(n // 2) for n in SHAPE]


# -- metrics.json ---------------------------------------------------------------------------------


def test_metrics_are_valid_json_with_null_for_nan(written):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    text = (written / "metrics.json").read_text(encoding="utf-8")
    metrics = json.loads(text, parse_constant=refuse)
    assert metrics["chi2"] == 0.005
    assert metrics["pearson"] == 0.99
    assert metrics["chi2_held_out"] is None
    assert metrics["seed"] == 1
    assert [run["chi2"] for run in metrics["runs"]] == [0.01, 0.005]
    assert metrics["runs"][1]["notes"] == ["the support grew"]
    assert metrics["runs"][1]["reason"] == "completed"
    assert metrics["sequence"] == "20*ER"
    assert metrics["parameters"]["held_out"] == pytest.approx(0.03)
    assert metrics["parameters"]["x"] is None
    assert metrics["data"]["shape"] == list(SHAPE)
    assert metrics["data"]["masked"] == SHAPE[0]
    assert metrics["data"]["provenance"] == {
        "file": "virtual.spec",
        "scan": 1,
        "angles": [1.0, None],
    }
    assert {"torch", "numpy", "cdi_ml_plugin"} <= set(metrics["versions"])
    assert metrics["device"] == "cpu"


# -- summary.png ----------------------------------------------------------------------------------


def test_summary_is_a_picture(written):
    picture = imread(written / "summary.png")
    assert picture.shape[0] > 800
    assert picture.shape[1] > 1500
    assert picture.std() > 0.1


def test_summary_draws_what_went_wrong_too():
    broken = make_result(finite=False)
    empty = Run(0, broken.object, np.zeros(SHAPE, bool), {}, {}, "not finite")
    for runs in (broken.runs, (empty,)):
        figure = draw_summary(
            Result(broken.measurement, runs, 0, "ER + " * 80 + "ER", {}, "cpu", 0.0)
        )
        figure.canvas.draw()


def test_phase_is_freed_of_offset_and_ramp():
    obj = strained_crystal(SHAPE, 10.0 * np.eye(3), size=120.0, rng=np.random.default_rng(0))
    support = np.abs(obj) > 0
    ramp = np.exp(1j * (2 + 0.3 * np.arange(SHAPE[1])))[None, :, None]
    first, second = flatten_phase(obj, support), flatten_phase(obj * ramp, support)
    np.testing.assert_allclose(second[support], first[support], atol=1e-4)
    assert np.isnan(first[~support]).all()


# -- refusals and failures ------------------------------------------------------------------------


def test_an_existing_result_is_kept_unless_forced(result, tmp_path):
    (tmp_path / "metrics.json").write_text(PRECIOUS)
    for attempt in (
        lambda folder: check_result_folder(folder),
        lambda folder: save(result, folder),
    ):
        with pytest.raises(WriteError, match=r"metrics\.json already") as caught:
            attempt(tmp_path)
        assert "\n" not in str(caught.value)
    assert contents(tmp_path) == {"metrics.json": PRECIOUS.encode()}
    check_result_folder(tmp_path, force=True)
    save(result, tmp_path, force=True)
    assert set(contents(tmp_path)) == set(RESULT_FILES)


def test_a_file_in_the_way(result, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(WriteError, match="is a file"):
            save(result, folder, force=True)


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_a_rename_that_fails_in_place_undoes_the_others(result, tmp_path, monkeypatch, failing):
    (tmp_path / "metrics.json").write_text(PRECIOUS)  # there was no CXI before
    old = contents(tmp_path)
    replace, calls = os.replace, []

    def fail(source, destination):
        calls.append(destination)
        if len(calls) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, destination)

    monkeypatch.chdir(tmp_path)  # nobody takes the folder from under his feet
    monkeypatch.setattr(files.os, "replace", fail)
    monkeypatch.setattr(summary, "draw_summary", lambda _: Figure(figsize=(1, 1)))  # quick
    monkeypatch.setattr(report, "page", lambda *_: "")
    with pytest.raises(WriteError, match="nothing was changed: No space left on device"):
        save(result, ".", force=True)
    assert contents(tmp_path) == old
    assert not [p for p in tmp_path.iterdir() if p.is_dir()]


@pytest.mark.slow
@pytest.mark.parametrize("limit", [20_000, 100_000])  # bytes a file: within the CXI, within the PNG
def test_a_full_disk_leaves_no_litter(tmp_path, limit):
    resource = pytest.importorskip("resource")
    assert resource.RLIMIT_FSIZE is not None
    (tmp_path / "metrics.json").write_text(PRECIOUS)
    script = textwrap.dedent(f"""
        import resource, sys
        sys.path.insert(0, {str(ROOT / "tests")!r})
        from support.results import make_result
        from cdi_ml_plugin.errors import WriteError
        from cdi_ml_plugin.workflow.save import save
        result = make_result()
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        try:
            save(result, {str(tmp_path)!r}, force=True)
        except WriteError as error:
            sys.exit("WriteError " + str(error))
    """)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("WriteError ")
    assert "File too large" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert contents(tmp_path) == {"metrics.json": PRECIOUS.encode()}
    assert len(list(tmp_path.iterdir())) == 1
