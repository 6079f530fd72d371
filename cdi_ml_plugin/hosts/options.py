"""Parameters of the algorithms as a host hands them over: which there are, and what is wrong with them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ParameterError
from ..operators import registry
from ..operators.base import Operator

# CNN's own search is short and on a small part of the data; a host's iterations are on all of it.
DEFAULTS = {"cnn_search": 500}


def valid(own: Iterable[str]) -> list[str]:
    """Every key that is this package's alone: a host's `own`, and those that no host has too."""
    keys = set(own)
    for name in registry.names():
        begins = f"{name.lower()}_"
        keys.update(key for key in registry.load(name).keys.values() if key.startswith(begins))
    return sorted(keys)


def operators(
    parameters: Mapping[str, Any], names: Iterable[str], own: Iterable[str], where: str
) -> dict[str, Operator]:
    """Algorithms by name, with their parameters; every key and value is looked at.

    Parameters
    ----------
    parameters : mapping
        Key → value; it may hold keys of the host's.
    names : iterable of str
        Of the algorithms.
    own : iterable of str
        Keys that belong to the bridge to this host.
    where : str
        What messages say of where the keys stand.

    Raises
    ------
    ParameterError
        A key that begins as ours do is none of them, or a value cannot be.
    """
    own = tuple(own)
    known = valid(own)
    families = (*{f"{key.partition('_')[0]}_" for key in known if key not in own}, "cdi_ml_")
    for key in parameters:
        if key.startswith(families) and key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ParameterError(
                f"{where}: unknown parameter {key!r}: {hint}those of cdi_ml_plugin are "
                f"{', '.join(known)}"
            )
    return {name: registry.load(name)().bind({**DEFAULTS, **parameters}) for name in names}
