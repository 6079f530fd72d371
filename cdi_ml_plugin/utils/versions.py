"""Versions of this package and of what computes."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np

from ..version import __version__


def versions() -> dict[str, str]:
    """Versions of this package and of what computes."""
    import torch

    return {
        "cdi_ml_plugin": __version__,
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
    }


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Which versions are not the same, in words; empty where all are."""
    return ", ".join(
        f"{name} {theirs.get(name, 'missing')}, here {version}"
        for name, version in ours.items()
        if theirs.get(name) != version
    )
