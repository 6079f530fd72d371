"""Whether a prediction is taken, and what it is worth, where gaps of a detector cut measured patterns near their peak.

    python examples/gaps/measured.py RESULT… [--gaps 0 4 8 12] [--seeds 20]

RESULTs are folders of `cdi-ml reconstruct`: the measurement in them is phased as it is and with a cross of so many
voxels masked in the plane of the detector, which begins 5 voxels from the peak, by 60 and 220 iterations from random
phases and from predictions. A line gives the medians over the seeds of the held-out χ² with CNN (smallest to
largest) / from random phases, and in how many runs the prediction was taken.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from cdi_ml_plugin import Measurement, read_result, reconstruct

BEGINS = 5  # voxels from the peak
CHAINS = ("10*ER + 30*HIO + 20*ER", "20*ER + 150*HIO + 50*ER")


def with_gap(measurement: Measurement, width: int) -> Measurement:
    """The same with a cross of so many voxels masked, which begins `BEGINS` voxels from the peak."""
    mask = measurement.mask.copy()
    _, row, column = (n // 2 + BEGINS for n in measurement.shape)
    mask[:, row : row + width, :] = True
    mask[:, :, column : column + width] = True
    return Measurement(np.where(mask, 0, measurement.intensity), mask, measurement.provenance)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--gaps", type=int, nargs="+", default=[0, 4, 8, 12])
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    print("| result | gap | 60 iterations | 220 iterations | taken |\n|---|---|---|---|---|")
    for path in given.results:
        whole = read_result(path).measurement
        for gap in given.gaps:
            measurement, cells, taken = with_gap(whole, gap), [], 0
            for chain in CHAINS:
                random = reconstruct(measurement, chain, seeds=given.seeds).runs
                predicted = reconstruct(measurement, f"CNN + {chain}", seeds=given.seeds).runs
                without = np.median([run.metrics["chi2_held_out"] for run in random])
                found = [run.metrics["chi2_held_out"] for run in predicted]
                taken += sum(run.metrics["cnn_used"] == 1 for run in predicted)
                spread = f"{np.median(found):.4f} ({min(found):.4f}–{max(found):.4f})"
                cells.append(f"{spread} / {without:.4f}")
            runs = len(CHAINS) * given.seeds
            print(
                "|", " | ".join([path.name, str(gap), *cells]), f"| {taken} of {runs} |", flush=True
            )


if __name__ == "__main__":
    main()
