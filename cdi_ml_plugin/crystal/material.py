"""Materials by name, as xrayutilities knows them: lattice, and index of refraction.

References
----------
Kriegner, Wintersberger, Stangl, J. Appl. Cryst. 46, 1162 (2013).
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..errors import ParameterError
from ..utils.values import above_0, number

LARGEST = 0.01  # of δ and β; X-rays that a crystal diffracts know no larger


@dataclass(frozen=True)
class Index:
    """An index of refraction n = 1 − δ + iβ.

    Attributes
    ----------
    delta, beta : float
        From 0 to 0.01.
    material : str
        Whose it is; empty where numbers were given.

    Raises
    ------
    ParameterError
        A number out of range.
    """

    delta: float
    beta: float
    material: str = ""

    def __post_init__(self) -> None:
        number("refraction: delta", self.delta, 0, LARGEST)
        number("refraction: beta", self.beta, 0, LARGEST)

    @classmethod
    def of(cls, name: str, energy: float) -> Index:
        """Look up a material's index at a photon energy in keV.

        Raises
        ------
        ParameterError
            An unknown material, or no index at that energy.
        """
        above_0("energy", energy)
        crystal = material(name)
        delta, beta = (
            float(part) for part in (crystal.delta(1e3 * energy), crystal.ibeta(1e3 * energy))
        )
        if not (math.isfinite(delta) and math.isfinite(beta) and min(delta, beta) >= 0):
            raise ParameterError(
                f"refraction: xrayutilities has no index of {name} at {energy:g} keV: give DELTA,BETA"
            )
        return cls(delta, beta, name)

    @classmethod
    def read(cls, text: str, energy: float) -> Index:
        """Take a material's name, or ``DELTA,BETA``, at a photon energy in keV.

        Raises
        ------
        ParameterError
            Neither.
        """
        if "," not in text:
            return cls.of(text.strip(), energy)
        try:
            delta, beta = map(float, text.split(","))
        except ValueError as error:
            raise ParameterError(
                f"refraction {text!r:.80}: give a material, or two numbers: 3.7e-5,3.1e-6"
            ) from error
        return cls(delta, beta)


def material(name: str) -> Any:
    """Look up one of the crystals of `xrayutilities.materials`: ``Au``, ``Pt``, ``SrTiO3``.

    Raises
    ------
    ParameterError
        An unknown name.
    """
    known = _known()
    if isinstance(name, str) and name in known:
        return known[name]
    lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(str(name).lower()[:40], lower, n=3, cutoff=0.5)
    near = " or ".join(lower[each] for each in close)
    raise ParameterError(
        f"material {name!r:.40} is unknown to xrayutilities: "
        f"{f'did you mean {near}?' if near else 'give one of its crystals, as Au, Pt, SrTiO3'}"
    )


@cache
def _known() -> dict[str, Any]:
    """The crystals that xrayutilities comes with, by name; nothing else can be looked up."""
    from xrayutilities import materials  # takes two seconds

    found = vars(materials).items()
    return {name: value for name, value in found if isinstance(value, materials.Crystal)}
