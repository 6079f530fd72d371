"""The geometry of 34-ID-C against its own algebra, against Bragg's law and against cohere."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from silx.io.specfile import SpecFile

from cdi_ml_plugin.errors import ParameterError, ReadError
from cdi_ml_plugin.geometry import spec
from cdi_ml_plugin.geometry.geometry import Geometry
from cdi_ml_plugin.geometry.instruments import DIFFRACTOMETERS

REFERENCE = (99, 126, 127)  # the brightest voxel of scan 54: frame, row, column


@pytest.fixture
def spec_file(data_folder):
    path = data_folder / "scan_54" / "example.spec"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return path


@pytest.fixture
def geometry():
    return Geometry(
        energy=9.0, distance=0.5, theta=0.22, chi=90.0, phi=-5.0, delta=32.174, gamma=12.6346,
        step=0.005, reference=REFERENCE,
    )  # fmt: skip


def test_bases_are_reciprocal(geometry):
    shape = (64, 96, 128)
    product = geometry.direct_basis(shape).T @ geometry.reciprocal_basis()
    np.testing.assert_allclose(product, 2 * np.pi * np.diag(1 / np.array(shape)), atol=1e-15)


def test_steps_have_the_lengths_that_optics_demands(geometry):
    """A pixel subtends 55 µm / 0.5 m; rocking by dθ turns q about the vertical axis."""
    rocking, row, column = geometry.reciprocal_basis().T
    k = 2 * np.pi / (1.239841984 / 9.0)
    pixel = k * 55e-6 / 0.5
    for step in (row, column):  # a pixel off the arm's axis is a little farther away
        assert np.linalg.norm(step) == pytest.approx(pixel, rel=2e-3)
    assert row @ column == pytest.approx(0, abs=1e-3 * pixel**2)
    # the crystal turns by +dθ about y, so what stands still probes it turned by −dθ
    expected = -np.cross([0, 1, 0], geometry.momentum_transfer()) * np.radians(0.005)
    np.testing.assert_allclose(rocking, expected, rtol=2e-3, atol=1e-5)


def test_braggs_law(geometry):
    two_theta = np.arccos(np.cos(np.radians(32.174)) * np.cos(np.radians(12.6346)))
    assert geometry.d_spacing == pytest.approx(0.1239841984 / 0.9 / (2 * np.sin(two_theta / 2)))
    on_axis = Geometry(
        **{**geometry.numbers(), "reference": (0, 0, 0), "roi": (256, 128, 256, 128)}
    )  # pixel 256 lies behind the gap: 260, 261 is the beam-zero pixel, on the arm's axis
    assert 2 * np.pi / np.linalg.norm(on_axis.momentum_transfer()) == pytest.approx(
        on_axis.d_spacing, rel=1e-6
    )


def test_an_offset_roi_is_the_same_pixel(geometry):
    cropped = Geometry(
        **{**geometry.numbers(), "roi": (64, 128, 32, 128), "reference": (99, 126 - 32, 127 - 64)}
    )
    np.testing.assert_array_equal(cropped.reciprocal_basis(), geometry.reciprocal_basis())


@pytest.mark.parametrize(
    "wrong",
    [
        {"energy": 0.0}, {"distance": -1.0}, {"step": 0.0}, {"theta": np.nan}, {"motor": "mu"},
        {"roi": (0, 1)}, {"delta": "32"}, {"gamma": 400.0}, {"energy": 9000.0}, {"distance": 500.0},
        {"binning": (0, 1, 1)}, {"pixel": (55e-6,)}, {"diffractometer": "11idb"},
        {"nu": 3.0}, {"energy": 10**400}, {"theta": 10**400}, {"reference": (0, 10**400, 0)},
        {"binning": (10**30, 1, 1)}, {"roi": (0, 513, 0, 512)}, {"roi": (-1, 9, 0, 9)},
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(geometry, wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        Geometry(**{**geometry.numbers(), **wrong})


def test_a_shape_must_be_three_numbers(geometry):
    with pytest.raises(ParameterError, match="shape"):
        geometry.direct_basis((64, 64))


def test_scan_54(spec_file):
    geometry = Geometry.from_spec(spec_file, scan=54, reference=REFERENCE)
    assert geometry.d_spacing == pytest.approx(0.2335, abs=5e-5)
    assert (geometry.energy, geometry.distance, geometry.motor) == (9.0, 0.5, "theta")
    assert (
        geometry.angles["theta"] == 0.2150018
    )  # as measured at that frame, not where the motor stood
    assert geometry.step == pytest.approx(0.005)
    assert Geometry.from_spec(spec_file, scan=54, energy=10.0).energy == 10.0
    assert Geometry.from_spec(spec_file, scan=54).reference == (100, 128, 128)


@pytest.mark.parametrize("frame_row_column", [REFERENCE, (100, 127, 126), (40, 30, 200)])
def test_agrees_with_cohere(spec_file, frame_row_column):
    module = pytest.importorskip("cohere_beamlines.aps_34idc.instrument")
    configs = {"config": {"scan": "54"}, "config_instr": {"specfile": str(spec_file)}}
    instrument = module.create_instr(configs)
    peak = list(frame_row_column[::-1])
    reciprocal, direct, _, _, _ = instrument.get_geometry(peak, 54, configs)
    geometry = Geometry.from_spec(spec_file, 54, reference=frame_row_column)
    scale = np.abs(reciprocal).max()
    np.testing.assert_allclose(
        geometry.reciprocal_basis()[:, ::-1], reciprocal, rtol=1e-6, atol=1e-9 * scale
    )
    np.testing.assert_allclose(
        geometry.direct_basis((1, 1, 1))[:, ::-1], direct, rtol=1e-6, atol=1e-9 * direct.max()
    )
    np.testing.assert_allclose(
        geometry.momentum_transfer(), instrument.get_pixelQ(peak, 54), rtol=1e-6
    )


def test_every_rocking_scan_agrees_with_cohere(spec_file, monkeypatch):
    module = pytest.importorskip("cohere_beamlines.aps_34idc.instrument")
    monkeypatch.setattr(module.spec, "SPECFile", cache(module.spec.SPECFile))
    monkeypatch.setattr(spec, "read_blocks", cache(spec.read_blocks))
    checked = 0
    file = SpecFile(str(spec_file))
    for key in list(file.keys()):
        words = file[key].scan_header_dict.get("S", "").split()
        if words[1] != "ascan" or words[2] not in ("th", "chi", "phi"):
            continue
        number, points = int(key.split(".")[0]), file[key].data.shape[1]
        configs = {
            "config": {"scan": str(number)},
            "config_instr": {"specfile": str(spec_file)},
        }
        try:
            instrument = module.create_instr(configs)
            # `get_geometry` counts pixels on the detector, and not in the region that was saved
            pixel = instrument.det_obj.get_realpixelpos([120, 100])
            found = instrument.get_geometry([*pixel, points // 2], number, configs)
        except (KeyError, IndexError):  # cohere itself takes no scan of a single point
            continue
        reference = (points // 2, 100, 120)
        geometry = Geometry.from_spec(spec_file, number, reference=reference)
        reciprocal, direct, q, _, _ = found
        scale = np.abs(reciprocal).max()
        np.testing.assert_allclose(
            geometry.reciprocal_basis()[:, ::-1], reciprocal, rtol=1e-6, atol=1e-9 * scale
        )
        np.testing.assert_allclose(
            geometry.direct_basis((1, 1, 1))[:, ::-1], direct, rtol=1e-6, atol=1e-9 * direct.max()
        )
        assert geometry.d_spacing == pytest.approx(0.2 * np.pi / np.linalg.norm(q), rel=1e-6)
        checked += 1
    assert checked >= 21


SETUPS = {
    "34idc": {"theta": 20.0, "chi": 85.0, "phi": -5.0, "delta": 32.0, "gamma": 12.6},
    "id01": {"mu": 3.0, "eta": 17.0, "phi": 20.0, "nu": 5.0, "delta": 34.0},
    "p10": {"mu": 2.0, "om": 17.0, "chi": 88.0, "phi": 10.0, "gamma": 4.0, "delta": 34.0},
    "sixs": {"beta": 0.4, "mu": 15.0, "gamma": 20.0, "delta": 27.0},
    "chex": {"mu": 3.0, "eta": 17.0, "chi": 40.0, "phi": 20.0, "nu": 25.0, "delta": 34.0},
    "1ide": {"aero": 12.0, "vff_eta": 20.0, "vff_r": 0.25, "vff_eta_offset": 0.01},
    "7idd": {"wedge": 10.0, "chi": 2.0, "theta": 7.0, "phi": 15.0, "yaw": 5.0, "pitch": 34.0},
    "20ide": {"samry": 12.0, "detx": 0.2, "dety": 0.3},
    "id27": {"nath": 10.0},
    "sixs2022": {"beta": 0.3, "mu": 15.0, "omega": 12.0, "gamma": 27.0, "delta": 5.0},
    "cristal": {"omega": 17.0, "phi": 20.0, "gamma": 5.0, "delta": 34.0},
    "nanomax": {"theta": 17.0, "phi": 20.0, "gamma": 5.0, "delta": 34.0},
    "sixcircle": {"mu": 1.0, "eta": 17.0, "chi": 80.0, "phi": 5.0, "nu": 2.0, "delta": 34.0},
}


def turn(axis, degrees):
    """Rotation about an axis in xrayutilities' notation."""
    unit = np.eye(3)["xyz".index(axis[0])] * (1 if axis[1] == "+" else -1)
    return Rotation.from_rotvec(np.radians(degrees) * unit).as_matrix()


