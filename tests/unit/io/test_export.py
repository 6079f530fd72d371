"""What cdiutils and bcdi make of our files, with their own code; and the export itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from silx.io import nxdata

from cdi_ml_plugin.cli.export import export
from cdi_ml_plugin.crystal.account import account_of
from cdi_ml_plugin.crystal.of_result import crystal_of
from cdi_ml_plugin.errors import ParameterError, WriteError
from cdi_ml_plugin.io.cdiutils import export_cdiutils
from cdi_ml_plugin.io.cxi.reader import read_result
from cdi_ml_plugin.io.cxi.writer import cxi_bytes
from cdi_ml_plugin.io.readers import load
from cdi_ml_plugin.physics.alignment import object_error
from support.results import GEOMETRY, contents, figures_of, make_result, with_provenance

# colorcet and tabulate are all that cdiutils' loaders import and this package does not
OTHERS = ("cdiutils==0.2.1", "bcdi==0.2.3", "colorcet", "tabulate")
MODE = "S54_pynx_reconstruction_mode.cxi"

ANALYSE = """
from cdiutils.pipeline import BcdiPipeline
pipeline = BcdiPipeline(params=dict(
    dump_dir=folder, scan=54, sample_name="crystal", beamline_setup="id01",
    experiment_file_path="none", preprocess_shape=shape, hkl=(1, 1, 1),
    voxel_reference_methods=["max"],
))
pipeline.analyse_phasing_results(sorting_criterion="llk", plot=False)
answer["llk"] = list(pipeline.result_analyser.sorted_phasing_results)
pipeline.result_analyser._sorted_phasing_results = None
pipeline.analyse_phasing_results(sorting_criterion="all", plot=True)
answer["metrics"] = pipeline.result_analyser.metrics
pipeline.select_best_candidates(2)
pipeline.generate_support_from("best", verbose=False)
np.save(folder + "/mode.npy", pipeline._load_reconstruction(folder + "/" + mode))
np.savez(pipeline.pynx_phasing_dir + "S54_pynx_input_data.npz", data=np.load(folder + "/counts.npy"))
"""
POSTPROCESS = """
from cdiutils.io import CXIFile
from cdiutils.process import PostProcessor
from cdiutils.utils import zero_to_nan
with CXIFile(folder + "/result.cxi") as file:  # arrays [z, y, x] of the laboratory, in nm
    wave, support = (file["entry_1/image_2/" + name].T for name in ("data", "support"))
    q = file["entry_1/laboratory_1/geometry/q"]
    voxel = file["entry_1/laboratory_1/figures/voxel_nm"]
support = zero_to_nan(support.astype(float))
phase = PostProcessor.unwrap_phase(-np.angle(wave), support) * support  # −1: phase retrieval in PyNX
displacement = PostProcessor.get_displacement(phase, q / 10)  # in ångströms
strain = PostProcessor.get_het_normal_strain(displacement / 10, q / 10, [voxel] * 3, "numpy")
np.savez(folder + "/lab.npz", displacement=displacement.T / 10, strain=strain.T)
"""
BCDI = """
import bcdi.utils.utilities as util
for field in (None, "modulus", "angle"):
    data, extension = util.load_file(folder + "/result.cxi", fieldname=field)
    np.save(folder + f"/bcdi_{field}.npy", data)
