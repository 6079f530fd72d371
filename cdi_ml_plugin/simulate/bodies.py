"""Outlines of training particles, in batches: superellipsoids, faceted crystals, and both on a substrate."""

from __future__ import annotations

from collections.abc import Callable

import torch

from . import shapes
from .chance import grid, rotations, some, uniform

# Points (batch, 3, p) → 1 on the surface, linear along rays.
Gauge = Callable[[torch.Tensor], torch.Tensor]
SHAPES = ("superellipsoid", "faceted")
ROUND = 0.4  # share of superellipsoids where both are drawn
CUT = 0.25  # share that a substrate cuts (Winterbottom's construction)
COARSE = 24  # voxels along an axis where a shape is first drawn, to find its extent and centre


def outlines(
    count: int, families: tuple[str, ...], generator: torch.Generator
) -> tuple[Gauge, dict[str, torch.Tensor]]:
    """Shapes of the families that are named, drawn by chance where there are two; and which are of each."""
    kinds = [name for name in SHAPES if name in families]
    everyone = torch.arange(count, device=generator.device)
    if kinds == ["superellipsoid"]:
        gauge, which = superellipsoids(count, generator), {"superellipsoid": everyone}
    elif kinds == ["faceted"]:
        gauge, which = polyhedra(count, generator), {"faceted": everyone}
    else:
        gauge, which = _either(count, generator)
    if "winterbottom" in families:
        gauge, which["winterbottom"] = _on_substrate(gauge, count, generator)
    return gauge, which


def _either(count: int, generator: torch.Generator) -> tuple[Gauge, dict[str, torch.Tensor]]:
    chosen = some(count, ROUND, generator)
    others = torch.ones(count, dtype=torch.bool, device=chosen.device)
    others[chosen] = False
    rest = others.nonzero()[:, 0]
    first, second = superellipsoids(len(chosen), generator), polyhedra(len(rest), generator)

    def gauge(points: torch.Tensor) -> torch.Tensor:
        radius = torch.empty_like(points[:, 0])
        radius[chosen], radius[rest] = first(points[chosen]), second(points[rest])
        return radius

    return gauge, {"superellipsoid": chosen, "faceted": rest}


def superellipsoids(count: int, generator: torch.Generator) -> Gauge:
    """Superellipsoids with semi-axes from 0.5 to 1 and e, n from 0.3 (boxes) to 1.5 (spindles)."""
    semi_axes = uniform((count, 3, 1), 0.5, 1.0, generator)
    e, n = uniform((2, count, 1), 0.3, 1.5, generator)

    def gauge(points: torch.Tensor) -> torch.Tensor:
        x, y, z = (points / semi_axes).abs().clamp_min(1e-6).unbind(1)
        return shapes.superellipsoid(x, y, z, e, n)

    return gauge


def polyhedra(count: int, generator: torch.Generator) -> Gauge:
    """Truncated octahedra with uneven facets (Wulff's construction): the largest n·r/h, 1 on the surface."""
    device = generator.device
    normals = torch.tensor(shapes.NORMALS, device=device)
    uneven = uniform((count, 1), 0.05, 0.45, generator)
    heights = 1 - uneven * torch.rand((count, len(normals)), generator=generator, device=device)
    heights[:, 8:] *= uniform((count, 1), 0.8, shapes.CUBE_TO_OCTAHEDRON, generator)
    planes = normals / heights[:, :, None]

    def gauge(points: torch.Tensor) -> torch.Tensor:
        nearest = planes[:, :1] @ points
        for facet in range(1, len(normals)):
            torch.maximum(nearest, planes[:, facet : facet + 1] @ points, out=nearest)
        return nearest[:, 0]

    return gauge


def _on_substrate(
    gauge: Gauge, count: int, generator: torch.Generator
) -> tuple[Gauge, torch.Tensor]:
    """Cut a share of the shapes by a plane that passes the centre within 0.6 of their size; which."""
    cut = some(count, CUT, generator)
    normal = rotations(len(cut), generator)[:, :1] / uniform((len(cut), 1, 1), 0.0, 0.6, generator)

    def cut_gauge(points: torch.Tensor) -> torch.Tensor:
        radius = gauge(points)
        radius[cut] = torch.maximum(radius[cut], (normal @ points[cut])[:, 0])
        return radius

    return cut_gauge, cut


def extent(gauge: Gauge, turn: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre of mass and half extent of shapes along the array's axes, (batch, 3) each."""
    points = grid(COARSE, turn.device) * (5.0 / COARSE)
    inside = gauge(turn @ points.expand(len(turn), -1, -1)) <= 1
    mass = inside.float()
    centre = (mass @ points.T) / mass.sum(1, keepdim=True)
    distance = (points - centre[:, :, None]).abs()
    return centre, (distance * mass[:, None]).amax(2) + 2.5 / COARSE
