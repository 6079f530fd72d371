"""Versions of this package and of what computes."""

from __future__ import annotations

import sys

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
