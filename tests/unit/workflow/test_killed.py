"""Whatever ends a run and when: a result is old or new, nothing beside it is lost, and no litter stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from support import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the runs to be killed are forked"),
]


def killed(folder, counts, way, moments):
    np.save(folder / "counts.npy", counts)
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        [sys.executable, "-m", "support.killed", str(folder), way, str(moments)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def counts():
    box = np.pad(np.ones((4, 4, 4)), 4)
    return np.random.default_rng(0).poisson(
        1e4 * abs(np.fft.fftshift(np.fft.fftn(box))) ** 2 / 12**3
    )


def assert_whole(story):
    assert {one["state"] for one in story} == {"old", "new"}
    assert not [one for one in story if one["lost"] or one["litter"]]
    kills = Counter(one["code"] for one in story)
    assert kills[-signal.SIGKILL] > 10, kills


def test_killed_at_any_moment(tmp_path, counts):
    story = killed(tmp_path, counts, "exchange", 4)
    assert_whole(story)
    # even before the next run
    assert not [one for one in story if one["at once"] != {"state": one["state"], "lost": []}]
    assert {one["signal"] for one in story if one["code"]} >= {signal.SIGINT, signal.SIGKILL}


@pytest.mark.parametrize("way", ["two-steps", "in-place"])
def test_where_names_cannot_be_exchanged_the_next_run_repairs(tmp_path, counts, way):
    story = killed(tmp_path, counts, way, 0)
    assert_whole(story)
    assert any(one["at once"]["state"] == "mixed" for one in story)  # or it was not what was meant
