"""Results of cohere, PyNX and cdiutils, made by these programs, read as our own: hand, scale, figures of merit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile

from cdi_ml_plugin.data.measurement import Measurement
from cdi_ml_plugin.errors import ParameterError, ReadError
from cdi_ml_plugin.fourier import diffraction, to_cohere
from cdi_ml_plugin.io.cxi.writer import cxi_bytes
from cdi_ml_plugin.io.results import of_another, read_any_result
from cdi_ml_plugin.physics.alignment import object_error, twin
from support import peers, prepared
from support.experiments import configure, crystal
from support.pynx import PyNX, pynx
from support.results import make_result

__all__ = ["pynx"]
SHAPE = (24, 32, 28)
ODD = (25, 32, 27)
PHOTONS = 1e7


def exact(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """A strained crystal without symmetry in √counts: its twin is another object."""
    obj = crystal(shape)
    obj = obj * np.sqrt(PHOTONS / np.square(np.abs(obj)).sum())
    return obj.astype(np.complex64)


def difference(one: np.ndarray, two: np.ndarray) -> float:
    """‖one − two‖ / ‖two‖ without a global phase alone: neither shift nor twin is removed."""
    phase = np.vdot(one, two)
    return float(np.linalg.norm(one * phase / abs(phase) - two) / np.linalg.norm(two))


def is_it(result: Any, obj: np.ndarray) -> None:
    assert difference(result.object, obj) < 1e-3
    import torch

    other = twin(torch.from_numpy(obj)).numpy()
    assert difference(result.object, other) > 0.1  # what the wrong hand would be
    assert result.metrics["chi2"] < 1e-6
    assert result.metrics["pearson"] > 0.99999
    np.testing.assert_array_equal(result.support, np.abs(obj) > 0)


# -- cohere ---------------------------------------------------------------------------------------


def experiment(folder: Path, obj: np.ndarray) -> Path:
    """An experiment whose data are those of an object, free of noise."""
    configure(folder, "config", {"working_dir": str(folder.parent), "experiment_id": "exp"})
    (folder / "phasing_data").mkdir()
    tifffile.imwrite(folder / "phasing_data" / "data.tif", np.sqrt(diffraction(obj)))
    configure(folder, "config_rec", {"algorithm_sequence": "3*ER", "processing": "np"})
    return folder


def save_by_cohere(
    folder: Path, data: Path, obj: np.ndarray, name: str = "results_phasing"
) -> Path:
    """What `cohere_core` saves after three iterations of ER from an exact object."""
    phasing = pytest.importorskip("cohere_core.controller.phasing", reason="no cohere_core")
    start = folder / "start"
    start.mkdir()
    np.save(start / "image.npy", to_cohere(obj) / np.sqrt(obj.size))
    np.save(start / "support.npy", (np.abs(obj) > 0).T.astype(int))
    parameters = {
        "algorithm_sequence": "3*ER",
        "init_guess": "continue",
        "continue_dir": str(start),
    }
    rec = phasing.create_rec(parameters, str(data), "np", -1, debug=True)
    assert rec.iterate() == 0
    rec.save_res(str(folder / name))
    shutil.rmtree(start)
    return folder / name


@pytest.mark.cohere
@pytest.mark.parametrize("shape", [SHAPE, ODD])
def test_cohere(shape, tmp_path):
    obj = exact(shape)
    folder = experiment(tmp_path / "exp", obj)
    saved = save_by_cohere(folder, folder / "phasing_data" / "data.tif", obj)
    for path in (saved, saved / "image.npy", folder):
        result = read_any_result(path)
        # cohere moves the centre of mass to the middle, by whole voxels
        shift = np.array(np.nonzero(result.support)).min(1) - np.array(np.nonzero(obj)).min(1)
        is_it(result, np.roll(obj, shift, (0, 1, 2)))
    assert result.sequence == "3*ER"
    assert result.run.history["chi2"].shape == (3,)
    assert result.run.history["chi2"][0] < 1e-6  # as cohere itself noted it
    assert np.isnan(result.metrics["free_llk"])  # it has held nothing out
    assert result.notes[0].startswith("phased by cohere; scaled to these data")


@pytest.mark.cohere
def test_starts_and_generations_of_cohere(tmp_path):
    obj = exact()
    folder = experiment(tmp_path / "exp", obj)
    data = folder / "phasing_data" / "data.tif"
    one = save_by_cohere(folder, data, obj, "one")
    for name in ("results_phasing/0", "results_phasing/10", "results_phasing/2"):
        shutil.copytree(one, folder / name)
    np.save(folder / "results_phasing" / "2" / "image.npy", np.full(SHAPE[::-1], np.nan + 0j))
    result = read_any_result(folder)
    assert [run.notes[0] for run in result.runs] == ["0", "2", "10"]
    assert [run.reason for run in result.runs] == ["completed", "not finite", "completed"]
    shutil.rmtree(folder / "results_phasing")
    for name in ("g_0/0", "g_2/0", "g_2/1", "g_10/0", "g_10/1", "g_10/2"):
        shutil.copytree(one, folder / "results_phasing_ga" / name)
    configure(folder, "config_rec_ga", {"algorithm_sequence": "5*HIO"})
    result = read_any_result(folder)
    assert (len(result.runs), result.sequence) == (3, "5*HIO")
    shutil.copytree(one, folder / "results_phasing")
    with pytest.raises(ReadError, match="results_phasing, results_phasing_ga: name one"):
        read_any_result(folder)


# -- PyNX -----------------------------------------------------------------------------------------

SAVE = """
import warnings
warnings.simplefilter("ignore")
from numpy.fft import fftshift, ifftshift
from pynx.cdi import CDI, ER, InitFreePixels
obj, iobs = np.load("obj.npy"), np.load("iobs.npy")
cdi = CDI(fftshift(iobs).astype(np.float32), support=ifftshift(abs(obj) > 1), obj=ifftshift(obj),
          mask=fftshift(np.load("mask.npy")).astype(np.int8))
