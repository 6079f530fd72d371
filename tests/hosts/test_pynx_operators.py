"""This package's algorithms as operators of the real PyNX, on its own CDI, with PyNX as the oracle.

PyNX takes seconds to start: one process measures, and the tests look at what it found.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cdi_ml_plugin import Measurement, reconstruct
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.simulate.particle import strained_crystal
from support import ROOT
from support.pynx import PyNX

pytestmark = pytest.mark.slow
EVEN, ODD = (32, 40, 36), (31, 35, 37)

SCRIPT = """
import os

import torch
from numpy.fft import fftn, fftshift, ifftshift
from pynx.cdi import CDI, ER, FT, HIO, IFT, LLK, InitFreePixels, InitObjRandom
import cdi_ml_plugin.hosts.pynx as ours
from cdi_ml_plugin.errors import CdiMlError

given = dict(np.load("given.npz"))
found = {}

def chi2(cdi):
    # of PyNX's object against PyNX's data, without a line of this package
    known, obj = cdi.get_iobs(), cdi.get_obj()
    fitted = known >= 0
    model = np.abs(fftn(obj, norm="ortho"))[fitted]
    root = np.sqrt(known[fitted])
    return float(np.square(model - root).sum() / np.square(root).sum())

def made(name, start=None, free=False, mask=None, noisy=False):
    truth = given[name]
    support = ifftshift(np.abs(truth) > 0)
    counts = np.square(np.abs(fftn(ifftshift(truth), norm="ortho")))
    if noisy:
        counts = ifftshift(given[name + "_noisy"])
    cdi = CDI(counts.astype(np.float32), support=support, mask=mask)
    if free:
        np.random.seed(1)
        cdi = InitFreePixels(ratio=0.05, exclude_zone_center=0.1) * cdi
    if start is None:
        np.random.seed(2)
        cdi = InitObjRandom() * cdi
    else:
        cdi.set_obj(ifftshift(start))
    return cdi

def marks(cdi):
    return cdi.get_iobs().copy()

# an exact object, handed over, scores at once: by the first iteration of each algorithm
exact = {}
for name in ("even", "odd"):
    for masked in (False, True):
        mask = None
        if masked:
            mask = np.zeros(given[name].shape, np.int8)
            mask[:, 5:9] = 1
        for word in ("MLE", "CHIO", "SF", "DM") if name == "even" else ("MLE", "REFINE"):
            cdi = made(name, given[name], free=masked, mask=mask)
            before = marks(cdi)
            cdi = getattr(ours, word)() * cdi
            exact[f"{name} {masked} {word}"] = chi2(cdi)
            assert np.array_equal(before, marks(cdi))
        wrong = made(name, given[name].conj(), mask=mask)
        exact[f"{name} {masked} wrong hand"] = chi2(wrong)
found["exact"] = exact

# in a chain, the right-most first
cdi = made("even", free=True)
cdi = (ER()**5 * ours.MLE()**4 * ours.CHIO()**3 * ours.REFINE(channels=4)**2 * HIO()**2
       * ours.CNN(candidates=1, search=60)) * cdi
history = cdi.history["algorithm"]
found["chain"] = [history[cycle] for cycle in sorted(history)]
cdi = LLK() * cdi
cdi.save_obj_cxi("chain.cxi")

# powers, and a chain to a power
cdi = made("even", free=True)
cdi = (ours.CHIO()**2 * ER()**3)**2 * cdi
history = cdi.history["algorithm"]
found["powers"] = [history[cycle] for cycle in sorted(history)]

# the prediction keeps what explains the pattern better, and takes the place of random phases
cdi = ours.CNN(candidates=1, search=0) * made("even", given["even"])
found["kept"] = chi2(cdi)
cdi = made("even", free=True)
random = chi2(cdi)
before, support = marks(cdi), cdi.get_support().copy()
cdi = ours.CNN(candidates=1, search=200) * cdi
found["predicted"] = [random, chi2(cdi)]
found["free kept"] = bool(np.array_equal(before, marks(cdi)))
found["scale"] = float(np.square(np.abs(cdi.get_obj())).sum() / cdi.iobs_sum)
found["support counted"] = int(cdi.nb_point_support) == int(cdi.get_support().sum())

# the same start by the same number, another by another
def predicted(phase):
    cdi = made("even")
    cdi.set_obj(cdi.get_obj() * np.exp(1j * phase))
    return (ours.CNN(candidates=1, search=0) * cdi).get_obj()
found["repeatable"] = bool(np.array_equal(predicted(0.0), predicted(0.0)))
found["another"] = bool(np.array_equal(predicted(0.0), predicted(0.1)))

