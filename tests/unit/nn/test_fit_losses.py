"""The losses that REFINE minimises: their formulas, and how they are found by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import poisson

from cdi_ml_plugin import REFINE, Measurement, reconstruct
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.nn import fit_losses
from cdi_ml_plugin.nn.fit_losses import LOSSES
from cdi_ml_plugin.utils import plugins


@pytest.fixture
def moduli() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    expected = rng.uniform(0.5, 30, 400)
    counts = rng.poisson(expected)
    return torch.from_numpy(expected**0.5), torch.from_numpy(counts.astype(float) ** 0.5)


def test_poisson_is_scipys_likelihood(moduli: Any) -> None:
    """Differences of it between two models are those of the log-likelihood a voxel."""
    expected, measured = moduli
    other = expected * 1.1
    ours = [float(fit_losses.poisson(m, measured, 1.0, 0.0)) for m in (expected, other)]
    counts = measured.numpy() ** 2
    # 0.1 photon is added to model and data alike
    theirs = [-poisson.logpmf(np.rint(counts), m.numpy() ** 2).mean() for m in (expected, other)]
    assert ours[1] - ours[0] == pytest.approx(theirs[1] - theirs[0], rel=0.03)


def test_poisson_and_gaussian_count_in_photons(moduli: Any) -> None:
    """The same moduli in another unit are the same fit."""
    model, measured = moduli
    for loss in (fit_losses.poisson, fit_losses.gaussian):
        one, two = loss(model, measured, 1.0, 0), loss(0.01 * model, 0.01 * measured, 0.01, 0)
        torch.testing.assert_close(one, two)


def test_paper_goes_from_correlation_to_chi2() -> None:
    """Equations (7) and (8): β₁ falls from 10⁴ to 1."""
    assert fit_losses.weight(0) == pytest.approx(1e4)
    assert fit_losses.weight(1) == pytest.approx(1)
    model, measured = torch.tensor([1.0, 2.0, 2.5]), torch.tensor([1.0, 2.0, 3.0])
    x, y = model - model.mean(), measured - measured.mean()
    third = 1 - (x.abs() * y.abs()).sum() / (x.norm() * y.norm())
    fourth = 0.25 / 14
    for progress in (0.0, 0.5, 1.0):
        beta = 1e4 ** (1 - progress)
        expected = (beta * float(third) + fourth) / (beta + 1)
        assert float(fit_losses.paper(model, measured, 0, progress)) == pytest.approx(expected)


# --- by name ------------------------------------------------------------------------------------
@pytest.fixture
def small() -> Measurement:
    return Measurement(np.random.default_rng(0).poisson(5, (16, 16, 16)))


def test_an_unknown_name_says_what_there_is(small: Measurement) -> None:
    with pytest.raises(
        ParameterError, match=r"unknown refine_loss 'poison'. Did you mean poisson\?.*chi2"
    ):
        reconstruct(small, "2*REFINE(loss='poison')", device="cpu")
    with pytest.raises(ParameterError, match="refine_loss = 3: give a name"):
        REFINE(loss=3)


def test_one_of_somebody_else(small: Measurement, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss of another package: an entry point of the group, and its own failure in one line."""
    mine = EntryPoint("mine", f"{__name__}:halved", LOSSES.name)
    broken = EntryPoint("broken", "no_such_module:loss", LOSSES.name)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [mine, broken])
    LOSSES.refresh()
    try:
        result = reconstruct(small, "2*REFINE(loss='mine', channels=4)", device="cpu")
        assert calls
        assert len(result.run.history["chi2"]) == 2
        with pytest.raises(ParameterError, match="no_such_module"):
            reconstruct(small, "2*REFINE(loss='broken')", device="cpu")
    finally:
        LOSSES.refresh()


calls: list[float] = []


def halved(
    model: torch.Tensor, measured: torch.Tensor, unit: float, progress: float
) -> torch.Tensor:
    calls.append(progress)
    return (model - measured).square().sum() / 2
