"""The real cdiutils goes on from what this package phased in place of PyNX, and PyNX's words in its phaser."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cdi_ml_plugin import diffraction, load
from cdi_ml_plugin.cli.app import main
from cdi_ml_plugin.errors import ParameterError, ReadError
from cdi_ml_plugin.io.pynx_inputs import read_inputs
from cdi_ml_plugin.io.pynx_results import write_modes
from cdi_ml_plugin.physics.alignment import object_error
from cdi_ml_plugin.simulate.particle import strained_crystal
from cdi_ml_plugin.simulate.scan import write_virtual_scan
from cdi_ml_plugin.workflow.load import read_prepared
from support import ROOT, peers
from support.pynx import HOOK, PyNX

# The cell of docs/how-to/cdiutils.md, and what the notebooks of cdiutils do before and after it.
PIPELINE = """
import os, sys, json
from cdiutils.pipeline import BcdiPipeline
parameters = dict(
    beamline_setup="id01", experiment_file_path=sys.argv[1], sample_name="virtual", scan=12, dump_dir=sys.argv[2],
    preprocess_shape=(24, 40, 40), detector_name="mpx1x4", voxel_reference_methods=["max"], hkl=[1, 1, 1],
    det_calib_params=dict(cch1=390.5, cch2=121.25, pwidth1=55e-6, pwidth2=55e-6, distance=0.5))
pipeline = BcdiPipeline(params=parameters)
pipeline.preprocess()
cdi_ml = f"{sys.executable} -m cdi_ml_plugin"
pipeline.phase_retrieval(cmd=f"{cdi_ml} cdiutils-phase pynx-cdi-inputs.txt", nb_run=3, nb_run_keep=2)
pipeline.analyse_phasing_results()
pipeline.select_best_candidates(nb_of_best_sorted_runs=2)
pipeline.mode_decomposition(cmd=f"{cdi_ml} cdiutils-modes candidate_*.cxi")
pipeline.postprocess(convention="cxi")
found = {name: [float(v.mean()), float(v.max())] for name, v in pipeline.structural_props.items()
         if getattr(v, "ndim", 0) == 3 and v.dtype.kind == "f" and v.size}
print(json.dumps({"ranked": list(pipeline.result_analyser.sorted_phasing_results), "lab": list(found)}))
"""
PHASER = f"""{HOOK}
from cdiutils.process.phaser import PyNXPhaser
from cdi_ml_plugin.hosts.pynx import CNN, REFINE, MLE
with np.load("data.npz") as file:
    data = file["data"]
phaser = PyNXPhaser(iobs=data, support_update_period=None)
phaser.operators |= {{"cnn": CNN(candidates=1, search=100), "mle": MLE(), "refine": REFINE(channels=4)}}
phaser.init_cdi()
phaser.run("CNN**1, HIO**4, REFINE**2, MLE**3, ER**5", init_cdi=False)
history = phaser.cdi.history["algorithm"]
print(json.dumps([history[cycle] for cycle in sorted(history)]))
"""


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan")
    write_virtual_scan(folder, shape=(32, 48, 48), photons=1e7, size=300.0, layout="bliss")
    return folder


@pytest.fixture(scope="module")
def pipeline(scan: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """cdiutils' folder after all of its steps, and what it said last."""
    folder = tmp_path_factory.mktemp("dump")
    places = os.pathsep.join([str(ROOT), str(peers.installed())])
    own = {key: value for key, value in os.environ.items() if key != "SCIPY_ARRAY_API"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PIPELINE, scan / "experiment.h5", folder],
        env={**own, "PYTHONPATH": places, "MPLBACKEND": "Agg"},
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    return folder, json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.slow
def test_its_pipeline_goes_on_to_the_end(pipeline: tuple[Path, dict[str, Any]]) -> None:
    folder, found = pipeline
    names = [path.name for path in (folder / "pynx_phasing").glob("S12*Run*.cxi")]
    assert len(names) == 2  # of three runs the best two
    shape = r"S12_pynx_input_data_Run000[123]_LLKf\d{3}\.\d{4}_LLK\d{3}\.\d{4}\.cxi"
    assert all(re.fullmatch(shape, name) for name in names)
    assert sorted(found["ranked"]) == sorted(names)
    assert len(list((folder / "pynx_phasing").glob("candidate_*.cxi"))) == 2
    assert {"het_strain", "displacement"} <= set(found["lab"])
    assert (folder / "S12_amplitude_distribution.png").is_file()
    with h5py.File(folder / "S12_pynx_reconstruction_mode.cxi") as file:
        assert file["entry_1/data_1/data"].shape == (2, 24, 40, 40)


@pytest.mark.slow
def test_the_first_mode_is_the_object(pipeline: tuple[Path, dict[str, Any]]) -> None:
    """In PyNX's sign, by numpy's transform alone, and as near to the runs as they are to each other."""
    folder, _ = pipeline
    with h5py.File(folder / "pynx_phasing" / "mode.h5") as file:
        first = file["entry_1/image_1/data"][0]
        weights = file["entry_1/data_2/data"][()]
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > 0.9
    counts = np.abs(np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(first)))) ** 2
    measured = load(folder / "pynx_phasing" / "S12_pynx_input_data.npz").intensity
    assert np.corrcoef(np.sqrt(counts).ravel(), np.sqrt(measured).ravel())[0, 1] > 0.98


