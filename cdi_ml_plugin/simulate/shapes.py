"""What both simulators draw: formulas for NumPy arrays and for tensors."""

from __future__ import annotations

from itertools import product
from typing import TypeVar

Array = TypeVar("Array")

CUBE_TO_OCTAHEDRON = 1.15  # γ(100)/γ(111) of gold: how far the {100} facets lie from the centre
# Unit normals of a truncated octahedron: eight of {111}, then six of {100}.
NORMALS = (
    *(tuple(i / 3**0.5 for i in signs) for signs in product((-1, 1), repeat=3)),
    *((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    *((-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0)),
)


def superellipsoid(x: Array, y: Array, z: Array, e: Array | float, n: Array | float) -> Array:
    """((x^(2/e) + y^(2/e))^(e/n) + z^(2/n))^(n/2), for x = |x|/a and so on, none negative.

    It is 1 on the surface of spec and paper and grows linearly along every ray from the centre.
    """
    planar = x ** (2 / e) + y ** (2 / e)  # type: ignore[operator]
    level: Array = (planar ** (e / n) + z ** (2 / n)) ** (n / 2)  # type: ignore[operator]
    return level
