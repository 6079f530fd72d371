"""Seeds and runs that workers do: the same bits as in one process, and what is kept when it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from cdi_ml_plugin import Measurement, Wanted, compare, reconstruct
from cdi_ml_plugin.comparison import run as comparing
from cdi_ml_plugin.engine import run as engine
from cdi_ml_plugin.errors import ClusterError, ParameterError
from cdi_ml_plugin.utils.workers import cluster as clusters
from support.comparisons import CHAINS

CHAIN = "3*ER + 4*HIO"


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As the workers have; more add up in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def bits(result: Any) -> list[Any]:
    return [(r.seed, r.object.tobytes(), r.support.tobytes(), r.metrics) for r in result.runs]


@pytest.mark.skipif(not clusters.installed(), reason="Dask distributed is not installed")
@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_two_workers_make_the_same_bits(measurement: Measurement, tmp_path: Path) -> None:
    from distributed import LocalCluster

    alone = reconstruct(measurement, CHAIN, seeds=[3, 1, 2])
    here = compare(measurement, CHAINS, tmp_path / "here", seeds=2)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="localhost:0") as made:
        wanted = Wanted(scheduler=made.scheduler_address)
        keep = tmp_path / "keep"
        there = reconstruct(measurement, CHAIN, seeds=[3, 1, 2], keep=keep, workers=wanted)
        apart = compare(measurement, CHAINS, tmp_path / "apart", seeds=2, workers=wanted)
    assert bits(there) == bits(alone)
    assert [note for note in there.notes if "seed" in note or "start" in note] == []
    assert len(list(keep.iterdir())) == 3
    for one, other in zip(here.members, apart.members, strict=True):
        assert [(r.path.name, r.object().tobytes()) for r in one.runs] == [
            (r.path.name, r.object().tobytes()) for r in other.runs
        ]
        assert [r.about["metrics"] for r in one.runs] == [r.about["metrics"] for r in other.runs]


class Stopped:
    """Workers that are interrupted, or die, after so many tasks."""

    count = 2
    about = "two workers"

    def __init__(self, after: int, end: BaseException) -> None:
        self.after = after
        self.end = end

    def run(
        self, function: Callable[..., Any], items: Sequence[Any], shared: Any = None
    ) -> Iterator[tuple[int, Any]]:
        for place, item in enumerate(items):
            if place == self.after:
                if isinstance(self.end, KeyboardInterrupt):
                    raise self.end
                yield place, self.end
            yield place, function(shared, item)


@pytest.fixture
def lent(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lend such workers."""

    def lend(after: int, end: BaseException) -> None:
        @contextmanager
        def cluster(*_: Any) -> Iterator[Stopped]:
            yield Stopped(after, end)

        for module in (engine, comparing):
            monkeypatch.setattr(module, "cluster", cluster)

    return lend


def test_interrupted_with_workers(
    measurement: Measurement, tmp_path: Path, lent: Callable[..., None]
) -> None:
    lent(2, KeyboardInterrupt())
    part = reconstruct(measurement, CHAIN, seeds=3, keep=tmp_path / "keep", workers=Wanted(2))
    assert [run.seed for run in part.runs] == [0, 1]
    assert part.notes[-1] == "interrupted: 2 of 3 starts were run"
    comparison = compare(measurement, CHAINS, tmp_path / "out", seeds=2, workers=Wanted(2))
    assert not comparison.complete
    assert [len(member.runs) for member in comparison.members] == [1, 1]
    lent(0, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        reconstruct(measurement, CHAIN, seeds=3, workers=Wanted(2))
    again = reconstruct(measurement, CHAIN, seeds=2, keep=tmp_path / "keep", workers=Wanted(2))
    assert "2 of 2 starts are those of an earlier run" in again.notes[-1]


def test_a_worker_that_died(
    measurement: Measurement, tmp_path: Path, lent: Callable[..., None]
) -> None:
    lent(1, RuntimeError("killed"))
    with pytest.raises(ClusterError, match="seed 1: the worker died: killed"):
        reconstruct(measurement, CHAIN, seeds=3, workers=Wanted(2))
    with pytest.raises(ClusterError, match="HIO at the end, seed 0: the worker died: killed"):
        compare(measurement, CHAINS, tmp_path, seeds=2, workers=Wanted(2))


def test_workers_are_wanted_by_their_class(measurement: Measurement) -> None:
    with pytest.raises(ParameterError, match="workers is of type int"):
        reconstruct(measurement, CHAIN, seeds=2, workers=4)  # type: ignore[arg-type]
