"""The reader keeps the laws of those that are built in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from cdi_ml_sidecar import Sidecar

from cdi_ml_plugin.plugin import check_reader

SAID = {
    "shape": [16, 24, 20], "command": "ascan eta 8 8.15 15 1", "eta": 8.0, "step": 0.01, "energy": 9.0,
    "distance": 1.0, "pixel": 75e-6, "mu": 0.0, "chi": 90.0, "phi": 0.0, "nu": 0.0, "delta": 33.0,
}  # fmt: skip


def test_it_keeps_the_laws(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).poisson(5.0, SAID["shape"]).astype("<u4")
    counts[7, 12, 10] = 90  # the peak
    counts.tofile(tmp_path / "scan.raw")
    (tmp_path / "scan.json").write_text(json.dumps(SAID))
    measurement = check_reader(Sidecar, tmp_path / "scan.raw")
    np.testing.assert_array_equal(measurement.intensity, counts)
