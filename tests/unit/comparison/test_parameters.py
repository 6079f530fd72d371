"""Parameters of all chains of a comparison, and of one of them alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.cli import app as cli
from cdi_ml_plugin.cli.compare import by_chain
from cdi_ml_plugin.comparison.chains import parameters_of
from cdi_ml_plugin.comparison.run import compare
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.simulate.particle import strained_crystal
from cdi_ml_plugin.workflow.save import save_comparison

SHAPE = (32, 32, 32)
pytestmark = pytest.mark.usefixtures("plain_figures")
CHAINS = {"ER alone": "2*ER", "untrained": "ER + 2*REFINE + ER"}


@pytest.fixture(scope="module")
def measurement() -> Measurement:
    obj = strained_crystal(SHAPE, np.eye(3), size=10, rng=np.random.default_rng(0))
    return Measurement(diffraction(obj))


# --- which chain gets which ---------------------------------------------------------------------
def test_a_key_of_one_chains_algorithm_is_for_the_chains_that_know_it() -> None:
    common = {"refine_channels": 8, "hio_beta": 0.8, "support_threshold": 0.3}
    given = parameters_of(CHAINS, common, {})
    assert given["ER alone"] == {"hio_beta": 0.8, "support_threshold": 0.3}
    assert given["untrained"] == common


def test_its_own_parameters_go_before_those_for_all() -> None:
    common = {"hio_beta": 0.8, "refine_loss": "chi2"}
    own = {"untrained": {"refine_loss": "poisson", "shrink_wrap_trigger": [1, 1]}}
    given = parameters_of(CHAINS, common, own)
    assert given["ER alone"] == {"hio_beta": 0.8}
    assert given["untrained"] == common | own["untrained"]
    assert common == {"hio_beta": 0.8, "refine_loss": "chi2"}


@pytest.mark.parametrize(
    ("common", "own", "said"),
    [
        (
            {},
            {"trained": {"hio_beta": 0.8}},
            "'trained', which is no chain: .* ER alone, untrained",
        ),
        ({"refine_chanels": 8}, {}, "did you mean refine_channels"),
        ({"cnn_weights": "fast"}, {}, "unknown parameter 'cnn_weights'"),
        ({}, {"ER alone": {"refine_channels": 8}}, "chain 'ER alone': unknown parameter"),
        ({}, {"untrained": {"hio_beta": "high"}}, "chain 'untrained': hio_beta = 'high'"),
        ({}, {"untrained": {"init_guess": "continue"}}, "random starts"),
    ],
)
def test_parameters_that_no_chain_can_use(
    common: dict[str, Any], own: dict[str, dict[str, Any]], said: str
) -> None:
    with pytest.raises(ParameterError, match=said):
        parameters_of(CHAINS, common, own)


# --- the comparison -----------------------------------------------------------------------------
def test_they_reach_the_runs_the_digest_the_json_and_the_page(
    measurement: Measurement, tmp_path: Path
) -> None:
    chains = {"paper": "2*ER", "package": "2*ER", "untrained": "ER + 2*REFINE"}
    common = {"refine_channels": 8, "support_threshold": 0.3}
    own = {"paper": {"initial_support_area": [0.5, 0.5, 0.5], "shrink_wrap_trigger": [1, 1]}}
    comparison = compare(
        measurement, chains, tmp_path, seeds=2, parameters=common, chain_parameters=own
    )
    paper, package, untrained = comparison.members
    assert (
        paper.contender.digest != package.contender.digest
    )  # the same sequence, twice, is no error here
    assert paper.values("chi2").tolist() != package.values("chi2").tolist()
    assert "channels=8" in str(untrained.contender.plan.step)
    save_comparison(comparison, tmp_path)
    content = json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))
    assert content["parameters"] == common
    assert [chain["own_parameters"] for chain in content["chains"]] == [own["paper"], {}, {}]
    assert content["chains"][0]["parameters"] == {"support_threshold": 0.3, **own["paper"]}
    page = (tmp_path / "compare.html").read_text(encoding="utf-8")
    assert "shrink_wrap_trigger = [1, 1]" in page
    assert "initial_support_area = [0.5, 0.5, 0.5]" in page
    assert page.count("refine_channels") == 1  # among those for all

    runs = {path.name for path in (tmp_path / "runs").glob("*.npz")}
    own["paper"]["shrink_wrap_trigger"] = [0, 1]
    compare(measurement, chains, tmp_path, seeds=2, parameters=common, chain_parameters=own)
    assert len(runs) == 6
    assert len(list((tmp_path / "runs").glob("*.npz"))) == 8  # of that chain alone, anew


def test_the_same_chain_with_the_same_parameters_is_refused(
    measurement: Measurement, tmp_path: Path
) -> None:
    own = {name: {"hio_beta": 0.8} for name in ("a", "b")}
    with pytest.raises(ParameterError, match="'a' and 'b' are the same"):
        compare(measurement, {"a": "ER", "b": "ER"}, tmp_path, chain_parameters=own)


# --- the command --------------------------------------------------------------------------------
def test_settings_are_split_by_name() -> None:
    names = ["a", "a b", "2*HIO(beta=0.9)", "CNN(weights='C:/w')"]
    settings = [
        "hio_beta=0.8",
        "continue_dir=C:/folder",
        "a:hio_beta=0.7",
        "a b : continue_dir = C:/x",
        "a: twin_trigger=[3]",
        "2*HIO(beta=0.9):dm_beta=1",
        "CNN(weights='C:/w'):cnn_polish=3",
    ]
    for_all, own = by_chain(settings, names)
    assert for_all == ["hio_beta=0.8", "continue_dir=C:/folder"]
    assert own == {
        "a": {"hio_beta": 0.7, "twin_trigger": [3]},
        "a b": {"continue_dir": "C:/x"},
        "2*HIO(beta=0.9)": {"dm_beta": 1},
        "CNN(weights='C:/w')": {"cnn_polish": 3},
    }


def test_the_command(
    measurement: Measurement,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, out = tmp_path / "data.npy", tmp_path / "out"
    np.save(data, measurement.intensity)

    def run(*settings: str) -> tuple[int, str]:
        chains = [word for name, text in CHAINS.items() for word in ("-a", f"{name}: {text}")]
        words = ["cdi-ml", "compare", str(data), *chains, "--seeds", "2", "-o", str(out), "-q"]
        words += [word for setting in settings for word in ("--set", setting)]
        monkeypatch.setattr("sys.argv", words)
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, capsys.readouterr().err.strip()

    for setting, said in (
        ("trained:hio_beta=0.8", "'trained' is no chain: give one of ER alone, untrained"),
        ("untrained:hio_beta", "write it as key=value"),
        ("ER alone:refine_channels=8", "unknown parameter 'refine_channels'"),
        ("cnn_weights=fast", "unknown parameter 'cnn_weights'"),
    ):
        code, err = run(setting)
        assert code == 2
        assert said in err
        assert len(err.splitlines()) == 1
    assert not out.exists()
    assert run("refine_channels=8", "ER alone:initial_support_area=[0.5,0.5,0.5]")[0] == 0
    chains = json.loads((out / "compare.json").read_text(encoding="utf-8"))["chains"]
    assert chains[0]["own_parameters"] == {"initial_support_area": [0.5, 0.5, 0.5]}
    assert chains[1]["parameters"] == {"refine_channels": 8}
