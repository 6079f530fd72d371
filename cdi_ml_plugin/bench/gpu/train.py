"""The preset `fast` trained for the minutes that are left, from a checkpoint or the shipped weights."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ...errors import ParameterError
from ...nn import weights
from ...training import checkpoint
from ...training.loop import VALIDATED, WEIGHTS, Session, train
from ...training.recipe import Recipe
from ...training.single import Single
from ...utils.device import half_pays
from .parts import MANIFEST, join, split
from .scale import Scale
from .speed import TRAINING

START = "fast"
LOG = "training.jsonl"
RESULT = "Weights"
NEVER = 1e9  # minutes
SURE = 0.85  # of the steps that the measured speed promises


@dataclass(frozen=True)
class Training:
    """What is trained.

    Parameters
    ----------
    out : Path
        Where weights, the parts of the checkpoint and the log go.
    given : Path or None
        A folder with a checkpoint in parts; without one that in `out`, if there is one.
    batch, steps : int or None
        Of the recipe; those of the checkpoint, or what suits device and minutes.
    """

    out: Path
    given: Path | None
    batch: int | None
    steps: int | None

    def check(self) -> None:
        """See whether there is anything to go on from, and a step left to do.

        Raises
        ------
        ParameterError
            The steps of the checkpoint are done; it is of another batch.
        ReadError
            It is damaged, or there is none.
        """
        with tempfile.TemporaryDirectory() as folder:
            before = self._before(Path(folder))
        if before is None:
            return
        recipe = Recipe.of(before["recipe"])
        if self.batch not in (None, recipe.batch):
            raise ParameterError(
                f"{self._source()}: its checkpoint has batch = {recipe.batch}: leave --batch out"
            )
        if before["step"] >= (self.steps or recipe.steps):
            raise ParameterError(
                f"{self._source()}: {before['step']} steps of its checkpoint are done, which is all "
                "of them: give more --steps"
            )

    def run(
        self, scale: Scale, device: torch.device, minutes: float, rows: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Train; returns what the weights reach, before and after.

        Parameters
        ----------
        rows : list of mappings
            What was measured, for the speed.
        """
        precision = "bf16-mixed" if half_pays(device) else "32-true"
        minutes = max(minutes - scale.reserve, 0.01)
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            before = self._before(work)
            recipe = self._recipe(before, scale, precision, minutes, rows)
            session = Session(
                minutes=minutes,
                save_every=scale.save_every,
                validate_every=NEVER,
                precision=precision,
                start=START if before is None else None,
                command=f"{recipe.command()} --from {START}"
                + (f" --precision {precision}" if precision != "32-true" else ""),
                validated=scale.validated,
                saved=lambda: split(work / checkpoint.NAME, self.out),
            )
            card = train(recipe, work, session, Single(device, precision, self.out / LOG))
            _copied(work / WEIGHTS, self.out / WEIGHTS)
        shipped = weights.load(START)[1]
        return [_row("shipped", shipped, VALIDATED), _row(WEIGHTS, card, scale.validated)]

    def _source(self) -> Path | None:
        """The folder of the checkpoint to go on from."""
        if self.given is not None:
            return self.given
        return self.out if (self.out / MANIFEST).exists() else None

    def _before(self, work: Path) -> dict[str, Any] | None:
        """Facts of the checkpoint, which is put together in a folder."""
        source = self._source()
        if source is not None:
            join(source, work / checkpoint.NAME)
        return checkpoint.facts(work)

    def _recipe(
        self,
        before: dict[str, Any] | None,
        scale: Scale,
        precision: str,
        minutes: float,
        rows: list[dict[str, Any]],
    ) -> Recipe:
        if before is not None:
            recipe = Recipe.of(before["recipe"])
            return replace(recipe, steps=self.steps or recipe.steps)
        batch = self.batch or scale.trained[max(0, len(scale.trained) - 2)]
        seed = weights.load(START)[1].samples  # no pattern that they have seen comes again
        speed = _speed(rows, batch, precision)
        steps = self.steps
        if steps is None:
            fit = Recipe().steps if speed is None else int(SURE * 60 * minutes * speed / batch)
            steps = max(1, fit)
        return Recipe(preset="fast", batch=batch, steps=steps, seed=seed)


def _speed(rows: list[dict[str, Any]], batch: int, precision: str) -> float | None:
    """Patterns a second, as measured; None where they were not."""
    for row in rows:
        if (row["table"], row.get("batch"), row.get("precision")) == (TRAINING, batch, precision):
            speed: float | None = row.get("patterns a second")
            return speed
    return None


def _row(name: str, card: weights.Card, validated: int) -> dict[str, Any]:
    figures: Mapping[str, float] = card.validation
    return {
        "weights": name,
        "patterns": card.samples,
        "hours": card.hours,
        "validated": validated,
        **{key: figures[key] for key in ("error", "error_median", "solved", "chi2")},
    }


def _copied(source: Path, target: Path) -> None:
    """Copy a file, which appears whole."""
    draft = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, draft)
    os.replace(draft, target)
