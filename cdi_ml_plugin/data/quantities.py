"""The numbers that are reported, in one table: key, name, unit, digits, and which way is better.

Files, pages, pictures, the window and the command line read it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MINUS = "−"
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
ENDINGS = {
    "_nm3": "nm³",
    "_nm2": "nm²",
    "_nm": "nm",
    "_rad": "rad",
}  # of keys, and the units that they say
LOGGED = 4  # digits in a line of the terminal
LARGE = 1e6  # nm³ from which on a volume is written in µm³


@dataclass(frozen=True)
class Quantity:
    """A number that is reported, or an array of them.

    Attributes
    ----------
    key : str
        What files call it.
    name : str
        What people call it.
    unit : str
        Empty of a pure number.
    says : str
        What it is of, in a few words.
    digits : int
        Significant ones.
    better : {"lower", "higher", ""}
    """

    key: str
    name: str
    unit: str = ""
    says: str = ""
    digits: int = 3
    better: Literal["lower", "higher", ""] = ""

    @property
    def label(self) -> str:
        """The name, and behind it in brackets the unit, or what a pure number is of."""
        behind = self.unit or self.says
        return f"{self.name} ({behind})" if behind else self.name

    def text(self, value: float | None, error: float = math.nan) -> str:
        """A value with its unit, and with its standard uncertainty where that is known; – for none."""
        if value is None or not math.isfinite(value):
            return number(value)
        unit = self.unit
        if unit == "nm³" and abs(value) >= LARGE:
            value, error, unit = value / 1e9, error / 1e9, "µm³"
        if not 0 < error < math.inf:
            return f"{number(value, self.digits)} {unit}".rstrip()
        return f"{measured(value, error)} {unit}".rstrip()


_TABLE = (
    # of a run
    Quantity("chi2", "χ²", "", "over all measured voxels", 4, "lower"),
    Quantity("pearson", "rₚ", "", "of |F| and √I over all measured voxels", 4, "higher"),
    Quantity("chi2_held_out", "held-out χ²", "", "over the voxels that no algorithm saw", 4, "lower"),
    Quantity("free_llk", "free LLK", "", "Poisson, of a voxel that no algorithm saw", 4, "lower"),
    Quantity("llk", "LLK", "", "Poisson, of a fitted voxel", 4, "lower"),
    Quantity("amplitude_spread", "amplitude spread", "", "standard deviation / mean, in the support", 3, "lower"),
    Quantity("amplitude_mean_to_max", "mean to max.", "", "amplitude in the support: 1 − mean / maximum", 3, "lower"),
    Quantity("coherence_z", "coherence kernel σ, axis 0", "voxels", "of the pattern"),
    Quantity("coherence_y", "coherence kernel σ, axis 1", "voxels", "of the pattern"),
    Quantity("coherence_x", "coherence kernel σ, axis 2", "voxels", "of the pattern"),
    # of a crystal, in the order of a page
    Quantity("size_x_nm", "size along x", "nm"),
    Quantity("size_y_nm", "size along y", "nm"),
    Quantity("size_z_nm", "size along z", "nm"),
    Quantity("d_spacing_nm", "lattice spacing", "nm", "mean over the crystal, along Q", 5),
    Quantity("d_spacing_mass_nm", "spacing, centre of mass", "nm", "of the intensity", 5),
    Quantity("d_spacing_arm_nm", "spacing, detector arm", "nm", "from its angles alone, as if at the peak", 5),
    Quantity("mean_strain", "mean strain", "", "of that spacing against the known one"),
    Quantity("strain_rms", "strain, rms", "", "along Q, about that mean lattice"),
    Quantity("displacement_range_nm", "displacement", "nm", "along Q, from the lowest 1 % to the highest 1 %"),
    Quantity("strain_range", "strain, range", "", "along Q, from the lowest 1 % to the highest 1 %"),
    Quantity("diameter_nm", "diameter", "nm", "of the sphere of that volume"),
    Quantity("volume_nm3", "volume", "nm³", "within the surface"),
    Quantity("area_nm2", "area", "nm²", "of the surface, without holes inside"),
    Quantity("dislocations", "dislocations", "", "lines about which the phase turns by 2π", 1),
    Quantity("dislocation_length_nm", "their length", "nm", "of all lines together"),
    Quantity("edge_width_nm", "width of the edge", "nm", "amplitude from 90 to 10 %: an estimate of the resolution"),
    Quantity("resolution_prtf_nm", "resolution, PRTF", "nm", "where the transfer function of the runs falls below 1/e"),
    Quantity("resolution_fsc_nm", "resolution, FSC", "nm", "where halves of the runs share half a bit a voxel"),
    Quantity("agreement", "agreement of the runs", "", "share of the first of their orthogonal modes", 4),
    Quantity("runs_used", "runs that agree", "", "with the best, itself among them", 1),
    Quantity("phase_uncertainty_rad", "phase, uncertainty", "rad", "standard, of a voxel: the median inside", 2),
    Quantity("displacement_uncertainty_nm", "displacement, uncertainty", "nm", "the same, along Q", 2),
    Quantity("strain_uncertainty", "strain, uncertainty", "", "the same, along Q", 2),
    Quantity("surface_level", "level of the surface", "", "of the highest amplitude", 3),
    Quantity("voxel_nm", "voxel", "nm", "edge of the cubic voxels"),
    Quantity("ramp_z_rad", "phase ramp, axis 0", "rad/voxel", "taken off, and put into Q"),
    Quantity("ramp_y_rad", "phase ramp, axis 1", "rad/voxel", "taken off, and put into Q"),
    Quantity("ramp_x_rad", "phase ramp, axis 2", "rad/voxel", "taken off, and put into Q"),
    Quantity("refraction_rad", "refraction", "rad", "added to the phase for the way through the crystal, at most"),
    Quantity("absorption_gain", "absorption", "", "the amplitude was multiplied by up to this for it"),
    Quantity("twin", "twin", "", "inverted through its centre it has the same diffraction; --twin takes that one"),
    # of each voxel
    Quantity("amplitude", "amplitude", "", "of its maximum"),
    Quantity("phase", "phase", "rad"),
    Quantity("displacement", "displacement along Q", "nm"),
    Quantity("strain", "strain along Q"),
)  # fmt: skip
QUANTITIES: Mapping[str, Quantity] = {quantity.key: quantity for quantity in _TABLE}
MERITS = ("chi2", "pearson", "chi2_held_out", "free_llk")  # of a run, what is shown everywhere
RANKED = ("free_llk", "chi2_held_out", "chi2")  # what tells the best run: the first that runs have
SIZES = ("size_x_nm", "size_y_nm", "size_z_nm")


def quantity(key: str) -> Quantity:
    """Look a quantity up; of one that is not in the table the key tells name and unit."""
    if key in QUANTITIES:
        return QUANTITIES[key]
    for ending, unit in ENDINGS.items():
        if key.endswith(ending):
            return Quantity(key, key.removesuffix(ending).replace("_", " "), unit)
    return Quantity(key, key.replace("_", " "))


def line(figures: Mapping[str, float]) -> str:
    """Keys and values in a line, for the terminal."""
    return ", ".join(f"{key} {value:.{LOGGED}g}" for key, value in figures.items())


def number(value: float | None, digits: int = 4) -> str:
    """A number with that many digits, a power of ten where it is large or small; – for none."""
    if value is None or math.isnan(value):
        return "–"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if not math.isfinite(value) or value == 0:
        return f"{value:g}".replace("-", MINUS).replace("inf", "∞")
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    exponent = int(power)
    if -4 < exponent < 5:
        text = f"{value:.{max(0, digits - 1 - exponent)}f}"
        return text.replace("-", MINUS)
    return f"{mantissa} × 10{str(exponent).translate(SUPERSCRIPT)}".replace("-", MINUS)


def measured(value: float, error: float) -> str:
    """A number and its standard uncertainty, both to the last digit that the uncertainty leaves.

    Of the uncertainty two digits are kept where the first is 1 or 2, else one; see the Guide to the
    Expression of Uncertainty in Measurement, 7.2.6.
    """
    first = float(f"{error:.0e}")
    last = math.floor(math.log10(first)) - (first < 3 * 10 ** math.floor(math.log10(first)))
    exponent = math.floor(math.log10(max(abs(value), error)))
    if -4 < exponent < 5:
        decimals = max(0, -last)
        parts = [f"{round(x, -last):z.{decimals}f}" for x in (value, error)]
        return " ± ".join(parts).replace("-", MINUS)
    decimals = max(0, exponent - last)
    parts = [f"{x / 10**exponent:z.{decimals}f}" for x in (value, error)]
    return f"({' ± '.join(parts)}) × 10{str(exponent).translate(SUPERSCRIPT)}".replace("-", MINUS)
