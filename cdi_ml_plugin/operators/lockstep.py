"""Searches of several seeds side by side: what is the same for them is done in one batch, as a GPU wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ..physics.state import State
from .base import Operator

if TYPE_CHECKING:
    from ..physics.moduli import Moduli
    from .rounds import Search


def advance(runs: Sequence[Search]) -> bool:
    """Do an iteration of each search that has one left; False where none has.

    In one batch are those on the same level that ask for the same algorithm, as near to the measured
    moduli: where an object is found that no longer depends on the progress.
    """
    groups: dict[tuple[object, ...], tuple[Operator, list[Search]]] = {}
    for run in runs:
        operator = run.ask()
        if operator is not None:
            inner = run.inner
            alike = operator, run.level, inner.seeds[0].found or inner.progress
            groups.setdefault(alike, (operator, []))[1].append(run)
    for operator, group in groups.values():
        _step(operator, group[0].level.data, [run.inner for run in group])
        for run in group:
            run.did()
    return bool(groups)


def _step(operator: Operator, data: Moduli, states: list[State]) -> None:
    """An iteration of states of one seed each, which differ in object, support and kernel of the beam."""
    if len(states) == 1:
        operator.step(states[0], data)
        return
    batch = State(
        object=torch.cat([one.object for one in states]),
        support=torch.cat([one.support for one in states]),
        seeds=[one.seeds[0] for one in states],
        progress=states[0].progress,
        noise_tolerance=states[0].noise_tolerance,
        transfer=[one.transfer[0] for one in states],
    )
    operator.step(batch, data)
    for index, one in enumerate(states):
        one.object, one.chi2 = batch.object[index : index + 1], batch.chi2[index : index + 1]
