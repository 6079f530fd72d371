"""How often PyNX finds a crystal by itself, and how often after CNN: the crystals of `cdi-ml bench solve`.

    python examples/pynx/success.py -o runs.jsonl          # 12 crystals, two starts of each

Run it where PyNX is installed. Crystals from number 1000 on are those that no default was chosen on. Each
finished run is a line of the file; those that are there are kept. A crystal is found where the squared error
against the truth, after shift, phase, twin and scale, is below 0.1, and found well below 0.03.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from pynx.cdi import (
    CDI,
    ER,
    HIO,
    RAAR,
    AutoCorrelationSupport,
    InitFreePixels,
    InitObjRandom,
    SupportTooLarge,
    SupportTooSmall,
    SupportUpdate,
)

from cdi_ml_plugin.bench.crystals import Crystal, crystal
from cdi_ml_plugin.hosts.pynx import CNN
from cdi_ml_plugin.physics.alignment import object_error

LIMITS = (0.1, 0.03)


def chains() -> dict[str, Any]:
    """Operators by name, the right-most first; a threshold between those that PyNX and cdiutils begin with."""
    sup = SupportUpdate(threshold_relative=0.25, smooth_width=(2, 0.5, 600), max_fraction=0.7)
    close = (sup * ER() ** 50) ** 4
    return {
        "RAAR 600, ER 200": close * (sup * RAAR() ** 50) ** 12,
        "HIO 600, ER 200": close * (sup * HIO() ** 50) ** 12,
        "bare CNN, HIO 600, ER 200": close * (sup * HIO() ** 50) ** 12 * CNN(search=0),
        "CNN, HIO 100, ER 100": (sup * ER() ** 50) ** 2 * (sup * HIO() ** 50) ** 2 * CNN(),
        "CNN, ER 40": ER() ** 40 * CNN(),
    }


def start(one: Crystal, seed: int) -> CDI:
    """What a runner of PyNX begins with: support of the autocorrelation, random phases, free voxels."""
    np.random.seed(seed)  # noqa: NPY002  # what PyNX draws from
    data = one.measurement
    mask = np.fft.ifftshift(data.mask).astype(np.int8)
    cdi = CDI(np.fft.ifftshift(data.intensity).astype(np.float32), mask=mask)
    return InitFreePixels() * InitObjRandom() * AutoCorrelationSupport((0.09, 0.11)) * cdi


def run(one: Crystal, name: str, seed: int) -> dict[str, Any]:
    """Squared error and processor seconds of one start."""
    began = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        cdi = start(one, seed)
        try:
            cdi = chains()[name] * cdi
            obj = cdi.get_obj(shift=True) * cdi.get_support(shift=True)
            error = object_error(obj, one.truth) ** 2
        except (
            SupportTooLarge,
            SupportTooSmall,
        ):  # PyNX's runner begins again with another threshold
            error = 1.0
    seconds = time.process_time() - began
    return {"crystal": one.number, "kind": one.kind, "chain": name, "seed": seed,
            "squared_error": error, "processor_seconds": seconds}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--crystals", type=int, default=12)
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    rows = [json.loads(line) for line in lines]
    done = {(row["crystal"], row["chain"], row["seed"]) for row in rows}
    for number in range(given.first, given.first + given.crystals):
        one = None
        for seed in range(given.seeds):
            for name in chains():
                if (number, name, seed) in done:
                    continue
                one = one or crystal(number)
                rows.append(run(one, name, seed))
                with given.out.open("a") as stream:
                    stream.write(json.dumps(rows[-1]) + "\n")
    for name in chains():
        errors = np.array([row["squared_error"] for row in rows if row["chain"] == name])
        seconds = np.median([row["processor_seconds"] for row in rows if row["chain"] == name])
        found, well = ((errors < limit).sum() for limit in LIMITS)
        print(f"{name:26} found {found:2} of {len(errors)}, well {well:2}; {seconds:6.1f} s")


if __name__ == "__main__":
    main()