@pytest.mark.parametrize("name", DIFFRACTOMETERS)
def test_every_circle_turns_the_crystal_about_its_own_axis(name):
    """Rocking a circle by dω moves q, seen from the crystal, by −dω × q about the axis as it stands."""
    circles, angles = DIFFRACTOMETERS[name], SETUPS[name]
    common = {"energy": 9.0, "distance": 1.0, "reference": (5, 300, 300), "diffractometer": name}
    for motor, axis in circles.sample.items():
        if motor in circles.detector:  # carries the detector along: not how one rocks
            continue
        outer = np.eye(3)
        for other, its_axis in circles.sample.items():
            if other == motor:
                break
            outer = outer @ turn(its_axis, angles[other])
        unit = outer @ (np.eye(3)["xyz".index(axis[0])] * (1 if axis[1] == "+" else -1))
        geometry = Geometry(**common, motor=motor, step=0.001, **angles)
        expected = -np.cross(unit, geometry.momentum_transfer()) * np.radians(0.001)
        steps = geometry.reciprocal_basis()
        # the basis is taken half a pixel beside the reference
        limit = 3e-3 * np.linalg.norm(expected)
        np.testing.assert_allclose(steps[:, 0], expected, rtol=0, atol=limit)
    if not circles.detector:  # no arm: its axis is the beam
        return
    column, row = map(int, geometry.beam_zero)
    on_axis = Geometry(**{**common, "reference": (5, row, column)}, step=0.001, **angles)
    assert on_axis.d_spacing == pytest.approx(
        2 * np.pi / np.linalg.norm(on_axis.momentum_transfer()), rel=1e-3
    )
    # an energy scan moves q along itself
    geometry = Geometry(**common, motor="energy", step=0.001, **angles)
    np.testing.assert_allclose(
        geometry.reciprocal_basis()[:, 0],
        geometry.momentum_transfer() * 0.001 / 9,
        atol=1e-3 * np.linalg.norm(geometry.momentum_transfer()) * 0.001 / 9,
    )


