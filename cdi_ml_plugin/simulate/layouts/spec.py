"""A SPEC file of one scan, as the stations of the APS write theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...geometry.geometry import Geometry
from .layout import DATE, positions, when

Motors = Mapping[str, tuple[str, float]]  # name → mnemonic, where it stood


def spec_text(
    geometry: Geometry,
    counts: Iterable[NDArray[np.integer]],
    frames: int,
    scan: int,
    motors: Sequence[Motors],
    scanned: str,
    about: Sequence[str] = (),
) -> str:
    """The whole file.

    Parameters
    ----------
    counts : iterable of int (rows, columns)
        Each frame, for the sums in the table.
    frames : int
    motors : sequence of mapping
        A line ``#O`` each.
    scanned : str
        Name of the motor that was.
    about : sequence of str
        Lines of the detector.
    """
    steps, date = positions(geometry, frames), when("%a %b %d %H:%M:%S %Y")
    short = next(line[scanned][0] for line in motors if scanned in line)
    labels = f"{scanned}  Epoch  Seconds  ImageTot  ImageMax  Monitor  Detector"
    lines = [
        "#F virtual.spec",
        f"#E {DATE}",
        f"#D {date}",
        "#C sixc  User = virtual",
        "",
        *(f"#O{i} {'  '.join(line)}" for i, line in enumerate(motors)),
        *(f"#o{i} {' '.join(m for m, _ in line.values())}" for i, line in enumerate(motors)),
        "#J0 Seconds  Monitor  Detector  ImageTot  ImageMax",
        "#j0 sec mon det imtot immax",
        "",
        f"#S {scan}  ascan  {short} {steps[0]:.7g} {steps[-1]:.7g}  {frames - 1} 1",
        f"#D {date}",
        "#T 1  (Seconds)",
        *(
            f"#P{i} {' '.join(f'{value:.10g}' for _, value in line.values())}"
            for i, line in enumerate(motors)
        ),
        *about,
        "#UIMC counter STATS# Value-PV",
        "#UIMC1 imtot 5 Total",
        "#UIMC2 immax 5 MaxValue",
        f"#N {len(labels.split('  '))}",
        f"#L {labels}",
    ]
    for point, (angle, image) in enumerate(zip(steps, counts, strict=True)):
        total, highest = int(image.sum(dtype=np.int64)), int(image.max())
        lines.append(f"{angle:.7g} {point + 1} 1 {total} {highest} 1000 0")
    return "\n".join([*lines, ""])
