"""cdiutils' own loaders and conventions on the virtual scans: the same counts, angles, energy and q."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
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


def check(scan: VirtualScan, theirs: Any, angles: dict[str, str], turned: Any = None) -> None:
    """The same counts, angles, energy; the same q of the voxels at the peak, hand included.

    Parameters
    ----------
    angles : dict
        Our circle → cdiutils' name of it.
    turned : (3, 3) array, optional
        From our laboratory's frame to cdiutils', where the latter is not the same.
    """
    options = {name: value for name, value in scan.options.items() if name != "geometry"}
    ours = load(scan.data, **options)
    assert theirs["shape"] == list(ours.intensity.shape)
    counts = np.where(ours.mask, 0, ours.intensity)
    np.testing.assert_array_equal(theirs["sums"], counts.sum(axis=(1, 2), dtype=float))
    assert theirs["at_peak"] == ours.intensity[scan.peak]
    assert theirs["energy"] == pytest.approx(1000 * scan.geometry.energy, rel=1e-6)
    beside = scan.options.get("geometry")  # what the files do not have
    known = {**ours.provenance["geometry"], **(json.loads(beside.read_text()) if beside else {})}
    geometry = Geometry.of({**ours.provenance, "geometry": known, "peak": scan.peak})
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
        to_theirs = np.eye(3) if turned is None else turned
        np.testing.assert_allclose(
            10 * np.array([outboard, up, along]),
            to_theirs @ turn.T @ here.momentum_transfer(),
            rtol=1e-5,
            atol=1e-9,
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


def test_cristal(tmp_path: Path) -> None:
    """SOLEIL keeps single numbers as arrays of one, of which cdiutils 0.2.1 makes floats: NumPy ≥ 2.4 does not."""
    scan = write_virtual_scan(tmp_path, shape=SHAPE, photons=1e6, size=150.0, layout="cristal")
    with h5py.File(scan.data, "a") as file:
        group = file["exp_0012/CRISTAL"]
        for name in ("i06-c-c07-ex-mg_omega", "i06-c-c07-ex-mg_phi",
                     "Diffractometer/i06-c-c07-ex-dif-delta",
                     "Diffractometer/i06-c-c07-ex-dif-gamma"):  # fmt: skip
            value = group[name]["position"][0]
            del group[name]["position"]
            group[name]["position"] = value
    found = ask("cristal", scan, experiment_file_path=scan.data, scan=12)
    names = {"omega": "sample_outofplane_angle", "phi": "sample_inplane_angle",
             "delta": "detector_outofplane_angle", "gamma": "detector_inplane_angle"}  # fmt: skip
    check(scan, found, names)


@pytest.mark.parametrize("version", ["2019", "2022"])
def test_sixs(version: str, tmp_path: Path) -> None:
    """cdiutils turns the laboratory of an upright sample by 90° about the beam, so that its surface looks up.

    Of omega and delta, which are 0 here, it has the other sense than SOLEIL's library hkl; and the detector of
    files of 2019 is another one, turned by 90°.
    """
    scan = write_virtual_scan(tmp_path, shape=SHAPE, photons=1e6, size=150.0, layout="sixs")
    if version == "2019":
        older(scan.data)
    found = ask(f"sixs{version}", scan, experiment_file_path=scan.data, scan=12)
    names = {"mu": "sample_outofplane_angle", "omega": "sample_inplane_angle",
             "gamma": "detector_outofplane_angle", "delta": "detector_inplane_angle"}  # fmt: skip
    check(scan, found, names, turned=np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]))


def older(path: Path) -> None:
    """Make a file of SIXS one of 2019, with the same values."""
    with h5py.File(path, "a") as file:
        devices, group = file["com/SIXS"], "i14-c-cx1-ex-med-v-dif-group.1"
        for name in devices[group]:
            there = f"i14-c-cx1-ex-{name}-med-v/position_pre"
            devices[there] = devices[f"{group}/{name}/position"][()]
        del devices[group]
        data = file["com/scan_data"]
        data.move("actuator_1_1", "data_07")
        data["data_07"].attrs["long_name"] = b"i14-c-cx1/ex/med-v-dif-group.1/mu"


BCDI = """
import json, sys
import numpy as np
from bcdi.experiment.beamline import create_beamline
name, wavelength, distance, pixel, below, step, gamma, delta, about = json.loads(sys.argv[1])
matrix, q = create_beamline(name).transformation_matrix(
    wavelength, distance, pixel, pixel, np.radians(gamma), np.radians(delta),
    below and np.radians(below), np.radians(step), about, verbose=False)
