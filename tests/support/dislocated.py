"""Balls with one straight dislocation whose Burgers vector lies along Q, in the laboratory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

POISSON = 0.42  # ratio of gold
AT = np.array([10.0, -12.0, 5.0])  # nm, a place that the line goes through
RADIUS, EDGE = 90.0, 12.0  # nm


@dataclass(frozen=True)
class Straight:
    """A dislocation: its displacement and strain along Q, with Q·b = 2π.

    Hirth, Lothe, Theory of Dislocations (1982), chapter 3: u = b/2π·atan2(y, x) of a screw; with
    b/2π·xy / 2(1 − ν)(x² + y²) more of an edge, x along b.
    """

    kind: str
    q: np.ndarray

    @property
    def along(self) -> np.ndarray:
        """Direction of the line about which the phase −Q·u turns with a right hand, (3,)."""
        normal = self.q / np.linalg.norm(self.q)
        if self.kind == "screw":
            return -normal
        line = np.cross(normal, [0.2, 0.9, 0.1])
        return -line / np.linalg.norm(line)

    def _plane(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        normal = self.q / np.linalg.norm(self.q)
        first = np.cross(self.along, [0.3, 0.5, 0.8]) if self.kind == "screw" else normal
        first = first / np.linalg.norm(first)
        second = np.cross(-self.along, first)
        away = points - AT.reshape(3, *[1] * (points.ndim - 1))
        return np.tensordot(first, away, axes=1), np.tensordot(second, away, axes=1)

    def distance(self, points: np.ndarray) -> np.ndarray:
        """From the line, in nm."""
        return np.hypot(*self._plane(points))

    def cut(self, points: np.ndarray) -> np.ndarray:
        """Distance in nm from the half-plane where atan2 steps by 2π; infinite beside it."""
        x, y = self._plane(points)
        return np.where(x < 0, np.abs(y), np.inf)

    def displacement(self, points: np.ndarray) -> np.ndarray:
        """Along Q in nm, of points (3, …) in nm."""
        x, y = self._plane(points)
        bent = x * y / (2 * (1 - POISSON) * (x**2 + y**2 + 1e-9)) if self.kind == "edge" else 0.0
        return (np.arctan2(y, x) + bent) / np.linalg.norm(self.q)

    def strain(self, points: np.ndarray) -> np.ndarray:
        """∂u/∂(direction of Q), of points (3, …) in nm."""
        if self.kind == "screw":
            return np.zeros(points.shape[1:])
        x, y = self._plane(points)
        square = x**2 + y**2 + 1e-9
        slope = -y / square + (y**3 - x**2 * y) / (2 * (1 - POISSON) * square**2)
        return slope / np.linalg.norm(self.q)

    def object(self, points: np.ndarray) -> np.ndarray:
        """ρ of a ball, complex64."""
        amplitude = np.clip(0.5 - (np.linalg.norm(points, axis=0) - RADIUS) / EDGE, 0, 1)
        phase = -np.linalg.norm(self.q) * self.displacement(points)
        return (amplitude * np.exp(1j * phase)).astype(np.complex64)
