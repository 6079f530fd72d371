"""Which lattice plane a facet is: the turn about Q that makes the facets low-index planes.

Q is normal to the planes of the measured reflection, so that the crystal's orientation is known up to a turn
about it. Symmetry, and the twin of phasing, leave families of planes as they are: of equal turns the first is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import maximum_filter1d
from scipy.spatial.transform import Rotation

from ..errors import ParameterError
from ..utils.values import several
from .facets import Facets
from .material import material

Real = NDArray[np.float64]
HIGHEST = 11  # h² + k² + l² of a facet: {311}
LARGEST = 30  # of the reflection's h, k and l
TOLERANCE = 3.0  # degrees, between a facet and the plane that it is taken for
TURNS = 720  # about Q
FEWEST = 3  # facets that must fit
CHANCE = 100  # crystals of facets turned at random, all of which must fit worse
CLEAR = 0.55  # of the best turn's score, from which another makes it ambiguous: prisms of {110} or {211}


@dataclass(frozen=True, eq=False)
class Planes:
    """Low-index planes of a lattice, as many as `HIGHEST` lets.

    Attributes
    ----------
    hkl : int (n, 3)
    normals : float64 (n, 3)
        Unit vectors in the crystal's own Cartesian frame.
    families : int (n,)
        The same for planes that the lattice's symmetry makes equal, and for their back sides.
    weights : float64 (n,)
        1/√(h² + k² + l²): crystals prefer to show planes of low index, and chance hits these least.
    """

    hkl: NDArray[np.int_]
    normals: Real
    families: NDArray[np.int_]
    weights: Real

    @classmethod
    def of(cls, crystal: Any) -> Planes:
        """Those of a crystal of xrayutilities."""
        every = [
            each
            for each in product(range(-3, 4), repeat=3)
            if gcd(*each) == 1 and sum(n * n for n in each) <= HIGHEST
        ]
        hkl = np.array(every)
        vectors = np.array([crystal.Q(*each) for each in every])
        names = [_family(crystal, each) for each in every]
        numbers = {name: n for n, name in enumerate(dict.fromkeys(names))}
        return cls(
            hkl,
            vectors / np.linalg.norm(vectors, axis=1)[:, None],
            np.array([numbers[name] for name in names]),
            1 / np.sqrt((hkl**2).sum(axis=1)),
        )


def _family(crystal: Any, hkl: tuple[int, ...]) -> tuple[int, ...]:
    """One for all planes that symmetry makes equal: the largest of their indices, and of their back sides'."""
    equal = [tuple(map(int, each)) for each in crystal.lattice.equivalent_hkls(hkl)]
    return max(equal + [tuple(-n for n in each) for each in equal])


def indexed(facets: Facets, q: ArrayLike, name: str, hkl: tuple[int, int, int]) -> Facets:
    """Give facets the indices of lattice planes, where these can be told.

    Parameters
    ----------
    facets : Facets
    q : (3,)
        Mean reciprocal lattice vector (x, y, z) of the crystal (``q`` of `Crystal`).
    name : str
        Of the material; see `material`.
    hkl : (h, k, l)
        The measured reflection, which `q` is along.

    Returns
    -------
    Facets
        With index and misfit of each facet within 3° of a plane; without any, and a note that says why, where
        fewer than three fit, facets turned at random fit as well, or two turns that are
        not the same by symmetry do.

    Raises
    ------
    ParameterError
        An unknown material, or no reflection.
    """
    crystal = material(name)
    hkl = _reflection(hkl)
    planes = Planes.of(crystal)
    if len(facets.facets) < FEWEST:
        return _without(facets, f"{len(facets.facets)} are too few to tell their planes")
    normals = np.array([facet.normal for facet in facets.facets])
    weights = np.sqrt([facet.share for facet in facets.facets])
    axis = np.asarray(q, dtype=np.float64) / np.linalg.norm(q)
    turned = _turned(planes, np.asarray(crystal.Q(*hkl)), axis)
    scores, nearest, off = _scores(normals, weights, turned, planes)
    best = int(scores.argmax())
    others = Rotation.random(CHANCE, random_state=0).as_matrix()
    chance = max(
        _scores(normals @ each.T, weights, turned[::4], planes)[0].max() for each in others
    )
    if scores[best] <= chance:
        return _without(facets, "facets turned at random fit planes as well")
    families, fits = planes.families[nearest], off <= TOLERANCE
    other = (fits & fits[best] & (families != families[best])).any(axis=1)
    other |= (~fits & (off[best] <= TOLERANCE / 2)).any(axis=1)
    # turns beside a good one are no others
    peak = scores >= maximum_filter1d(scores, round(4 * TOLERANCE * TURNS / 360), mode="wrap")
    if (other & peak & (scores >= CLEAR * scores[best])).any():
        return _without(
            facets, "two turns about Q make them different planes, and fit equally well"
        )
    return _assigned(facets, turned[best], planes)


def _reflection(hkl: Any) -> tuple[int, int, int]:
    h, k, l = several("hkl", hkl, 3, -LARGEST, LARGEST)  # noqa: E741
    if not any((h, k, l)):
        raise ParameterError("hkl = (0, 0, 0): give the measured reflection, as 1 1 1")
    return h, k, l


def _turned(planes: Planes, reflection: Real, axis: Real) -> Real:
    """Normals of the planes in the laboratory, (turns, n, 3): `reflection` along `axis`, at every turn about it."""
    unit = reflection / np.linalg.norm(reflection)
    onto, _ = Rotation.align_vectors(axis[None], unit[None])
    about = Rotation.from_rotvec(np.linspace(0, 2 * np.pi, TURNS, endpoint=False)[:, None] * axis)
    turned: Real = (about * onto).as_matrix() @ planes.normals.T
    return turned.transpose(0, 2, 1)


def _scores(
    normals: Real, weights: Real, turned: Real, planes: Planes
) -> tuple[Real, NDArray[np.intp], Real]:
    """How well facets fit planes at each turn, (turns,); which each fits best, and how far off, (turns, facets)."""
    angles = _degrees(turned @ normals.T)  # (turns, planes, facets)
    fits = planes.weights[:, None] * np.exp(-2 * (angles / TOLERANCE) ** 2)
    nearest = fits.argmax(axis=1)
    off = np.take_along_axis(angles, nearest[:, None], axis=1)[:, 0]
    return fits.max(axis=1) @ weights, nearest, off


def _assigned(facets: Facets, turned: Real, planes: Planes) -> Facets:
    """Each facet with the plane of the lowest index within the tolerance."""
    found = []
    for facet in facets.facets:
        angles = _degrees(turned @ np.asarray(facet.normal))
        near = np.where(angles <= TOLERANCE, planes.weights, 0)
        at = int(near.argmax())
        if near[at] > 0:
            h, k, l = (int(n) for n in planes.hkl[at])  # noqa: E741
            facet = replace(facet, index=(h, k, l), misfit_deg=float(angles[at]))
        found.append(facet)
    fitting = [facet for facet in found if facet.index is not None]
    if len(fitting) < FEWEST:
        return _without(facets, f"only {len(fitting)} of them fit planes of low index")
    return replace(facets, facets=tuple(found))


def _without(facets: Facets, why: str) -> Facets:
    return replace(facets, notes=(*facets.notes, f"facets have no index: {why}"))


def _degrees(cosine: Real) -> Real:
    angles: Real = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return angles