print(json.dumps([matrix.tolist(), q.tolist()]))
"""


@pytest.mark.parametrize(
    ("name", "diffractometer", "motor", "angles", "about", "below"),
    [
        ("SIXS_2019", "sixs", "mu", {"beta": 0.4, "mu": 15.0}, "inplane", 0.4),
        ("CRISTAL", "cristal", "phi", {"omega": 17.0, "phi": 20.0}, "inplane", 17.0),
        ("CRISTAL", "cristal", "omega", {"omega": 17.0, "phi": 20.0}, "outofplane", None),
    ],
)
def test_bcdi_has_the_same_axes(
    name: str, diffractometer: str, motor: str, angles: Any, about: str, below: float | None
) -> None:
    """Of SIXS the flat sample, which cdiutils does not know: columns of q along column, row and frame numbers."""
    arm = {"gamma": 20.0, "delta": 27.0}
    ours = Geometry(
        diffractometer=diffractometer, motor=motor, energy=8.5, distance=0.9, step=0.01,
        reference=(5, 300, 300), beam_zero=(300.0, 300.0), pixel=(55e-6, 55e-6), **angles, **arm,
    )  # fmt: skip
    given = [name, ours.wavelength, 0.9e9, 55e3, below, 0.01, 20.0, 27.0, about]
    matrix, q = map(np.array, peers.ask(BCDI, json.dumps(given)))
    np.testing.assert_allclose(q, ours.momentum_transfer(), rtol=1e-6)
    limit = 2e-3 * np.linalg.norm(matrix, axis=0).max()
    np.testing.assert_allclose(matrix, ours.reciprocal_basis()[:, ::-1], rtol=0, atol=limit)


# Reads where motors stood, and gives what bcdi has as steps of q (along columns, rows, frames), 1/nm.
BCDI_MOTORS = """
import json, sys
from types import SimpleNamespace
import h5py, numpy as np
from bcdi.experiment.beamline import create_beamline
from bcdi.experiment.diffractometer import create_diffractometer
about = json.loads(sys.argv[1])
log = about["log"] if about["log"].endswith(".fio") else h5py.File(about["log"], "r")
setup = SimpleNamespace(custom_scan=False, rocking_angle="outofplane", logfile=log, distance=1.0)
circles = create_diffractometer(about["beamline"], (0,) * about["circles"])
moved = circles.motor_positions(setup)
numbers = {name: np.radians(about[name]) for name in ("inplane", "outofplane", "tilt")}
steps, _ = create_beamline(about["beamline"]).transformation_matrix(
    rocking_angle="outofplane", grazing_angle=about["grazing"], verbose=False,
    **about["lengths"], **numbers)
