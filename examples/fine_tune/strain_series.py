"""Six virtual scans of one crystal whose strain grows, for ``cdi-ml fine-tune``.

    python strain_series.py FOLDER

writes ``scan1.npz`` … ``scan6.npz`` (``data`` and ``mask``): 64³ voxels, 10⁷ counts, a gap of two columns
of the detector near the peak. The phase runs over 2 to 12 rad in the crystal, always of the same form.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cdi_ml_plugin import diffraction
from cdi_ml_plugin.simulate.particle import strained_crystal
from cdi_ml_plugin.simulate.scan import resample

SHAPE, FINE = (64, 64, 64), (96, 96, 96)
VOXEL = 10.0  # nm, of the fine grid
PHASES = (2.0, 4.0, 6.0, 8.0, 10.0, 12.0)  # rad
GAP = slice(37, 39)  # columns


def crystal(phase_range: float, seed: int) -> NDArray[np.complex64]:
    """The crystal with so much phase, complex64 (64, 64, 64); what a pattern of that size shows."""
    rng = np.random.default_rng(seed)  # the same numbers for every strain
    obj = strained_crystal(
        FINE, VOXEL * np.eye(3), size=300.0, rng=rng, phase_range=phase_range, edge=12.0
    )
    return resample(obj, SHAPE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--counts", type=float, default=1e7)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :, GAP] = True
    for number, phase_range in enumerate(PHASES, 1):
        intensity = diffraction(crystal(phase_range, given.seed)).astype(float)
        noise = np.random.default_rng([given.seed, number])
        data = noise.poisson(given.counts * intensity / intensity.sum())
        np.savez_compressed(
            given.folder / f"scan{number}.npz", data=np.where(mask, 0, data), mask=mask
        )


if __name__ == "__main__":
    main()