answer["extension"] = extension
"""


@pytest.fixture(scope="module")
def result():
    """Three runs of scan 54, each worse than the one before, and one that was lost."""
    made = with_provenance(make_result(), geometry=GEOMETRY.numbers(), scan=54)
    rng = np.random.default_rng(0)
    runs = []
    for seed in range(3):
        obj = (made.object * (1 + 0.1 * seed * rng.random(made.object.shape))).astype("c8")
        figures = figures_of(obj, made.support, made.measurement)
        runs.append(replace(made.runs[0], seed=seed, object=obj, metrics=figures))
    lost = replace(runs[0], object=np.full_like(made.object, np.nan), reason="not finite")
    return replace(made, runs=(*runs, lost), best=1)


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Folder with both programs."""
    folder = tmp_path_factory.mktemp("others")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    done = subprocess.run(
        [*pip, "--quiet", "--retries", "1", "--target", str(folder), *OTHERS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"{' '.join(OTHERS)} cannot be downloaded")
    return folder


def run(others: Path, folder: Path, script: str) -> dict:
    """Run a script with the names `folder`, `shape`, `mode`; what it puts into `answer`."""
    head = (
        "import json, sys, numpy as np\n"
        f"folder, mode, shape, answer = {str(folder)!r}, {MODE!r}, (24, 32, 28), {{}}\n"
    )
    # cohere's torch backend sets it, and cdiutils does not run with it
    own = {key: value for key, value in os.environ.items() if key != "SCIPY_ARRAY_API"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", head + script + "\nprint(json.dumps(answer, default=float))"],
        env={**own, "PYTHONPATH": str(others), "MPLBACKEND": "Agg"},
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    missing = "ModuleNotFoundError: No module named "
    if missing in done.stderr:  # a dependency of theirs that is none of ours
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# -- their code on our files ----------------------------------------------------------------------


@pytest.mark.slow
def test_cdiutils_ranks_the_runs_and_loads_the_mode(result, others, tmp_path):
    export_cdiutils(result, tmp_path)
    np.save(tmp_path / "counts.npy", result.measurement.intensity)
    answer = run(others, tmp_path, ANALYSE)
    names = [f"S54_Run000{n}.cxi" for n in (1, 2, 3)]
    assert answer["llk"] == names  # the likelihood that we write orders them as they were spoilt
    for theirs, ours in (
        *(("llk", "llk"), ("llkf", "free_llk")),
        *(("std", "amplitude_spread"), ("mean_to_max", "amplitude_mean_to_max")),
    ):
        values = [run.metrics[ours] for run in result.runs[:3]]
        found = [answer["metrics"][theirs][name] for name in names]
        assert np.argsort(found).tolist() == np.argsort(values).tolist()
        if "llk" in ours:  # as they are, but for the zero and the unit of cdiutils' plot
            assert found == pytest.approx((values - np.min(values)) / np.ptp(values))
    assert all(np.isfinite(list(values.values())).all() for values in answer["metrics"].values())
    phasing = tmp_path / "pynx_phasing"
    assert len(list(phasing.glob("candidate_*_S54_run_*.cxi"))) == 2
    with h5py.File(phasing / "support.cxi") as file:
        np.testing.assert_array_equal(file["entry_1/image_1/mask"][()], result.support)
    mode = np.load(tmp_path / "mode.npy")
    assert object_error(mode, result.object) < 0.1
    # in the hand of PyNX: numpy's own transform, as cdiutils takes it, gives the counts
    counts = np.fft.fftshift(np.abs(np.fft.fftn(np.fft.ifftshift(result.runs[0].object))) ** 2)
    measured = ~result.measurement.mask
    found = np.corrcoef(counts[measured], result.measurement.intensity[measured])[0, 1]
    assert found > 0.999
    # and the way back: what cdiutils writes for PyNX can be phased
    again = load(phasing / "S54_pynx_input_data.npz")
    np.testing.assert_array_equal(again.intensity, result.measurement.intensity)


@pytest.mark.slow
def test_cdiutils_finds_our_displacement_and_strain(result, others, tmp_path):
    crystal = crystal_of(result)
    figures = account_of(result, crystal).crystal
    (tmp_path / "result.cxi").write_bytes(cxi_bytes(result, "", crystal, figures))
    run(others, tmp_path, POSTPROCESS)
    with np.load(tmp_path / "lab.npz") as theirs:
        for name, tolerance in (("displacement", 1e-4), ("strain", 1e-5)):
            one, two = getattr(crystal, name), theirs[name]
            known = np.isfinite(one) & np.isfinite(two)
            assert known.sum() > 0.5 * crystal.inside.sum()
            difference = (one - two)[known]
            assert np.std(difference) < tolerance, (name, np.std(difference), np.std(one[known]))
            assert np.std(one[known]) > 10 * tolerance


def test_bcdi_reads_a_result_as_it_is(result, others, tmp_path):
    (tmp_path / "result.cxi").write_bytes(cxi_bytes(result))
    assert run(others, tmp_path, BCDI) == {"extension": ".cxi"}
    data = np.load(tmp_path / "bcdi_None.npy")
    assert data.dtype == np.complex64
    assert data.tobytes() == result.object.tobytes()
    np.testing.assert_array_equal(np.load(tmp_path / "bcdi_modulus.npy"), np.abs(result.object))
    np.testing.assert_array_equal(np.load(tmp_path / "bcdi_angle.npy"), np.angle(result.object))


# -- the export -----------------------------------------------------------------------------------


def test_what_is_exported(result, tmp_path):
    written = export_cdiutils(result, tmp_path / "S54")
    names = [MODE, *(f"pynx_phasing/S54_Run000{n}.cxi" for n in (1, 2, 3))]  # not the lost one
    assert [path.relative_to(tmp_path / "S54").as_posix() for path in written] == names
    assert set(contents(tmp_path / "S54")) == set(names)
    with h5py.File(written[0]) as file:
        modes = file["entry_1/data_1/data"][()]
        assert modes.shape == (3, 24, 32, 28)
        assert nxdata.get_default(file).is_valid
        weights = file["entry_1/data_2/data"][()]
        assert weights.sum() == pytest.approx(1)
        assert weights[0] > 0.99
        assert object_error(modes[0], result.object) < 0.1
    for path, one in zip(written[1:], result.runs, strict=False):
        (alone,) = read_result(path).runs
        assert alone.object.tobytes() == one.object.tobytes()
        assert (alone.seed, alone.metrics) == (one.seed, one.metrics)


def test_the_likelihoods_are_where_pynx_has_them(result):
    with h5py.File(BytesIO(cxi_bytes(replace(result, best=0)))) as file:
        results = file["entry_1/image_1/process_1/results"]
        assert results["llk_poisson"][()] == result.runs[0].metrics["llk"]
        assert results["free_llk_poisson"][()] == result.runs[0].metrics["free_llk"]
    bare = replace(result.runs[0], metrics={"chi2": 0.1})
    with h5py.File(BytesIO(cxi_bytes(replace(result, runs=(bare,), best=0)))) as file:
        results = file["entry_1/image_1/process_1/results"]
        assert np.isnan(results["llk_poisson"][()])
        assert np.isnan(results["free_llk_poisson"][()])


def test_an_export_is_replaced_only_by_force(result, tmp_path):
    export_cdiutils(result, tmp_path)
    for name in ("S54_pynx_input_data.npz", "S54_2026_Run0007_LLK.cxi", "S5_Run0001.cxi"):
        (tmp_path / "pynx_phasing" / name).write_text("of others")
    before = contents(tmp_path)
    with pytest.raises(WriteError, match="already"):
        export_cdiutils(result, tmp_path)
    assert contents(tmp_path) == before
    fewer = replace(result, runs=result.runs[:1], best=0)
    export_cdiutils(fewer, tmp_path, force=True)
    gone = {f"pynx_phasing/S54_Run000{n}.cxi" for n in (2, 3)}
    assert set(contents(tmp_path)) == set(before) - gone


def test_the_number_of_the_scan(result, tmp_path):
    unknown = with_provenance(result)
    with pytest.raises(ParameterError, match="number of the scan"):
        export_cdiutils(unknown, tmp_path)
    assert not contents(tmp_path)
    export_cdiutils(unknown, tmp_path, scan=7)
    assert (tmp_path / "S7_pynx_reconstruction_mode.cxi").exists()


def test_by_command(result, tmp_path):
    (tmp_path / "result.cxi").write_bytes(cxi_bytes(result))
    words = [str(tmp_path), str(tmp_path / "S9"), "--to", "cdiutils", "--scan", "9"]
    done = CliRunner().invoke(export, words)
    assert done.exit_code == 0, done.output
    assert done.output.count("written: ") == 4
    assert (tmp_path / "S9" / "S9_pynx_reconstruction_mode.cxi").exists()
