"""The table of quantities: what they are called, in which unit, with how many digits."""

from __future__ import annotations

import math

import pytest

from cdi_ml_plugin.data.quantities import MERITS, QUANTITIES, line, number, quantity, rows


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0025281, "0.002528"),
        (0.99878, "0.9988"),
        (-12345.6, "−12346"),
        (1.987e7, "1.987 × 10⁷"),
        (-1.6874e-4, "−1.687 × 10⁻⁴"),
        (0.0, "0"),
        (8128, "8\u202f128"),
        (math.nan, "–"),
        (None, "–"),
        (math.inf, "∞"),
    ],
)
def test_numbers(value, expected):
    assert number(value) == expected


def test_figures_of_a_crystal_have_names_and_units():
    figures = {
        "size_x_nm": 337.0531,
        "size_y_nm": 356.88,
        "size_z_nm": 317.2,
        "d_spacing_nm": 0.2368314,
        "volume_nm3": 1.7e7,
        "resolution_prtf_nm": math.nan,
        "some_new_length_nm": 12.345,
    }
    assert {name: value for name, value, _ in rows(figures)} == {
        "size": "337 × 357 × 317 nm",
        "lattice spacing": "0.23683 nm",
        "volume": "0.0170 µm³",
        "resolution, PRTF": "–",
        "some new length": "12.3 nm",
    }


def test_a_key_says_the_unit_of_its_quantity():
    for key, what in QUANTITIES.items():
        derived = quantity(f"new_{key}")
        if "_nm" in key:
            assert what.unit == derived.unit
        assert what.key == key
        assert what.name


def test_the_better_of_two_figures_of_merit_is_known():
    assert [QUANTITIES[key].better for key in MERITS] == ["lower", "higher", "lower", "lower"]


def test_labels_say_the_unit_or_what_a_number_is_of():
    assert QUANTITIES["phase"].label == "phase (rad)"
    assert QUANTITIES["amplitude"].label == "amplitude (of its maximum)"
    assert QUANTITIES["strain"].label == "strain along Q"


def test_a_line_has_keys():
    figures = {"chi2": 0.0025281, "d_spacing_nm": 0.2368314, "strain_rms": math.nan}
    assert line(figures) == "chi2 0.002528, d_spacing_nm 0.2368, strain_rms nan"
