"""Fine-tuning from measured scans to a verdict: some of them train, others say whether it helped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.measurement import Measurement
from ..engine.run import reconstruct
from ..errors import ParameterError
from ..nn import weights
from ..training.fine_tune import Scans, recipe_from
from ..training.loop import WEIGHTS, Session, train
from ..utils.values import path, whole

CHAIN = "CNN + 20*ER + 30*HIO + 10*ER"  # short, so that what CNN begins with still counts
SEEDS = 5
SHARE = 0.2  # of the scans, held out
LEAST = 0.02  # change of χ² that counts: less is seen in no object

Named = Sequence[tuple[str, Measurement]]


@dataclass(frozen=True, eq=False)
class Verdict:
    """Scans with the old weights and the new, from the same seeds.

    Attributes
    ----------
    names : tuple of str
        Of the scans that judge.
    held_out : bool
        Whether they were held out of the training. Otherwise only their held-out voxels were, those of
        `reconstruct`.
    prediction, chain : float64 (2, scans, seeds)
        χ² in the network's field of what it predicts; χ² of the held-out voxels after `CHAIN`. Old
        weights first.
    """

    names: tuple[str, ...]
    held_out: bool
    prediction: NDArray[np.float64]
    chain: NDArray[np.float64]

    @property
    def change(self) -> tuple[float, float]:
        """How much lower the new weights leave χ² of the held-out voxels after `CHAIN`, and its spread.

        Logarithms of new to old, the mean over the scans; of the seeds the mean and the standard
        deviation. Below 0 is better; NaN where no held-out voxel has counts.
        """
        old, new = self.chain
        each = np.log(new / old).mean(0)
        return float(each.mean()), float(each.std(ddof=1))

    @property
    def helped(self) -> bool:
        """Whether χ² of the held-out voxels fell by more than its spread over the seeds, and by `LEAST`."""
        mean, spread = self.change
        return mean < -max(spread, LEAST)

    @property
    def worse(self) -> bool:
        """Whether it rose by more than that."""
        mean, spread = self.change
        return mean > max(spread, LEAST)

    @property
    def figures(self) -> dict[str, float]:
        """What the card of the weights says of it: means over scans and seeds."""
        found = {"held_out_scans": float(len(self.names) if self.held_out else 0)}
        for name, values in (("prediction", self.prediction), ("chi2", self.chain)):
            old, new = values.mean((1, 2)).tolist()
            found |= {f"{name}_before": old, f"{name}_after": new}
        return {key: value for key, value in found.items() if math.isfinite(value)}

    def __str__(self) -> str:
        """Give two lines a scan, and the verdict."""
        lines = []
        for index, name in enumerate(self.names):
            lines.append(name + (" (held out)" if self.held_out else " (trained on)"))
            for what, values in (
                ("χ² of the prediction, in its field", self.prediction),
                (f"χ² of held-out voxels after {CHAIN}", self.chain),
            ):
                old, new = (f"{v.mean():.3g} ± {v.std(ddof=1):.2g}" for v in values[:, index])
                lines.append(f"  {what}: {old} before, {new} after")
        return "\n".join([*lines, self._line()])

    def _line(self) -> str:
        mean, spread = self.change
        count = len(self.names)
        lower = int((self.chain[1].mean(1) < self.chain[0].mean(1)).sum())
        if self.held_out:
            on = f"on {count} held-out scan{'s' * (count > 1)}"
        elif count == 1:
            on = f"on the held-out voxels of {self.names[0]} alone, which says nothing of other scans"
        else:
            on = f"on the held-out voxels of {count} scans that were trained on"
        if not math.isfinite(mean):
            return f"no verdict {on}: there are no counts in held-out voxels"
        word = "helped" if self.helped else "worse" if self.worse else "no difference"
        return (
            f"{word} {on}: their χ² after the chain changed by {math.expm1(mean):+.1%}, spread over "
            f"{self.chain.shape[2]} seeds {spread:.1%}, lower on {lower} of {count}"
        )


def fine_tune(
    scans: Named,
    folder: str | Path,
    source: str | Path = "fast",
    *,
    held_out: int | Sequence[str] | None = None,
    steps: int = 150,
    batch: int = 16,
    rate: float = 1e-4,
    session: Session | None = None,
) -> tuple[weights.Card, Verdict]:
    """Go on training weights with measured scans among the patterns, and judge by scans held out.

    Parameters
    ----------
    scans : sequence of (name, Measurement)
        Prepared as they will be phased, in the order of the series.
    folder : path
        Gets checkpoints, logs and ``weights.safetensors``. Where it has a checkpoint of the same scans,
        the training goes on from there.
    source : str or path
        Shipped weights or a file.
    held_out : int or sequence of str, optional
        How many scans are not trained on, evenly along the series, or their names; default a fifth,
        at least one, and none of one scan.
    steps, batch, rate
        See `training.recipe.Recipe`.
    session : Session, optional
        Time limit, device and so on.

    Returns
    -------
    card : Card
        Of the new weights, with the figures of the verdict.
    verdict : Verdict

    Raises
    ------
    ParameterError
        `held_out` leaves nothing to train on or names no scan; a held-out scan is also one that is
        trained on; see `train`.
    MeasurementError
        A pattern leaves nothing in the network's field.
    WriteError, ReadError, WeightsError
        See `train`.
    """
    folder = path("folder", folder)
    start = weights.load(source)[1]
    names = [name for name, _ in scans]
    hidden = chosen(names, held_out)
    trained = [one for index, one in enumerate(scans) if index not in hidden]
    # without a held-out scan, the same number of those trained on
    judging = [scans[index] for index in hidden or chosen(names, None) or [0]]
    if hidden:
        _apart(trained, judging)
        Scans.of(judging, start.preset)  # to be refused now, and not after the training
    recipe = recipe_from(start, steps, batch, rate)
    words = [*names, *(f"--held-out {names[index]}" for index in hidden)]
    if not hidden and len(names) > 1:
        words.append("--held-out 0")
    session = replace(
        Session() if session is None else session,
        start=source,
        scans=Scans.of(trained, start.preset),
        # names of files, no folders, which are nobody's business
        command=f"cdi-ml fine-tune {' '.join(words)} --from {Path(source).name} --steps {steps} "
        f"--batch {batch} --rate {rate} (began with sha256 {start.checksum[:12]}…)",
    )
    card = train(recipe, folder, session)
    verdict = judge(judging, source, folder / WEIGHTS, bool(hidden), session)
    network, card = weights.load(folder / WEIGHTS)
    card = replace(card, validation={**card.validation, **verdict.figures})
    return weights.save(folder / WEIGHTS, network, card), verdict


def chosen(names: Sequence[str], held_out: int | Sequence[str] | None) -> list[int]:
    """Which scans of a series are held out, see `fine_tune`."""
    count = len(names)
    if held_out is None:
        held_out = max(1, round(SHARE * count)) if count > 1 else 0
    if not isinstance(held_out, list | tuple):
        whole(f"held_out, of {count} scan(s),", held_out, 0, count - 1)
        many = int(held_out)  # type: ignore[arg-type]
        return [(2 * place + 1) * count // (2 * many) for place in range(many)]
    for name in held_out:
        if names.count(name) != 1:
            there = ", ".join(names)
            raise ParameterError(f"held_out = {name!r}: give a scan that is there once: {there}")
    if len(set(held_out)) == count:
        raise ParameterError("held_out: all scans are named, and none is left to train on")
    return sorted({names.index(name) for name in held_out})


def judge(
    scans: Named, old: str | Path, new: str | Path, held_out: bool, session: Session
) -> Verdict:
    """Phase scans by `CHAIN` with two weights, from the same seeds.

    Raises
    ------
    KeyboardInterrupt
        An interruption, after which there would be no verdict.
    """
    found = np.empty((2, 2, len(scans), SEEDS))
    for turn, source in enumerate((old, new)):
        for index, (_, measurement) in enumerate(scans):
            result = reconstruct(
                measurement,
                CHAIN,
                seeds=SEEDS,
                parameters={"cnn_weights": str(source)},
                device="cpu" if session.accelerator == "cpu" else None,
                progress=session.progress,
            )
            if len(result.runs) < SEEDS or any(r.reason == "interrupted" for r in result.runs):
                raise KeyboardInterrupt
            for what, key in enumerate(("cnn_chi2", "chi2_held_out")):
                found[what, turn, index] = [run.metrics[key] for run in result.runs]
    return Verdict(tuple(name for name, _ in scans), held_out, *found)


def _apart(trained: Named, judging: Named) -> None:
    """Raise ParameterError where a scan both trains and judges."""
    for name, one in judging:
        for other, another in trained:
            if np.array_equal(one.intensity, another.intensity):
                raise ParameterError(
                    f"{name} and {other} are the same counts, one held out and one trained on: leave one out"
                )