@pytest.mark.parametrize("binning", [(1, 1, 1), (2, 3, 1)])
def test_q_of_every_voxel_has_the_basis_as_its_tangent(geometry, binning):
    binned = Geometry(**{**geometry.numbers(), "binning": binning})
    shape = (5, 7, 9)
    q = binned.q(shape)
    np.testing.assert_allclose(q[:, 2, 3, 4], binned.momentum_transfer(), rtol=1e-6)
    steps = np.stack(
        [q[:, 3, 3, 4] - q[:, 2, 3, 4], q[:, 2, 4, 4] - q[:, 2, 3, 4], q[:, 2, 3, 5] - q[:, 2, 3, 4]],
        axis=1,
    )  # fmt: skip
    basis = binned.reciprocal_basis()
    np.testing.assert_allclose(steps, basis, atol=2e-3 * np.abs(basis).max())
    np.testing.assert_array_equal(basis, geometry.reciprocal_basis() * binning)


def test_scan_along_the_direct_beam_has_no_basis(geometry):
    with pytest.raises(ParameterError, match="same plane of reciprocal space"):
        Geometry(
            **{**geometry.numbers(), "delta": 0.0, "gamma": 0.0, "beam_zero": (127.0, 126.0)}
        ).reciprocal_basis()


def test_config_instr_of_cohere(spec_file):
    config = {
        "diffractometer": "34idc",
        "specfile": str(spec_file),
        "energy": 9100,
        "detdist": 600.0,
    }
    geometry = Geometry.from_config_instr(config, 54, REFERENCE)
    from_file = Geometry.from_spec(spec_file, 54, reference=REFERENCE)
    assert (geometry.energy, geometry.distance) == (9.1, 0.6)
    assert geometry.angles == from_file.angles
    alone = {
        "energy": 9.0, "detdist": 500, "th": from_file.angles["theta"], "chi": 90.0, "phi": -5.0,
        "delta": 32.1, "gamma": 12.6, "scanmot": "th", "scan_step": 0.005, "det_roi": [0, 256, 0, 256],
    }  # fmt: skip
    assert Geometry.from_config_instr(alone, reference=REFERENCE).step == 0.005
    with pytest.raises(ParameterError, match="no reference: give"):
        Geometry.from_config_instr(alone)
    with pytest.raises(ParameterError, match="diffractometer 'other'"):
        Geometry.from_config_instr({"diffractometer": "other"}, 54, REFERENCE)


