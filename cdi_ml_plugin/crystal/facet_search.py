"""Looking for facets: the planes that a crystal's surface is made of.

On the sphere of all directions the normals of a flat piece of the surface fall on one place, those of a round
one spread: so facets are peaks there. Each is then a connected part of the surface, with a plane fitted to it.

References
----------
Grothausmann et al., Ultramicroscopy 122, 65 (2012); Carnis et al., Sci. Rep. 9, 17357 (2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from .crystal import Crystal
from .facet_edges import up_to_edges
from .facets import Facet, Facets
from .outline import Outline, Real, outline

WIDTH = np.radians(5.0)  # of a peak of normals, as they scatter on a facet
GRID = 4000  # directions; 3 degrees apart
RING = (np.cos(np.radians(20.0)), np.cos(np.radians(14.0)))  # about a peak
CONTRAST = 3.0  # of a peak to the median on the ring about it; 1 on a sphere
CORE = np.cos(np.radians(12.0))  # normals to which a plane is fitted
EDGE = np.cos(np.radians(60.0))  # normals at rounded edges still belong to the nearer facet
FLAT = 0.5  # of its area within the former, or it may be noise on something round
NEAR = 1.0  # voxels from its plane
LEAST = 0.01  # of the surface
NARROWEST = 4.0  # voxels along the shorter side; what is narrower is an edge
DEPTH = 2.0  # voxels below the surface whose strain counts


def find_facets(crystal: Crystal) -> Facets:
    """Find the planes of a crystal's surface.

    Raises
    ------
    ParameterError
        A crystal of a few voxels.
    """
    surface = outline(crystal)
    near = NEAR * crystal.voxel
    regions: list[_Region] = []
    for direction in directions(surface.normals, surface.areas):
        for core in _pieces(surface, surface.normals @ direction > CORE):
            region = _Region.fit(surface, core)
            # once more, now that it is known where the plane is
            flat = (surface.normals @ region.normal > CORE) & (region.distance(surface) < near)
            parts = [part for part in _pieces(surface, flat) if part[core].any()]
            regions += [_Region.fit(surface, part) for part in parts[:1]]
    regions = _distinct(regions, near)
    numbers = _assigned(surface, regions, near)
    sound = [_large(surface, numbers == n, crystal.voxel) for n in range(1, len(regions) + 1)]
    # what the others had taken belongs to those that are kept
    regions = [region for region, kept in zip(regions, sound, strict=True) if kept]
    numbers = _assigned(surface, regions, near)
    sizes = np.bincount(numbers, surface.areas, len(regions) + 1)[1:]
    order = np.zeros(len(regions) + 1, dtype=np.int32)
    order[1 + np.argsort(-sizes)] = np.arange(1, len(regions) + 1)
    return _measured(crystal, surface, order[numbers])


def directions(normals: Real, areas: Real) -> list[Real]:
    """Directions that flat parts of a surface face: sharp peaks of its area over all directions.

    Parameters
    ----------
    normals : (n, 3)
    areas : (n,)

    Returns
    -------
    list of (3,)
        The largest area first.
    """
    turn = np.arange(GRID) * np.pi * (3 - 5**0.5)
    height = 1 - (2 * np.arange(GRID) + 1) / GRID
    round_ = np.sqrt(1 - height**2)
    grid = np.stack([round_ * np.cos(turn), round_ * np.sin(turn), height], axis=1)
    _, nearest = cKDTree(grid).query(normals)
    binned = np.bincount(nearest, areas, minlength=GRID)
    cosine = (grid @ grid.T).astype(np.float32)
    density = np.exp((cosine - 1) / WIDTH**2) @ binned.astype(np.float32)
    about = cosine > np.cos(2 * WIDTH)
    highest = np.where(about, density, 0).max(axis=1)
    found: list[Real] = []
    for top in np.flatnonzero((density >= highest) & (density > 0)):
        ring = (cosine[top] > RING[0]) & (cosine[top] < RING[1])
        if density[top] < CONTRAST * np.median(density[ring]):
            continue
        peak = grid[top]
        for _ in range(10):  # mean shift, from the grid to where the peak is
            weight = areas * np.exp((normals @ peak - 1) / WIDTH**2)
            peak = weight @ normals
            peak /= np.linalg.norm(peak)
        if all(peak @ other < np.cos(WIDTH) for other in found):
            found.append(peak)
    return found


@dataclass(frozen=True, eq=False)
class _Region:
    """Corners of a surface, and the plane through them."""

    corners: NDArray[np.bool_]
    normal: Real
    middle: Real
    area: float

    @classmethod
    def fit(cls, surface: Outline, corners: NDArray[np.bool_]) -> _Region:
        weight, points = surface.areas[corners], surface.points[corners]
        middle = weight @ points / weight.sum()
        away = (points - middle) * np.sqrt(weight)[:, None]
        normal = np.linalg.eigh(away.T @ away)[1][:, 0]
        outwards = weight @ surface.normals[corners] @ normal
        return cls(corners, normal * np.sign(outwards or 1), middle, float(weight.sum()))

    def distance(self, surface: Outline) -> Real:
        """Of every corner from the plane, nm."""
        return np.abs((surface.points - self.middle) @ self.normal)


def _pieces(surface: Outline, chosen: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Connected parts of what is chosen of a surface, the largest first; none below `LEAST`."""
    if not chosen.any():
        return []
    at = np.flatnonzero(chosen)
    _, part = connected_components(surface.neighbours.tocsr()[at][:, at], directed=False)
    size = np.bincount(part, surface.areas[at])
    pieces = []
    for number_ in np.argsort(-size):
        if size[number_] < 0.5 * LEAST * surface.areas.sum():
            break
        piece = np.zeros(len(chosen), dtype=bool)
        piece[at[part == number_]] = True
        pieces.append(piece)
    return pieces