# what is left out of the fit: over-fitted on noise, in a support that is far too large
cdi = made("even", given["even"] * 10**-0.5, free=True, noisy=True)
free = []
cdi.set_support(np.ones_like(cdi.get_support()))
for cycles in (0, 40):
    cdi = ours.MLE()**cycles * cdi if cycles else cdi
    cdi = LLK() * cdi
    free.append([float(v) for v in cdi.get_llk(normalized=False)[0:4:3]])
found["overfitted"] = free

# free values of whatever size are not looked at in a fit
ends = []
for factor in (1, 7):
    cdi = made("even", given["even"] * 0.9, free=True, noisy=True)
    there = cdi.get_free_pixel_mask()
    cdi.iobs[there] = -factor * (-cdi.iobs[there] - 1) - 1
    cdi = ours.CHIO()**5 * cdi
    ends.append(cdi.get_obj().copy())
found["free values seen"] = float(np.abs(ends[0] - ends[1]).max() / np.abs(ends[0]).max())

# the same start and recipe as in the package
start = given["start"]
cdi = made("even", start)
cdi = ER()**20 * cdi
np.save("er.npy", fftshift(cdi.get_obj()))
cdi = made("even", start)
cdi = ER()**5 * ours.MLE()**5 * ER()**10 * cdi
np.save("mle.npy", fftshift(cdi.get_obj()))

# what lies on a GPU is brought by PyNX's own transfer, and PyNX told that what the host has is newer
class OnGPU:
    def __init__(self, array):
        self.array = array
    def get(self):
        return self.array

cdi = made("even")
cdi._cu_obj = OnGPU(ifftshift(given["even"]))
cdi._cu_support = OnGPU(cdi.get_support().copy())
cdi._cu_timestamp_counter = cdi._timestamp_counter + 5
cdi = ours.MLE() * cdi
newer = cdi._timestamp_counter > cdi._cu_timestamp_counter
found["from GPU"] = [chi2(cdi), bool(newer)]

cdi = made("even", given["even"])
cdi.init_psf()
cdi = ours.CHIO() * cdi

def misspelled():
    os.environ["CDI_ML_CNN_WEIGHT"] = "mine"
    try:
        ours.MLE() * made("even")
    finally:
        del os.environ["CDI_ML_CNN_WEIGHT"]

def refused(act):
    try:
        act()
    except CdiMlError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"

