"""The laws of cdi_ml_plugin, held to the algorithm of this package."""

from __future__ import annotations

import pytest
from cdi_ml_asr import ASR

from cdi_ml_plugin.plugin import check_operator


@pytest.mark.parametrize("relaxation", [1.0, 0.8])
def test_it_keeps_the_contract(relaxation: float) -> None:
    check_operator(ASR(relaxation=relaxation))
