"""Nothing else is ever read as weights: damaged, edited, foreign or pickled files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from cdi_ml_plugin.errors import WeightsError
from cdi_ml_plugin.nn import weights
from cdi_ml_plugin.nn.paper import Paper
from cdi_ml_plugin.nn.unet import FEATURES, Fast, UNet
from support.networks import installed
from support.weights import card


class Huge(Fast):
    """A network that another version may have."""


def fails(path: str | Path, *expected: str) -> None:
    """Loading is refused in one line that names the file, says `expected`, and what to do."""
    with pytest.raises(WeightsError) as caught:
        weights.load(path)
    message = str(caught.value)
    assert "\n" not in message
    for text in (str(path), *expected):
        assert text in message
    assert message.count(": ") >= 2


# --- damaged ------------------------------------------------------------------------------------
@pytest.mark.parametrize("share", [0, 1, 8, 9, 200, 0.3, 0.999])
def test_cut_short(share: float, good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    end = share if isinstance(share, int) else int(share * len(content))
    path = tmp_path / "cut.safetensors"
    path.write_bytes(content[:end])
    fails(path, "damaged or no weights", "copy it again")


def test_last_byte_missing_or_one_too_many(good: Path, tmp_path: Path) -> None:
    for number, content in enumerate((good.read_bytes()[:-1], good.read_bytes() + b"0")):
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(content)
        fails(path, "damaged or no weights")


def test_every_flipped_bit_is_noticed(good: Path, tmp_path: Path) -> None:
    content = bytearray(good.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    header = [*range(9), *range(9, start, max(1, start // 60))]
    numbers = [start, (start + len(content)) // 2, len(content) - 1]
    for place in (*header, *numbers):
        path = tmp_path / f"{place}.safetensors"
        content[place] ^= 1
        path.write_bytes(content)
        content[place] ^= 1
        fails(path, "checksum" if place in numbers else "")
        path.unlink()


@pytest.mark.parametrize(
    "change",
    [
        {"hours": 1.0},
        {"validation": {"chi2": 1e-6}},
        {"preset": "paper"},
        {"convention": "another"},
        {"more": 1},
        {"checksum": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_edited_card(change: dict[str, Any], good: Path, tmp_path: Path) -> None:
    with safe_open(good, "pt") as file:
        fields = json.loads(file.metadata()["card"])
    path = tmp_path / "edited.safetensors"
    save_file(load_file(good), path, {"card": json.dumps({**fields, **change})})
    fails(path, "damaged or edited (checksum)", "copy it again")


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '"x"', "{}", '{"checksum": ""}'])
def test_a_card_that_is_none(text: str, good: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    save_file(load_file(good), path, {"card": text})
    fails(path, "damaged")


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_no_card(metadata: dict[str, str] | None, good: Path, tmp_path: Path) -> None:
    path = tmp_path / "bare.safetensors"
    save_file(load_file(good), path, metadata)
    fails(path, "has no card", "nn.weights.save")


# --- of another kind ----------------------------------------------------------------------------
def test_another_convention(tmp_path: Path, networks, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setattr(weights, "CONVENTION", "cdi_ml_plugin 0: exp(+i)")
        weights.save(tmp_path / "a", networks["fast"], card())
        weights.load(tmp_path / "a")
        other.setattr(weights, "CONVENTION", "cdi_ml_plugin 1")
        weights._read.cache_clear()
        fails(tmp_path / "a", "convention (cdi_ml_plugin 0: exp(+i))", "train again")


def test_a_network_that_is_not_installed(tmp_path: Path, networks) -> None:
    with installed(huge=f"{__name__}:Huge"):
        weights.save(tmp_path / "a", networks["fast"], card("huge"))
    fails(tmp_path / "a", "network 'huge'", "fast, paper", "install the package")


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (lambda: UNet(FEATURES, 16), "coarse.0.first.bias is (64,), not (128,)"),
        (lambda: nn.Sequential(UNet(FEATURES, 32)), "0.coarse.0.first.bias is (128,), not nothing"),
        (lambda: UNet(FEATURES, 32).fine, "coarse.0.first.bias is nothing, not (128,)"),
    ],
    ids=["narrower", "wrapped", "a part"],
)
def test_another_architecture(
    other: Any, expected: str, tmp_path: Path, networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    with monkeypatch.context() as patch, torch.random.fork_rng(devices=[]):
        network = other()
        patch.setattr(Fast, "build", lambda self, channels: other())
        weights.save(path, network, card())
    fails(path, "does not fit network 'fast'", expected)
    path.unlink()
    with pytest.raises(WeightsError, match="does not fit network 'fast'"):
        weights.save(path, network, card())
    assert not any(tmp_path.iterdir())


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", ["weights.pt", "weights.pth", "weights.safetensors"])
def test_pickles_are_never_loaded(zipped: bool, name: str, tmp_path: Path) -> None:
    torch.save(
        {"w": torch.zeros(2), "trap": Trap(tmp_path / "trapped")},
        tmp_path / name,
        _use_new_zipfile_serialization=zipped,
    )
    fails(tmp_path / name, "never loaded", "convert it")
    assert not (tmp_path / "trapped").exists()


def test_a_header_whose_length_looks_like_a_pickle(good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    length = 0x10280  # b"\x80\x02" in the file
    path = tmp_path / "padded.safetensors"
    header = content[8:end].ljust(length)
    path.write_bytes(length.to_bytes(8, "little") + header + content[end:])
    assert weights.load(path)[1] == weights.load(good)[1]


@pytest.mark.parametrize("content", [b"just some text\n" * 9, b"12345678{not a header}", b"{}"])
def test_not_safetensors(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    fails(path, "damaged or no weights")


def test_missing_or_folder(tmp_path: Path) -> None:
    fails(tmp_path / "none.safetensors", "No such file", "name a file, or a network")
    fails(tmp_path, "Is a directory", "name a file")
    fails("fsat", "No such file", "a network whose weights are shipped")


def test_a_network_names_its_shipped_file(folder: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(Fast, "shipped", None)
    monkeypatch.setattr(Paper, "shipped", tmp_path / "none")
    assert weights.shipped() == {}
    for name in ("fast", "paper"):
        says = rf"network '{name}': its weights are not shipped \(those of none are\): name"
        with pytest.raises(WeightsError, match=says):
            weights.load(name)
    monkeypatch.setattr(Fast, "shipped", folder / "fast.safetensors")
    monkeypatch.setattr(Paper, "shipped", folder / "paper.safetensors")
    assert list(weights.shipped()) == ["fast", "paper"]
    assert weights.load("paper")[1].preset == "paper"
    # a path is a path
    monkeypatch.chdir(tmp_path)
    fails(Path("fast"), "No such file", "(fast, paper)")