flat = CDI(np.ones((32, 32), np.float32))
gone = CDI(np.ones((32, 32, 32), np.float32), mask=np.ones((32, 32, 32), np.int8))
few = np.ones(given["even"].shape, np.int8)
few[14:18, 18:22, 16:20] = 0
large = made("even")
large.set_upsample(2)
found["refused"] = {
    "parameter": refused(lambda: ours.CNN(candidats=3)),
    "environment": refused(misspelled),
    "value": refused(lambda: ours.CNN(candidates=99)),
    "weights": refused(lambda: ours.CNN(weights="none.safetensors") * made("even")),
    "power": refused(lambda: ours.CNN()**0),
    "name": refused(lambda: ours.CMN),
    "flat": refused(lambda: ours.CNN() * flat),
    "masked": refused(lambda: ours.CNN() * gone),
    "reciprocal": refused(lambda: (ours.MLE() * FT()) * made("even")),
    "upsampled": refused(lambda: ours.MLE() * large),
    "few": refused(lambda: ours.CNN(candidates=1, search=0) * made("even", mask=ifftshift(few))),
}
print(json.dumps(found))
"""


def crystal(shape: tuple[int, int, int]) -> np.ndarray:
    """A strained crystal of some 1e6 counts."""
    rng = np.random.default_rng(3)
    obj = strained_crystal(shape, np.eye(3), size=14, phase_range=1.5, rng=rng)
    return (obj * 1e3 / np.linalg.norm(obj)).astype(np.complex64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pynx")


@pytest.fixture(scope="module")
def start() -> np.ndarray:
    """Random phases in the support of the truth."""
    truth, rng = crystal(EVEN), np.random.default_rng(5)
    return np.abs(truth) * np.exp(2j * np.pi * rng.random(EVEN)).astype(np.complex64)


@pytest.fixture(scope="module")
def said(pynx: PyNX, folder: Path, start: np.ndarray) -> str:
    """What the script printed."""
    arrays = {"even": crystal(EVEN), "odd": crystal(ODD), "start": start}
    noisy = np.random.default_rng(0).poisson(diffraction(arrays["even"]) / 10).astype(np.float32)
    np.savez(folder / "given.npz", even_noisy=noisy, **arrays)
    return pynx.call(SCRIPT, folder, ROOT).stdout


@pytest.fixture(scope="module")
def found(said: str) -> dict[str, Any]:
    return json.loads(said.splitlines()[-1])


def test_an_exact_object_has_no_error(found: dict[str, Any]) -> None:
    wrong = {key: chi2 for key, chi2 in found["exact"].items() if "wrong" in key}
    right = {key: chi2 for key, chi2 in found["exact"].items() if "wrong" not in key}
    assert len(right) == 12
    assert max(right.values()) < 1e-6, right
    assert min(wrong.values()) > 0.01  # the test sees the wrong hand


def test_in_a_chain_each_leaves_its_cycles_and_the_file_says_what_acted(
    found: dict[str, Any], folder: Path
) -> None:
    expected = [*["CNN"], *["HIO"] * 2, *["REFINE"] * 2, *["CHIO"] * 3, *["MLE"] * 4, *["ER"] * 5]
    assert found["chain"] == expected
    assert found["powers"] == [*["ER"] * 3, *["CHIO"] * 2] * 2
    with h5py.File(folder / "chain.cxi") as file:
        results = file["entry_1/image_1/process_1/results"]
        history = results["cycle_history"]
        assert [one.decode() for one in history["algorithm"]] == expected
        cycles = [cycle for cycle, _ in results["cycle_history_cdi_ml_plugin"][()]]
        assert cycles == [0, 4, 7, 11]  # the last of each of ours
        assert [cycle for cycle, _ in results["cycle_history_cnn_chi2"][()]] == [0]


def test_a_prediction_takes_the_place_of_what_explains_less(found: dict[str, Any]) -> None:
    assert found["kept"] < 1e-6
    random, predicted = found["predicted"]
    assert random > 0.5
    assert predicted < 0.05
    assert found["scale"] == pytest.approx(1, abs=0.02)
    assert found["support counted"]


def test_object_and_support_come_from_the_gpu_and_go_back(found: dict[str, Any]) -> None:
    chi2, newer = found["from GPU"]
    assert chi2 < 1e-6
    assert newer


def test_a_point_spread_function_is_said_to_be_left_out(said: str) -> None:
    assert said.count("CHIO leaves PyNX's point-spread function out of account") == 1


def test_a_prediction_repeats_and_another_start_gets_another(found: dict[str, Any]) -> None:
    assert found["repeatable"]
    assert not found["another"]


def test_free_voxels_are_held_out(found: dict[str, Any]) -> None:
    assert found["free kept"]
    assert found["free values seen"] == 0
    (fitted, free), (fitted_later, free_later) = found["overfitted"]
    assert fitted_later < 0.01 * fitted  # the noise is fitted
    assert free_later > 0.99 * free  # and the free voxels tell


def test_the_same_recipe_gives_the_same_object(
    found: dict[str, Any], folder: Path, start: np.ndarray
) -> None:
    """PyNX is in single precision."""
    truth = crystal(EVEN)
    data = Measurement(diffraction(truth))
    options: dict[str, Any] = {"support": np.abs(truth) > 0, "held_out": 0, "precision": "double"}
    for name, chain in (("er", "20*ER"), ("mle", "10*ER + 5*MLE + 5*ER")):
        result = reconstruct(
            data, chain, start=start, parameters={"shrink_wrap_trigger": []}, **options
        )
        theirs = np.load(folder / f"{name}.npy")
        difference = np.linalg.norm(result.object - theirs) / np.linalg.norm(theirs)
        assert difference < 1e-2, name


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("parameter", "CNN: unknown parameter 'candidats': it takes weights, candidates"),
        (
            "environment",
            "environment (CDI_ML_…): unknown parameter 'cnn_weight': did you mean cnn_weights?",
        ),
        ("value", "cnn_candidates = 99"),
        ("weights", "none.safetensors"),
        ("power", "CNN**0: give a whole number from 1"),
        ("name", "has no CMN: it has ASW"),
        ("flat", "three dimensions, and these data have 2"),
        ("masked", "zero in every unmasked voxel"),
        ("reciprocal", "put IFT() before it"),
        ("upsampled", "take upsample off"),
    ],
)
def test_what_cannot_be_is_one_line(found: dict[str, Any], what: str, words: str) -> None:
    text = found["refused"][what]
    assert words in text
    assert "\n" not in text


def test_too_few_measured_voxels_are_said(found: dict[str, Any], said: str) -> None:
    assert found["refused"]["few"] == "nothing"  # it runs
    assert "the data do not determine the object" in said
