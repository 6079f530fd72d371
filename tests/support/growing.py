"""Scans of one crystal whose strain grows from one to the next, with their truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cdi_ml_plugin.simulate.particle import Field
from cdi_ml_plugin.simulate.scan import VirtualScan, write_virtual_scan

Q = np.array([0.0, 0.0, 1.0])


def strained(size: float, phase: float) -> Callable[[Field], np.ndarray]:
    """A box with one corner cut off, whose phase is a parabola and a little cubic, `phase` rad at its ends."""

    def crystal(r: Field) -> np.ndarray:
        x, y, z = 2 * r / size
        box = np.maximum.reduce([abs(x) / 0.9, abs(y) / 0.75, abs(z) / 1.1, (x + y + z) / 1.5])
        edge = np.clip((1 - box) * size / 2 / 12 + 0.5, 0, 1)
        return edge * np.exp(1j * phase * (0.7 * z**2 + 0.3 * x**2 + 0.4 * z**3 + 0.5 * x * y))

    return crystal


def write(
    folder: Path,
    count: int,
    shape: tuple[int, int, int] = (64, 64, 64),
    size: float = 260.0,
    photons: float = 2e7,
    phases: tuple[float, float] = (0.3, 2.0),
) -> list[VirtualScan]:
    """Write so many scans, ``scan_001`` … below a folder, as ID27 or whoever's files are one a scan."""
    return [
        write_virtual_scan(
            folder / f"scan_{number:03d}",
            shape=shape,
            seed=number,
            photons=photons,
            layout="34idc",
            crystal=strained(size, float(phase)),
        )
        for number, phase in enumerate(np.linspace(*phases, count), 1)
    ]
