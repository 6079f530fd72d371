"""Lines about which the phase of an object turns by 2π: dislocations, as a Bragg peak shows them.

A dislocation of Burgers vector b with Q·b = ±2π (or a multiple) is seen; one with Q·b = 0 is not.

References
----------
Clark, Ihli, Schenk et al., Nature Materials 14, 780 (2015): dislocations in Bragg CDI. O'Holleran, Dennis,
Flossmann, Padgett, Phys. Rev. Lett. 100, 053902 (2008): lines of a field on a grid, from the circulation about its
elementary loops.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_closing,
    binary_fill_holes,
    distance_transform_edt,
)
from scipy.signal import savgol_filter

CLOSED = 3  # voxels: a core may be so wide, and its loops still count as inside the crystal
SHORTEST = 6  # voxels: what is shorter is noise
CORE = 2.0  # voxels about a line, where the step of the phase to a neighbour says nothing of strain
SMOOTHED = 5  # places of a line, which runs in steps of a voxel along the axes

Place = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Dislocation:
    """A line about which the phase turns by 2π.

    Attributes
    ----------
    points : float64 (n, 3)
        Positions (x, y, z) in nm along it; seen against its direction, the phase grows anticlockwise.
    closed : bool
        A loop; else its ends lie at the surface.
    """

    points: NDArray[np.float64]
    closed: bool = False

    @property
    def length(self) -> float:
        """In nm."""
        points = np.concatenate([self.points, self.points[:1]]) if self.closed else self.points
        return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def find_dislocations(
    wave: NDArray[np.inexact], solid: NDArray[np.bool_], voxel: float
) -> tuple[Dislocation, ...]:
    """Find the lines about which the phase of an object turns by 2π, the longest first.

    Parameters
    ----------
    wave : complex [z, y, x]
        In the laboratory; its phase is looked at where the amplitude is low, too: a core has none.
    solid : bool [z, y, x]
        Voxels of the crystal. Narrow gaps and holes in them, which cores make, count as inside.
    voxel : float
        Edge of the voxels in nm.

    Returns
    -------
    tuple of Dislocation
        Those of at least six voxels: noise makes rings about single steps of the phase.
    """
    room = CLOSED + 1  # what is closed at an edge of the array would be lost
    padded = np.pad(solid, room)
    whole = binary_fill_holes(binary_closing(padded, iterations=CLOSED))
    deep = whole[(slice(room, -room),) * 3]
    centre = np.array([n // 2 for n in wave.shape])
    found = []
    for path, closed in _paths(_steps(np.angle(wave), deep)):
        places = np.array(path[:-1] if closed else path, dtype=float) + 0.5 - centre
        if len(places) < SMOOTHED:
            continue
        smooth = savgol_filter(places, SMOOTHED, 1, axis=0, mode="wrap" if closed else "interp")
        line = Dislocation(voxel * smooth[:, ::-1], closed)
        if line.length >= SHORTEST * voxel:
            found.append(line)
    return tuple(sorted(found, key=lambda line: -line.length))


def cores(lines: Sequence[Dislocation], shape: tuple[int, ...], voxel: float) -> NDArray[np.bool_]:
    """Voxels within two of a line: there the gradient of the phase is no strain. (z, y, x)."""
    free = np.ones(shape, dtype=bool)
    for line in lines:
        places = np.round(line.points[:, ::-1] / voxel).astype(int) + [n // 2 for n in shape]
        free[tuple(np.clip(places, 0, np.array(shape) - 1).T)] = False
    if free.all():
        return ~free
    near: NDArray[np.bool_] = distance_transform_edt(free) <= CORE
    return near


def _steps(phase: NDArray[np.floating], deep: NDArray[np.bool_]) -> list[tuple[Place, Place]]:
    """Steps of the lines from cube to cube of eight voxels, through the loops that turn by ±2π."""
    steps = []
    for normal in range(3):
        first, second = (normal + 1) % 3, (normal + 2) % 3
        along, up = _difference(phase, first), _difference(phase, second)
        turns = (
            _without_last(along, second)
            + _without_first(up, first)
            - _without_first(along, second)
            - _without_last(up, first)
        )
        known = deep
        for axis in (first, second):
            known = _without_last(known, axis) & _without_first(known, axis)
        # the axes run z, y, x, which is left-handed: a turn from one to the next goes against the third
        winding = np.where(known, -np.round(turns / (2 * np.pi)), 0).astype(int)
        back = np.eye(3, dtype=int)[normal]
        for place in np.argwhere(winding):
            here, before = _place(place), _place(place - back)
            count = int(winding[here])
            step = (before, here) if count > 0 else (here, before)
            steps += [step] * abs(count)
    return steps


def _place(index: NDArray[np.integer]) -> Place:
    z, y, x = map(int, index)
    return z, y, x


def _difference(phase: NDArray[np.floating], axis: int) -> NDArray[np.floating]:
    step = np.diff(phase, axis=axis)
    wrapped: NDArray[np.floating] = step - 2 * np.pi * np.round(step / (2 * np.pi))
    return wrapped


def _without_last(values: NDArray[Any], axis: int) -> NDArray[Any]:
    return values.take(range(values.shape[axis] - 1), axis=axis)


def _without_first(values: NDArray[Any], axis: int) -> NDArray[Any]:
    return values.take(range(1, values.shape[axis]), axis=axis)


def _paths(steps: list[tuple[Place, Place]]) -> list[tuple[list[Place], bool]]:
    """Join steps into lines, and say which of them are closed; what enters a cube leaves it."""
    onward: dict[Place, list[Place]] = defaultdict(list)
    balance: dict[Place, int] = defaultdict(int)
    for start, end in steps:
        onward[start].append(end)
        balance[start] += 1
        balance[end] -= 1
    # those that enter through the surface first, then what is left: loops
    starts = [place for place, count in balance.items() for _ in range(count)]
    paths = []
    for start in [*starts, *onward]:
        while onward[start]:
            path = [start]
            while onward[path[-1]]:
                path.append(onward[path[-1]].pop())
            paths.append((path, path[0] == path[-1]))
            if start in balance and balance[start] > 0:
                balance[start] -= 1
                break
    return paths
