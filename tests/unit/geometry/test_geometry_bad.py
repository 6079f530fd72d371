"""Geometries that cannot be, by file and in Python: each is one line before anything is phased, or a note."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cdi_ml_plugin.data.prepare import prepare
from cdi_ml_plugin.data.preprocess import with_geometry
from cdi_ml_plugin.errors import CdiMlError, ParameterError
from cdi_ml_plugin.geometry.doubts import difference, doubts, moved
from cdi_ml_plugin.geometry.geometry import Geometry
from cdi_ml_plugin.workflow.load import read_prepared

NAN, INF = float("nan"), float("inf")
SHAPE, PEAK = (12, 24, 20), (6, 12, 10)
RIGHT: dict[str, Any] = {
    "energy": 9.0, "distance": 0.5, "step": 0.005, "theta": 0.2, "chi": 90.0, "phi": -5.0, "delta": 32.17,
    "gamma": 12.63, "roi": [0, 20, 0, 24],
}  # fmt: skip
RADIANS = {"theta": 0.0035, "chi": 1.570796, "phi": -0.0873, "delta": 0.5615, "gamma": 0.2204}

WRONG: list[tuple[dict[str, Any], str]] = [
    # kinds
    ({"energy": "9"}, "energy is '9'"),
    ({"energy": "nine keV"}, "energy is 'nine keV'"),
    ({"energy": True}, "energy is True"),
    ({"energy": None}, "energy"),
    ({"energy": [9.0]}, "energy is [9.0]"),
    ({"distance": {"value": 0.5, "unit": "m"}}, "distance is {'unit': 'm', 'value': 0.5}"),
    ({"step": "0.005"}, "step is '0.005'"),
    ({"delta": [32.17, 32.17]}, "delta is [32.17, 32.17]"),
    ({"gamma": "12.63"}, "gamma is '12.63'"),
    ({"motor": 1}, "motor is 1"),
    ({"detector": [1]}, "detector is [1]"),
    ({"diffractometer": [1]}, "diffractometer [1]"),
    ({"diffractometer": {"a": 1}}, "diffractometer has a: give sample, detector, directions"),
    ({"reference": 5}, "reference is 5"),
    ({"reference": [6, 12]}, "reference is [6, 12]"),
    ({"reference": [6, 12.5, 10]}, "whole numbers"),
    ({"reference": [[6], [12], [10]]}, "reference is [[6], [12], [10]]"),
    ({"roi": "abcd"}, "roi is 'abcd'"),
    ({"roi": [0, 20]}, "roi is [0, 20]"),
    ({"roi": {"x": 0, "y": 1, "w": 20, "h": 24}}, "roi is {"),
    ({"pixel": 55e-6}, "pixel is 5.5e-05: it needs 2 values"),
    ({"pixel": ["x", "y"]}, "pixel is ['x', 'y']"),
    ({"binning": 2}, "binning is 2"),
    ({"binning": ["a", 1, 1]}, "binning is ['a', 1, 1]"),
    ({"binning": [1, True, 1]}, "binning is [1, True, 1]"),
    ({"directions": ["q", "z"]}, "directions is ['q', 'z']"),
    ({"beam_zero": [NAN, 256]}, "beam_zero is [nan, 256]"),
    # not finite, zero, negative
    ({"energy": NAN}, "energy is nan"),
    ({"energy": INF}, "energy is inf"),
    ({"delta": -INF}, "delta is -inf"),
    ({"theta": NAN}, "theta is nan"),
    ({"energy": 0}, "energy is 0"),
    ({"energy": -9.0}, "energy is -9.0"),
    ({"energy": 1e-320}, "in keV"),
    ({"distance": 0}, "distance is 0"),
    ({"distance": -0.5}, "distance is -0.5"),
    ({"step": 0}, "step is 0"),
    ({"pixel": [0, 55e-6]}, "pixel is (0, 5.5e-05)"),
    ({"pixel": [55e-6, -55e-6]}, "pixel is (5.5e-05, -5.5e-05)"),
    ({"binning": [0, 1, 1]}, "binning (0, 1, 1)"),
    ({"reference": [-1, 12, 10]}, "reference (frame, row, column) (-1, 12, 10)"),
    # other units
    ({"energy": 9000}, "energy is 9000: give it in keV"),
    ({"energy": 9e-6}, "in keV"),
    ({"distance": 500}, "distance is 500: give it in metres"),
    ({"pixel": [55, 55]}, "pixel is (55, 55): give it in metres"),
    ({"pixel": [0.055, 0.055]}, "pixel is (0.055, 0.055): give it in metres"),
    (RADIANS, "not radians"),
    ({"motor": "energy", "step": 5}, "step of energy in keV"),
    ({"delta": 400}, "delta is 400: give degrees"),
    ({"chi": -90000}, "chi is -90000"),
    ({"step": 50}, "step of theta in degrees"),
    # unknown
    ({"enregy": 9.0}, "unknown parameter 'enregy'"),
    ({"wavelength": 0.1378}, "unknown parameter 'wavelength'"),
    ({"wavelength": -0.1378, "lambda": 1}, "'wavelength', 'lambda'"),
    ({"geometry": {"energy": 9.0}}, "unknown parameter 'geometry'"),
    ({"mu": 0.0}, "unknown parameter 'mu': the circles of 34idc are theta, chi, phi, delta, gamma"),
    ({"diffractometer": "11idb"}, "diffractometer '11idb' is unknown: use one of"),
    ({"diffractometer": ""}, "diffractometer '' is unknown"),
    ({"detector": "newcam", "pixel": None}, "detector 'newcam' is not known: give pixel="),
    ({"motor": "mu"}, "motor 'mu' is unknown: use one of theta, chi, phi, energy"),
    ({"motor": "delta"}, "motor 'delta' is unknown"),
    # off the detector, or against each other
    ({"roi": [500, 20, 0, 24]}, "roi (500, 20, 0, 24) has columns 500 to 520"),
    ({"roi": [-4, 20, 0, 24]}, "roi (-4, 20, 0, 24) begins at -4"),
    ({"roi": [0, 0, 0, 24]}, "has 0 columns"),
    ({"reference": [6, 300, 10]}, "is off the 24 rows and 20 columns"),
    ({"directions": ["x+", "x-"]}, "are along one axis"),
    ({"directions": ["x+", "z-"]}, "directions is ['x+', 'z-']"),
    ({"delta": 0, "gamma": 0, "beam_zero": [10, 12]}, "same plane of reciprocal space"),
]  # fmt: skip


@pytest.fixture
def array(tmp_path: Path) -> Path:
    z, y, x = np.meshgrid(*[np.arange(n) - n // 2 for n in SHAPE], indexing="ij")
    counts = np.random.default_rng(0).poisson(1000 * np.exp(-(z**2) / 8 - (y**2 + x**2) / 12))
    np.save(tmp_path / "counts.npy", counts.astype(np.int32))
    return tmp_path / "counts.npy"


def refusal(array: Path, text: str) -> str:
    """One line about a geometry file of this text."""
    file = array.with_name("g.json")
    file.write_text(text)
    with pytest.raises(CdiMlError) as caught:
        read_prepared(array, geometry=file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    assert len(message.removeprefix(str(file))) <= 340
    return message


def test_the_right_one_is_taken_without_a_word(array: Path) -> None:
    file = array.with_name("g.json")
    file.write_text(json.dumps(RIGHT))
    m = read_prepared(array, geometry=file)
    assert m.notes == ()
    assert m.geometry == Geometry(**{**RIGHT, "reference": PEAK})
    file.write_text("\ufeff" + json.dumps({**RIGHT, "motor": None, "pixel": None}))
    assert read_prepared(array, geometry=file).geometry == m.geometry


@pytest.mark.parametrize(("wrong", "says"), WRONG, ids=[says[:40] for _, says in WRONG])
def test_what_cannot_be_is_refused_before_phasing(
    array: Path, wrong: dict[str, Any], says: str
) -> None:
    assert says in refusal(array, json.dumps({**RIGHT, **wrong}))
    with pytest.raises(ParameterError) as caught:
        Geometry(**{"reference": PEAK, **RIGHT, **wrong}).direct_basis(SHAPE)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "names", [["energy"], ["distance"], ["step"], ["theta"], ["delta", "gamma"],
              ["energy", "distance", "step", "chi"], [*RIGHT]]
)  # fmt: skip
def test_all_that_is_missing_is_one_line(array: Path, names: list[str]) -> None:
    kept = {name: value for name, value in RIGHT.items() if name not in names}
    wanted = ", ".join(name for name in names if name != "roi")
    assert f"geometry: no {wanted}: give them too" in refusal(array, json.dumps(kept))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read as JSON"),
        ("  \n", "cannot be read as JSON"),
        ("energy = 9.0\ndistance = 0.5\n", "cannot be read as JSON"),
        ("energy: 9.0\n", "cannot be read as JSON"),
        ("{'energy': 9.0}", "cannot be read as JSON"),
        (json.dumps(RIGHT)[:-5], "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ('{"energy": ' + "9" * 5000 + "}", "cannot be read as JSON"),
        ("[]", "one JSON object"),
        ("9", "one JSON object"),
        ("null", "one JSON object"),
        (json.dumps([RIGHT]), "one JSON object"),
        (json.dumps(RIGHT)[:-1] + ', "energy": 8.0}', "'energy' is there twice"),
    ],
)
def test_what_is_no_object_of_json_is_refused(array: Path, text: str, says: str) -> None:
    assert says in refusal(array, text)


def test_bytes_that_are_no_text_are_refused(array: Path) -> None:
    file = array.with_name("g.json")
    file.write_bytes(b"\x89HDF\r\n\x1a\n\xff\xfe")
    with pytest.raises(CdiMlError, match="cannot be read as JSON"):
        read_prepared(array, geometry=file)


# --- what could be, and is said ---------------------------------------------------------------------
def notes(array: Path, **changed: Any) -> tuple[str, ...]:
    file = array.with_name("g.json")
    file.write_text(json.dumps({k: v for k, v in {**RIGHT, **changed}.items() if v is not None}))
    return read_prepared(array, geometry=file).notes


def test_a_lattice_wider_than_a_crystals_is_noted(array: Path) -> None:
    (note,) = notes(array, delta=0.5615, gamma=0.2204)
    assert "lattice spacing is 13.1 nm" in note


def test_an_unknown_offset_is_noted_with_what_it_costs(array: Path) -> None:
    (note,) = notes(array, roi=None)
    assert "24 × 20 pixels on the detector's 517 × 516" in note
    assert "up to 496 pixels, 4.4° of its direction" in note
    # the far corner, counted by hand: a plane detector at 0.5 m, the beam-zero pixel at (260, 261)
    place = np.array([[x - 260, y - 261, 0.5 / 55e-6] for x, y in ((10, 12), (506, 505))])
    place /= np.linalg.norm(place, axis=1, keepdims=True)
    assert np.degrees(np.arccos(place[0] @ place[1])) == pytest.approx(4.4, abs=0.05)
    here, there = (
        Geometry(**{**RIGHT, "roi": None, "reference": at}) for at in (PEAK, (6, 505, 506))
    )
    angle, shear = difference(here, there)
    assert f"{angle:.2g}°" in note
    assert f"sheared by {shear:.1%}" in note
    assert notes(array, roi=None, reference=[6, 300, 300])[0].startswith("geometry: reference")


def test_data_whose_peak_is_known_from_before_have_no_unknown_offset() -> None:
    geometry = Geometry(**{**RIGHT, "roi": None, "reference": PEAK})
    assert doubts(geometry, RIGHT, None, PEAK) == []
    assert len(doubts(geometry, RIGHT, SHAPE[1:], PEAK)) == 1


def test_frames_larger_than_the_detector_are_refused(array: Path) -> None:
    message = refusal(array, json.dumps({**RIGHT, "roi": [0, 16, 0, 24]}))
    assert "frames of 24 rows and 20 columns do not come from 24 rows and 16 columns" in message


def test_a_reference_beside_the_peak_is_noted_with_what_it_costs(array: Path) -> None:
    assert notes(array, reference=[7, 12, 11]) == ()
    (note,) = notes(array, reference=[1, 2, 10])
    assert "reference (1, 2, 10) is not the peak of these data, (6, 12, 10)" in note
    assert f"{np.degrees(np.arctan(10 * 55e-6 / 0.5)):.2g}° of its direction" in note
    assert "0.025 ° of theta" in note
    (note,) = notes(array, reference=[1, 400, 400], roi=None)
    assert "is not the peak" in note


def test_a_moved_reference_is_the_same_scan() -> None:
    """q of every voxel is that of the crystal as it stands at the reference."""
    geometry = Geometry(**{**RIGHT, "reference": (6, 12, 10)})
    other = moved(geometry, (9, 12, 10))
    assert other.angles["theta"] == pytest.approx(0.2 + 3 * 0.005)
    back = moved(other, (6, 12, 10))
    np.testing.assert_allclose(back.reciprocal_basis(), geometry.reciprocal_basis(), rtol=1e-9)
    angle, shear = difference(geometry, geometry)
    assert angle == 0
    assert shear < 1e-12
    angle, shear = difference(geometry, Geometry(**{**geometry.numbers(), "distance": 0.55}))
    assert shear == pytest.approx(0.1, rel=0.05)  # pixels that are seen under a tenth less
    scan = moved(Geometry(**{**geometry.numbers(), "motor": "energy", "step": 0.01}), (9, 12, 10))
    assert scan.energy == pytest.approx(9.03)


def test_data_keep_the_notes_about_their_geometry(array: Path) -> None:
    m = prepare(np.load(array))
    again = with_geometry(with_geometry(m, RIGHT, ["one"]), RIGHT, ["two"])
    assert again.notes == ("one", "two")
