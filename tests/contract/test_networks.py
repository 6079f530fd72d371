"""The contract of networks: those installed keep it, and what breaks it is named in one line."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from cdi_ml_plugin.errors import NetworkError
from cdi_ml_plugin.nn import kinds
from cdi_ml_plugin.plugin import Given, Network, check_network
from support.networks import Good, Half, NoDecode, Once, Real, Unbuilt, Wide


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
class NoField(Network):
    features, build, decode = Good.features, Good.build, Good.decode


class Whole(Good):
    def features(self, given: Given) -> torch.Tensor:
        return given.projected[:, None]


class Nothing(Good):
    def decode(self, output: torch.Tensor, size: float = 1.0) -> Any:
        return None


class Sizeless(Good):
    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        return super().decode(output)


class Infinite(Good):
    def decode(self, output: torch.Tensor, size: float = 1.0) -> torch.Tensor:
        return super().decode(output, size) / 0


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
        (Wide, r"its module fails on its features, \(2, 4, 16, 16, 16\)"),
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
