"""Workers: as many as the machine feeds, what cannot be wanted, and what is said where they cannot be had."""

from __future__ import annotations

import pytest
import torch  # noqa: F401 - else two workers of one process import it at one moment

from cdi_ml_plugin.errors import ClusterError, ParameterError
from cdi_ml_plugin.utils.versions import differences
from cdi_ml_plugin.utils.workers import cluster as clusters
from cdi_ml_plugin.utils.workers.alone import Alone
from cdi_ml_plugin.utils.workers.behind import Dask
from cdi_ml_plugin.utils.workers.cluster import cluster, fed, needed
from cdi_ml_plugin.utils.workers.wanted import Wanted

dask = pytest.mark.skipif(not clusters.installed(), reason="Dask distributed is not installed")


def test_as_many_workers_as_cores_memory_and_tasks_allow(monkeypatch):
    monkeypatch.setattr(clusters, "cores", lambda: 8)
    assert fed(100, 10**9, free=1e11) == 8
    assert fed(3, 10**9, free=1e11) == 3
    assert fed(100, 10**9, free=5e9) == 4
    assert fed(100, 10**11, free=5e9) == 1
    assert fed(100, 10**11, free=float("inf")) == 8


def test_memory_grows_with_voxels():
    assert needed(100, 2 * 64**3) - needed(100, 64**3) == 125 * 64**3


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"scheduler": "node 12"}, "is no address"),
        ({"scheduler": "a:1", "gpus": True}, "give one of"),
        ({"scheduler": "a:1", "workers": 2}, "workers of its own"),
        ({"system": "slurm"}, "say with --workers"),
        ({"system": "lsf2", "workers": 2}, "give one of slurm, lsf, pbs"),
        ({"workers": 0}, "whole number"),
    ],
)
def test_what_cannot_be_wanted(wanted, says):
    with pytest.raises(ParameterError, match=says):
        Wanted(**wanted)


def test_without_dask_one_process_does_it(monkeypatch):
    monkeypatch.setattr(clusters, "installed", lambda: False)
    with cluster(Wanted(), 10, 1) as workers:
        assert isinstance(workers, Alone)
    with pytest.raises(ClusterError, match="pip install"), cluster(Wanted(2), 10, 1):
        pass


def test_versions_that_differ_are_named():
    assert differences({"torch": "2", "numpy": "1"}, {"torch": "2", "numpy": "1"}) == ""
    assert differences({"torch": "2"}, {}) == "torch missing, here 2"


@dask
def test_a_scheduler_that_is_not_there(monkeypatch):
    monkeypatch.setattr(clusters, "PATIENCE", 1)
    with (
        pytest.raises(ClusterError, match=r"127\.0\.0\.1:9: no scheduler answers there"),
        cluster(Wanted(scheduler="tcp://127.0.0.1:9"), 10, 1),
    ):
        pass


@dask
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # Dask's, of half a cluster
def test_a_job_script_of_slurm(monkeypatch):
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    import dask

    about = {
        "jobqueue.slurm.cores": 8,
        "jobqueue.slurm.memory": "16GB",
        "jobqueue.slurm.queue": "gpu",
    }
    with dask.config.set(about):
        text = clusters.script(Wanted(workers=4, system="slurm"))
    assert "#SBATCH -p gpu" in text
    assert "#SBATCH --cpus-per-task=8" in text
    assert "--resources scan=1" in text
    assert "export MALLOC_MMAP_THRESHOLD_=" in text
    with pytest.raises(ClusterError, match="configuration"):
        clusters.script(Wanted(workers=4, system="pbs"))


def told(shared: str, number: int) -> str:
    if number == 2:
        raise ValueError(shared)
    return f"{shared} {number}"


@dask
def test_what_is_shared_and_what_goes_wrong_comes_back() -> None:
    from distributed import Client, LocalCluster

    made = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address="localhost:0"
    )
    with made, Client(made) as client:
        client.wait_for_workers(2)
        workers = Dask(client, 1, 0)
        assert workers.count == 2
        assert not workers._resources()  # one thread each: the scheduler need not ask them all
        found = dict(workers.run(told, range(5), shared="so"))
        assert not list(workers.run(told, []))
    error = found.pop(2)
    assert isinstance(error, ValueError)
    assert str(error) == "so"
    assert found == {number: f"so {number}" for number in (0, 1, 3, 4)}
