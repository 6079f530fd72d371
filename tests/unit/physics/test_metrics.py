"""Figures of merit: likelihood as PyNX has it, evenness, and which run is the best."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import xlogy

from cdi_ml_plugin import ER, MLE, Measurement, reconstruct
from cdi_ml_plugin.data.quantities import QUANTITIES, RANKED
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.physics.alignment import object_error
from cdi_ml_plugin.physics.metrics import best, ranked_by
from cdi_ml_plugin.physics.moduli import Moduli
from cdi_ml_plugin.simulate.particle import strained_crystal
from support.pynx import PyNX
from support.results import figures_of

SHAPE = (32, 36, 34)
HELD_OUT = 0.05


class Case:
    """A crystal that has been counted behind a mask, and an object that is a little off it."""

    def __init__(self, photons: float, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        crystal = strained_crystal(SHAPE, np.eye(3), size=10, rng=rng)
        self.support = np.abs(crystal) > 0
        self.crystal = crystal * np.sqrt(photons / np.sum(np.abs(crystal) ** 2))
        self.object = self.crystal * rng.uniform(0.9, 1.1, SHAPE).astype(np.float32)
        self.counts = rng.poisson(diffraction(self.crystal)).astype(np.float64)
        self.mask = np.zeros(SHAPE, dtype=bool)
        self.mask[:, 20:22] = True

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """Centred, as counts and mask are."""
        data = Moduli.of(Measurement(self.counts, self.mask), HELD_OUT, torch.device("cpu"))
        corner = np.zeros(self.counts.size, dtype=bool)
        corner[data.held_out.numpy()] = True
        return np.fft.fftshift(corner.reshape(SHAPE))

    def figures(self, obj: NDArray[Any] | None = None) -> dict[str, float]:
        obj = self.object if obj is None else obj
        return figures_of(obj, self.support, Measurement(self.counts, self.mask), HELD_OUT)


def dim() -> Case:
    return Case(3e4)


def bright() -> Case:
    return Case(1e9)


def corrected() -> Case:
    """Counts divided by a white field: no whole numbers."""
    case = Case(3e5)
    case.counts /= np.random.default_rng(1).uniform(0.7, 1.4, SHAPE)
    return case


def monitored() -> Case:
    """Counts divided by their largest: a photon is much less than 1."""
    case = Case(1e6)
    highest = case.counts.max()
    case.counts /= highest
    case.object = case.object / np.sqrt(highest)
    case.crystal = case.crystal / np.sqrt(highest)
    return case


def nothing() -> Case:
    """A model that expects no photon anywhere."""
    case = Case(1e5)
    case.object[:] = 0
    return case


CASES = [dim, bright, corrected, nothing]


# -- likelihood -----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", CASES)
def test_the_likelihoods_are_what_they_are_said_to_be(make: Any) -> None:
    case = make()
    n, m = case.counts, diffraction(case.object.astype(np.complex128))
    voxel = 2 * (m - n + xlogy(n, n / np.where(m < 0.1, m + 0.1, m)))
    fitted = ~case.mask & ~case.held_out
    found = case.figures()
    assert found["free_llk"] == pytest.approx(voxel[case.held_out].mean(), rel=1e-5)
    unknowns = case.support.sum()
    assert found["llk"] == pytest.approx(voxel[fitted].sum() / (fitted.sum() - unknowns), rel=1e-5)


@pytest.mark.slow
def test_the_likelihoods_are_those_of_pynx(pynx: PyNX, tmp_path: Path) -> None:
    for make in CASES:
        case = make()
        arrays = {
            "iobs": case.counts.astype(np.float32),
            "support": case.support.astype(np.int8),
            "obj": case.object.astype(np.complex64),
            "mask": case.mask.astype(np.int8),
            "free": case.held_out,
        }
        corner = {name: np.fft.ifftshift(array) for name, array in arrays.items()}
        np.savez(tmp_path / f"{make.__name__}.npz", **corner)
    answer = pynx.run(
        "from glob import glob\n"
        "from pynx.cdi import CDI, LLK\n"
        "answer = {}\n"
        "for path in glob('*.npz'):\n"
        "    given = dict(np.load(path))\n"
        "    free = given.pop('free')\n"
        "    cdi = CDI(**given)\n"
        "    cdi.set_free_pixel_mask(free)\n"
        "    llk = (LLK() * cdi).get_llk()\n"
        "    answer[path[:-4]] = {'llk': float(llk[0]), 'free_llk': float(llk[3])}\n"
        "print(json.dumps(answer))\n",
        tmp_path,
    )
    for make in CASES:
        found = make().figures()
        for name, value in answer[make.__name__].items():
            assert found[name] == pytest.approx(value, rel=1e-5), (make.__name__, name)


def test_the_truth_has_a_likelihood_of_about_one_where_counts_are_many() -> None:
    case = bright()
    found = case.figures(case.crystal)
    assert found["free_llk"] == pytest.approx(1, abs=0.1)
    # of the truth, which was not fitted, all voxels are free
    fitted = (~case.mask & ~case.held_out).sum()
    assert found["llk"] * (1 - case.support.sum() / fitted) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("make", [bright, corrected, monitored])
def test_the_truth_is_likelier_than_a_model_that_is_too_weak(make: Any) -> None:
    case = make()
    truth, weak, none = (case.figures(share * case.crystal) for share in (1, 0.5, 0))
    assert truth["free_llk"] < weak["free_llk"] < none["free_llk"] < math.inf
    assert truth["llk"] < weak["llk"] < none["llk"] < math.inf


def test_without_held_out_voxels_or_freedom_there_is_none() -> None:
    case = dim()
    everywhere = np.ones(SHAPE, dtype=bool)
    found = figures_of(case.object, everywhere, Measurement(case.counts, case.mask), held_out=0)
    assert math.isnan(found["free_llk"])
    assert math.isnan(found["llk"])
    assert math.isfinite(found["chi2"])


@pytest.mark.parametrize("seed", range(5))
def test_likelihood_ranks_mle_as_the_truth_does_and_chi2_does_not(seed: int) -> None:
    """MLE comes nearer to the truth; χ² compares |F| with √n, which is low where counts are few."""
    crystal = strained_crystal(SHAPE, np.eye(3), size=10, rng=np.random.default_rng(seed))
    intensity = diffraction(crystal) * (5e6 / diffraction(crystal).sum())
    data = Measurement(np.random.default_rng(seed).poisson(intensity))
    still: dict[str, Any] = {"parameters": {"shrink_wrap_trigger": []}, "device": "cpu"}
    er, mle = (
        reconstruct(data, chain, start=crystal, support=np.abs(crystal) > 0, **still)
        for chain in (60 * ER(), 60 * ER() + 40 * MLE())
    )
    assert object_error(mle.object, crystal) < object_error(er.object, crystal)
    assert mle.metrics["free_llk"] < er.metrics["free_llk"]
    assert mle.metrics["chi2_held_out"] > er.metrics["chi2_held_out"]


# -- evenness -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e4])
def test_evenness_is_of_the_support_and_has_no_unit(scale: float) -> None:
    case = dim()
    inside = np.abs(case.object[case.support])
    found = case.figures(scale * (case.object + np.where(case.support, 0, 1e3)))
    assert found["amplitude_spread"] == pytest.approx(inside.std() / inside.mean(), rel=1e-5)
    assert found["amplitude_mean_to_max"] == pytest.approx(1 - inside.mean() / inside.max())


def test_an_even_amplitude_has_no_spread_and_no_object_none_at_all() -> None:
    case = dim()
    even = case.figures(np.where(case.support, np.exp(1j * np.angle(case.object)), 0))
    assert even["amplitude_spread"] == pytest.approx(0, abs=1e-6)
    assert even["amplitude_mean_to_max"] == pytest.approx(0, abs=1e-6)
    for obj, support in ((0 * case.object, case.support), (case.object, 0 * case.support > 0)):
        case.support = support
        found = case.figures(obj)
        assert math.isnan(found["amplitude_spread"])
        assert math.isnan(found["amplitude_mean_to_max"])


# -- which run is the best ------------------------------------------------------------------------

NAN = math.nan
LOST: dict[str, float | None] = dict.fromkeys(RANKED, NAN)


def run(free_llk: float | None, chi2_held_out: float, chi2: float) -> dict[str, float | None]:
    return {"free_llk": free_llk, "chi2_held_out": chi2_held_out, "chi2": chi2, "pearson": 0.5}


@pytest.mark.parametrize(
    ("runs", "by", "index"),
    [
        ([run(2, 1, 1), run(1, 2, 2), run(3, 3, 0)], "free_llk", 1),
        ([run(NAN, 2, 1), run(NAN, 1, 2)], "chi2_held_out", 1),
        ([run(NAN, NAN, 2), run(NAN, NAN, 1)], "chi2", 1),
        ([LOST, run(2, 1, 1), run(1, 2, 2), LOST], "free_llk", 2),
        # a run from before there was a likelihood: all are compared by what they all have
        ([run(1, 2, 2), run(None, 1, 1)], "chi2_held_out", 1),
        ([{"chi2": 2.0}, {"chi2": 1.0}], "chi2", 1),
    ],
)
def test_the_best_run(runs: Any, by: str, index: int) -> None:
    assert ranked_by(runs) == by
    assert best(runs) == index


def test_of_lost_runs_the_first_stands_for_all() -> None:
    assert best([LOST, LOST]) == 0


def test_what_ranks_is_better_when_lower() -> None:
    assert {QUANTITIES[key].better for key in RANKED} == {"lower"}
