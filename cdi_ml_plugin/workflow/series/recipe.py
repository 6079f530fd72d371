"""How the scans of a series are read and phased: one recipe, and what a table changes of it for single scans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ...engine.kept import weights_digests
from ...engine.plan import Plan
from ...errors import ParameterError
from ...physics.moduli import HELD_OUT
from ...utils.jsonable import plain
from ...utils.values import instance, number
from ...utils.versions import versions

FILES = ("spec", "dark", "white", "geometry", "mask")  # options of reading that name a file
READING = ("reader", "dataset", "monitor", "threshold", "crop", "binning", *FILES)


@dataclass(frozen=True)
class Recipe:
    """What is done with each scan of a series.

    Attributes
    ----------
    sequence, seeds, parameters, held_out, device
        See `cdi_ml_plugin.reconstruct`; the sequence as text.
    reading : mapping
        Options of `read_prepared`: ``reader``, ``spec``, ``mask``, ``geometry``, ``crop`` … Where the path of a
        file has ``{scan}``, the number of the scan takes its place.
    """

    sequence: str | None = None
    seeds: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    held_out: float = HELD_OUT
    device: str | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        number("held_out", self.held_out, 0, 0.5)
        instance("parameters", self.parameters, Mapping, "a mapping of keys as in config_rec")
        instance("reading", self.reading, Mapping, "a mapping of options of read_prepared")
        if unknown := [key for key in self.reading if key not in READING]:
            raise ParameterError(
                f"reading {', '.join(map(repr, unknown))}: unknown: there are {', '.join(READING)}"
            )
        told = {key: value for key, value in self.reading.items() if value not in (None, (), False)}
        for key in FILES:
            if key in told:
                told[key] = Path(told[key])
        for key in ("crop", "binning"):
            if key in told:
                told[key] = tuple(told[key])
        object.__setattr__(self, "reading", told)

    def changed(self, given: Mapping[str, Any]) -> Recipe:
        """The recipe with what is given for a single scan; ``set:KEY`` is a parameter."""
        own = {key: value for key, value in given.items() if key in {f.name for f in fields(self)}}
        reading = {key: value for key, value in given.items() if key in READING}
        parameters = {
            key.removeprefix("set:"): value
            for key, value in given.items()
            if key.startswith("set:")
        }
        return replace(
            self,
            **own,
            reading={**self.reading, **reading},
            parameters={**self.parameters, **parameters},
        )

    def identity(self) -> dict[str, Any]:
        """What the result hangs on beside the data: recipe, weights and versions, as JSON knows them.

        How data are read is not part of it: what comes of that is compared itself, as `content` of the outcome.

        Raises
        ------
        SequenceError, ParameterError, AlgorithmError, WeightsError
            The chain or a parameter is not valid.
        """
        plan = Plan.of(self.sequence, self.parameters)
        found: dict[str, Any] = plain(
            {
                "sequence": str(plan.step),
                "parameters": plan.parameters,
                "seeds": self.seeds,
                "held_out": self.held_out,
                "device": self.device,
                "weights": weights_digests(plan.step),
                "versions": versions(),
            }
        )
        return found
