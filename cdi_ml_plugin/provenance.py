"""Of what a finished run is the result, so that it need not be computed again, and on what it ran."""

from __future__ import annotations

import hashlib
import platform
from typing import TYPE_CHECKING

import torch

from .nn import weights

if TYPE_CHECKING:
    from .data.measurement import Measurement
    from .operators.base import Step


def data_digest(measurement: Measurement) -> str:
    """Twelve hexadecimal digits of the counts and the mask."""
    digest = hashlib.sha256(measurement.intensity.tobytes())
    digest.update(measurement.mask.tobytes())
    return digest.hexdigest()[:12]


def weights_digests(step: Step) -> list[str]:
    """Twelve hexadecimal digits of the weights of each trained network in a chain, which is bound.

    Raises
    ------
    WeightsError
        They cannot be read.
    """
    sources = [getattr(operator, "weights", None) for operator in step.operators()]
    named = sorted({source for source in sources if isinstance(source, str)} - {"", "none"})
    return [weights.load(source)[1].checksum[:12] for source in named]


def hardware(device: torch.device, count: int) -> str:
    """What `count` processes ran on, in a line."""
    if device.type == "cuda":
        return f"{count} × {torch.cuda.get_device_name(device)}"
    return f"{torch.get_num_threads()} threads of {platform.machine()}, {count} process(es)"
