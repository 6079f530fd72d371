"""Values read back from JSON as they were; to plain JSON they are reduced."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cdi_ml_plugin.utils import jsonable
from support.results import same

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.complex_numbers(),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=4),
    ),
    max_leaves=10,
)


@given(values)
def test_values_read_back_exactly(value):
    assert repr(jsonable.loads(jsonable.dumps(value))) == repr(value)


def test_arrays_sets_and_others():
    for value in (
        np.arange(6, dtype=">i2").reshape(2, 3),
        np.array(["a", "bc"]),
        np.array(1.5),
        np.bool_(True),
        np.float32(0.1),
        {1, 2},
        frozenset({"a"}),
    ):
        assert same(value, jsonable.loads(jsonable.dumps(value)))
    assert jsonable.loads(jsonable.dumps(np.array([None, 1], dtype=object))) == [None, 1]
    assert jsonable.loads(jsonable.dumps(ValueError)) == str(ValueError)


def test_what_json_has_no_word_for_is_reduced():
    value = {
        1: np.array([1.0, np.nan]),
        "deep": {"infinite": [-np.inf], "range": range(2)},
        "flag": np.bool_(True),
        "other": ValueError,
    }
    plain = jsonable.plain(value)
    assert plain == {
        "1": [1.0, None],
        "deep": {"infinite": [None], "range": [0, 1]},
        "flag": True,
        "other": str(ValueError),
    }
    json.dumps(plain, allow_nan=False)
