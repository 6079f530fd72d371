"""The geometry of 34-ID-C against its own algebra, against Bragg's law and against cohere."""

from __future__ import annotations

import numpy as np
import pytest

from cdi_ml_plugin.errors import ParameterError, ReadError
from cdi_ml_plugin.geometry import Geometry

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
        {"roi": (0, 1)}, {"delta": "32"},
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


def test_spec_files_that_do_not_serve(spec_file, tmp_path):
    with pytest.raises(ReadError, match="no scan 9999"):
        Geometry.from_spec(spec_file, scan=9999)
    with pytest.raises(ReadError, match="cannot be opened"):
        Geometry.from_spec(tmp_path / "absent.spec", scan=1)
    with pytest.raises(ReadError, match="201 points"):
        Geometry.from_spec(spec_file, scan=54, reference=(201, 0, 0))
    with pytest.raises(ParameterError, match="unknown keyword 'enregy'"):
        Geometry.from_spec(spec_file, scan=54, enregy=9)
    text = spec_file.read_text(errors="replace")
    start = text.index("\n#S 54 ")
    cut = tmp_path / "cut.spec"
    cut.write_text(text[: text.index("\n\n") + 2] + text[start + 1 : text.index("#P4", start)])
    with pytest.raises(ReadError, match=r"cut\.spec, scan 54"):
        Geometry.from_spec(cut, scan=54)
