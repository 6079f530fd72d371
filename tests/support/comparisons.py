"""Chains to compare on a small crystal, and what gets in their way."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from cdi_ml_plugin import Measurement
from cdi_ml_plugin.comparison.comparison import Comparison
from cdi_ml_plugin.comparison.run import compare
from cdi_ml_plugin.engine import loop
from cdi_ml_plugin.engine.plan import Plan
from cdi_ml_plugin.fourier import diffraction
from cdi_ml_plugin.simulate.particle import strained_crystal
from cdi_ml_plugin.view.pages import comparison as view
from cdi_ml_plugin.workflow.save import save_comparison

SHAPE = (32, 32, 32)
CHAINS = {"<slow> & steady": "4*ER + 3*HIO + 4*ER", "HIO at the end": "2*ER + 5*HIO"}


def crystal(seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return strained_crystal(shape, np.eye(3), size=10, rng=np.random.default_rng(seed))


@pytest.fixture(scope="module")
def measurement() -> Measurement:
    obj = crystal()
    obj = obj * np.sqrt(1e7 / np.sum(np.abs(obj) ** 2))
    counts = np.random.default_rng(0).poisson(diffraction(obj)).astype(float)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 3] = True
    return Measurement(counts, mask, {"source": "simulated"})


@pytest.fixture(scope="module")
def compared(
    measurement: Measurement, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Comparison]:
    """A finished comparison that no test changes, and its folder."""
    out = tmp_path_factory.mktemp("compared") / "out"
    comparison = compare(measurement, CHAINS, out, seeds=3, command="cdi-ml compare again")
    save_comparison(comparison, out)
    return out, comparison


@pytest.fixture
def plain_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty figures, for tests that are not about them: the real ones take longest of all."""
    for name in ("histograms", "transfer", "weights", "best", "spread"):
        monkeypatch.setattr(view, f"draw_{name}", lambda comparison: Figure((1, 1)))
    monkeypatch.setattr(view, "_surfaces", lambda *_: [])


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let SIGTERM, which does what Ctrl-C does, come in the run after so many."""
    run = loop.run
    left = iter(range(after))

    def stopped(
        plan: Plan, seeds: Any, start: Any, stop: list[bool], *rest: Any, **words: Any
    ) -> Any:
        if next(left, None) is None:
            signal.raise_signal(signal.SIGTERM)
        return run(plan, seeds, start, stop, *rest, **words)

    monkeypatch.setattr(loop, "run", stopped)
