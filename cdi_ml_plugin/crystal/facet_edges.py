"""The edges between facets, which no resolution shows sharp: what a facet's area lacks up to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .outline import Outline, Real

APART = np.sin(np.radians(10.0))  # of the angle between planes; nearly parallel ones meet far away


def up_to_edges(
    surface: Outline,
    numbers: NDArray[np.int32],
    normals: Sequence[Real],
    middles: Sequence[Real],
    most: float,
) -> Real:
    """Area between where facets end on a rounded surface and where their planes meet what is beyond.

    Beyond lies the plane of another facet, or the surface itself, which leaves the plane of the facet long before
    it is so far from it as to count no more.

    Parameters
    ----------
    surface : Outline
    numbers : int (n,)
        Of the facet that each corner lies on, from 1; 0 for none.
    normals, middles : (facets, 3)
        Unit vectors outwards, and a place in each plane, nm.
    most : float
        nm; the meeting line is taken to be no further away.

    Returns
    -------
    float64 (facets,)
        nm²; negative where a facet was taken to reach beyond the line.
    """
    normal, middle = np.reshape(normals, (-1, 3)), np.reshape(middles, (-1, 3))
    added = np.zeros(len(normal))
    for one, other, step, place, turned in _borders(surface, numbers):
        for i, j, forth, local in ((one, other, step, turned[1]), (other, one, -step, turned[0])):
            own, facet = i > 0, (j > 0)[:, None]
            if not own.any():
                continue
            n, m = normal[i - 1], np.where(facet, normal[j - 1], local)
            line = np.cross(n, m)  # along the edge, with facet i on its left
            sine = np.linalg.norm(line, axis=1)
            known = own & (sine > APART)
            sine = np.maximum(sine, APART)
            length = _dot(forth, line) / sine
            flat = place - _dot(place - middle[i - 1], n)[:, None] * n
            meets = np.where(facet, middle[j - 1], place)
            away = np.clip(_dot(meets - flat, m) / sine, -most, most)
            added += np.bincount(i[known] - 1, (length * away)[known], minlength=len(normal))
    return added


def _borders(
    surface: Outline, numbers: NDArray[np.int32]
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32], Real, Real, tuple[Real, Real]]]:
    """Where facets end, in each triangle that a border cuts.

    Yields
    ------
    one, other : int (m,)
        Numbers of the two; 0 of what is no facet.
    step, place : (m, 3)
        The border's part in the triangle, with `one` on its left seen from outside, and its middle, nm.
    turned : two of (m, 3)
        Unit normals of the surface on the side of `one` and of `other`.
    """
    for first in range(3):  # the corner that is on another facet than the two others
        a, b, c = (surface.faces[:, (first + n) % 3] for n in range(3))
        cut = (numbers[a] != numbers[b]) & (numbers[b] == numbers[c])
        a, b, c = a[cut], b[cut], c[cut]
        start, stop = (
            (surface.points[a] + surface.points[b]) / 2,
            (surface.points[a] + surface.points[c]) / 2,
        )
        beyond = surface.normals[b] + surface.normals[c]
        beyond /= np.maximum(np.linalg.norm(beyond, axis=1), 1e-12)[:, None]
        turned = (surface.normals[a], beyond)
        yield numbers[a], numbers[b], stop - start, (start + stop) / 2, turned


def _dot(a: Real, b: Real) -> Real:
    product: Real = np.einsum("ij,ij->i", a, b)
    return product
