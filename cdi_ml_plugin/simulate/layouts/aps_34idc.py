"""APS 34-ID-C: TIFF frames of a part of the detector, a SPEC file, dark and white field."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tifffile
from numpy.typing import NDArray

from ...geometry.geometry import Geometry
from .layout import Known, Layout, Shape
from .spec import spec_text

DETECTOR = 512  # pixels along each side of the 34idcTIM2
CHIP = 254  # the read-out region stays on the first chip, clear of the seam at pixel 256
WHITE = 1e4  # mean counts of the white field
RESPONSE = 0.015  # relative spread of the pixels' response
HOT = 200.0  # counts in a hot pixel, each frame


class Frames34IDC(Layout):
    """A Au 111 peak at 9 keV, with the peak at the middle of the first chip."""

    files = ("frames", "virtual.spec", "dark.tif", "white.tif")
    data = "frames"
    options: ClassVar[Known] = {
        "spec": "virtual.spec",
        "dark": "dark.tif",
        "white": "white.tif",
        "scan": 1,
    }
    scan = 1
    largest = CHIP
    circles: ClassVar[Known] = {
        "energy": 9.0,
        "distance": 0.5,
        "theta": 0.22,
        "chi": 90.0,
        "phi": -5.0,
        "delta": 32.174,
        "gamma": 12.6346,
    }

    def geometry(self, shape: Shape, peak: tuple[int, int, int]) -> Geometry:
        _, rows, columns = shape
        first_row = max(0, min(CHIP // 2 - peak[1], CHIP - rows))
        first_column = max(0, min(CHIP // 2 - peak[2], CHIP - columns))
        # with 64 frames, voxels about as long in rocking as along the detector
        region: Known = {"step": 0.012, "roi": (first_column, columns, first_row, rows)}
        return Geometry(**self.circles, **region, reference=peak)

    def write(
        self,
        folder: Path,
        geometry: Geometry,
        expected: NDArray[np.float64],
        peak: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        dark, white = _detector(rng, geometry.roi, peak)
        first_column, columns, first_row, rows = geometry.roi
        roi = (slice(first_row, first_row + rows), slice(first_column, first_column + columns))
        seen = expected * (white[roi] / white.mean())
        seen += np.where((dark[roi] > 1) & (white[roi] > 0), HOT, 0.0)
        counts = rng.poisson(seen).astype(np.int32)
        (folder / "frames").mkdir()
        for number, image in enumerate(counts):
            path = folder / "frames" / f"virtual_S{self.scan:04d}_{number:05d}.tif"
            tifffile.imwrite(path, image, metadata=None)
        tifffile.imwrite(folder / "dark.tif", dark, metadata=None)
        tifffile.imwrite(folder / "white.tif", white, metadata=None)
        (folder / "virtual.spec").write_text(_spec(geometry, counts, self.scan), encoding="ascii")


def _detector(
    rng: np.random.Generator, roi: tuple[int, int, int, int], peak: tuple[int, int]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Dark field (hot pixels > 1) and white field (dead pixels 0) of the full detector."""
    white = 1 + RESPONSE * rng.standard_normal((DETECTOR, DETECTOR), dtype=np.float32)
    white *= np.float32(WHITE)
    dark = np.zeros((DETECTOR, DETECTOR), dtype=np.int32)
    first_column, columns, first_row, rows = roi
    fields: tuple[tuple[NDArray[Any], int, int], ...] = ((dark, 100, 40), (white, 0, 100))
    for field, value, many in fields:
        at = rng.integers(0, DETECTOR, (many, 2))
        within = np.array([first_row, first_column]) + rng.integers(0, (rows, columns), (6, 2))
        # the brightest pixel stays whole: whoever loses it drives the stage a little and repeats
        centre = np.array([first_row + peak[0], first_column + peak[1]])
        for r, c in np.concatenate([at, within]):
            if max(abs(r - centre[0]), abs(c - centre[1])) > 8:
                field[r, c] = value
    return dark, white


def _spec(g: Geometry, counts: NDArray[np.int32], scan: int) -> str:
    angles = g.angles
    motors = (
        {
            "Delta": ("del", angles["delta"]),
            "Theta": ("th", angles["theta"]),
            "Chi": ("chi", angles["chi"]),
            "Phi": ("phi", angles["phi"]),
            "Mu": ("mu", 0.0),
            "Gamma": ("gam", angles["gamma"]),
            "Sample_X": ("x", 0.0),
            "Sample_Y": ("y", 0.0),
        },
        {
            "detectorX": ("detx", 0.0),
            "camdist": ("cam", 1000 * g.distance),
            "IDEnergy": ("iden", g.energy + 0.2),
            "Energy": ("en", g.energy),
        },
    )
    first_column, columns, first_row, rows = g.roi
    detector = (
        "#UIMDET 34idcTIM2:",
        "#UIM Image header information from areaDetector",
        "#UIMR Name minX sizeX minY sizeY BgdWidth",
        f"#Readout 0 {DETECTOR} 0 {DETECTOR}",
        f"#UIMR5  {first_column} {columns} {first_row} {rows} 1",
    )
    return spec_text(g, counts, len(counts), scan, motors, "Theta", detector)
