"""What the tests of comparisons share."""

from __future__ import annotations

from typing import Any

import pytest

from cdi_ml_plugin.engine import loop
from cdi_ml_plugin.engine.plan import Plan
from support.comparisons import compared, measurement, plain_figures  # noqa: F401 - fixtures


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is run from here on: chain and seed."""
    seen: list[tuple[str, int]] = []
    run = loop.run

    def counted(plan: Plan, seeds: Any, *given: Any, **words: Any) -> Any:
        seen.extend((str(plan.step), seed) for seed in seeds)
        return run(plan, seeds, *given, **words)

    monkeypatch.setattr(loop, "run", counted)
    return seen
