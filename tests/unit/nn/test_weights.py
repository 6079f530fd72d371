"""Weights on disk: what is stored is what is read, and nothing else is ever read as weights."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from cdi_ml_plugin.errors import WeightsError, WriteError
from cdi_ml_plugin.nn import weights
from cdi_ml_plugin.nn.predict import FEATURES, PRESETS, Preset
from cdi_ml_plugin.nn.unet import UNet
from support import ROOT

MOST = 20_000_000  # bytes of all shipped files
INPUTS = {"paper": (2, 1, 16, 16, 16), "fast": (2, FEATURES, 8, 8, 8)}


def card(preset: str = "fast", **more: Any) -> weights.Card:
    return weights.Card(
        preset=preset,
        families=("faceted", "noise"),
        phase_range=(0.0, 6.5),
        samples=1_200_000,
        hardware="1 × H200",
        hours=2.25,
        recipe="cdi-ml train folder --seed 3",
        validation={"chi2": 0.0123456, "error": 1 / 3},
        **more,
    )


def trained(preset: str) -> nn.Module:
    """A network that has seen some numbers, so that the running statistics are not 0 and 1."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = PRESETS[preset].build()
        network(3 * torch.randn(INPUTS[preset]) + 1)
    return network


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Module]:
    return {preset: trained(preset) for preset in PRESETS}


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


def fails(path: str | Path, *expected: str) -> None:
    """Loading is refused in one line that names the file, says `expected`, and what to do."""
    with pytest.raises(WeightsError) as caught:
        weights.load(path)
    message = str(caught.value)
    assert "\n" not in message
    for text in (str(path), *expected):
        assert text in message
    assert message.count(": ") >= 2


# --- what is stored is read