np.random.seed(0)  # of its free pixels
cdi = InitFreePixels(ratio=0.2) * cdi
cdi = ER(calc_llk=1) ** 3 * cdi
for name, crop in (("S7_Run0001.cxi", 0), ("cropped.cxi", 4)):
    cdi.save_obj_cxi(name, crop=crop, process_notes={"algorithm": "ER**3"}, process_parameters={
        "data": "counts.npz", "mask": None, "beta": 0.9})
print(json.dumps({"llk": float(cdi.get_llk()[0]), "free": float(cdi.get_llk()[3])}))
"""


def save_by_pynx(pynx: PyNX, folder: Path, obj: np.ndarray) -> dict[str, float]:
    """What PyNX saves after three iterations of ER from an exact object; its likelihoods."""
    mask = np.zeros(obj.shape, bool)
    mask[3, 4] = True
    counts = np.random.default_rng(0).poisson(diffraction(obj)).astype(np.float32)
    np.savez(folder / "counts.npz", data=counts, mask=mask)
    start = obj
    if any(
        n % 2 for n in obj.shape
    ):  # PyNX's runner shifts data by n // 2, and the object has a ramp
        wave = np.fft.fftn(np.fft.ifftshift(obj))
        wave = np.roll(wave, [-(n % 2) for n in obj.shape], (0, 1, 2))
        start = np.fft.fftshift(np.fft.ifftn(wave)).astype(np.complex64)
    np.save(folder / "obj.npy", start)
    np.save(folder / "iobs.npy", counts)
    np.save(folder / "mask.npy", mask)
    llk: dict[str, float] = pynx.run(SAVE, folder)
    return llk


@pytest.mark.slow
@pytest.mark.parametrize("shape", [SHAPE, ODD])
def test_pynx(shape, pynx, tmp_path):
    obj = exact(shape)
    theirs = save_by_pynx(pynx, tmp_path, obj)
    result = read_any_result(tmp_path / "S7_Run0001.cxi")
    # the counts are noisy, so three iterations stay near the exact object, and no nearer
    assert difference(result.object, obj) < 0.02
    assert object_error(result.object, obj) < 0.02
    np.testing.assert_array_equal(result.support, np.abs(obj) > 0)
    assert result.metrics["pearson"] > 0.999
    # the same likelihoods as PyNX's, by its own free pixels
    assert result.metrics["llk"] == pytest.approx(theirs["llk"], rel=0.05)
    assert result.metrics["free_llk"] == pytest.approx(theirs["free"], rel=0.05)
    assert result.parameters["beta"] == 0.9
    assert result.sequence == "ER**3"
    assert result.run.history["llk"].shape == (3,)
    cropped = read_any_result(tmp_path / "cropped.cxi")
    assert object_error(cropped.object, obj) < 0.02
    assert cropped.metrics["chi2"] == pytest.approx(result.metrics["chi2"], rel=1e-3)
    (tmp_path / "cropped.cxi").rename(tmp_path / "S7_Run0002.cxi")
    assert len(read_any_result(tmp_path).runs) == 2
    (tmp_path / "counts.npz").rename(tmp_path / "moved.npz")
    with pytest.raises(ReadError, match=r"holds no measured data .*counts\.npz.*--data PATH"):
        read_any_result(tmp_path)


def as_pynx(path: Path, obj: np.ndarray, **more: Any) -> Path:
    """The least of a file of PyNX."""
    with h5py.File(path, "w") as file:
        file.attrs["creator"] = "PyNX"
        file["entry_1/image_1/data"] = obj
        for name, value in more.items():
            file[f"entry_1/{name.replace('__', '/')}"] = value
    return path


def measured(obj: np.ndarray) -> Measurement:
    return Measurement(diffraction(obj))


def test_modes_of_pynx(tmp_path):
    obj = exact()
    path = as_pynx(tmp_path / "modes.h5", np.array([obj, 0.1 * obj]), data_2__data=[0.9, 0.1])
    result = read_any_result(path, measured(obj))
    assert difference(result.object, obj) < 1e-3
    assert "the first of 2 modes is shown, with 0.9 of their weight" in result.notes
    assert any("no support is kept" in note for note in result.run.notes)


# -- cdiutils -------------------------------------------------------------------------------------

MODE = """
import json, sys
import numpy as np
from cdiutils.pipeline import BcdiPipeline
folder = sys.argv[1]
pipeline = BcdiPipeline(params=dict(
    dump_dir=folder, scan=12, sample_name="crystal", beamline_setup="id01",
    experiment_file_path="none", preprocess_shape=(24, 32, 28), hkl=(1, 1, 1),
    voxel_reference_methods=["max"],
))
pipeline._save_pynx_results(modes=np.load(folder + "/modes.npy"), mode_weights=[0.8, 0.2])
print(json.dumps(True))
"""


@pytest.mark.slow
def test_cdiutils(tmp_path):
    obj = exact()
    np.save(tmp_path / "modes.npy", np.array([obj, 0.1 * obj]) / 7)
    peers.ask(MODE, tmp_path)
    mode = tmp_path / "S12_pynx_reconstruction_mode.cxi"
    with pytest.raises(ReadError, match=r"S12_preprocessed_data\.cxi\).*--data PATH"):
        read_any_result(mode)
    prepared.write(tmp_path / "S12_preprocessed_data.cxi", diffraction(obj))
    (tmp_path / "S12_postprocessed_data.cxi").touch()
    for path in (mode, tmp_path, tmp_path / "S12_postprocessed_data.cxi"):
        result = read_any_result(path)
        assert difference(result.object, obj) < 1e-3
        assert result.metrics["chi2"] < 1e-6
        assert "the first of 2 modes is shown, with 0.8 of their weight" in result.notes
        assert result.measurement.geometry is not None
    mode.unlink()
    with pytest.raises(ReadError, match="in the laboratory alone: put S12_pynx"):
        read_any_result(tmp_path / "S12_postprocessed_data.cxi")


# -- what is wrong --------------------------------------------------------------------------------


def cohere_by_hand(folder: Path, obj: np.ndarray, **arrays: Any) -> Path:
    folder.mkdir(parents=True)
    np.save(folder / "image.npy", to_cohere(obj))
    np.save(folder / "support.npy", (np.abs(obj) > 0).T)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def test_what_is_wrong(tmp_path):
    obj = exact()
    data = measured(obj)
    here = tmp_path / "results_phasing"

    def refused(path: Path, words: str, data: Measurement | None = data) -> None:
        with pytest.raises(ReadError, match=words) as caught:
            read_any_result(path, data)
        assert len(str(caught.value).splitlines()) == 1
        assert path.name in str(caught.value)

    cohere_by_hand(here, obj)
    assert difference(read_any_result(here, data).object, obj) < 1e-3
    refused(here, "--data PATH", None)
    refused(
        here, r"object of shape \(24, 32, 28\).*data \(8, 8, 8\)", Measurement(np.ones((8, 8, 8)))
    )
    np.save(here / "errors.npy", np.ones((2, 2)))
    refused(here, "errors.npy: has 2 dim")
    np.save(here / "errors.npy", np.array(["a"]))
    refused(here, "no numbers")
    (here / "errors.npy").unlink()
    np.save(here / "support.npy", np.ones((3, 3, 3)))
    refused(here, r"support \(3, 3, 3\)")
    np.save(here / "image.npy", np.zeros(SHAPE[::-1], complex))
    (here / "support.npy").unlink()
    refused(here, "0 everywhere")
    np.save(here / "image.npy", np.full(SHAPE[::-1], np.inf + 0j))
    refused(here, "no finite object")
    (here / "image.npy").write_bytes(b"\x93NUMPY")
    refused(here, "cannot be read")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "holds no result", None)
    refused(tmp_path / "gone", "no such file", None)
    with pytest.raises(ParameterError, match="leave --data out"):
        read_any_result(tmp_path / "empty", data)
    path = as_pynx(tmp_path / "linked.cxi", obj, away=h5py.ExternalLink("other.h5", "/x"))
    refused(path, "away lies in another file")
    whole = as_pynx(tmp_path / "a.cxi", obj).read_bytes()
    (tmp_path / "cut.cxi").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "cut.cxi", "damaged", None)
    larger = as_pynx(tmp_path / "large.cxi", np.ones((30, 40, 40), complex))
    refused(larger, r"object of shape \(30, 40, 40\)")
    free = {"image_1__process_1__configuration__free_pixel_mask": np.zeros((3, 3, 3), bool)}
    refused(as_pynx(tmp_path / "free.cxi", obj, **free), "free pixels of shape")
    text = {"image_1__support": "none"}
    refused(as_pynx(tmp_path / "text.cxi", obj, **text), "no array")


def test_what_is_whose(tmp_path):
    ours = tmp_path / "result.cxi"
    ours.write_bytes(cxi_bytes(make_result()))
    assert of_another(ours) is None
    assert of_another(tmp_path) is None
    assert read_any_result(tmp_path).sequence == "20*ER"
    door = of_another(as_pynx(tmp_path / "any.h5", exact()))
    assert door is not None
    assert door.program == "PyNX"
    intensity = as_pynx(tmp_path / "data.cxi", diffraction(exact()))  # its data are no result
    assert of_another(intensity) is None
