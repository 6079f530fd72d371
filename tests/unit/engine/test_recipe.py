"""What a report says of how a result was made: every parameter in force, given or not."""

from __future__ import annotations

from dataclasses import replace

from cdi_ml_plugin.engine.recipe import algorithms
from support.results import make_result


def test_every_parameter_in_force():
    bare = replace(make_result(), sequence="2*(3*ER + 4*HIO)", parameters={})
    found = dict(algorithms(bare))
    assert list(found) == ["AUTO, start support", "ER", "HIO", "ASW, between iterations", "all"]
    assert found["HIO"] == {"beta": 0.9, "cap": 0.0}
    assert found["ASW, between iterations"]["every"] == 10
    assert found["all"] == {"noise_tolerance": 2.0}
    given = {
        "hio_beta": 0.7,
        "initial_support_area": [0.5, 0.5, 0.5],
        "shrink_wrap_threshold": [0.1, 0.2],
        "noise_tolerance": 1.5,
    }
    found = dict(algorithms(replace(bare, sequence="ER + HIO", parameters=given)))
    assert list(found) == ["ER", "HIO", "SW, between iterations", "all"]
    assert found["HIO"] == {"beta": 0.7, "cap": 0.0}
    assert found["SW, between iterations"]["threshold"] == [0.1, 0.2]
    assert algorithms(replace(bare, sequence="3*NOTHERE")) == []