print(json.dumps({"moved": [np.ravel(each).tolist() for each in moved], "steps": steps.tolist()}))
"""


def bcdi(name: str, geometry: Geometry, log: Path, columns: str, grazing: Any) -> list[list[float]]:
    """Where bcdi finds its motors, in its order; its steps of q, on the arm's axis, are ours.

    Parameters
    ----------
    columns : str
        Along which way it has column numbers grow.
    """
    column, row = map(round, geometry.beam_zero)
    ours = Geometry(**{**geometry.numbers(), "reference": (geometry.reference[0], row, column),
                       "directions": (columns, "y-")})  # fmt: skip
    lengths = {"wavelength": ours.wavelength, "distance": 1e9 * ours.distance,
               "pixel_x": 1e9 * ours.pixel[0], "pixel_y": 1e9 * ours.pixel[1]}  # fmt: skip
    about = {"beamline": name, "log": str(log), "circles": 4 if name == "P10" else 2,
             "lengths": lengths, "grazing": grazing, "tilt": ours.step,
             "inplane": ours.angles["gamma"], "outofplane": ours.angles["delta"]}  # fmt: skip
    theirs = peers.ask(BCDI_MOTORS, json.dumps(about))
    steps = ours.reciprocal_basis()[:, ::-1]
    np.testing.assert_allclose(theirs["steps"], steps, rtol=0, atol=2e-3 * np.abs(steps).max())
    return theirs["moved"]


def test_p10(tmp_path: Path) -> None:
    """Of cdiutils: it reads the first file of frames alone, and knows neither mu nor chi: both are 0 here."""
    scan = write_virtual_scan(tmp_path, shape=SHAPE, photons=1e6, size=150.0, layout="p10")
    found = ask(
        "p10", scan, experiment_data_dir_path=tmp_path, scan=12, sample_name="virtual",
        detector_name="e2500",
    )  # fmt: skip
    names = {"om": "sample_outofplane_angle", "phi": "sample_inplane_angle",
             "delta": "detector_outofplane_angle", "gamma": "detector_inplane_angle"}  # fmt: skip
    check(scan, found, names)
    mu, om, chi, phi, gamma, delta, energy, _ = bcdi(
        "P10", scan.geometry, scan.data / "virtual_00012.fio", "x-", (0.0,)
    )
    known = scan.geometry.angles
    assert [*mu, *chi, *phi, *gamma, *delta] == [
        known[name] for name in ("mu", "chi", "phi", "gamma", "delta")
    ]
    np.testing.assert_allclose(om, load(scan.data).provenance["acquisition"]["motors"]["om"])
    assert energy == [9000.0]


def test_p10_in_cohere(tmp_path: Path) -> None:
    """cohere_beamlines 4.5.6 has columns along "x+", and takes the range over N for the step of N frames."""
    instrument = pytest.importorskip("cohere_beamlines.Petra3_P10.instrument")
    scan = write_virtual_scan(tmp_path, shape=SHAPE, photons=1e6, size=150.0, layout="p10")
    frame, row, column = scan.peak
    ours, geometry = load(scan.data), scan.geometry
    config = {"data_dir": str(tmp_path), "sample": "virtual", "beam_zero": list(geometry.beam_zero)}
    configs = {"config": {"scan": "12"}, "config_instr": config}
    theirs = instrument.create_instr(configs)
    said = theirs.parse_metadata(12)
    about = ours.provenance["geometry"]
    assert (said["detector"], said["scanmot"]) == (about["detector"], about["motor"])
    assert (said["energy"], said["detdist"]) == pytest.approx((9000.0, 1000 * about["distance"]))
    assert [said[n] for n in ("mu", "chi", "phi", "gam", "del")] == [
        about[n] for n in ("mu", "chi", "phi", "gamma", "delta")
    ]
    np.testing.assert_allclose(
        said["scanmot_posns"], ours.provenance["acquisition"]["motors"]["om"]
    )
    assert said["scan_step"] == pytest.approx(about["step"] * (SHAPE[0] - 1) / SHAPE[0])
    [(_, folder)] = theirs.datainfo4scans()[0]
    counts, _ = theirs.get_scan_array(folder)
    used = theirs.det_obj.darkfield != 0  # but for its pixels that do not count, and seams
    assert used[column, row]
    np.testing.assert_array_equal(counts[used], ours.intensity.T[used])

    config["scan_step"] = geometry.step
    reciprocal, direct, *_ = theirs.get_geometry([column, row, frame], 12, configs)
    turned = Geometry(**{**geometry.numbers(), "directions": ("x+", "y-")})
    for found, expected in (
        (reciprocal, turned.reciprocal_basis()), (direct, turned.direct_basis((1, 1, 1))),
    ):  # fmt: skip
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found, expected[:, ::-1], rtol=1e-6, atol=1e-9 * scale)
    q = theirs.get_pixelQ([column, row, frame], 12)
    np.testing.assert_allclose(q, turned.momentum_transfer(), rtol=1e-6)


def test_nanomax(tmp_path: Path) -> None:
    """bcdi has columns along "x+", and reads files of 2020 and earlier alone: angles in ``entry/snapshot``."""
    scan = write_virtual_scan(tmp_path, shape=SHAPE, photons=1e6, size=150.0, layout="nanomax")
    found = ask("nanomax", scan, experiment_file_path=scan.data)
    names = {"theta": "sample_outofplane_angle", "phi": "sample_inplane_angle",
             "delta": "detector_outofplane_angle", "gamma": "detector_inplane_angle"}  # fmt: skip
    check(scan, found, names)
    newer = load(scan.data).provenance
    with h5py.File(scan.data, "a") as file:
        file.move("entry/snapshots/post_scan", "entry/snapshot")
        del file["entry/snapshots"]
    older = load(scan.data).provenance
    assert older["geometry"] == newer["geometry"]
    theta, phi, gamma, delta, energy, _ = bcdi("NANOMAX", scan.geometry, scan.data, "x+", None)
    known = scan.geometry.angles
    assert [*phi, *gamma, *delta] == [known[name] for name in ("phi", "gamma", "delta")]
    np.testing.assert_array_equal(theta, older["acquisition"]["motors"]["theta"])
    assert energy == [9000.0]
