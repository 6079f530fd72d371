"""Which precision a device computes in by itself."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from cdi_ml_plugin import Measurement, reconstruct
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.nn import fit
from cdi_ml_plugin.utils.device import find_device, half_pays

PHASE = """
import numpy as np
from cdi_ml_plugin import Measurement, reconstruct
data = Measurement(np.random.default_rng(0).poisson(5, (16, 16, 16)))
print(reconstruct(data, "2*ER + 2*REFINE(channels=4)", device="cpu").run.notes)
"""


@pytest.mark.parametrize("name", ["meta", "hpu", "privateuseone", "mps", "fpga", "no such"])
def test_a_device_that_is_not_there_is_one_short_line(name: str) -> None:
    with pytest.raises(ParameterError, match=f"device '{name}' cannot be used: ") as caught:
        find_device(name)
    assert len(str(caught.value)) < 400
    assert len(str(caught.value).splitlines()) == 1


def test_without_avx512_refine_takes_single_precision_by_itself() -> None:
    """As oneDNN's own switch to a lower instruction set has it."""
    done = subprocess.run(
        [sys.executable, "-c", PHASE], env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "REFINE ran in single precision: on this cpu bfloat16 is slower" in done.stdout


def test_the_choice_follows_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    data = Measurement(np.random.default_rng(0).poisson(5, (16, 16, 16)))
    used: list[bool] = []
    autocast = torch.autocast

    def noted(device: str, kind: torch.dtype, enabled: bool) -> torch.autocast:
        used.append(enabled)
        return autocast(device, kind, enabled=enabled)

    monkeypatch.setattr(torch, "autocast", noted)
    for pays in (True, False):
        monkeypatch.setattr(fit, "half_pays", lambda device, pays=pays: pays)
        notes = reconstruct(data, "2*ER + 2*REFINE(channels=4)", device="cpu").run.notes
        assert set(used) == {pays}
        assert any("single precision" in note for note in notes) != pays
        used.clear()
    assert isinstance(half_pays(torch.device("cpu")), bool)
