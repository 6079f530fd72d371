"""What is unknown takes the value of the nearest that is known, as far as it may."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin.utils.nearest import fill_unknown


def test_each_takes_the_nearest() -> None:
    values = np.full((5, 9, 7), np.nan, dtype=np.float32)
    values[1, 1, 1], values[3, 7, 5] = 2, -4
    filled = fill_unknown(values)
    assert filled.dtype == np.float32
    places = np.stack(np.indices(values.shape), axis=-1)
    near, far = (np.linalg.norm(places - at, axis=-1) for at in ((1, 1, 1), (3, 7, 5)))
    assert (filled[near < far] == 2).all()
    assert (filled[near > far] == -4).all()
    assert np.isnan(values[0, 0, 0])  # a copy


def test_no_further_than_it_may() -> None:
    values = np.full((5, 9), np.nan)
    values[2, 4] = 1
    known = np.isfinite(fill_unknown(values, reach=2))
    z, y = np.indices(values.shape)
    np.testing.assert_array_equal(known, (z - 2) ** 2 + (y - 4) ** 2 <= 4)


@pytest.mark.parametrize("value", [np.nan, 3.0])
def test_all_known_or_nothing(value: float) -> None:
    values = np.full((2, 3, 4), value)
    assert fill_unknown(values) is values
