"""Files of weights that several tests read."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from cdi_ml_plugin.nn import weights
from support.weights import INPUTS, card, trained


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Module]:
    return {preset: trained(preset) for preset in INPUTS}


@pytest.fixture(scope="module")
def folder(networks: dict[str, nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of all presets; no test changes them."""
    path: Path = tmp_path_factory.mktemp("weights")
    for preset, network in networks.items():
        weights.save(path / f"{preset}.safetensors", network, card(preset))
    return path


@pytest.fixture(scope="module")
def good(folder: Path) -> Path:
    return folder / "fast.safetensors"
