"""Where it runs."""

from __future__ import annotations

import platform

import torch

from ..errors import ParameterError


def find_device(wanted: str | torch.device | None) -> torch.device:
    """The device of that name, or without one a CUDA device where there is one, else the CPU."""
    if wanted is not None and not isinstance(wanted, str | torch.device):
        raise ParameterError(f"device = {wanted!r:.80}: give a name such as cpu or cuda:0")
    try:
        place = torch.device(
            wanted if wanted is not None else ("cuda" if torch.cuda.is_available() else "cpu")
        )
        torch.zeros(1, device=place).item()  # a device such as "meta" holds no values
    except Exception as error:  # each kind of device fails in a way of its own
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise ParameterError(f"device {wanted!r} cannot be used: {reason}") from error
    return place


def half_pays(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 by itself, so that it is faster there than in float32.

    A processor that has to emulate it takes several times as long for a convolution: without AVX-512
    oneDNN says that it does not support it, also where ``ONEDNN_MAX_CPU_ISA`` keeps it from AVX-512.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        supported: bool = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    except (AttributeError, RuntimeError):  # a torch without oneDNN
        return False
    return device.type == "cpu" and supported


def hardware(device: torch.device, count: int) -> str:
    """What `count` processes ran on, in a line."""
    if device.type == "cuda":
        return f"{count} × {torch.cuda.get_device_name(device)}"
    return f"{torch.get_num_threads()} threads of {platform.machine()}, {count} process(es)"
