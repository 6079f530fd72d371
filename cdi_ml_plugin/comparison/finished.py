"""Results that are compared as they are: phased before, by this package or another program."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..data.measurement import Measurement, data_digest
from ..data.result import Result, Run
from ..errors import ParameterError
from ..utils.values import instance


@dataclass(frozen=True, eq=False)
class Finished:
    """A result beside the chains: nothing of it is run.

    Attributes
    ----------
    label : str
    result : Result
    digest : str
        Of its data and objects.
    """

    label: str
    result: Result
    digest: str

    @property
    def sequence(self) -> str:
        """The chain as text, in the words of the program that ran it."""
        return self.result.sequence

    @property
    def parameters(self) -> dict[str, Any]:
        """Those that are known."""
        return dict(self.result.parameters)

    @property
    def notes(self) -> Sequence[str]:
        """What is said of it, but for what is said of the data anyway."""
        said = set(self.result.measurement.notes)
        return [note for note in self.result.notes if note not in said]

    @property
    def hardware(self) -> str:
        """Where it ran, as far as it is known."""
        return self.result.device

    @property
    def seconds(self) -> float | None:
        """Of a run; None where nobody noted it."""
        return self.result.seconds / len(self.result.runs) or None

    def runs(self) -> list[Run]:
        """Its runs, numbered from 0 on."""
        return [replace(run, seed=number) for number, run in enumerate(self.result.runs)]


def finished(measurement: Measurement, results: Mapping[str, Result]) -> list[Finished]:
    """Make results ready to be compared.

    Raises
    ------
    ParameterError
        One is no `Result`, or of other data, or twice there.
    """
    data = data_digest(measurement)
    made: list[Finished] = []
    for label, result in results.items():
        instance(f"result {label!r}", result, Result, "a Result; `read_any_result` reads one")
        own = result.measurement
        if own.shape != measurement.shape or data_digest(own) != data:
            raise ParameterError(
                f"result {label!r}: of other data ({own}), or of these prepared otherwise: "
                f"compare it on those that it was phased from, or leave it out"
            )
        digest = hashlib.sha256(f"{data} {result.sequence}".encode())
        for run in result.runs:
            digest.update(run.object.tobytes())
        for other in made:
            if other.digest == digest.hexdigest():
                raise ParameterError(
                    f"results {other.label!r} and {label!r} are the same: give another"
                )
        made.append(Finished(label, result, digest.hexdigest()))
    return made
