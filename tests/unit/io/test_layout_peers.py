"""cdiutils' own loaders and conventions on the virtual scans: the same counts, angles, energy and q."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cdi_ml_plugin.geometry.geometry import Geometry
from cdi_ml_plugin.io.readers import load
from cdi_ml_plugin.simulate.scan import VirtualScan, write_virtual_scan
from support import peers

pytestmark = pytest.mark.slow
SHAPE = (24, 40, 40)
# Loads a scan, puts detector and angles into cdiutils' SpaceConverter, and gives what both say.
SCRIPT = """
import json, sys
import numpy as np
from cdiutils.converter import SpaceConverter
from cdiutils.geometry import Geometry
from cdiutils.io import Loader
about = json.loads(sys.argv[1])
loader = Loader.from_setup(about["setup"], **about["loader"])
counts = np.asarray(loader.load_detector_data())
angles = {k: 0.0 if v is None else v for k, v in loader.load_motor_positions().items()}
energy = float(loader.load_energy())
geometry = Geometry.from_setup(beamline=about["setup"])
rows, columns = counts.shape[1:]
converter = SpaceConverter(geometry, about["calibration"], energy, roi=[0, rows, 0, columns])
converter.init_q_space(**angles)
frame, row, column = about["peak"]
part = converter._q_space_transitions[:, frame:frame + 2, row:row + 2, column:column + 2]
print(json.dumps({
    "sums": counts.sum(axis=(1, 2), dtype=float).tolist(), "at_peak": float(counts[frame, row, column]),
    "angles": {k: np.ravel(v).tolist() for k, v in angles.items()}, "energy": energy,
    "q": part.tolist(), "shape": counts.shape,
}))
"""


def ask(setup: str, virtual: VirtualScan, **loader: Any) -> Any:
    """What cdiutils makes of a virtual scan; its loader takes what is given besides."""
    calibrated = calibration(virtual.geometry)
    about = {"setup": setup, "loader": loader, "peak": virtual.peak, "calibration": calibrated}
    return peers.ask(SCRIPT, json.dumps(about, default=str))


def calibration(geometry: Geometry) -> dict[str, float]:
    """A detector's calibration in cdiutils' words: rows first."""
    return {
        "cch1": geometry.beam_zero[1],
        "cch2": geometry.beam_zero[0],
        "pwidth1": geometry.pixel[1],
        "pwidth2": geometry.pixel[0],
        "distance": geometry.distance,
    }


def check(scan: VirtualScan, theirs: Any, angles: dict[str, str]) -> None:
    """The same counts, angles, energy; the same q of the voxels at the peak, hand included.

    Parameters
    ----------
    angles : dict
        Our circle → cdiutils' name of it.
    """
    ours = load(scan.data, **scan.options)
    assert theirs["shape"] == list(ours.intensity.shape)
    known = np.where(ours.mask, 0, ours.intensity)
    np.testing.assert_array_equal(theirs["sums"], known.sum(axis=(1, 2), dtype=float))
    assert theirs["at_peak"] == ours.intensity[scan.peak]
    assert theirs["energy"] == pytest.approx(1000 * scan.geometry.energy, rel=1e-6)
    geometry = Geometry.of({**ours.provenance, "peak": scan.peak})
    assert geometry is not None
    for circle, name in angles.items():
        values = theirs["angles"][name]
        at_peak = values[scan.peak[0]] if len(values) > 1 else values[0]
        assert at_peak == pytest.approx(geometry.angles[circle], abs=1e-5)
    for step in np.ndindex(2, 2, 2):
        angle = geometry.angles[geometry.motor] + step[0] * geometry.step
        place = tuple(p + n for p, n in zip(scan.peak, step, strict=True))
        here = Geometry(**{**geometry.numbers(), "reference": place, geometry.motor: angle})
        along, outboard, up = np.array(theirs["q"])[:, *step]  # 1/Å, in the frame of the sample
        turn = here._rotation()  # from the sample's frame to the laboratory's
        np.testing.assert_allclose(
            10 * np.array([outboard, up, along]), turn.T @ here.momentum_transfer(), rtol=1e-5
        )


def test_id01(tmp_path: Path) -> None:
    scan = write_virtual_scan(tmp_path, shape=SHAPE, photons=1e6, size=150.0, layout="bliss")
    found = ask(
        "id01", scan, experiment_file_path=tmp_path / "experiment.h5", scan=12,
        sample_name="virtual", detector_name="mpx1x4",
    )  # fmt: skip
    names = {"eta": "sample_outofplane_angle", "phi": "sample_inplane_angle",
             "delta": "detector_outofplane_angle", "nu": "detector_inplane_angle"}  # fmt: skip
    check(scan, found, names)
    of_all = load(tmp_path / "experiment.h5", scan=12)
    assert of_all.provenance["geometry"] == load(scan.data, scan=12).provenance["geometry"]
