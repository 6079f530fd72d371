"""What the tests of comparisons share."""

from __future__ import annotations

from typing import Any

import pytest

from cdi_ml_plugin.engine.loop import Job
from support.comparisons import compared, measurement, plain_figures  # noqa: F401 - fixtures


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is run from here on: chain and seed."""
    seen: list[tuple[str, int]] = []
    run = Job.run

    def counted(job: Job, seeds: Any, *given: Any) -> Any:
        seen.extend((str(job.step), seed) for seed in seeds)
        return run(job, seeds, *given)

    monkeypatch.setattr(Job, "run", counted)
    return seen
