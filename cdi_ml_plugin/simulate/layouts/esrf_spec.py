"""ESRF ID01 before BLISS: EDF frames and a SPEC file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import fabio
import numpy as np
from numpy.typing import NDArray

from ...geometry.geometry import Geometry
from .esrf_bliss import Bliss
from .layout import DATE, Known, Layout, circles, command, positions, when, whole_frames

FIRST = 1200  # number of the first frame: they are counted over all scans of a sample


class Edf(Layout):
    """The scan of `Bliss`, in the files of before."""

    files = ("frames", "virtual.spec")
    data = "frames"
    options: ClassVar[Known] = {"spec": "virtual.spec", "scan": 12}
    circles: ClassVar[Known] = {**Bliss.circles, "detector": "mpx4inr"}
    motor = Bliss.motor
    peak_at = Bliss.peak_at

    def write(
        self,
        folder: Path,
        geometry: Geometry,
        expected: NDArray[np.float64],
        peak: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        (folder / "frames").mkdir()
        for number, frame in enumerate(whole_frames(geometry, expected, peak, 0, rng), FIRST):
            image = fabio.edfimage.EdfImage(data=frame.astype(np.int32), header={"det": "mpx4inr"})
            image.write(str(folder / "frames" / f"data_mpx4_{number:05d}.edf.gz"))
        text = _spec(geometry, len(expected), rng)
        (folder / "virtual.spec").write_text(text, encoding="ascii")


def _spec(g: Geometry, frames: int, rng: np.random.Generator) -> str:
    angles = {name: value for name, value in circles(g, frames).items() if name != g.motor}
    still = " ".join(
        f"{angles.get(name, g.angles[name]):.7g}" for name in ("mu", "eta", "phi", "nu", "delta")
    )
    column, row = g.beam_zero
    lines = [
        "#F virtual.spec",
        f"#E {DATE}",
        f"#D {when('%a %b %d %H:%M:%S %Y')}",
        "#O0 mu  eta  phi  nu  del  nrj",
        "",
        f"#S 12  {command(g, frames, 1.0)}",
        f"#D {when('%a %b %d %H:%M:%S %Y')}",
        "#T 1  (Seconds)",
        f"#P0 {still} {g.energy:.7g}",
        f"#UMONO mononrj={g.energy:.7g}keV,monodspa=3.13542",
        f"#UDETCALIB cen_pix_x={column},cen_pix_y={row},pixperdeg=158.6,det_distance_CC={g.distance:.6g},"
        f"det_distance_COM={g.distance:.6g},timestamp={when('%Y-%m-%dT%H:%M:%S')}",
        "#N 5",
        "#L eta  Epoch  Seconds  Monitor  mpx4inr",
    ]
    monitor = rng.poisson(1e6, frames)
    for point, (angle, counts) in enumerate(zip(positions(g, frames), monitor, strict=True)):
        lines.append(f"{angle:.7g} {point} 1 {counts} {FIRST + point}")
    return "\n".join([*lines, ""])
