"""The description of a scan: what it takes, and that it is kept as it is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from cdi_ml_plugin.data.scan import KEY, Scan
from cdi_ml_plugin.errors import MeasurementError
from cdi_ml_plugin.utils import jsonable


def test_it_is_kept_as_it_is() -> None:
    scan = Scan(
        "12.1",
        "ascan eta 8 9 2 0.5",
        motors={"eta": np.array([8.0, 8.5, 9.0])},
        monitor=np.array([100, 101, 99]),
        exposure=np.float64(0.5),
        sources={"eta": "a.h5: 12.1/instrument/positioners/eta"},
    )
    plain = scan.plain()
    assert plain["motors"] == {"eta": (8.0, 8.5, 9.0)}
    assert "sample" not in plain
    assert json.loads(json.dumps(plain))["monitor"] == [100.0, 101.0, 99.0]
    assert Scan.of({KEY: jsonable.loads(jsonable.dumps(plain))}) == scan
    assert Scan.of({"source": "a.npy"}) is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"motors": {"eta": (1, 2), "phi": (1, 2, 3)}}, "unequal lengths: eta 2, phi 3"),
        ({"motors": {"eta": (1, 2)}, "monitor": (1,)}, "eta 2, monitor 1"),
        ({"motors": {"eta": "slow"}}, "of another kind"),
        ({"exposure": "long"}, "of another kind"),
        ({"command": None}, "command is None: give a text"),
        ({"speed": 3}, "is no description of a scan"),
    ],
    ids=str,
)
def test_what_it_refuses(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(MeasurementError, match=says):
        Scan.of({KEY: {"name": 1, **wrong}})
