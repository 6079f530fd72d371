"""``cdi-ml bench solve``: its crystals are of the kinds it says, and it goes on where it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cdi_ml_plugin.bench import solve
from cdi_ml_plugin.bench.crystals import KINDS, TUNING, crystal
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.fourier import diffraction


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_a_crystal_is_what_its_pattern_shows(number: int) -> None:
    one = crystal(number)
    assert one.kind == list(KINDS)[number]
    assert one.truth.shape == one.measurement.shape
    again = crystal(number)
    assert np.array_equal(one.truth, again.truth)
    assert np.array_equal(one.measurement.intensity, again.measurement.intensity)
    known = ~one.measurement.mask
    assert one.gap == bool(one.measurement.mask.any())
    # counting noise alone, but where the beam is not fully coherent
    expected = diffraction(one.truth)[known].astype(float)
    surplus = np.square(one.measurement.intensity[known] - expected).sum() / expected.sum()
    assert 0.8 < surplus < 1.25 or one.visibility < 1
    # the crystal leaves room around itself
    bright = np.abs(one.truth) > 0.3 * np.abs(one.truth).max()
    assert bright.mean() < 0.15
    peak = np.unravel_index(one.measurement.intensity.argmax(), one.truth.shape)
    assert all(abs(p - n // 2) <= 1 for p, n in zip(peak, one.truth.shape, strict=True))


def test_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solve, "CHAINS", {"short": "5*ER", "shorter": "2*ER"})
    out = tmp_path / "rows.jsonl"
    numbers = range(TUNING.stop - 1, TUNING.stop + 1)
    first = list(solve.solve(numbers, ["short", "shorter"], out))
    assert "2 crystals, 1 of them among those" in first[0]
    assert [line.split()[0] for line in first[2:4]] == ["short", "shorter"]
    written = out.read_text()
    assert len(written.splitlines()) == 4
    assert list(solve.solve(numbers, ["short", "shorter"], out)) == first
    assert out.read_text() == written


def test_an_unknown_chain_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="'fast'"):
        list(solve.solve([0], ["fast"], tmp_path / "rows.jsonl"))