@pytest.mark.slow
def test_its_phaser_takes_our_operators(pynx: PyNX, scan: Path, tmp_path: Path) -> None:
    counts = read_prepared(scan / "virtual.h5", scan=12, crop=(24, 40, 40)).intensity
    np.savez(tmp_path / "data.npz", data=counts)
    acted = pynx.run(PHASER, tmp_path, ROOT, peers.installed(), SCIPY_ARRAY_API="0")
    assert acted == ["CNN", *["HIO"] * 4, *["REFINE"] * 2, *["MLE"] * 3, *["ER"] * 5]


# -- the commands, without cdiutils ---------------------------------------------------------------


@pytest.fixture
def phasing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a phasing, as cdiutils leaves it, that one stands in."""
    rng = np.random.default_rng(0)
    obj = strained_crystal((16, 16, 16), np.eye(3), size=7, rng=rng)
    counts = rng.poisson(1e5 * diffraction(obj) / np.sum(np.abs(obj) ** 2))
    np.savez(tmp_path / "S7_pynx_input_data.npz", data=counts)
    mask = np.zeros((16, 16, 16), np.int8)
    mask[3] = 1
    np.savez(tmp_path / "S7_pynx_input_mask.npz", mask=mask)
    (tmp_path / "pynx-cdi-inputs.txt").write_text(
        "data = S7_pynx_input_data.npz\nmask = S7_pynx_input_mask.npz\n# a remark\nsupport = auto\n"
        'psf = "pseudo-voigt,1,0.05,20"\nalgorithm = None\nrebin = 1, 1, 1\nroi = full\n'
        "nb_run = 3\nnb_run_keep = 2\nsave_plot = True\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["cdi-ml", *words])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def runs(folder: Path) -> list[int]:
    return sorted(int(path.name.split("Run")[1][:4]) for path in folder.glob("S7*Run*.cxi"))


def test_runs_go_on_from_those_that_are_there(
    phasing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("cdiutils-phase", "pynx-cdi-inputs.txt", "-a", "3*ER", "--device", "cpu")
    assert call(monkeypatch, *words) == 0
    first = runs(phasing)
    assert len(first) == 2
    assert set(first) < {1, 2, 3}
    assert call(monkeypatch, *words) == 0
    later = [number for number in runs(phasing) if number not in first]
    assert len(later) == 2
    assert min(later) > max(first)
    for path in phasing.glob("S7*Run*.cxi"):
        with h5py.File(path) as file:
            results = file["entry_1/image_1/process_1/results"]
            number = int(path.name.split("Run")[1][:4])
            assert results["seed"][()] == number - 1
            said = re.search(r"LLKf([\d.]+)_LLK([\d.]+)\.cxi", path.name)
            assert said is not None
            held = (results["free_llk_poisson"][()], results["llk_poisson"][()])
            assert tuple(map(float, said.groups())) == pytest.approx(held, abs=1e-4)


def test_the_inputs(phasing: Path) -> None:
    found = read_inputs(phasing / "pynx-cdi-inputs.txt")
    assert found.data == phasing / "S7_pynx_input_data.npz"
    assert found.mask == phasing / "S7_pynx_input_mask.npz"
    assert (found.runs, found.keep, found.algorithm) == (3, 2, None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rebin = 2, 2, 1", "rebin = 2, 2, 1: only 1,1,1 is taken"),
        ("roi = 1,2,3,4,5,6", "roi = 1,2,3,4,5,6: only full"),
        ("support = mine.npz", "support = mine.npz: only auto"),
        ("nb_run = many", "nb_run = many: give a whole number from 1"),
        ("data = None", "names no data"),
    ],
)
def test_what_it_asks_for_besides_is_refused(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "inputs.txt"
    path.write_text(f"{line}\n" if line.startswith("data") else f"data = a.npz\n{line}\n")
    with pytest.raises(ReadError, match=re.escape(words)):
        read_inputs(path)


def test_pynx_language_is_refused_in_one_line(
    phasing: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = phasing / "pynx-cdi-inputs.txt"
    path.write_text(path.read_text().replace("= None", "= ER**20,(Sup*HIO**20)**9"))
    assert call(monkeypatch, "cdiutils-phase", "pynx-cdi-inputs.txt") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "algorithm = ER**20,(Sup*HIO**20)**9: PyNX's language is not that" in line
    assert not runs(phasing)


def test_modes_take_out_shift_twin_and_phase(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    obj = np.zeros((12, 12, 12), np.complex64)
    obj[3:8, 4:9, 3:7] = rng.random((5, 5, 4)) + 1j * rng.random((5, 5, 4))
    twin = np.roll(obj[::-1, ::-1, ::-1].conj(), (1, 2, 3), (0, 1, 2)) * 1j
    for name, one in (("a", obj), ("b", np.roll(obj, 2, 1) * np.exp(1j)), ("c", twin)):
        with h5py.File(tmp_path / f"{name}.cxi", "w") as file:
            file["entry_1/data_1/data"] = one
            file["entry_1/image_1/support"] = (np.abs(one) > 0).astype(np.int8)
    files = [tmp_path / f"{name}.cxi" for name in "abc"]
    weights = write_modes(files, tmp_path / "mode.h5")
    assert weights[0] == pytest.approx(1, abs=1e-9)
    with h5py.File(tmp_path / "mode.h5") as file:
        assert object_error(file["entry_1/image_1/data"][0], obj) < 1e-5
    with h5py.File(files[1], "w") as file:
        file["entry_1/data_1/data"] = obj[:10]
        file["entry_1/image_1/support"] = np.ones((10, 12, 12), np.int8)
    with pytest.raises(ParameterError, match="give results of one shape"):
        write_modes(files, tmp_path / "mode.h5")
