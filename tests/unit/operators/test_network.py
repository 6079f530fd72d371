"""REFINE and CNN as algorithms of a chain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from cdi_ml_plugin import CNN, Measurement, reconstruct
from cdi_ml_plugin.errors import WeightsError
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.simulate.particle import strained_crystal


@pytest.fixture(scope="module")
def small() -> Measurement:
    crystal = strained_crystal((16, 24, 20), np.eye(3), size=7, rng=np.random.default_rng(2))
    counts = np.random.default_rng(0).poisson(3e3 * diffraction(crystal))
    return Measurement(counts)


def phase(small: Measurement, chain: str, seeds: Any = 1, **more: Any) -> Any:
    # the support stays as it is, so that chains of different length begin alike
    parameters = {"shrink_wrap_trigger": [], "autocorrelation_margin": 1.0}
    if "REFINE" in chain:
        parameters["refine_channels"] = 4
    return reconstruct(small, chain, seeds=seeds, parameters=parameters, device="cpu", **more)


def test_refine_alone_learns(small: Measurement) -> None:
    few, many = phase(small, "3*REFINE"), phase(small, "40*REFINE")
    assert many.metrics["chi2"] < 0.6 * few.metrics["chi2"]
    assert len(many.run.history["chi2"]) == 40


@pytest.mark.parametrize(("held_out", "figure"), [(0.03, "chi2_held_out"), (0.0, "chi2")])
def test_refine_after_a_chain_never_harms(small: Measurement, held_out: float, figure: str) -> None:
    without = phase(small, "20*ER", 2, held_out=held_out)
    refined = phase(small, "20*ER + 10*REFINE", 2, held_out=held_out)
    for before, after in zip(without.runs, refined.runs, strict=True):
        assert after.metrics[figure] <= before.metrics[figure] * (1 + 1e-6)


def test_refine_draws_from_its_seed_alone(small: Measurement) -> None:
    torch.manual_seed(1)
    one = phase(small, "2*ER + 3*REFINE", [3])
    torch.manual_seed(2)
    again = phase(small, "2*ER + 3*REFINE", [8, 3])
    np.testing.assert_array_equal(one.object, again.runs[1].object)
    assert not np.array_equal(one.object, again.runs[0].object)


def test_cnn_says_that_it_needs_weights(small: Measurement) -> None:
    with pytest.raises(WeightsError, match="no_such_weights"):
        phase(small, "CNN(weights='no_such_weights') + 20*ER")
    assert str(CNN()) == "CNN"