def test_what_is_missing_is_listed(spec_file, tmp_path):
    text = spec_file.read_text(errors="replace")
    start = text.index("\n#S 54 ")
    scan = text[start + 1 : text.index("\n#S ", start + 5)]
    header = text[: text.index("\n#S 1 ") + 1]
    damaged = header.replace("Gamma", "Gemma").replace("camdist", "comdist")
    (tmp_path / "damaged.spec").write_text(damaged + scan)
    with pytest.raises(ReadError, match=r"has no distance \(camdist\), gamma \(Gamma or Gam\)"):
        Geometry.from_spec(tmp_path / "damaged.spec", 54)
    given = {"distance": 0.5, "gamma": 12.6346}
    known = Geometry.from_spec(tmp_path / "damaged.spec", 54, **given)
    assert known.distance == 0.5
    unknown = scan.replace("34idcTIM2", "newcam")
    (tmp_path / "unknown.spec").write_text(header + unknown)
    with pytest.raises(ParameterError, match="detector 'newcam' is not known: give pixel="):
        Geometry(**{**known.numbers(), "detector": "newcam", "pixel": None})
    with pytest.raises(ReadError, match="detector 'newcam' is not known: give pixel="):
        Geometry.from_spec(tmp_path / "unknown.spec", 54)
    pixel = {"pixel": (75e-6, 75e-6), "beam_zero": (128.0, 128.0)}
    assert Geometry.from_spec(tmp_path / "unknown.spec", 54, **pixel).pixel == (75e-6, 75e-6)


def test_spec_files_that_do_not_serve(spec_file, tmp_path):
    with pytest.raises(ReadError, match="no scan 9999"):
        Geometry.from_spec(spec_file, scan=9999)
    with pytest.raises(ReadError, match="no such SPEC file"):
        Geometry.from_spec(tmp_path / "absent.spec", scan=1)
    with pytest.raises(ReadError, match="201 points"):
        Geometry.from_spec(spec_file, scan=54, reference=(201, 0, 0))
    with pytest.raises(ParameterError, match="unknown parameter 'enregy'"):
        Geometry.from_spec(spec_file, scan=54, enregy=9)
    text = spec_file.read_text(errors="replace")
    start = text.index("\n#S 54 ")
    cut = tmp_path / "cut.spec"
    cut.write_text(text[: text.index("\n\n") + 2] + text[start + 1 : text.index("#P4", start)])
    with pytest.raises(ReadError, match=r"cut\.spec: scan 54 is cut short"):
        Geometry.from_spec(cut, scan=54)
