"""The lattice spacing: where it is from, how well it is known, and the material it is compared with."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from cdi_ml_plugin import Geometry, Measurement
from cdi_ml_plugin.crystal.analysis import analyse
from cdi_ml_plugin.crystal.spacing import UNCERTAIN, geometry_uncertainties, known_spacing, spacings
from cdi_ml_plugin.errors import ParameterError
from cdi_ml_plugin.geometry.instruments import KEV_NM

NUMBERS = {
    "energy": 9.0, "distance": 1.0, "theta": 0.2, "chi": 90.0, "phi": -5.0, "delta": 32.174, "gamma": 0.0,
    "step": 0.025, "reference": (24, 261, 260), "beam_zero": (260.5, 261.0),
}  # fmt: skip
NONE = dict.fromkeys(UNCERTAIN, 0.0)


@pytest.fixture(scope="module")
def geometry() -> Geometry:
    """The peak all but where the arm points."""
    return Geometry(**NUMBERS)


def test_all_ways_agree_where_what_they_assume_is_true(geometry: Geometry) -> None:
    counts = np.zeros((16, 16, 16))
    counts[7:10, 7:10, 7:10] = 100
    counts[0, 0, 0] = 0.9  # background
    found = spacings(geometry, geometry.momentum_transfer(), Measurement(counts))
    bragg = KEV_NM / 9.0 / 2 / np.sin(np.radians(32.174 / 2))
    assert list(found) == ["d_spacing_nm", "d_spacing_mass_nm", "d_spacing_arm_nm"]
    for spacing in found.values():
        assert spacing.value == pytest.approx(bragg, rel=2e-4)
        assert spacing.error > 0
        assert spacing.assumes
    assert found["d_spacing_arm_nm"].value == pytest.approx(bragg, rel=1e-9)


def test_the_centre_of_mass_moves_with_the_counts(geometry: Geometry) -> None:
    counts = np.zeros((16, 16, 16))
    counts[8, 8, 11] = 100
    mass = spacings(geometry, geometry.momentum_transfer(), Measurement(counts))
    q = geometry.momentum_transfer() + 3 * geometry.reciprocal_basis()[:, 2]
    assert mass["d_spacing_mass_nm"].value == pytest.approx(2 * np.pi / np.linalg.norm(q))
    masked = np.zeros(counts.shape, dtype=bool)
    masked[8, 8, 11] = True
    counts[8, 8, 8] = 1
    hidden = spacings(geometry, geometry.momentum_transfer(), Measurement(counts, masked))
    assert hidden["d_spacing_mass_nm"].value == pytest.approx(hidden["d_spacing_nm"].value)


@pytest.mark.parametrize(
    ("name", "relative"),
    [
        ("energy", 1e-3),
        # Δd/d = cot θ · Δ2θ / 2; a pixel is 55 µm at 1 m
        ("beam_zero", 55e-6 / 2 / np.tan(np.radians(32.174 / 2))),
        ("angles", np.radians(0.01) / 2 / np.tan(np.radians(32.174 / 2))),
    ],
)
def test_each_error_is_that_of_braggs_law(geometry: Geometry, name: str, relative: float) -> None:
    given = {**NONE, name: {"energy": 1e-3, "beam_zero": 1.0, "angles": 0.01}[name]}
    found = spacings(geometry, geometry.momentum_transfer(), uncertain=given)["d_spacing_nm"]
    # along the arm alone: across it |q| does not change
    assert found.error / found.value == pytest.approx(relative, rel=0.01)
    arm = spacings(geometry, geometry.momentum_transfer(), uncertain=given)["d_spacing_arm_nm"]
    expected = 0 if name == "beam_zero" else relative
    assert arm.error / arm.value == pytest.approx(expected, rel=0.01, abs=1e-12)


def test_the_distance_counts_as_far_as_the_peak_is_from_the_beam_zero() -> None:
    away = Geometry(**{**NUMBERS, "reference": (24, 261, 460)})
    found = spacings(away, away.momentum_transfer(), uncertain={**NONE, "distance": 1e-3})
    angle = 199.5 * 55e-6  # rad beyond the arm
    theta = (np.radians(32.174) + angle) / 2
    d = found["d_spacing_nm"]
    assert d.error / d.value == pytest.approx(angle * 1e-3 / 2 / np.tan(theta), rel=0.02)
    assert found["d_spacing_arm_nm"].error == 0


def test_errors_add_in_squares_and_the_defaults_are_those_stated(geometry: Geometry) -> None:
    q = geometry.momentum_transfer()
    each = [
        spacings(geometry, q, uncertain={**NONE, name: value})["d_spacing_nm"].error
        for name, value in UNCERTAIN.items()
    ]
    whole = spacings(geometry, q)["d_spacing_nm"].error
    assert whole == pytest.approx(np.linalg.norm(each), rel=1e-6)
    assert geometry_uncertainties(None) == UNCERTAIN
    assert geometry_uncertainties({"beam_zero": 0.2}) == {**UNCERTAIN, "beam_zero": 0.2}


def test_a_nominal_beam_zero_leaves_open_where_the_beam_is() -> None:
    """Of the detector's own pixel nobody has measured that it is right: d may be the arm's as well."""
    numbers = {**NUMBERS, "reference": (24, 261, 460)}
    del numbers["beam_zero"]
    geometry = Geometry(**numbers)
    q = geometry.momentum_transfer()
    found = spacings(geometry, q)
    apart = abs(found["d_spacing_nm"].value - found["d_spacing_arm_nm"].value)
    assert apart > 1e-3
    assert found["d_spacing_nm"].error == pytest.approx(apart / np.sqrt(12), rel=0.05)
    given = spacings(geometry, q, uncertain={"beam_zero": 1.0})["d_spacing_nm"].error
    assert given < 0.1 * apart


def test_a_detector_that_is_moved_and_one_that_stands_still() -> None:
    moved = Geometry(
        energy=70.0, distance=6.0, step=0.01, samry=0.0, detx=0.3, dety=0.4, diffractometer="20ide",
        reference=(10, 258, 258),
    )  # fmt: skip
    q = moved.momentum_transfer()
    found = spacings(moved, q, uncertain={**NONE, "shift": 1e-3})
    theta = np.arctan(0.5 / 6.0) / 2
    expected = 1e-3 * np.cos(2 * theta) ** 2 / 6.0 / 2 / np.tan(theta)
    assert found["d_spacing_nm"].error / found["d_spacing_nm"].value == pytest.approx(
        expected, 0.05
    )
    still = Geometry(
        energy=33.0, distance=1.0, step=0.01, nath=5.0, diffractometer="id27",
        reference=(10, 1800, 2500), pixel=(75e-6, 75e-6), beam_zero=(1500.0, 1600.0),
    )  # fmt: skip
    assert list(spacings(still, still.momentum_transfer())) == ["d_spacing_nm"]
    forward = Geometry(**{**NUMBERS, "delta": 0.0, "reference": (24, 361, 360)})
    arm = spacings(forward, forward.momentum_transfer())["d_spacing_arm_nm"]
    assert np.isnan(arm.value)
    assert np.isnan(arm.error)


def test_a_material_and_a_reflection_name_a_spacing() -> None:
    assert known_spacing(None, "Au", (1, 1, 1)) == pytest.approx(0.40782 / np.sqrt(3), rel=1e-6)
    assert known_spacing(None, "Au", (1, -1, 1)) == known_spacing(None, "Au", (1, 1, 1))
    assert known_spacing(None, "SrTiO3", (1, 0, 0)) == pytest.approx(0.3905, abs=2e-4)
    assert known_spacing(0.2) == 0.2
    assert known_spacing() is None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"material": "au", "hkl": (1, 1, 1)}, "did you mean Au"),
        ({"material": "Unobtainium", "hkl": (1, 1, 1)}, "unknown to xrayutilities"),
        ({"material": "__builtins__", "hkl": (1, 1, 1)}, "unknown to xrayutilities"),
        ({"material": "Crystal", "hkl": (1, 1, 1)}, "unknown to xrayutilities"),
        ({"material": 3, "hkl": (1, 1, 1)}, "unknown to xrayutilities"),
        ({"material": "Au", "hkl": (1, 0, 0)}, "no reflection 1 0 0: its first are 1 1 1, 2 0 0"),
        ({"material": "Au", "hkl": (0, 0, 0)}, "no reflection 0 0 0"),
        ({"material": "Au", "hkl": (1, 1)}, "hkl"),
        ({"material": "Au", "hkl": (1.5, 1, 1)}, "hkl"),
        ({"material": "Au"}, "half of a reflection"),
        ({"hkl": (1, 1, 1)}, "half of a reflection"),
        ({"d_spacing": 0.2, "material": "Au", "hkl": (1, 1, 1)}, "twice"),
        ({"d_spacing": 0}, "d_spacing"),
    ],
)
def test_what_is_no_known_spacing(given: dict, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        known_spacing(**given)


@pytest.mark.parametrize("given", [{"beam": 1.0}, {"energy": -1e-4}, {"angles": np.nan}, 3])
def test_what_is_no_uncertainty(geometry: Geometry, given: object) -> None:
    with pytest.raises(ParameterError, match="uncertain"):
        spacings(geometry, geometry.momentum_transfer(), uncertain=given)


def test_the_crystal_has_the_errors_and_the_strain_inside_does_not_feel_them() -> None:
    geometry = Geometry(**{**NUMBERS, "step": 0.05, "binning": (1, 4, 4)})
    obj = np.zeros((16, 18, 20), dtype=np.complex64)
    obj[5:11, 5:13, 6:14] = np.exp(0.02j * np.arange(8) ** 2)
    reference = known_spacing(None, "Au", (1, 1, 1))
    found = analyse(obj, np.abs(obj) > 0, geometry, d_spacing=reference)
    d = found.figures["d_spacing_nm"]
    assert found.figures["mean_strain"] == pytest.approx(d / reference - 1)
    assert found.errors["mean_strain"] == pytest.approx(found.errors["d_spacing_nm"] / reference)
    assert found.errors.keys() == {"d_spacing_nm", "d_spacing_arm_nm", "mean_strain"}
    wrong = replace_beam_zero(geometry, 5.0)
    other = analyse(obj, np.abs(obj) > 0, wrong, d_spacing=reference)
    assert abs(other.figures["mean_strain"] - found.figures["mean_strain"]) > 3e-4
    assert other.figures["strain_rms"] == pytest.approx(found.figures["strain_rms"], rel=1e-2)


def replace_beam_zero(geometry: Geometry, by: float) -> Geometry:
    column, row = geometry.beam_zero
    return Geometry(**{**geometry.numbers(), "beam_zero": (column + by, row)})


def test_no_material_is_read_before_one_is_named() -> None:
    code = (
        "import sys; import cdi_ml_plugin.cli.analyse, cdi_ml_plugin.crystal.crystal; "
        "sys.exit('xrayutilities' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
