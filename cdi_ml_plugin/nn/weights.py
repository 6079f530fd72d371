"""Trained weights on disk: safetensors files, each with a card that says how it was made.

Parameters are stored as float16: eleven significant bits against the eight of bfloat16, whose wider
range weights do not need. Buffers keep their type, as a running variance may exceed that range.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialised
from torch import nn

from ..errors import WeightsError, WriteError
from . import kinds
from .network import FILL

# Raise "features" when `fourier` or `predict` hand a network something else than before, or take
# what it returns otherwise: older weights no longer fit then, and are refused.
CONVENTION = (
    "cdi_ml_plugin 1: object to data exp(-i) ortho, centred, object in the N/2 cube, "
    f"amplitude 1 fills {FILL} of it; predict.py features 1"
)
PRECISION = 1e-3  # a parameter that float16 does not hold so well keeps its type
PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


@dataclass(frozen=True)
class Card:
    """What weights are, and how they were made."""

    preset: str  # name of the network
    families: tuple[str, ...]  # of the patterns in training
    phase_range: tuple[float, float]  # of these, rad
    samples: int  # patterns in training
    hardware: str
    hours: float
    recipe: str  # the command
    validation: dict[str, float]  # figures on patterns that were not in training
    convention: str = ""  # `CONVENTION`, filled in by `save`
    checksum: str = ""  # SHA-256 of weights and card, filled in by `save`

    def __str__(self) -> str:
        """Give a few lines for the terminal."""
        low, high = self.phase_range
        figures = ", ".join(f"{key} {value:.4g}" for key, value in self.validation.items())
        return (
            f"{self.preset}\n"
            f"  patterns    {', '.join(self.families)}; phase {low:g} to {high:g} rad\n"
            f"  training    {self.samples:,} patterns in {self.hours:.3g} h on {self.hardware}\n"
            f"  validation  {figures}\n"
            f"  recipe      {self.recipe}\n"
            f"  convention  {self.convention}\n"
            f"  sha256      {self.checksum}"
        )


def shipped() -> dict[str, Path]:
    """Files of the networks whose weights came with their package; one that cannot be loaded has none."""
    paths = {name: kind.shipped for name, kind in kinds.every().items()}
    return {name: path for name, path in paths.items() if path is not None and path.is_file()}


def save(path: str | Path, network: nn.Module, card: Card) -> Card:
    """Write `network` and its card, whole or not at all; return the card, completed.

    Raises
    ------
    WeightsError
        The network is not that of ``card.preset``, or its weights are not finite.
    WriteError
        No permission, no space: an older file is left as it was.
    """
    path = Path(path)
    tensors = {k: tensor.cpu().contiguous() for k, tensor in network.state_dict().items()}
    _blank(path, card.preset, tensors)
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise WeightsError(f"{path}: not written, {name} has NaN or infinity: train again")
    for name, _ in network.named_parameters():
        whole, half = tensors[name].double(), tensors[name].half()
        if (whole - half).norm() <= PRECISION * whole.norm():
            tensors[name] = half
    card = replace(card, convention=CONVENTION, checksum="")
    card = replace(card, checksum=_checksum(tensors, asdict(card)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # in a folder, since nobody else may read a file that `tempfile` makes
        with tempfile.TemporaryDirectory(prefix=".cdi-ml-", dir=path.parent) as stage:
            new = Path(stage, "new")
            new.write_bytes(serialised(tensors, {"card": json.dumps(asdict(card))}))
            os.replace(new, path)
    except OSError as error:
        raise WriteError(
            f"{path}: not written nor changed: {error.strerror or error}: make room, or name another file"
        ) from error
    return card


def load(source: str | Path) -> tuple[nn.Module, Card]:
    """Read weights that `save` wrote: those shipped with a network, by its name, or a file.

    Returns
    -------
    network : nn.Module
        On the CPU, float32, `channels_last_3d`, in eval mode, frozen. A file is read once and its
        network shared: ``copy.deepcopy`` it before you train or move it (`Module.to` is in place).
    card : Card

    Raises
    ------
    WeightsError
        There is no such file; it is damaged, no weights, or made for something else.
    NetworkError
        Its network cannot be loaded.
    """
    path = Path(source)
    if isinstance(source, str) and source in kinds.names():
        own = kinds.find(source).shipped
        if own is None or not own.is_file():
            raise WeightsError(
                f"network {source!r}: its weights are not shipped (those of {_shipped()} are): name a file"
            )
        path = own
    try:
        found = path.stat()
        return _read(path, found.st_ino, found.st_mtime_ns, found.st_size)
    except OSError as error:
        raise WeightsError(
            f"{path}: not read: {error.strerror or error}: name a file, or a network whose weights are "
            f"shipped ({_shipped()})"
        ) from error


def _shipped() -> str:
    return ", ".join(shipped()) or "none"


@lru_cache(maxsize=4)
def _read(path: Path, *_version: int) -> tuple[nn.Module, Card]:
    """Read and check a file; `_version` is another when the file has been replaced."""
    with open(path, "rb") as start:
        head = start.read(9)
    if head[8:] != b"{" and head.startswith(PICKLES):  # a safetensors header starts there
        raise WeightsError(
            f"{path}: is a pickle or zip file, as torch.save writes, and never loaded, since it can "
            "run code: convert it with torch.load(…, weights_only=True) and nn.weights.save"
        )
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if "card" not in metadata:
                raise WeightsError(f"{path}: has no card: write it with nn.weights.save")
            fields = json.loads(metadata["card"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if fields["checksum"] != _checksum(tensors, {**fields, "checksum": ""}):
            raise WeightsError(f"{path}: is damaged or edited (checksum): copy it again")
        if fields["convention"] != CONVENTION:
            raise WeightsError(
                f"{path}: of another convention ({fields['convention']}): train again, or use the version that made it"
            )
        low, high = fields.pop("phase_range")
        card = Card(families=tuple(fields.pop("families")), phase_range=(low, high), **fields)
        _check(card)
    except (SafetensorError, ValueError, TypeError, KeyError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{path}: damaged or no weights ({reason}): copy it again") from error
    network = _blank(path, card.preset, tensors)
    # a copy, as `tensors` are the mapped file, which somebody may overwrite
    kept = {k: tensors[k].to(v.dtype, copy=True) for k, v in network.state_dict().items()}
    network.load_state_dict(kept, assign=True)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False), card


def _check(card: Card) -> None:
    """Raise TypeError where a field is of another kind than `save` writes."""
    texts = (*card.families, *card.validation, card.preset, card.hardware, card.recipe)
    numbers = (*card.phase_range, card.samples, card.hours, *dict(card.validation).values())
    if not all(isinstance(text, str) for text in texts) or not all(
        isinstance(number, int | float) for number in numbers
    ):
        raise TypeError("a field of its card is of another kind")


def _blank(path: Path, name: str, tensors: dict[str, torch.Tensor]) -> nn.Module:
    """Make the network of that name, without numbers, and check that `tensors` fit into it."""
    if name not in kinds.names():
        raise WeightsError(
            f"{path}: made for network {name!r}, which is not installed ({', '.join(kinds.names())} are): "
            "install the package that has it"
        )
    with torch.device("meta"):  # takes no time and no random numbers
        network = kinds.made(kinds.find(name))
    state = network.state_dict()
    for key in sorted(tensors.keys() | state.keys()):
        has, wants = (tuple(d[key].shape) if key in d else "nothing" for d in (tensors, state))
        if has != wants:
            raise WeightsError(
                f"{path}: does not fit network {name!r}: {key} is {has}, not {wants}: "
                "train again, or use the version that made it"
            )
    return network


def _checksum(tensors: dict[str, torch.Tensor], fields: dict[str, Any]) -> str:
    """SHA-256 of the card's fields, and of all tensors' names, types, shapes and bytes."""
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), tuple(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
