"""This package's keys in cohere's ``config_rec``: which there are, and what is wrong with them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from ...errors import CdiMlError, ParameterError
from ...operators import registry
from ...operators.base import Operator

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


# CNN's own search is short and on a small part of the data; cohere's iterations are on all of it.
DEFAULTS = {"cnn_search": 500}
OWN = ("cdi_ml_device", "cdi_ml_zeros")


def valid() -> list[str]:
    """Every key that is this package's alone: not those that an algorithm shares with cohere."""
    keys = set(OWN)
    for name in registry.names():
        own = f"{name.lower()}_"
        keys.update(key for key in registry.load(name).keys.values() if key.startswith(own))
    return sorted(keys)


def operators(parameters: Mapping[str, Any], names: Iterable[str]) -> dict[str, Operator]:
    """Algorithms by name, with their parameters; every key and value is looked at.

    Raises
    ------
    ParameterError
        A key that begins as ours do is none of them, or a value cannot be.
    """
    known = valid()
    families = (*{f"{key.partition('_')[0]}_" for key in known if key not in OWN}, "cdi_ml_")
    for key in parameters:
        if key.startswith(families) and key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ParameterError(
                f"config_rec: unknown parameter {key!r}: {hint}those of cdi_ml_plugin are "
                f"{', '.join(known)}"
            )
    return {name: registry.load(name)().bind({**DEFAULTS, **parameters}) for name in names}


def problem(parameters: Mapping[str, Any], names: Iterable[str]) -> str:
    """One line about what is wrong with the keys of the algorithms `names`, as cohere's verifier has it."""
    try:
        Options.of(parameters)
        operators(parameters, names)
    except CdiMlError as error:
        return str(error)
    return ""