@pytest.mark.parametrize("preset", PRESETS)
def test_round_trip(preset: str, folder: Path, networks: dict[str, nn.Module]) -> None:
    network, _ = weights.load(folder / f"{preset}.safetensors")
    before = networks[preset].eval()
    assert not network.training
    for (name, was), (same, now) in zip(
        before.named_parameters(), network.named_parameters(), strict=True
    ):
        assert name == same
        assert now.dtype == torch.float32
        assert not now.requires_grad
        assert (now - was).norm() <= 1e-3 * was.norm()
        assert now.ndim != 5 or now.is_contiguous(memory_format=torch.channels_last_3d)
    for was, now in zip(before.buffers(), network.buffers(), strict=True):
        assert now.dtype == was.dtype
        assert torch.equal(now, was)
    numbers = torch.randn(INPUTS[preset], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, found = before(numbers), network(numbers)
    assert (found - expected).norm() < 2e-3 * expected.norm()


def test_the_card_comes_back(tmp_path: Path, networks: dict[str, nn.Module]) -> None:
    made = weights.save(tmp_path / "a", networks["fast"], card(convention="x", checksum="y"))
    assert made.convention == weights.CONVENTION
    assert len(made.checksum) == 64
    _, found = weights.load(tmp_path / "a")
    assert found == made
    for text in ("fast", "faceted, noise", "0 to 6.5 rad", "1,200,000", "2.25 h", "1 × H200"):
        assert text in str(found)
    for text in ("chi2 0.01235", "cdi-ml train folder --seed 3", made.checksum, made.convention):
        assert text in str(found)


def test_files_are_small_and_reproducible(folder: Path, tmp_path: Path, networks) -> None:
    assert sum(path.stat().st_size for path in folder.iterdir()) < MOST
    weights.save(tmp_path / "again", networks["fast"], card())
    assert (tmp_path / "again").read_bytes() == (folder / "fast.safetensors").read_bytes()


def test_numbers_that_half_precision_does_not_hold_keep_theirs(tmp_path: Path) -> None:
    network = trained("paper")
    state = network.state_dict()
    weight, bias, variance = (
        state[f"encoder.0.{name}"] for name in ("0.weight", "0.bias", "2.running_var")
    )
    with torch.no_grad():
        weight.flatten()[3] = 1e25  # its square exceeds float32 as well
        bias.copy_(1e-9 * torch.arange(16))
        variance.fill_(1e6)
    weights.save(tmp_path / "a", network, card("paper"))
    stored = load_file(tmp_path / "a")
    kept = {"encoder.0.0.weight", "encoder.0.0.bias"}
    for name, _ in network.named_parameters():
        assert stored[name].dtype == (torch.float32 if name in kept else torch.float16)
    found = weights.load(tmp_path / "a")[0].state_dict()
    for name in (*kept, "encoder.0.2.running_var", "encoder.0.2.num_batches_tracked"):
        assert torch.equal(found[name], state[name])


def test_a_file_is_read_once_until_it_is_replaced(tmp_path: Path, networks) -> None:
    path = tmp_path / "a"
    weights.save(path, networks["fast"], card())
    first, _ = weights.load(path)
    assert weights.load(str(path))[0] is first
    with torch.random.fork_rng(devices=[]):
        weights.save(path, PRESETS["fast"].build(), card())
    other, _ = weights.load(path)
    assert not torch.equal(other.stem.weight, first.stem.weight)


def test_what_was_read_does_not_change_with_the_file(tmp_path: Path, networks) -> None:
    path = tmp_path / "a"
    weights.save(path, networks["paper"], card("paper"))
    network, _ = weights.load(path)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    size = path.stat().st_size
    with open(path, "r+b") as file:  # in place, as `cp` and `rsync --inplace` do
        file.write(bytes(size))
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_loading_draws_no_random_numbers(tmp_path: Path, networks) -> None:
    before = torch.get_rng_state()
    weights.save(tmp_path / "a", networks["fast"], card())
    weights.load(tmp_path / "a")
    assert torch.equal(torch.get_rng_state(), before)


# --- what is refused


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


def test_another_convention(tmp_path: Path, networks, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setattr(weights, "CONVENTION", "cdi_ml_plugin 0: exp(+i)")
        weights.save(tmp_path / "a", networks["fast"], card())
        weights.load(tmp_path / "a")
        other.setattr(weights, "CONVENTION", "cdi_ml_plugin 1")
        weights._read.cache_clear()
        fails(tmp_path / "a", "convention (cdi_ml_plugin 0: exp(+i))", "train again")


def test_another_preset(tmp_path: Path, networks, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setitem(PRESETS, "huge", Preset("huge", 32, 4))
        weights.save(tmp_path / "a", networks["fast"], card("huge"))
    fails(tmp_path / "a", "preset 'huge'", "paper, fast")


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
        patch.setattr(Preset, "build", lambda self: other())
        weights.save(path, network, card())
    fails(path, "does not fit preset 'fast'", expected)
    path.unlink()
    with pytest.raises(WeightsError, match="does not fit preset 'fast'"):
        weights.save(path, network, card())
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_not_written(value: float, tmp_path: Path) -> None:
    network = trained("fast")
    with torch.no_grad():
        network.head.bias[1] = value
    with pytest.raises(WeightsError, match=r"head\.bias has NaN or infinity"):
        weights.save(tmp_path / "a", network, card())
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
    fails(tmp_path / "none.safetensors", "No such file", "name a file, or a shipped preset")
    fails(tmp_path, "Is a directory", "name a file")
    fails("fsat", "No such file", "shipped preset")


# --- writing, whole or not at all


def no_space(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def half_written(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content[: len(content) // 2])
    no_space()


@pytest.mark.parametrize(
    ("owner", "name", "failing"),
    [
        (Path, "write_bytes", half_written),
        (os, "replace", no_space),
        (tempfile, "mkdtemp", no_space),  # as on a read-only disk
        (Path, "mkdir", no_space),
    ],
)
@pytest.mark.parametrize("exists", [True, False])
def test_a_failure_changes_nothing(
    owner: Any,
    name: str,
    failing: Any,
    exists: bool,
    tmp_path: Path,
    networks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "a.safetensors"
    if exists:
        path.write_bytes(b"old")
    with monkeypatch.context() as broken:
        broken.setattr(owner, name, failing)
        with pytest.raises(WriteError) as caught:
            weights.save(path, networks["fast"], card())
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert "No space left on device: make room" in message
    assert [p.name for p in tmp_path.iterdir()] == [path.name] * exists
    assert not exists or path.read_bytes() == b"old"


def test_no_folder_and_no_permission(tmp_path: Path, networks) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "folder", tmp_path / "file" / "a"):
        with pytest.raises(WriteError, match="not written"):
            weights.save(path, networks["fast"], card())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
    weights.save(tmp_path / "new" / "deep" / "a", networks["fast"], card())
    weights.load(tmp_path / "new" / "deep" / "a")


@pytest.mark.skipif(os.name == "nt", reason="no permission bits")
def test_others_may_read_the_file(tmp_path: Path, networks) -> None:
    (tmp_path / "plain").touch()
    weights.save(tmp_path / "a", networks["fast"], card())
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


# --- what is shipped


@pytest.mark.parametrize("preset", PRESETS)
def test_shipped_weights_load(preset: str) -> None:
    if preset not in weights.shipped():
        pytest.skip("not shipped")
    network, found = weights.load(preset)
    assert found.preset == preset
    with torch.no_grad():
        assert network(torch.rand(INPUTS[preset])).isfinite().all()


def test_shipped_files_are_few_and_small() -> None:
    found = set(weights.SHIPPED.iterdir()) if weights.SHIPPED.exists() else set()
    assert found == set(weights.shipped().values())
    assert sum(path.stat().st_size for path in found) <= MOST


def test_a_preset_names_its_shipped_file(folder: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(weights, "SHIPPED", tmp_path / "none")
    assert weights.shipped() == {}
    with pytest.raises(WeightsError, match=r"preset 'fast': not shipped \(those are: none\): name"):
        weights.load("fast")
    monkeypatch.setattr(weights, "SHIPPED", folder)
    assert list(weights.shipped()) == ["paper", "fast"]
    assert weights.load("paper")[1].preset == "paper"
    # a path is a path
    monkeypatch.chdir(tmp_path)
    fails(Path("fast"), "No such file", "(paper, fast)")


def test_the_wheel_takes_the_shipped_files_along() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["cdi_ml_plugin"]
    inside = weights.SHIPPED.relative_to(ROOT / "cdi_ml_plugin") / "*.safetensors"
    assert inside.as_posix() in patterns
