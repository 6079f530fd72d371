"""How the figures of a crystal move with the level of its surface."""

from __future__ import annotations

from dataclasses import replace

from ..utils.values import number
from .crystal import Crystal
from .figures import surface_figures

SHARE = 0.1


def sensitivity(crystal: Crystal, share: float = SHARE) -> dict[str, tuple[float, float]]:
    """Figures of a crystal whose surface is drawn a little lower and a little higher.

    Nothing is brought into the laboratory again: the arrays are those of the crystal.

    Parameters
    ----------
    crystal : Crystal
    share : float
        Of the level, by which it is moved down and up; above 0, below 1.

    Returns
    -------
    dict
        Key of each figure that depends on the surface → (at the lower level, at the higher).

    Raises
    ------
    ParameterError
        A share out of range.
    """
    number("share", share, 1e-6, 1 - 1e-6)
    lower, higher = (
        surface_figures(replace(crystal, level=min(factor * crystal.level, 1.0)))
        for factor in (1 - share, 1 + share)
    )
    return {key: (lower[key], higher[key]) for key in lower}
