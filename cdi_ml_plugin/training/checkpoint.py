"""A training run on disk: one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ..errors import ReadError, WriteError

NAME = "checkpoint.safetensors"
_OTHER = (TypeError, AttributeError, RecursionError)  # JSON of another kind, or nested too deep
# What is saved beside the tensors, and of what kind it is.
_FACTS: dict[str, Any] = {
    "recipe": dict,
    "step": int,
    "seconds": int | float,
    "samples": int,
    "validation": dict,
    "hardware": list,
    "start": str | None,
    "scans": str | None,
}


def save(
    folder: Path,
    network: nn.Module,
    average: nn.Module,
    optimisers: list[torch.optim.Optimizer],
    facts: dict[str, Any],
) -> None:
    """Write weights, their average, the optimisers' memory, and `facts` (plain values).

    Raises
    ------
    WriteError
        No space, no permission; an older checkpoint is left as it was.
    """
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.state_dict().items()}
    for index, optimiser in enumerate(optimisers):
        for place, memory in optimiser.state_dict()["state"].items():
            for name, value in memory.items():
                if torch.is_tensor(value):
                    tensors[f"optimiser{index}.{place}.{name}"] = value
    tensors = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    try:
        # a folder, as files that `tempfile` makes itself are for nobody else to read
        with tempfile.TemporaryDirectory(
            prefix=".cdi-ml-", dir=folder, ignore_cleanup_errors=True
        ) as stage:
            new = Path(stage) / NAME
            save_file(tensors, new, metadata={"facts": json.dumps(facts)})
            with open(new, "rb") as written:
                os.fsync(written.fileno())
            os.replace(new, folder / NAME)
    except (OSError, SafetensorError) as error:
        raise WriteError(
            f"{folder / NAME}: the checkpoint could not be written, an older one is left as it was: "
            f"{getattr(error, 'strerror', None) or error}"
        ) from error


def facts(folder: Path) -> dict[str, Any] | None:
    """What was saved beside the tensors; None where there is no checkpoint."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            found: dict[str, Any] = json.loads((file.metadata() or {})["facts"])
        if not all(isinstance(found.get(key), kind) for key, kind in _FACTS.items()):
            raise TypeError("a fact of another kind")
        if not found["step"] >= 0 or not all(isinstance(h, str) for h in found["hardware"]):
            raise ValueError("a fact out of range")
        if not all(isinstance(value, int | float) for value in found["validation"].values()):
            raise TypeError("a figure of another kind")
    except (OSError, SafetensorError, KeyError, ValueError, *_OTHER) as error:
        raise ReadError(f"{path}: is no checkpoint: name another folder, or remove it") from error
    return found


def load(
    folder: Path, network: nn.Module, average: nn.Module, optimisers: list[torch.optim.Optimizer]
) -> None:
    """Put back what `save` wrote."""
    path = folder / NAME
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
        for name, module in (("network.", network), ("average.", average)):
            module.load_state_dict(
                {k.removeprefix(name): v for k, v in tensors.items() if k.startswith(name)}
            )
        for index, optimiser in enumerate(optimisers):
            memory: dict[int, dict[str, torch.Tensor]] = {}
            for key, value in tensors.items():
                group, _, rest = key.partition(".")
                if group == f"optimiser{index}":
                    place, _, name = rest.partition(".")
                    memory.setdefault(int(place), {})[name] = value
            _check(memory, optimiser)
            optimiser.load_state_dict({**optimiser.state_dict(), "state": memory})
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ReadError(f"{path}: does not fit this training: {reason}") from error


def _check(memory: dict[int, dict[str, torch.Tensor]], optimiser: torch.optim.Optimizer) -> None:
    """Raise ValueError where an optimiser remembers something of another shape than its parameters'."""
    parameters = [one for group in optimiser.param_groups for one in group["params"]]
    for place, values in memory.items():
        if not 0 <= place < len(parameters):
            raise ValueError(f"there is no parameter {place}")
        for name, value in values.items():
            if value.shape not in ((), parameters[place].shape):
                raise ValueError(f"{name} of parameter {place} is {tuple(value.shape)}")
