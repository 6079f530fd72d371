"""Every command that takes a result takes those of other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

from cdi_ml_plugin.fourier import to_cohere
from cdi_ml_plugin.io.cxi.reader import read_result
from support.results import GEOMETRY, make_result


@pytest.fixture
def theirs(tmp_path: Path) -> tuple[Path, Path, Path]:
    """An experiment of cohere with a result, a file of PyNX of the same object, and a geometry."""
    made = make_result()
    folder = tmp_path / "exp"
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "config").write_text("scan = '54'\n")
    (folder / "phasing_data").mkdir()
    data = folder / "phasing_data" / "data.tif"
    tifffile.imwrite(data, np.sqrt(made.measurement.intensity))
    (folder / "results_phasing").mkdir()
    np.save(folder / "results_phasing" / "image.npy", to_cohere(made.object) / 30)
    np.save(folder / "results_phasing" / "support.npy", made.support.T)
    np.save(folder / "results_phasing" / "errors.npy", np.geomspace(1, 0.01, 9, dtype=np.float32))
    np.savez(tmp_path / "counts.npz", data=made.measurement.intensity)
    with h5py.File(tmp_path / "S54_Run0001.cxi", "w") as file:
        file.attrs["creator"] = "PyNX"
        file["entry_1/image_1/data"] = made.object
        file["entry_1/image_1/mask"] = made.support.astype(np.int8)
    geometry = tmp_path / "geometry.json"
    geometry.write_text(json.dumps(GEOMETRY.numbers()))
    return folder, tmp_path / "S54_Run0001.cxi", geometry


def test_analyse_writes_them_as_our_own(theirs: Any, tmp_path: Path, run: Any) -> None:
    folder, pynx, geometry = theirs
    made = make_result()
    for number, words in enumerate(
        ([folder / "results_phasing"], [pynx, "--data", tmp_path / "counts.npz"])
    ):
        out = tmp_path / f"out{number}"
        code, said, err = run("analyse", *words, "--geometry", geometry, "--out", out)
        assert code == 0, err
        assert "note: phased by" in said
        assert {"result.cxi", "report.html", "result.vti"} <= {one.name for one in out.iterdir()}
        back = read_result(out)
        ratio = np.vdot(made.object, back.object) / np.vdot(made.object, made.object)
        assert abs(ratio) == pytest.approx(1, abs=0.01)  # in √counts
        np.testing.assert_allclose(back.object / ratio, made.object, atol=0.01 * 30)
        assert "unknown (" in (out / "report.html").read_text(encoding="utf-8")


def test_figure_and_export(theirs: Any, tmp_path: Path, run: Any) -> None:
    folder, pynx, _ = theirs
    code, said, err = run("figure", folder, "--kind", "slices", "--out", tmp_path / "pictures")
    assert code == 0, err
    assert "pictures in voxels" in said  # without a geometry
    assert (tmp_path / "pictures" / "slices.png").stat().st_size > 1000
    words = ["--to", "cdiutils", "--scan", 54, "--data", tmp_path / "counts.npz"]
    code, _, err = run("export", pynx, tmp_path / "S54", *words)
    assert code == 0, err
    assert (tmp_path / "S54" / "S54_pynx_reconstruction_mode.cxi").is_file()


def test_what_is_missing_is_said(theirs: Any, tmp_path: Path, run: Any) -> None:
    folder, pynx, _ = theirs
    for words, said in (
        (["analyse", pynx], "--data PATH"),
        (["analyse", folder], "--geometry FILE"),
        (["figure", pynx, "--data", tmp_path / "none"], "none"),
        (["figure", folder / "phasing_data"], "holds no result"),
        (["view", tmp_path / "counts.npz", "--data", tmp_path / "counts.npz"], "only for results"),
    ):
        code, _, err = run(*words)
        assert code == 2
        assert len(err.strip().splitlines()) == 1
        assert said in err
