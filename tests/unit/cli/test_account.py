"""One account of a result: the same figure, to the digit, and the same word, wherever it is told."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from cdi_ml_plugin import Measurement, crystal_of, read_result, save
from cdi_ml_plugin.crystal.account import Account, Entry, account_of, shown, table
from cdi_ml_plugin.crystal.crystal import Crystal
from cdi_ml_plugin.data.quantities import measured, quantity
from cdi_ml_plugin.data.result import Result
from support.pages import Page
from support.results import GEOMETRY, make_result


@pytest.fixture(scope="module")
def result() -> Result:
    made = make_result()
    m = made.measurement
    named = Measurement(m.intensity, m.mask, {"geometry": GEOMETRY.numbers()})
    chosen = replace(made.run, metrics={**made.run.metrics, "cnn_used": 1.0, "cnn_chi2": 0.01,
                                        "cnn_chi2_chance": 0.019})  # fmt: skip
    return replace(made, measurement=named, runs=(made.runs[0], chosen))


@pytest.fixture(scope="module")
def crystal(result: Result) -> Crystal:
    found = crystal_of(result)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def account(result: Result, crystal: Crystal) -> Account:
    return account_of(result, crystal)


@pytest.fixture(scope="module")
def written(result: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("account")
    save(result, folder)
    return folder


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [
        (0.2368053, 2.3e-5, "0.236805 ± 0.000023"),
        (2.25e-4, 8.1e-6, "(2.25 ± 0.08) × 10⁻⁴"),
        (1234.5, 23.4, "1234 ± 23"),
        (123456.0, 2400.0, "(1.235 ± 0.024) × 10⁵"),
        (-3e-5, 4e-4, "(0 ± 4) × 10⁻⁴"),
        (9.96, 0.5, "10.0 ± 0.5"),
        (12.345, 0.0951, "12.35 ± 0.10"),
        (-0.5, 0.03, "−0.50 ± 0.03"),
    ],
)
def test_a_value_ends_where_its_uncertainty_does(value: float, error: float, expected: str) -> None:
    assert measured(value, error) == expected


def test_no_figure_is_missing_without_a_reason(account: Account) -> None:
    for entry in account.entries:
        if isinstance(entry.value, float) and not math.isfinite(entry.value):
            assert entry.reason, entry.key
            assert entry.text == f"– ({entry.reason})"


def test_all_figures_are_told_once(account: Account, crystal: Crystal) -> None:
    keys = [entry.key for entry in account.entries]
    assert len(keys) == len(set(keys))
    assert {*crystal.figures, "twin"} == {entry.key for entry in account.crystal}
    assert {entry.key for entry in account.headline()} >= {"size", "d_spacing_nm", "chi2"}


def test_the_verdict_on_a_prediction_is_in_words(result: Result) -> None:
    def said(**metrics: float) -> str:
        chosen = replace(result.run, metrics=metrics)
        return account_of(replace(result, runs=(chosen,), best=0)).fit[0].text

    assert said(cnn_used=1.0, cnn_chi2=0.01, cnn_chi2_chance=0.019) == (
        "taken, 1.9 × better than chance"
    )
    assert said(cnn_used=1.0, cnn_chi2=0.01, cnn_chi2_chance=0.0104) == (
        "taken, about as good as chance"
    )
    assert said(cnn_used=1.0, cnn_chi2=0.02, cnn_chi2_chance=0.01) == "taken"
    assert said(cnn_used=0.0, cnn_chi2=0.02, cnn_chi2_chance=0.01) == (
        "not taken: no better than chance"
    )
    assert said(chi2=0.1) == "0.1000"  # there was none


def test_uncertainties_and_reasons_of_a_crystal_are_told(result: Result, crystal: Crystal) -> None:
    more = replace(
        crystal,
        figures={"d_spacing_nm": 0.23681, "resolution_prtf_nm": math.nan},
        errors={"d_spacing_nm": 2e-5},
        reasons={"resolution_prtf_nm": "one start alone"},
    )
    d, resolution, twin = account_of(result, more).crystal
    assert twin.text == "open"
    assert d.text == "0.236810 ± 0.000020 nm"
    assert resolution.text == "– (one start alone)"


def test_sizes_are_one_row(account: Account) -> None:
    texts = {entry.key: entry.text.removesuffix(" nm") for entry in account.crystal}
    x, y, z = (texts[f"size_{axis}_nm"] for axis in "xyz")
    assert "±" in x
    (size,) = [entry for entry in shown(account.entries) if entry.key == "size"]
    assert size.text == f"{x} × {y} × {z} nm"


def test_a_table_is_aligned() -> None:
    entries = [Entry(quantity("chi2"), 0.001), Entry(quantity("strain_rms"), 2e-4)]
    first, second = table(entries).splitlines()
    assert first.index("over") == second.index("along")
    assert second.startswith("strain, rms  2.00 × 10⁻⁴")


# -- the same in all places ----------------------------------------------------------------------


def test_files_page_and_terminal_say_the_same(
    written: Path, account: Account, run: Callable[..., tuple[int, str, str]]
) -> None:
    code, terminal, _ = run("analyse", written)
    assert code == 0
    page = " ".join(Page((written / "report.html").read_text(encoding="utf-8")).text.split())
    content = json.loads((written / "metrics.json").read_text(encoding="utf-8"))
    told = {entry["key"]: entry for entry in content["account"]}
    with h5py.File(written / "result.cxi") as file:
        figures = file["entry_1/laboratory_1/figures"]
        for entry in account.crystal:
            if entry.key == "twin":
                assert figures["twin"].asstr()[()] == entry.text
            else:
                np.testing.assert_equal(figures[entry.key][()], entry.value)
                assert figures[entry.key].attrs["text"] == entry.text
            assert figures[entry.key].attrs["long_name"] == entry.what.name
    for entry in account.entries:
        one = told[entry.key]
        assert (one["text"], one["name"]) == (entry.text, entry.what.name)
        if isinstance(entry.value, float) and math.isfinite(entry.value):
            assert one["value"] == entry.value
    lines = [" ".join(line.split()) for line in terminal.splitlines()]
    for entry in shown(account.entries):
        row = f"{entry.what.name} {entry.text}"
        assert any(line.startswith(row) for line in lines), row
        assert " ".join(entry.text.split()) in page, row


def test_what_was_told_of_a_crystal_is_kept(
    written: Path, run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    _, before, _ = run("analyse", written)
    _, with_level, _ = run("analyse", written, "--level", 0.7, "-o", tmp_path / "new")
    assert with_level != before
    again = read_result(tmp_path / "new")
    assert again.analysis == {"level": 0.7}
    found = crystal_of(again)
    assert found is not None
    assert found.level == 0.7
    _, after, _ = run("analyse", tmp_path / "new")
    volume = [line for line in with_level.splitlines() if line.startswith("volume")]
    assert volume
    assert volume[0] in after
