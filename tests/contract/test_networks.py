"""The contract of networks: those installed keep it, and what breaks it is named in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from cdi_ml_plugin import REFINE, Measurement, reconstruct
from cdi_ml_plugin.errors import CdiMlError, NetworkError, ParameterError, WeightsError
from cdi_ml_plugin.nn import kinds, weights
from cdi_ml_plugin.plugin import Given, Network, Polar, check_network
from cdi_ml_plugin.training.fine_tune import recipe_from
from cdi_ml_plugin.training.recipe import Recipe
from support.networks import installed
from support.weights import card


class Good(Network):
    """Two convolutions, of a third party."""

    field = 32
    passes = 2
    channels = 8
    heads = ("1",)

    def features(self, given: Given) -> torch.Tensor:
        return torch.stack([given.projected.real, given.projected.imag], 1)

    def build(self, channels: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv3d(2, channels, 3, padding=1), nn.Conv3d(channels, 2, 3, padding=1)
        )

    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        return torch.complex(*(size * output).unbind(1))


class Once(Polar):
    """Amplitude and phase of the pattern alone, of a third party."""

    field = 48
    channels = 4
    heads = ("1",)

    def features(self, given: Given) -> torch.Tensor:
        return given.modulus[:, None]

    def build(self, channels: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv3d(1, channels, 2, stride=2), nn.Conv3d(channels, 2, 3, padding=1)
        )


# --- what is kept -------------------------------------------------------------------------------
@pytest.mark.parametrize("name", kinds.names())
def test_every_installed_network_keeps_it(name: str) -> None:
    check_network(type(kinds.find(name)))


@pytest.mark.parametrize("kind", [Good, Once])
def test_third_parties_can(kind: type[Network]) -> None:
    check_network(kind)


@pytest.mark.parametrize("name", kinds.names())
def test_a_built_in_network_comes_from_the_package(name: str) -> None:
    assert {"fast", "paper"} <= set(kinds.names())
    assert kinds.find(name).name == name
    assert kinds.find(name.upper()).name == name


# --- what is broken when the class is made ------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"field": 33}, "field = 33: give a multiple of 16 from 32 to 256"),
        ({"field": "32"}, "field = '32'"),
        ({"field": 16}, "field = 16"),
        ({"passes": 0}, "passes = 0: give a multiple of 1 from 1"),
        ({"passes": True}, "passes = True"),
        ({"channels": 6}, "channels = 6: give a multiple of 4"),
        ({"half_precision": "no"}, "half_precision = 'no': give True or False"),
        ({"heads": "head"}, "heads = 'head': give a tuple"),
        ({"heads": ()}, "heads = ()"),
    ],
    ids=str,
)
def test_a_class_with_a_wrong_value_is_not_made(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(NetworkError) as caught:
        type("Wrong", (Good,), wrong)
    assert str(caught.value).startswith(f"network wrong: {says}")


# --- what is broken by what it does -------------------------------------------------------------
class NoDecode(Network):
    field = 32
    heads = ("1",)
    features, build = Good.features, Good.build


class NoField(Network):
    features, build, decode = Good.features, Good.build, Good.decode


class Wide(Good):
    def features(self, given: Given) -> torch.Tensor:
        return torch.cat([super().features(given)] * 2, 1)


class Whole(Good):
    def features(self, given: Given) -> torch.Tensor:
        return given.projected[:, None]


class Half(Good):
    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        return super().decode(output, size)[:, ::2]


class Real(Good):
    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        return size * output[:, 0]


class Nothing(Good):
    def decode(self, output: torch.Tensor, size: float = 1.0) -> Any:
        return None


class Sizeless(Good):
    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        return super().decode(output)


class Infinite(Good):
    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        return super().decode(output, size) / 0


class Unbuilt(Good):
    def build(self, channels: int) -> nn.Module:
        raise ValueError("no\nsuch layer")


class Function(Good):
    def build(self, channels: int) -> Any:
        return torch.relu


class Headless(Good):
    heads = ("head",)


class WrongHead(Good):
    heads = ("0",)


class Dead(Good):
    def correct(
        self, output: torch.Tensor, base: torch.Tensor, size: float, gain: float
    ) -> torch.Tensor:
        return base + self.decode(output, size).detach() * output.sum()


class Other(Good):
    def correct(
        self, output: torch.Tensor, base: torch.Tensor, size: float, gain: float
    ) -> torch.Tensor:
        return 1.1 * base + self.decode(output, size)


class Writes(Good):
    passes = 1

    def features(self, given: Given) -> torch.Tensor:
        return given.lags.mul_(0.5)[..., ::2, ::2, ::2]


class Company(Good):
    def features(self, given: Given) -> torch.Tensor:
        return super().features(given) / given.modulus.sum()


class Guesses(Good):
    passes = 1


class Norm(Good):
    half_precision = True

    def build(self, channels: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv3d(2, channels, 3, padding=1),
            nn.Conv3d(channels, 2, 3, padding=1),
            nn.BatchNorm3d(2),
        )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (NoDecode, "NoDecode has no decode: write it"),
        (NoField, "NoField has no field, heads: write it"),
        (Wide, r"its module does not take its features, \(2, 4, 16, 16, 16\)"),
        (Whole, "features returns no real tensor"),
        (Half, r"its decode returns \(2, 8, 16, 16\), not .* = \(2, 16, 16, 16\)"),
        (Real, r"its decode returns torch\.float32: return a complex object"),
        (Nothing, "its decode returns NoneType"),
        (Sizeless, "its decode is not proportional to size"),
        (Infinite, "NaN or infinite"),
        (Unbuilt, "its module cannot be built: no such layer"),
        (Function, "build returns a builtin_function_or_method"),
        (Headless, "its module has no part 'head', which heads names"),
        (WrongHead, "name in heads what makes it"),
        (Dead, "has no finite gradient"),
        (Other, "look at correct"),
        (Writes, "features changes what is given in place"),
        (Company, "one pattern alone gives another object"),
        (Guesses, "is handed no guess, as it has passes = 1"),
        (Norm, "has batch normalisation: set half_precision = False"),
    ],
)
def test_each_law_has_its_word(wrong: type[Network], says: str) -> None:
    with pytest.raises(NetworkError, match=says) as caught:
        check_network(wrong)
    message = str(caught.value)
    assert message.startswith(f"network {wrong.__name__.lower()}: ")
    assert "\n" not in message


def test_no_network_at_all() -> None:
    with pytest.raises(NetworkError, match="is no network: give a subclass of Network"):
        check_network(nn.Conv3d)  # type: ignore[arg-type]


# --- a bad one among those installed ------------------------------------------------------------
def here(kind: type[Network]) -> str:
    return f"{__name__}:{kind.__name__}"


@pytest.fixture(scope="module")
def counts() -> Measurement:
    return Measurement(np.random.default_rng(0).poisson(5, (16, 16, 16)))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("gone", "no_such_module:Gone", "network gone of .* cannot be loaded from no_such_module"),
        ("loss", "cdi_ml_plugin.nn.fit_losses:chi2", "is not a subclass of"),
        ("other", here(Good), "has the name 'good': give it that of its entry point"),
        ("nodecode", here(NoDecode), "NoDecode has no decode"),
        ("unbuilt", here(Unbuilt), "its module cannot be built: no such layer"),
        ("wide", here(Wide), "its module does not take its features"),
        ("half", here(Half), "its decode returns"),
        ("real", here(Real), "return a complex object"),
    ],
)
def test_a_bad_network_is_named_and_harms_no_other(
    name: str, value: str, says: str, counts: Measurement
) -> None:
    with installed(**{name: value}):
        with pytest.raises(NetworkError, match=says) as caught:
            reconstruct(counts, f"2*REFINE(network='{name}', channels=4)", device="cpu")
        assert "\n" not in str(caught.value)
        assert name in kinds.names()
        assert weights.load("fast")[1].preset == "fast"
        assert "fast" in weights.shipped()
        with pytest.raises(WeightsError, match=r"No such file.*\(fast\)"):
            weights.load("fsat")
        reconstruct(counts, "REFINE(channels=4)", device="cpu")


def test_a_name_that_is_there_already() -> None:
    with (
        installed(fast=here(Good)),
        pytest.raises(NetworkError, match="network fast is registered twice"),
    ):
        kinds.names()


# --- weights ------------------------------------------------------------------------------------
def test_weights_of_a_network_that_is_not_installed_or_of_another(tmp_path: Path) -> None:
    path = tmp_path / "good.safetensors"
    with installed(good=here(Good)):
        module = kinds.made(kinds.find("good"))
        weights.save(path, module, card("good"))
        assert weights.load(path)[1].preset == "good"
        with pytest.raises(WeightsError, match="network 'good': its weights are not shipped"):
            weights.load("good")
        with pytest.raises(WeightsError, match="does not fit network 'fast'"):
            weights.save(tmp_path / "b", module, card("fast"))
    with pytest.raises(
        WeightsError,
        match=r"made for network 'good', which is not installed \(fast, paper are\): install",
    ):
        weights.load(path)
    with pytest.raises(ParameterError, match="refine_network = 'good': give one of fast, paper"):
        REFINE(network="good")
    with pytest.raises(ParameterError, match="preset = 'good': give one of fast, paper"):
        Recipe(preset="good")


class Brings(Good):
    shipped: ClassVar[Path | None] = None


def test_weights_that_come_with_it_are_known_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installed(brings=here(Brings)):
        weights.save(tmp_path / "a", kinds.made(kinds.find("brings")), card("brings"))
        monkeypatch.setattr(type(kinds.find("brings")), "shipped", tmp_path / "a")
        assert list(weights.shipped()) == ["brings", "fast"]
        assert weights.load("brings")[1].preset == "brings"


# --- training -----------------------------------------------------------------------------------
def test_what_a_recipe_asks() -> None:
    """The paper's loss is for whatever predicts amplitude and phase; fine-tuning goes by the twin."""
    with installed(good=here(Good), once=here(Once)):
        with pytest.raises(ParameterError, match="which a network has to predict apart"):
            Recipe(preset="good", loss="paper", twin=False)
        assert Recipe(preset="once", loss="paper", twin=False).particles.field == 48
        tuned = {name: recipe_from(card(name), 1, 2, 1e-4) for name in ("good", "once", "paper")}
    assert [(t.loss, t.twin) for t in tuned.values()] == [
        ("overlap", True), ("overlap", True), ("paper", False)
    ]  # fmt: skip


def test_errors_are_the_packages_own() -> None:
    assert issubclass(NetworkError, CdiMlError)
