"""The algorithms against their formulas: projections, supports, parameters."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.ndimage import gaussian_filter

from cdi_ml_plugin import AUTO, DM, ER, HIO, LRAAR, RAAR, REFINE, SF, SW, TWIN, Measurement
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.operators.base import Operator
from cdi_ml_plugin.physics.moduli import Moduli
from cdi_ml_plugin.physics.projections import project_modulus
from cdi_ml_plugin.simulate.particle import strained_crystal
from support.cases import CLASSICAL, CPU, IDS, Case, cases, lawful


# --- projections --------------------------------------------------------------------------------
@lawful
@given(cases)
def test_modulus_projection_is_idempotent_and_meets_the_data(case: Case) -> None:
    state = case.state(case.start)
    once = project_modulus(state.object, state, case.data)
    assert float(state.chi2) > 1e-3
    twice = project_modulus(once, state, case.data)
    assert float(state.chi2) < 1e-20
    torch.testing.assert_close(twice, once, rtol=1e-10, atol=1e-12)
    # in the voxels that are not fitted the transform is what it was
    if case.data.unfitted is not None:
        free = case.data.unfitted > 0
        before, after = torch.fft.fftn(state.object[0]), torch.fft.fftn(once[0])
        torch.testing.assert_close(after[free], before[free], rtol=1e-9, atol=1e-9)


@lawful
@given(cases)
def test_er_alone_never_raises_chi2(case: Case) -> None:
    state = case.state(case.start * case.support)
    history = []
    for _ in range(15):
        ER().step(state, case.data)
        history.append(float(state.chi2))
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in pairwise(history))
    assert history[-1] < history[0]


def test_without_the_mask_a_gap_would_move_the_true_object() -> None:
    case = Case(3)
    zeros = Moduli.of(Measurement(case.measurement.intensity), 0, CPU, torch.float64)
    state = case.state(case.crystal)
    ER().step(state, zeros)
    assert float(state.chi2) > 1e-3


@pytest.mark.parametrize("operator", CLASSICAL, ids=IDS)
def test_inside_and_outside_the_support(operator: Operator) -> None:
    """The algorithms as the literature writes them, with NumPy's own transforms."""
    case = Case(5, holes=False)
    root = np.sqrt(np.fft.ifftshift(case.measurement.intensity).astype(float))

    def onto_data(obj: np.ndarray) -> np.ndarray:
        wave = np.fft.fftn(obj, norm="ortho")
        return np.fft.ifftn(root * wave / np.abs(wave), norm="ortho")

    def onto_support(obj: np.ndarray) -> np.ndarray:
        return np.where(case.support, obj, 0)

    rho = case.start
    projected = onto_data(rho)
    match operator:
        case ER():
            wanted = onto_support(projected)
        case SF():
            wanted = 2 * onto_support(projected) - projected
        case HIO(beta):
            wanted = np.where(case.support, projected, rho - beta * projected)
        case RAAR(beta):
            wanted = beta * (onto_support(projected) + rho) + (1 - 2 * beta) * projected
        case LRAAR(beta):
            reflected = 2 * projected - rho
            both = 2 * onto_support(reflected) - reflected
            wanted = beta / 2 * (both + rho) + (1 - beta) * projected
        case DM(beta):
            f_data = projected + (projected - rho) / beta
            f_support = onto_support(rho) - (onto_support(rho) - rho) / beta
            wanted = rho + beta * (onto_support(f_data) - onto_data(f_support))
    obj, state = case.after(operator, rho)
    np.testing.assert_allclose(obj, wanted, atol=1e-6)
    chi2 = ((np.abs(np.fft.fftn(rho, norm="ortho")) - root) ** 2).sum() / (root**2).sum()
    assert float(state.chi2) == pytest.approx(chi2, rel=1e-5)


# --- supports -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("threshold", "sigma"), [(0.1, 1.0), (0.35, 2.3)])
def test_shrink_wrap_is_scipys_gaussian_and_a_threshold(threshold: float, sigma: float) -> None:
    case = Case(1)
    obj, state = case.after(SW(threshold=threshold, sigma=sigma), case.start)
    blurred = gaussian_filter(np.abs(case.start), sigma)
    np.testing.assert_array_equal(state.support[0], blurred >= threshold * blurred.max())
    np.testing.assert_array_equal(obj, case.start / case.data.scale * case.data.scale)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_twin_keeps_one_quarter(x: int, y: int) -> None:
    case = Case(1)  # 12 along y, 11 along x: cohere keeps (n + 1) // 2 of the first half
    obj, _ = case.after(TWIN(x=x, y=y), case.start)
    kept = np.zeros(case.start.shape, dtype=bool)
    kept[:, slice(6, None) if y else slice(6), slice(6, None) if x else slice(6)] = True
    np.testing.assert_allclose(obj, np.where(kept, case.start, 0), rtol=1e-12)


@pytest.mark.parametrize("oversampling", [2.5, 3.5, 5.0])
@pytest.mark.parametrize("kind", ["faceted", "superellipsoid"])
def test_autocorrelation_holds_the_crystal(kind: str, oversampling: float) -> None:
    shape = (40, 48, 44)
    for seed in range(3):
        crystal = strained_crystal(
            shape, np.eye(3), size=40 / oversampling, rng=np.random.default_rng(seed), kind=kind
        )
        data = Moduli.of(Measurement(1e4 * diffraction(crystal)), 0, CPU)
        state = Case(0, shape).state(np.ones(shape, dtype=np.complex64))
        AUTO().bind({}).step(state, data)
        found = state.support[0].numpy()
        true = np.abs(crystal) > 0.5
        assert _inside(true, found) > 0.97
        assert found.sum() < 4 * true.sum()


def _inside(true: np.ndarray, found: np.ndarray) -> float:
    """Share of a crystal that a support holds, at the best shift of one against the other."""
    overlap = np.fft.ifftn(np.fft.fftn(true).conj() * np.fft.fftn(found)).real
    return float(overlap.max() / true.sum())


# --- parameters ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (HIO, {"beta": 2.5}),
        (HIO, {"beta": float("nan")}),
        (RAAR, {"beta": -0.1}),
        (DM, {"beta": 0}),
        (SW, {"threshold": 1.5}),
        (SW, {"sigma": 0}),
        (AUTO, {"margin": "wide"}),
        (REFINE, {"channels": 0}),
    ],
)
def test_values_out_of_range(kind: type[Operator], values: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="give"):
        kind(**values)


def test_open_fields_come_from_the_parameters() -> None:
    assert HIO().bind({"hio_beta": 0.7}) == HIO(beta=0.7)
    assert HIO().bind({}) == HIO(beta=0.9)
    assert HIO(beta=0.8).bind({"hio_beta": 0.7}) == HIO(beta=0.8)
    assert str((2 * (ER() + HIO())).bind({"hio_beta": 0.7})) == "2*(ER + HIO(beta=0.7))"