def _distinct(regions: list[_Region], near: float) -> list[_Region]:
    """Without those that lie in the plane of a larger one, and touch it."""
    kept: list[_Region] = []
    for region in sorted(regions, key=lambda each: -each.area):
        same = (
            (each.corners & region.corners).any()
            and each.normal @ region.normal > np.cos(2 * WIDTH)
            and abs((region.middle - each.middle) @ each.normal) < near
            for each in kept
        )
        if not any(same):
            kept.append(region)
    return kept


def _assigned(surface: Outline, regions: list[_Region], near: float) -> NDArray[np.int32]:
    """Number of the region that each corner belongs to: that which it faces most nearly."""
    facing = np.stack([surface.normals @ region.normal for region in regions] or [np.empty(0)])
    for row, region in zip(facing, regions, strict=False):
        row[region.distance(surface) >= near] = -1
    numbers = np.zeros(len(surface.points), dtype=np.int32)
    if not regions:
        return numbers
    nearest = np.where(facing.max(axis=0) > EDGE, facing.argmax(axis=0) + 1, 0)
    for n, region in enumerate(regions, 1):
        joined = [each for each in _pieces(surface, nearest == n) if each[region.corners].any()]
        if joined:
            numbers[joined[0]] = n
    return numbers


def _large(surface: Outline, corners: NDArray[np.bool_], voxel: float) -> bool:
    area = float(surface.areas[corners].sum())
    return area >= LEAST * surface.areas.sum() and _sides(surface, corners)[0] >= NARROWEST * voxel


def _sides(surface: Outline, corners: NDArray[np.bool_]) -> tuple[float, float]:
    """Sides in nm of the rectangle that has the same moments."""
    weight, points = surface.areas[corners], surface.points[corners]
    away = points - weight @ points / weight.sum()
    moments = np.linalg.eigvalsh((away * weight[:, None]).T @ away / weight.sum())
    shorter, longer = np.sqrt(12 * np.maximum(moments[1:], 0))
    return float(shorter), float(longer)


