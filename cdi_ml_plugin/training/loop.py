"""The supervised loop, on any device and number of processes that Lightning Fabric can reach."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from ..errors import AlgorithmError, ParameterError, WriteError
from ..nn import kinds, weights
from ..utils.device import hardware
from ..utils.files import check_folder
from ..utils.interrupt import interruption
from . import checkpoint
from .fine_tune import Scans
from .objective import generator, training_loss, validate
from .processes import all_want, launched, only_writer
from .recipe import Recipe
from .single import Single

WEIGHTS = "weights.safetensors"
VALIDATED = 512  # patterns
LARGEST_GRADIENT = 1.0  # its norm; the paper does not say how it keeps its rate of 0.01 stable
MOST_LOST = 20  # steps in a row without a finite gradient
LONGEST_AVERAGE = 0.999  # of the weights: over the last thousand steps


@dataclass
class Session:
    """What a run of `train` does to the recipe's training, beside the recipe itself.

    Parameters
    ----------
    minutes : float or None
        Stop and save after this many; without it at the recipe's last step.
    save_every, validate_every : float
        Minutes between checkpoints, and between validations.
    accelerator, devices, nodes, precision
        Lightning Fabric's; ``bf16-mixed`` on a GPU that has it.
    start : str or Path, optional
        Weights to start from, the name of a network or a file; a run that goes on takes no others.
    scans : Scans, optional
        Measured patterns that are part of every batch.
    command : str
        Goes on the card of the weights.
    progress : bool
    validated : int, optional
        Patterns of a validation; default `VALIDATED`.
    saved : callable, optional
        Called when a checkpoint has been written.
    """

    minutes: float | None = None
    save_every: float = 5.0
    validate_every: float = 5.0
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: str = "32-true"
    start: str | Path | None = None
    scans: Scans | None = None
    command: str = ""
    progress: bool = False
    validated: int | None = None
    saved: Callable[[], object] | None = None


def train(
    recipe: Recipe, folder: Path, session: Session, single: Single | None = None
) -> weights.Card:
    """Train, or go on where a checkpoint in `folder` ends; write checkpoints, logs and weights.

    Parameters
    ----------
    recipe : Recipe
    folder : Path
    session : Session
    single : Single, optional
        The one process that trains, in place of Lightning Fabric and of what `session` says of it.

    Returns
    -------
    Card
        Of the weights in ``folder/weights.safetensors``.

    Raises
    ------
    ParameterError
        The checkpoint is of another recipe, of other scans or from other weights; a device cannot
        be used.
    WriteError, ReadError, WeightsError
        No space or no permission, weights without a checkpoint are there already, or another process
        trains there; a damaged checkpoint; weights that cannot be started from.
    """
    check_folder(folder)
    _same_recipe(recipe, folder, session)  # before there are several processes
    fabric: Any = single
    if single is None:
        fabric = launched(
            folder, session.accelerator, session.devices, session.nodes, session.precision
        )
    with only_writer(folder, fabric):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ParameterError(f"{folder}: cannot be made: {error.strerror}") from error
        before = _same_recipe(recipe, folder, session)  # another may have ended meanwhile
        run = _Run(recipe, folder, session, fabric, before)
        run.loop()
    return run.card


def _same_recipe(recipe: Recipe, folder: Path, session: Session) -> dict[str, Any]:
    """Facts of the checkpoint to go on from, or those of a beginning."""
    before = checkpoint.facts(folder)
    start = None if session.start is None else weights.load(session.start)[1]
    scans = None if session.scans is None else session.scans.checksum
    if before is None:
        if (folder / WEIGHTS).exists():
            raise WriteError(f"{folder}: holds {WEIGHTS} already: name another folder")
        beginning: dict[str, Any] = {
            "step": 0,
            "seconds": 0.0,
            "samples": 0,
            "start": None,
            "scans": scans,
        }
        if start is not None:  # the card counts all that these weights have learnt from
            beginning.update(
                seconds=3600 * start.hours, samples=start.samples, start=start.checksum
            )
        return beginning
    was, wanted = Recipe.of(before["recipe"]).as_dict(), recipe.as_dict()
    other = [key for key in was if was[key] != wanted[key] and key != "steps"]
    if other:
        raise ParameterError(
            f"{folder}: its checkpoint has "
            + ", ".join(f"{key} = {was[key]!r}" for key in other)
            + ": give the same, or another folder"
        )
    if before.get("scans") != scans:
        had = "no scans" if before.get("scans") is None else "other scans, or in another order"
        raise ParameterError(
            f"{folder}: its checkpoint is of {had}: give the same, or another folder"
        )
    if start is not None and start.checksum != before.get("start"):
        raise ParameterError(
            f"{folder}: has a checkpoint already, so it cannot start from weights, but for those "
            f"that it began with, and {session.start} are others: name another folder"
        )
    return before


class _Run:
    """One process of a training run."""

    def __init__(
        self, recipe: Recipe, folder: Path, session: Session, fabric: Any, before: dict[str, Any]
    ) -> None:
        self.recipe, self.folder, self.session, self.fabric = recipe, folder, session, fabric
        self.step, self.seconds, self.samples = (
            before[key] for key in ("step", "seconds", "samples")
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            network = kinds.made(recipe.network)
        if session.start is not None:
            trained, card = weights.load(session.start)
            if card.preset != recipe.preset:
                raise ParameterError(
                    f"{session.start}: are weights of {card.preset!r}, and {recipe.preset!r} is to be trained: "
                    f"give --network {card.preset}, or a --recipe of it"
                )
            network.load_state_dict(trained.state_dict())
        network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.average = copy.deepcopy(network).to(fabric.device).requires_grad_(False)
        self.network, *self.optimisers = fabric.setup(network, *recipe.optimisers(network))
        self.bare: nn.Module = self.network.module
        if self.step:
            checkpoint.load(folder, self.bare, self.average, self.optimisers)
        self.validation: dict[str, float] = before.get("validation", {})
        self.origin = {"start": before.get("start"), "scans": before.get("scans")}
        here = hardware(fabric.device, fabric.world_size)
        self.hardware = list(dict.fromkeys([*before.get("hardware", []), here]))
        self.lost = 0
        self.card: weights.Card

    def loop(self) -> None:
        began = last_saved = last_validated = time.monotonic()
        done_before = self.seconds
        limit = (self.session.minutes or torch.inf) * 60
        bar = tqdm(
            total=self.recipe.steps,
            initial=self.step,
            unit="step",
            disable=not (self.session.progress and self.fabric.is_global_zero),
        )
        # SIGTERM is what a batch system sends before it kills
        with interruption() as stop, bar:
            while self.step < self.recipe.steps:
                loss = self._one()
                bar.update()
                now = time.monotonic()
                self.seconds = done_before + now - began
                if self.step % 50 == 0:
                    value = float(loss)
                    self.fabric.log_dict({"loss": value, "samples": self.samples}, self.step)
                    bar.set_postfix(loss=f"{value:.3f}", **_short(self.validation), refresh=False)
                if all_want(self.fabric, now - last_validated > 60 * self.session.validate_every):
                    self._validate()
                    last_validated = time.monotonic()
                if all_want(self.fabric, now - last_saved > 60 * self.session.save_every):
                    self._save()
                    last_saved = time.monotonic()
                if all_want(self.fabric, bool(stop) or now - began > limit):
                    break
            self._save()  # first: who stops a run may not wait for a validation
            self._validate()
            self._save()
            self._finish()

    def _one(self) -> torch.Tensor:
        recipe, fabric = self.recipe, self.fabric
        numbers = generator(recipe, fabric.device, fabric.global_rank, self.step)
        scans = self.session.scans
        of_scans = 0 if scans is None else scans.share(recipe.batch)
        batch = recipe.particles.draw(recipe.batch - of_scans, numbers)
        measured = None if scans is None else scans.draw(of_scans, numbers)
        turn, rate = recipe.turn(self.step)
        optimiser = self.optimisers[turn]
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = training_loss(recipe, self.network, batch, numbers, measured)
        optimiser.zero_grad()
        fabric.backward(loss)
        norm = fabric.clip_gradients(
            self.network, optimiser, max_norm=LARGEST_GRADIENT, error_if_nonfinite=False
        )
        if norm is None or bool(torch.isfinite(norm)):
            optimiser.step()
            self.lost = 0
        else:  # one bad batch must not spoil the weights, many are no accident
            self.lost += 1
            if self.lost == MOST_LOST:
                raise AlgorithmError(
                    f"training: the gradient was not finite {MOST_LOST} steps in a row, up to step "
                    f"{self.step}: give a lower --rate; {self._kept()}"
                )
        self.step += 1
        self.samples += recipe.batch * fabric.world_size
        self._average()
        return loss.detach()

    def _kept(self) -> str:
        there = (self.folder / checkpoint.NAME).exists()
        return "the last checkpoint is whole" if there else "no checkpoint was written yet"

    @torch.no_grad()
    def _average(self) -> None:
        """Move the running average of the weights; without one it is the weights themselves."""
        keep = min(LONGEST_AVERAGE, self.step / (self.step + 10)) if self.recipe.averages else 0.0
        pairs = zip(self.average.parameters(), self.bare.parameters(), strict=True)
        for mean, weight in pairs:
            mean.lerp_(weight, 1 - keep)
        for kept, buffer in zip(self.average.buffers(), self.bare.buffers(), strict=True):
            kept.copy_(buffer)

    def _validate(self) -> None:
        count = self.session.validated or VALIDATED
        self.validation = validate(self.recipe, self.average, self.fabric.device, count)
        self.fabric.log_dict({f"validation/{k}": v for k, v in self.validation.items()}, self.step)
        figures = ", ".join(f"{key} {value:.4f}" for key, value in self.validation.items())
        if self.fabric.is_global_zero:
            tqdm.write(f"step {self.step:,}, {self.samples:,} patterns: {figures}")

    def _facts(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.as_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "samples": self.samples,
            "validation": self.validation,
            "hardware": self.hardware,
            **self.origin,
        }

    def _save(self) -> None:
        failure = None
        if self.fabric.is_global_zero:
            try:
                checkpoint.save(
                    self.folder, self.bare, self.average, self.optimisers, self._facts()
                )
                if self.session.saved is not None:
                    self.session.saved()
            except WriteError as error:
                failure = error
        if all_want(
            self.fabric, failure is not None
        ):  # the others stop too, and do not wait for the first
            raise failure or WriteError(f"{self.folder}: the first process could not write to it")

    def _finish(self) -> None:
        self.card = weights.Card(
            preset=self.recipe.preset,
            families=self.recipe.families,
            phase_range=self.recipe.phase,
            samples=self.samples,
            hardware="; ".join(self.hardware),
            hours=round(self.seconds / 3600, 3),
            recipe=self.session.command,
            validation=self.validation,
        )
        if self.fabric.is_global_zero:
            self.card = weights.save(self.folder / WEIGHTS, self.average, self.card)


def _short(validation: dict[str, float]) -> dict[str, str]:
    return {f"val_{k}": f"{validation[k]:.3f}" for k in ("error", "chi2") if k in validation}
