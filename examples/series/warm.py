"""Warm against cold starts over a series of virtual scans of one crystal whose strain grows.

    python warm.py FOLDER --phases 2 12

phases 24 scans of 64³ voxels and 10⁷ counts twice, cold and with ``warm=8``, in one process, and prints what either
took and how they compare. Strain is of the same form in all: the phase runs over 2 to 12 rad in the crystal. With
``--jump`` three scans in the middle are of another crystal.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cdi_ml_plugin import Recipe, Result, diffraction, object_error, read_result, series
from cdi_ml_plugin.simulate.particle import strained_crystal
from cdi_ml_plugin.simulate.scan import resample
from cdi_ml_plugin.view.figures import summary
from cdi_ml_plugin.view.pages import report
from cdi_ml_plugin.workflow.series.content import Series
from cdi_ml_plugin.workflow.series.warm import CHAIN, moved

# Iterations that a scan takes at most where it is started from both of its anchors.
WARM = 2 * sum(int(part.split("*")[0]) for part in CHAIN.split(" + "))


def crystal(phase_range: float, seed: int, voxels: int) -> NDArray[np.complex64]:
    """The crystal with so much phase, complex64; what a pattern of `voxels` along each axis shows."""
    rng = np.random.default_rng(seed)  # the same numbers for every strain
    fine = 3 * (voxels * 3 // 2,)
    basis = 640 / voxels * np.eye(3)
    obj = strained_crystal(fine, basis, size=300.0, rng=rng, phase_range=phase_range, edge=12.0)
    return resample(obj, 3 * (voxels,))


def phased(given: argparse.Namespace, warm: int | None) -> tuple[Series, float]:
    """The series, and the processor's seconds."""
    began = time.process_time()
    out = given.folder / ("cold" if warm is None else "warm")
    # Pictures and pages, which take as long for either, are left out.
    with (
        patch.object(summary, "draw_summary", lambda result: Figure((1, 1))),
        patch.object(report, "page", lambda *_: ""),
    ):
        made = series([given.folder / "scans"], out, Recipe(seeds=given.seeds), warm=warm)
    return made, time.process_time() - began


def error(result: Result, truth: NDArray[np.complex64]) -> float:
    """Of the object, the pattern of which was centred to a voxel."""
    return object_error(result.object, moved(truth, result.measurement)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--phases", type=float, nargs=2, default=(2.0, 12.0), metavar="RAD")
    parser.add_argument("--scans", type=int, default=24)
    parser.add_argument("--voxels", type=int, default=64)
    parser.add_argument("--counts", type=float, default=1e7)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--crystal", type=int, default=0, metavar="SEED")
    parser.add_argument("--jump", action="store_true")
    given = parser.parse_args()
    (given.folder / "scans").mkdir(parents=True, exist_ok=True)
    truths = []
    for number, phase in enumerate(np.linspace(*given.phases, given.scans)):
        other = 5 * (given.jump and abs(number - given.scans // 2) <= 1)
        truths.append(crystal(float(phase), given.crystal + other, given.voxels))
        intensity = diffraction(truths[-1]).astype(float)
        noise = np.random.default_rng([0, number])
        counts = noise.poisson(given.counts * intensity / intensity.sum())
        np.save(given.folder / "scans" / f"scan_{number:02d}.npy", counts)

    seconds, llks, errors, outcomes, iterations = {}, {}, {}, (), []
    for name, every in (("cold", None), ("warm", given.every)):
        made, seconds[name] = phased(given, every)
        results = [read_result(made.out / scan.folder) for scan in made.scans]
        if every is None:
            iterations = [sum(len(run.history["chi2"]) for run in one.runs) for one in results]
        outcomes = made.outcomes
        llks[name] = np.array([result.metrics["free_llk"] for result in results])
        pairs = zip(results, truths, strict=True)
        errors[name] = np.array([error(result, truth) for result, truth in pairs])
    print(f"{'scan':10} {'cold':>7} {'warm':>7}  {'error':>6} {'error':>6}  start")
    rows = zip(llks["cold"], llks["warm"], errors["cold"], errors["warm"], strict=True)
    for outcome, (cold, warm, before, after) in zip(outcomes, rows, strict=True):
        start = outcome.start or "cold"
        print(f"{outcome.name:10} {cold:7.4f} {warm:7.4f}  {before:6.3f} {after:6.3f}  {start}")
    tried = sum(WARM for o in outcomes if o.start and not o.start.startswith("cold: "))
    again = zip(outcomes, iterations, strict=True)
    tried += sum(many for o, many in again if not o.start.startswith("warm from"))
    for name, total in (("cold", sum(iterations)), ("warm", tried)):
        print(f"{name}: {total} iterations, {seconds[name]:.0f} s of the processor")
    change = 100 * (llks["warm"] / llks["cold"] - 1)
    print(f"held-out likelihood, warm against cold: median {np.median(change):+.2f} %, ", end="")
    print(f"best {change.min():+.2f} %, worst {change.max():+.2f} %")
    ratio = errors["warm"] / errors["cold"]
    print(f"object error, warm / cold: median {np.median(ratio):.2f}, ", end="")
    print(f"{ratio.min():.2f} to {ratio.max():.2f}")


if __name__ == "__main__":
    main()
