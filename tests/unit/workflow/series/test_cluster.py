"""Workers of Dask: the same bits as one process, and nothing lost when they die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cdi_ml_plugin import read_result
from cdi_ml_plugin.utils.workers import cluster as clusters
from support import ROOT

CHAIN = "200*ER"
dask = pytest.mark.skipif(not clusters.installed(), reason="Dask distributed is not installed")
killing = pytest.mark.skipif(os.name != "posix", reason="signals")


def environment():
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def started(folder, out, *more):
    """The command, in a session of its own."""
    words = ["series", str(folder), "-a", CHAIN, "--seeds", "2", "-o", str(out), *more]
    words += ["--set", "initial_support_area=[0.5, 0.5, 0.5]"]
    return subprocess.Popen(
        [sys.executable, "-m", "cdi_ml_plugin", *words],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def until(condition):
    end = time.monotonic() + 200
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def children(pid):
    """Processes below one, that have begun to compute: their numbers."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            about = path.read_text().rpartition(")")[2].split()
            words = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(about[1]) == pid and b"spawn_main" in words:
            found.append(int(path.parent.name))
    return found


def objects(out):
    return {
        folder.name: [run.object.tobytes() for run in read_result(folder).runs]
        for folder in sorted(out.glob("scan_*"))
    }


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Three scans, and what one process makes of them."""
    folder = tmp_path_factory.mktemp("scans")
    for number in range(3):
        box = np.pad(np.ones((6, 7, 6)), ((9, 9), (9, 8), (9, 9)))
        box = box * np.exp(0.002j * (number + 1) * (np.arange(24) - 12)[:, None, None] ** 2)
        pattern = abs(np.fft.fftshift(np.fft.fftn(box, norm="ortho"))) ** 2
        counts = np.random.default_rng(number).poisson(3e3 * pattern)
        np.save(folder / f"scan_{number}.npy", counts)
    out = tmp_path_factory.mktemp("alone") / "out"
    code, _, err = ended(started(folder, out, "--workers", "1"))
    assert code == 0, err
    return folder, objects(out)


@dask
@killing
@pytest.mark.slow
def test_two_workers_make_the_same_bits(scans, tmp_path):
    folder, alone = scans
    code, out, err = ended(started(folder, tmp_path / "out", "--workers", "2"))
    assert code == 0, err
    assert "2 workers of Dask" in out
    assert objects(tmp_path / "out") == alone
    assert not list((tmp_path / "out").glob(".*"))


@dask
@killing
@pytest.mark.slow
@pytest.mark.parametrize("after", [1])
def test_a_worker_is_killed(scans, tmp_path, after):
    folder, alone = scans
    process = started(folder, tmp_path / "out", "--workers", "2")
    until(lambda: len(list((tmp_path / "out").glob("scan_*/scan.json"))) >= after)
    victim = until(lambda: children(process.pid))[0]
    os.kill(victim, signal.SIGKILL)
    code, out, err = ended(process)
    assert code == 0, (out, err)
    assert objects(tmp_path / "out") == alone
