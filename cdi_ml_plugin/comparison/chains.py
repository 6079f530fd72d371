"""The chains of a comparison, each with its parameters, and what their runs depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from ..data.measurement import Measurement, data_digest
from ..engine.kept import weights_digests
from ..engine.parameters import HONOURED, check
from ..engine.plan import Job, Plan
from ..errors import ParameterError
from ..operators.base import Step
from ..operators.sequence import parse
from ..utils.device import hardware
from ..utils.jsonable import plain
from ..utils.values import instance

if TYPE_CHECKING:
    from ..operators.base import Step

# Keys that choose what is compared elsewhere, and change no run.
ELSEWHERE = ("algorithm_sequence", "reconstructions")


@dataclass(frozen=True, eq=False)
class Contender:
    """One of the chains that are compared, ready to run.

    Attributes
    ----------
    label : str
    plan : Plan
    digest : str
        Of all that its runs depend on, but for their seed.
    """

    label: str
    plan: Job
    digest: str

    @property
    def parameters(self) -> dict[str, Any]:
        """Those in force, without `ELSEWHERE`."""
        return {k: v for k, v in self.plan.parameters.items() if k not in ELSEWHERE}

    @property
    def sequence(self) -> str:
        """The chain as text."""
        return str(self.plan.step)

    @property
    def notes(self) -> Sequence[str]:
        """What was adapted."""
        return self.plan.notes

    @property
    def hardware(self) -> str:
        """What it runs on."""
        return hardware(self.plan.device, 1)


def parameters_of(
    named: Mapping[str, str | Step],
    parameters: Mapping[str, Any],
    chain_parameters: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Give each chain its parameters: those for all, then its own.

    A key that only algorithms of other chains know is left out.

    Parameters
    ----------
    named : mapping of str to str or Step
        The chains, by their names.
    parameters : mapping
        For all chains.
    chain_parameters : mapping of str to mapping
        For one chain alone, by its name.

    Raises
    ------
    ParameterError
        A name is that of no chain, or a key is known to none, or not to the chain that it is for.
    """
    for name, own in chain_parameters.items():
        instance(f"parameters for {name!r}", own, Mapping, "a mapping of keys as in config_rec")
        if name not in named:
            raise ParameterError(
                f"parameters for {name!r}, which is no chain: give one of {', '.join(named)}"
            )
    known = {label: _keys(sequence) for label, sequence in named.items()}
    anywhere = set().union(*known.values())
    check(parameters, anywhere)
    given: dict[str, dict[str, Any]] = {}
    for label, own in chain_parameters.items():
        try:
            check(own, known[label])
        except ParameterError as error:
            raise ParameterError(f"chain {label!r}: {error}") from error
    for label, keys in known.items():
        foreign = anywhere - keys - HONOURED
        common = {key: value for key, value in parameters.items() if key not in foreign}
        given[label] = common | dict(chain_parameters.get(label, {}))
        if given[label].get("init_guess") == "continue":
            raise ParameterError(
                'init_guess = "continue": chains are compared from random starts: leave it out'
            )
    return given


def _keys(sequence: str | Step) -> set[str]:
    if isinstance(sequence, str):
        sequence = parse(sequence)
    if not isinstance(sequence, Step):
        raise ParameterError(f"sequence = {sequence!r}: give a text or a chain of operators")
    return {key for operator in sequence.operators() for key in operator.keys.values()}


def contenders(
    measurement: Measurement,
    named: Mapping[str, str | Step],
    parameters: Mapping[str, Any],
    chain_parameters: Mapping[str, Mapping[str, Any]],
    held_out: float,
    device: str | torch.device | None,
    precision: str,
    others: int = 0,
) -> list[Contender]:
    """Make the chains ready; `others` results stand beside them.

    Raises
    ------
    ParameterError
        Fewer than two chains or results, or a chain twice; see also `parameters_of`.
    """
    if len(named) + others < 2:
        raise ParameterError(
            f"{len(named) + others} chain(s) given: a comparison needs two or more, results included"
        )
    given = parameters_of(named, parameters, chain_parameters)
    made: list[Contender] = []
    for label, sequence in named.items():
        one = ready(
            label, sequence, given[label], measurement, held_out, device, precision, made[:1]
        )
        for other in made:
            if other.digest == one.digest:
                raise ParameterError(
                    f"chains {other.label!r} and {label!r} are the same ({one.plan.step}): give another"
                )
        made.append(one)
    return made


def ready(
    label: str,
    sequence: str | Step,
    parameters: Mapping[str, Any],
    measurement: Measurement,
    held_out: float,
    device: str | torch.device | None,
    precision: str,
    like: Sequence[Contender] = (),
) -> Contender:
    """Make a chain with its own parameters ready, with the data of the first that is `like` it: one copy is enough."""
    plan = Plan.of(sequence, parameters).on(measurement, held_out, device, precision)
    if like:
        plan = replace(plan, data=like[0].plan.data)
    one = Contender(label, plan, "")
    identity = {
        "data": [measurement.shape, data_digest(measurement)],
        "sequence": str(plan.step),
        "parameters": one.parameters,
        "held_out": held_out,
        "weights": weights_digests(plan.step),
        "precision": precision,
    }
    text = json.dumps(plain(identity), sort_keys=True)
    return replace(one, digest=hashlib.sha256(text.encode()).hexdigest())
