"""The networks that are installed: found by name, bad ones named, their weights, their training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cdi_ml_plugin import REFINE, Measurement, reconstruct
from cdi_ml_plugin.cli.app import cli
from cdi_ml_plugin.errors import NetworkError, ParameterError, WeightsError
from cdi_ml_plugin.nn import kinds, weights
from cdi_ml_plugin.nn.network import Network
from cdi_ml_plugin.training.fine_tune import recipe_from
from cdi_ml_plugin.training.recipe import Recipe
from cdi_ml_plugin.utils import plugins
from support.networks import Brings, Good, Half, NoDecode, Once, Real, Unbuilt, Wide, installed
from support.weights import card


# --- a bad one among those installed ------------------------------------------------------------
def here(kind: type[Network]) -> str:
    """What an entry point says of it."""
    return f"{kind.__module__}:{kind.__name__}"


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
        ("wide", here(Wide), "its module fails on its features"),
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


def test_the_command_names_a_broken_one_and_goes_on() -> None:
    with installed(gone="no_such_module:Gone"):
        assert "gone" not in kinds.every()
        done = CliRunner().invoke(cli, ["weights"])
    assert done.exit_code == 0
    assert "note: network gone of" in done.stderr
    assert "networks without weights of their own: paper (cdi-ml-plugin " in done.stdout


def test_without_any_the_package_is_to_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "entry_points", lambda group: [])
    kinds.refresh()
    try:
        for wrong in (kinds.names, lambda: kinds.find("fast"), lambda: weights.load("fast")):
            with pytest.raises(
                NetworkError, match=r"no network is registered.*install the package"
            ):
                wrong()
    finally:
        monkeypatch.undo()
        kinds.refresh()


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
