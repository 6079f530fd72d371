"""One process on one device: what the loop of training asks of Lightning Fabric, without that package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn


class Single:
    """Stands in for a ``Fabric`` where there is nothing to share.

    Parameters
    ----------
    device : torch.device
    precision : {"32-true", "bf16-mixed"}
        As Fabric's: in the second the network computes in bfloat16 where that does no harm, its
        weights and its output stay float32.
    log : Path
        A file to which figures are added, a JSON line each.
    """

    world_size = 1
    global_rank = 0
    is_global_zero = True

    def __init__(self, device: torch.device, precision: str, log: Path) -> None:
        self.device, self.log = device, log
        self.brief = precision == "bf16-mixed"

    def setup(self, network: nn.Module, *optimisers: torch.optim.Optimizer) -> tuple[Any, ...]:
        """Network, on the device and in the precision, and the optimisers as they are."""
        return Mixed(network.to(self.device), self.brief), *optimisers

    def backward(self, loss: torch.Tensor) -> None:
        """Gradients of a loss."""
        loss.backward()  # type: ignore[no-untyped-call]

    def clip_gradients(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        max_norm: float,
        error_if_nonfinite: bool,
    ) -> torch.Tensor:
        """Shorten the gradient to a norm; returns the norm it had."""
        return nn.utils.clip_grad_norm_(
            network.parameters(), max_norm, error_if_nonfinite=error_if_nonfinite
        )

    def log_dict(self, values: dict[str, float], step: int) -> None:
        """Add figures of a step to the log."""
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")


class Mixed(nn.Module):
    """A network that computes in bfloat16, or not, and returns float32."""

    def __init__(self, module: nn.Module, brief: bool) -> None:
        super().__init__()
        self.module, self.brief = module, brief

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        with torch.autocast(field.device.type, torch.bfloat16, enabled=self.brief):
            found: torch.Tensor = self.module(field)
        return found.float()
