"""Figs. 5 and 6 of the paper: its conventional method and the untrained network, many seeds each.

FOLDER holds the raw frames of APS 34-ID-C scan 54 (Au 111) and their SPEC file, dark and white field, as
cohere's examples do. Writes compare.html and compare.json to --out; goes on where it was stopped.
"""

import argparse
import shlex
import sys
from pathlib import Path

from cdi_ml_plugin import Geometry, compare, load, prepare, save_comparison
from cdi_ml_plugin.engine.parameters import DEFAULT_SEQUENCE

# "Conventional Iterative Phase-Retrieval Method": 50 ER, then HIO and ER every 50, 2000 in all
BASELINE = "50*ER + 18*(50*HIO + 50*ER) + 50*HIO + 100*ER"
METHODS = {
    "initial_support_area": [0.5, 0.5, 0.5],
    "hio_beta": 0.9,
    "shrink_wrap_trigger": [100, 10],  # after 100 iterations, every ten
}
# "Unsupervised Learning Approach"
AS_PAPER = 'REFINE(network="paper", loss="paper", schedule="paper", rate=0.006)'


def options(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with Staff20-1a_S0054, example.spec, …")
    parser.add_argument("--out", type=Path, required=True, help="folder for runs and page")
    parser.add_argument("--seeds", type=int, default=100, help="runs of each chain (100)")
    parser.add_argument("--epochs", type=int, default=2000, help="of the untrained network (2000)")
    parser.add_argument("--crop", type=int, default=64, help="voxels along each axis (64)")
    parser.add_argument("--as-paper", action="store_true", help="its network, loss and schedule")
    parser.add_argument("--best", action="store_true", help="add this package's own chain")
    parser.add_argument("--device", help="default: cuda where there is one")
    return parser.parse_args(arguments)


def main(arguments=None):
    given = options(arguments)
    frames = load(
        given.folder / "Staff20-1a_S0054",
        spec=given.folder / "example.spec",
        scan=54,
        dark=given.folder / "dark.tif",
        white=given.folder / "whitefield.tif",
    )
    data = prepare(frames, threshold=2, crop=(given.crop,) * 3)
    geometry = Geometry.from_spec(
        given.folder / "example.spec", scan=54, reference=data.provenance["peak"]
    )
    network = AS_PAPER if given.as_paper else "REFINE"
    chains = {"conventional": BASELINE, "untrained network": f"{given.epochs}*{network}"}
    if given.best:
        chains["cdi_ml_plugin's own"] = DEFAULT_SEQUENCE
    comparison = compare(
        data,
        chains,
        given.out,
        seeds=given.seeds,
        chain_parameters={"conventional": METHODS},
        device=given.device,
        basis=geometry.reciprocal_basis(),
        command=shlex.join(["python", *sys.argv]),
        progress=sys.stderr.isatty(),
    )
    print("written:", *save_comparison(comparison, given.out))


if __name__ == "__main__":
    main()
