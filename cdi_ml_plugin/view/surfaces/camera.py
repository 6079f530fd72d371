"""Looking at a scene from far away: parallel projection, where it puts a point, and boxes in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

Real = NDArray[np.float64]
UP = (0.0, 1.0, 0.0)
# where from, the best first: degrees about the vertical from the beam towards x, and above the horizontal
TURNS = (40, 30, 50, 60, 20, -30, -50)
RISES = (25, 15, 35)


@dataclass(frozen=True, eq=False)
class Camera:
    """A parallel projection.

    Attributes
    ----------
    right, up, towards : float (3,)
        Unit vectors in the scene: what is right and up in the picture, and towards who looks.
    """

    right: Real
    up: Real
    towards: Real

    @classmethod
    def at(cls, direction: ArrayLike) -> Camera:
        """Look from `direction`, (3,) and not vertical; y is up."""
        towards = np.asarray(direction, dtype=np.float64)
        towards = towards / np.linalg.norm(towards)
        right = np.cross(UP, towards)
        right /= np.linalg.norm(right)
        return cls(right, np.cross(towards, right), towards)

    def opposite(self) -> Camera:
        """Look from exactly the other side: what is hidden from one, the other sees."""
        return Camera(-self.right, self.up, -self.towards)

    def project(self, points: ArrayLike) -> Real:
        """Where points (…, 3) are in the picture, (…, 2), in the unit of the scene."""
        flat: Real = np.asarray(points, dtype=np.float64) @ np.stack([self.right, self.up], axis=1)
        return flat


def best_camera(directions: Iterable[ArrayLike]) -> Camera:
    """Return the camera that tells directions apart best, among some that look upstream from above.

    Parameters
    ----------
    directions : vectors (3,)
        That will be drawn as arrows from one point, besides the axes.
    """
    units = [np.asarray(d, dtype=np.float64) / np.linalg.norm(d) for d in directions]
    points = np.array([np.zeros(3), *np.eye(3), *units])  # where arrows begin and end

    def apart(camera: Camera) -> float:
        distances = [np.linalg.norm(a - b) for a, b in combinations(camera.project(points), 2)]
        return round(float(min(distances)), 1)  # of those about equal the first

    turned = [(np.radians(turn), np.radians(rise)) for turn, rise in product(TURNS, RISES)]
    cameras = [
        Camera.at((np.cos(rise) * np.sin(turn), np.sin(rise), np.cos(rise) * np.cos(turn)))
        for turn, rise in turned
    ]
    return max(cameras, key=apart)
