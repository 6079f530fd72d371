"""``cdi-ml compare``: names of chains, an interruption, and one line for whatever is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.cli.compare import by_name, by_path
from cdi_ml_plugin.errors import ParameterError
from support.comparisons import interrupt


def test_names_of_chains() -> None:
    long = " + ".join(["20*ER + 30*HIO(beta=0.8)"] * 3)
    path = "CNN(weights='C:/w.safetensors')"
    found = by_name(["fast: CNN + 3*ER", "2 * HIO(beta=0.9)", long, path])
    assert found == {
        "fast": "CNN + 3*ER",
        "2 * HIO(beta=0.9)": "2 * HIO(beta=0.9)",
        "chain 3": long,
        path: path,
    }
    for wrong, word in (
        (["ER"], "twice or more"),
        ([": ER", "2*ER"], "no name"),
        (["a: ER", "a: 2*ER"], "otherwise"),
    ):
        with pytest.raises(ParameterError, match=word):
            by_name(wrong)


def test_names_of_results(tmp_path: Path) -> None:
    strange = tmp_path / "a: b"
    strange.touch()
    found = by_path(["mine: out/result.cxi", "C:/x", "only", str(strange)])
    assert found == {
        "mine": Path("out/result.cxi"),
        "C": Path("/x"),
        "only": Path("only"),
        str(strange): strange,
    }
    for wrong in ([":x"], ["x:"], [""], ["a:x", "a:y"]):
        with pytest.raises(ParameterError, match=f"--result '{wrong[-1]}'"):
            by_path(wrong)


@pytest.mark.usefixtures("plain_figures")
def test_the_command(measurement: Measurement, tmp_path: Path, run: Any) -> None:
    data, out = tmp_path / "data.npy", tmp_path / "out"
    np.save(data, measurement.intensity)
    words = [
        "compare",
        data,
        "-a",
        "short: 2*ER",
        "-a",
        "3*ER + 2*HIO",
        "--seeds",
        2,
        "-o",
        out,
        "-q",
    ]
    code, text, _ = run(*words, "--set", "hio_beta=0.8")
    assert code == 0
    assert "short: 2 run(s)" in text
    assert f"written: {out / 'compare.html'}" in text
    content = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    assert content["parameters"] == {"hio_beta": 0.8}
    assert content["command"].startswith("cdi-ml compare ")
    assert "'short: 2*ER'" in content["command"]
    assert content["chains"][1]["sequence"] == "3*ER + 2*HIO(beta=0.8)"


@pytest.mark.usefixtures("plain_figures")
def test_the_command_interrupted(
    measurement: Measurement, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = tmp_path / "data.npy", tmp_path / "out"
    np.save(data, measurement.intensity)
    words = ["compare", data, "-a", "2*ER", "-a", "3*ER", "--seeds", 2, "-o", out]
    with monkeypatch.context() as patch:
        interrupt(patch, after=1)
        code, text, _ = run(*words)
    assert code == 130
    assert "goes on from there" in text
    assert not (out / "compare.html").exists()
    with monkeypatch.context() as patch:
        interrupt(patch, after=2)
        code, text, _ = run(*words)
    assert code == 0
    assert "goes on where it stopped" in text
    assert (out / "compare.html").exists()


def test_the_command_refuses_in_one_line(
    measurement: Measurement, tmp_path: Path, run: Any
) -> None:
    data, foreign = tmp_path / "data.npy", tmp_path / "foreign"
    np.save(data, measurement.intensity)
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("precious")
    out = tmp_path / "out"
    for words, said in (
        ([data, "-a", "ER", "-o", out], "twice or more"),
        ([data, "-a", "ER", "--result", "a:", "-o", out], "NAME:PATH"),
        ([data, "-a", "ER", "--result", f"a:{tmp_path / 'none'}", "-o", out], "no such file"),
        ([data, "-a", "ER", "--result", f"a:{foreign}", "-o", out], "holds no result"),
        ([data, "-a", "ER", "-a", "a: ER", "-o", out], "the same"),
        ([data, "-a", "ER", "-a", "2*NO", "-o", out], "NO"),
        ([data, "-a", "ER", "-a", "2*ER", "--seeds", 1, "-o", out], "seeds"),
        ([data, "-a", "ER", "-a", "2*ER", "-o", foreign], "thesis.tex"),
        ([data, "-a", "ER", "-a", "2*ER"], "out"),
    ):
        code, _, err = run("compare", *words)
        assert code == 2
        assert len(err.strip().splitlines()) == 1
        assert said in err
    assert [path.name for path in foreign.iterdir()] == ["thesis.tex"]
