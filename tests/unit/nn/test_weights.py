"""Weights on disk: what is stored is what is read, whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from cdi_ml_plugin.errors import WeightsError, WriteError
from cdi_ml_plugin.nn import kinds, weights
from support import ROOT
from support.weights import INPUTS, card, trained

SHIPPED = ROOT / "cdi_ml_plugin" / "nn" / "shipped"
MOST = 20_000_000  # bytes of all shipped files


# --- what is stored is read ---------------------------------------------------------------------
@pytest.mark.parametrize("preset", INPUTS)
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
        weights.save(path, kinds.made(kinds.find("fast")), card())
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


# --- writing, whole or not at all ---------------------------------------------------------------
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


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_not_written(value: float, tmp_path: Path) -> None:
    network = trained("fast")
    with torch.no_grad():
        network.head.bias[1] = value
    with pytest.raises(WeightsError, match=r"head\.bias has NaN or infinity"):
        weights.save(tmp_path / "a", network, card())
    assert not any(tmp_path.iterdir())


# --- what is shipped ----------------------------------------------------------------------------
@pytest.mark.parametrize("preset", INPUTS)
def test_shipped_weights_load(preset: str) -> None:
    if preset not in weights.shipped():
        pytest.skip("not shipped")
    network, found = weights.load(preset)
    assert found.preset == preset
    with torch.no_grad():
        assert network(torch.rand(INPUTS[preset])).isfinite().all()


def test_shipped_files_are_few_and_small() -> None:
    found = set(SHIPPED.iterdir())
    assert found == set(weights.shipped().values())
    assert sum(path.stat().st_size for path in found) <= MOST


def test_the_wheel_takes_the_shipped_files_along() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["cdi_ml_plugin"]
    inside = SHIPPED.relative_to(ROOT / "cdi_ml_plugin") / "*.safetensors"
    assert inside.as_posix() in patterns
