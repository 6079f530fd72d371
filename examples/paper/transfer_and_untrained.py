"""Fig. 3 of the paper: a trained and an untrained network fitted to one noise-free pattern.

The particle is a faceted crystal of 64³ voxels whose phase runs over 12 rad; the shipped weights `fast`
have seen up to 10. Four chains get the same time. Writes transfer_and_untrained.png and .json to --out.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from drawing import draw

from cdi_ml_plugin import Measurement, align, diffraction, object_error, reconstruct
from cdi_ml_plugin.physics.shells import shells, spectral_weight
from cdi_ml_plugin.simulate.particle import strained_crystal
from cdi_ml_plugin.utils.device import hardware
from cdi_ml_plugin.utils.versions import versions

NAME = "transfer_and_untrained"
COUNTS = 1e9  # only a scale: the pattern has no noise
TRAINED = {"refine_weights": "fast"}
UNTRAINED = {"refine_weights": "none", "refine_channels": 32}  # as many as `fast` has
END = "100*ER + 100*MLE"
POLISHED = "3*(180*HIO + 20*ER) + 20*REFINE + 300*MLE"  # not as long as the others


def options(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for picture and numbers")
    parser.add_argument("--minutes", type=float, default=10, help="for each chain (10)")
    parser.add_argument("--epochs", type=int, help="of transfer; the others get its time")
    parser.add_argument("--voxels", type=int, default=64, help="along each axis (64)")
    parser.add_argument("--phase", type=float, default=12, help="rad, lowest to highest (12)")
    parser.add_argument("--size", type=float, default=24, help="voxels across the crystal (24)")
    parser.add_argument("--seed", type=int, default=0, help="of particle and chains (0)")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args(arguments)


def main(arguments=None):
    given = options(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    shape, rng = (given.voxels,) * 3, np.random.default_rng(given.seed)
    truth = strained_crystal(shape, np.eye(3), size=given.size, rng=rng, phase_range=given.phase)
    truth *= np.sqrt(COUNTS / np.sum(np.abs(truth) ** 2))
    data = Measurement(diffraction(truth))
    parts = shells(shape)

    def run(chain, parameters):
        more = {"held_out": 0, "device": given.device}  # no noise: nothing to hold out
        return reconstruct(data, chain, seeds=[given.seed], parameters=parameters, **more)

    def cost(step, parameters):
        """Seconds that one more such step takes, once everything is loaded."""
        _, less, more = (run(f"{n}*{step}", parameters).seconds for n in (1, 1, 6))
        return (more - less) / 5

    epoch, bare = cost("REFINE", TRAINED), cost("REFINE", UNTRAINED)
    iteration = cost("(9*HIO + ER)", {}) / 10
    budget = given.epochs * epoch if given.epochs else 60 * given.minutes
    number = max(2, round(budget / epoch))
    cycles = max(2, round(budget / iteration / 200))
    results = []
    for label, chain, parameters, epochs, seconds in (  # where epochs are, of so many seconds
        ("trained network", "CNN", {}, slice(0), 0),
        ("transfer", f"{number}*REFINE", TRAINED, slice(None), epoch),
        ("untrained", f"{max(2, round(budget / bare))}*REFINE", UNTRAINED, slice(None), bare),
        (
            "REFINE + HIO + ER + MLE",
            f"{number // 2}*REFINE + {cycles // 2}*(180*HIO + 20*ER) + {END}",
            TRAINED,
            slice(number // 2),
            epoch,
        ),
        ("HIO + ER + REFINE + MLE", POLISHED, {}, slice(600, 620), bare / 4),
        ("HIO + ER + MLE", f"{cycles}*(180*HIO + 20*ER) + {END}", {}, slice(0), 0),
    ):
        result = run(chain, parameters)
        chi2 = result.run.history["chi2"]
        steps = np.full(len(chi2), iteration)
        steps[epochs] = seconds
        when = np.cumsum(steps) * result.seconds / max(steps.sum(), 1e-9)
        kept = np.unique(np.geomspace(1, len(chi2), 600).astype(int)) - 1 if len(chi2) else []
        about = {
            "label": label,
            "chain": result.sequence,
            "chi2": result.metrics["chi2"],
            "object_error": object_error(result.object, truth),
            "seconds": result.seconds,
            "notes": [*result.notes, *result.run.notes],
            "history": {name: a[kept] for name, a in (("seconds", when), ("chi2", chi2))},
            "spectral_weight": spectral_weight(np.sqrt(diffraction(result.object)), parts),
        }
        about["history"]["step"] = np.arange(1, len(chi2) + 1)[kept]
        print(
            f"{label}: χ² {about['chi2']:.3g}, object error {about['object_error']:.3g}, "
            f"{about['seconds']:.0f} s"
        )
        results.append((about, align(result.object, truth)))
    content = {name: value for name, value in vars(given).items() if name != "out"} | {
        "hardware": hardware(torch.device(given.device), 1),
        "versions": versions(),
        "seconds_per_epoch": {"transfer": epoch, "untrained": bare},
        "seconds_per_iteration": iteration,
        "q": parts.q,
        "true_spectral_weight": spectral_weight(np.sqrt(data.intensity), parts),
        "chains": [about for about, _ in results],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, default=np.ndarray.tolist)
    (given.out / f"{NAME}.json").write_text(text + "\n", encoding="utf-8")
    draw(truth, results, content).savefig(given.out / f"{NAME}.png", dpi=130)


if __name__ == "__main__":
    main()
