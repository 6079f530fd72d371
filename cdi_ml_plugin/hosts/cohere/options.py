"""This package's keys in cohere's ``config_rec``: which there are, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from ...errors import CdiMlError, ParameterError
from ...operators.base import Operator
from .. import options

ZEROS: tuple[Literal["dark", "unknown"], ...] = ("dark", "unknown")


@dataclass(frozen=True)
class Options:
    """Keys that are the bridge's own, beside those of the algorithms.

    Parameters
    ----------
    zeros : {"dark", "unknown"}
        ``cdi_ml_zeros``. cohere's data are 0 where nothing was counted and where nothing was
        measured alike: all of them count as measured, as in cohere's algorithms, or none.
    device : str or None
        ``cdi_ml_device``: where networks run; by default where cohere has its data.
    """

    zeros: Literal["dark", "unknown"] = "dark"
    device: str | None = None

    def __post_init__(self) -> None:
        if self.zeros not in ZEROS:
            raise ParameterError(f"cdi_ml_zeros = {self.zeros!r}: give one of {', '.join(ZEROS)}")
        if self.device is not None and not isinstance(self.device, str):
            raise ParameterError(
                f'cdi_ml_device = {self.device!r}: give a text such as "cpu" or "cuda:0"'
            )

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Self:
        """Take them out of a ``config_rec``."""
        return cls(parameters.get("cdi_ml_zeros", cls.zeros), parameters.get("cdi_ml_device"))


OWN = ("cdi_ml_device", "cdi_ml_zeros")
WHERE = "config_rec"


def operators(parameters: Mapping[str, Any], names: Iterable[str]) -> dict[str, Operator]:
    """Algorithms by name, with their parameters in a ``config_rec``, see `hosts.options.operators`."""
    return options.operators(parameters, names, OWN, WHERE)


def problem(parameters: Mapping[str, Any], names: Iterable[str]) -> str:
    """One line about what is wrong with the keys of the algorithms `names`, as cohere's verifier has it."""
    try:
        Options.of(parameters)
        operators(parameters, names)
    except CdiMlError as error:
        return str(error)
    return ""
