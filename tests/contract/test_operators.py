"""The laws of the algorithms: fixed points and symmetries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdi_ml_plugin import SW
from cdi_ml_plugin.operators.base import Operator
from support.cases import CLASSICAL, IDS, Case, lawful


@pytest.mark.parametrize("operator", CLASSICAL, ids=IDS)
@pytest.mark.parametrize("holes", [False, True])
def test_the_true_object_stays(operator: Operator, holes: bool) -> None:
    # with a gap too: what is masked or held out is not fitted
    case = Case(3, holes=holes)
    obj, state = case.after(operator, case.crystal, times=5)
    assert float(state.chi2) < 1e-13
    np.testing.assert_allclose(obj, case.crystal, atol=2e-6)
    # …while one that is wrong does not
    moved, _ = case.after(operator, case.start)
    assert np.abs(moved - case.start).max() > 0.1


@pytest.mark.parametrize("operator", [*CLASSICAL, SW(threshold=0.3, sigma=1.0)], ids=str)
@lawful
@given(
    seed=st.integers(0, 999),
    angle=st.floats(-3, 3),
    shift=st.tuples(*[st.integers(0, 9)] * 3),
    times=st.integers(1, 3),
)
def test_phase_and_shift_commute(
    operator: Operator, seed: int, angle: float, shift: tuple[int, int, int], times: int
) -> None:
    case = Case(seed)
    blurs = isinstance(operator, SW)
    # the blur reflects at the array's edges, as scipy's: keep the object clear of them
    start = case.start * case.support if blurs else case.start
    places = (1, -1, 2) if blurs else shift

    def move(array: np.ndarray) -> np.ndarray:
        return np.roll(array, places, (0, 1, 2))

    if blurs:
        start[:2] = start[-3:] = 0
        start[:, :3] = start[:, -3:] = 0
        start[..., :3] = start[..., -4:] = 0
    obj, state = case.after(operator, start, times)
    turned, turned_state = case.after(operator, start * np.exp(1j * angle), times)
    np.testing.assert_allclose(turned, obj * np.exp(1j * angle), atol=1e-9)
    assert bool((turned_state.support == state.support).all())
    moved, moved_state = case.after(operator, move(start), times, move(case.support))
    if blurs:
        assert state.support.any()
        assert not state.support.all()
        interior = (slice(3, -3),) * 3
        np.testing.assert_array_equal(
            moved_state.support[0].numpy()[interior], move(state.support[0].numpy())[interior]
        )
    else:
        np.testing.assert_allclose(moved, move(obj), atol=1e-9)
        np.testing.assert_array_equal(moved_state.support[0], move(state.support[0].numpy()))
