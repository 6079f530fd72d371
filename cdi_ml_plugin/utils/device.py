"""Where it runs."""

from __future__ import annotations

import platform

import torch

from ..errors import ParameterError


def find_device(wanted: str | torch.device | None) -> torch.device:
    """The device of that name, or without one a CUDA device where there is one, else the CPU."""
    try:
        place = torch.device(wanted or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ParameterError(f"device {wanted!r} cannot be used: {reason}") from error
    return place


def hardware(device: torch.device, count: int) -> str:
    """What `count` processes ran on, in a line."""
    if device.type == "cuda":
        return f"{count} × {torch.cuda.get_device_name(device)}"
    return f"{torch.get_num_threads()} threads of {platform.machine()}, {count} process(es)"