def _measured(crystal: Crystal, surface: Outline, numbers: NDArray[np.int32]) -> Facets:
    """What the facets, of which the corners' numbers are known, come to."""
    below, layer = _layer(crystal, surface, numbers)
    blurred = crystal.figures.get("edge_width_nm", float("nan"))
    needed = 2 * (blurred if np.isfinite(blurred) else NARROWEST * crystal.voxel)
    corners = surface.points[surface.faces]
    vectors = (
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 6
    )  # of a third
    flat = [_flat(surface, numbers == n) for n in range(1, numbers.max() + 1)]
    edges = up_to_edges(
        surface, numbers, [each.normal for each in flat], [each.middle for each in flat], needed
    )
    facets = []
    for n, (region, edge) in enumerate(zip(flat, edges, strict=True), 1):
        mine = numbers == n
        thirds = mine[surface.faces].sum(axis=1)
        distance = region.distance(surface)[region.corners]
        weight = surface.areas[region.corners]
        moved, strained = (
            _mean(values[layer][below == n]) for values in (crystal.displacement, crystal.strain)
        )
        cosine = float(region.normal @ crystal.q / np.linalg.norm(crystal.q))
        width = _sides(surface, mine)[0]
        facets.append(
            Facet(
                number=n,
                normal=_triple(region.normal),
                centre=_triple(region.middle),
                area_nm2=float(thirds @ np.abs(vectors @ region.normal) + edge),
                share=float(surface.areas[mine].sum() / surface.areas.sum()),
                width_nm=width,
                angle_deg=float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))),
                flatness_nm=float(np.sqrt(weight @ distance**2 / weight.sum())),
                displacement_nm=moved[0],
                displacement_spread_nm=moved[1],
                strain=strained[0],
                strain_spread=strained[1],
                resolved=bool(width >= needed and region.area >= FLAT * surface.areas[mine].sum()),
            )
        )
    notes = []
    if not facets:
        notes.append("no facets: the surface is round, or blurred so that it looks round")
    small = [facet.number for facet in facets if not facet.resolved]
    if small:
        notes.append(
            f"hardly resolved, for narrower than {needed:.0f} nm (twice the width of the edge) or flat on less "
            f"than half of it: facet {', '.join(map(str, small))}"
        )
    return Facets(tuple(facets), surface, numbers, DEPTH * crystal.voxel, tuple(notes))


def _flat(surface: Outline, corners: NDArray[np.bool_]) -> _Region:
    """The part of a facet that faces where it faces: towards its neighbours it bends."""
    core = corners & (surface.normals @ _Region.fit(surface, corners).normal > CORE)
    return _Region.fit(surface, core if core.any() else corners)


def _layer(
    crystal: Crystal, surface: Outline, numbers: NDArray[np.int32]
) -> tuple[NDArray[np.int32], tuple[NDArray[np.intp], ...]]:
    """Number of the facet that voxels near the surface lie below, and their places."""
    solid = np.pad(crystal.solid, 1)
    # as many steps along the axes as reach that deep in any direction
    near = solid & ~binary_erosion(solid, iterations=int(np.ceil(DEPTH * 3**0.5)))
    places = np.argwhere(near[1:-1, 1:-1, 1:-1])
    depth, nearest = cKDTree(surface.voxels).query(places, distance_upper_bound=DEPTH)
    known = np.isfinite(depth)
    z, y, x = places[known].T
    return numbers[nearest[known]], (z, y, x)


def _mean(values: NDArray[np.floating]) -> tuple[float, float]:
    known = values[np.isfinite(values)].astype(np.float64)
    if not known.size:
        return float("nan"), float("nan")
    return float(known.mean()), float(known.std())


def _triple(vector: Real) -> tuple[float, float, float]:
    x, y, z = (float(each) for each in vector)
    return x, y, z
