"""The algorithms that can be named in a sequence: entry points of ``cdi_ml_plugin.algorithms``.

Finding is apart from loading: listing the names imports no algorithm, and so no torch.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

from ..errors import AlgorithmError
from ..utils import plugins
from ..utils.plugins import Group, provider

if TYPE_CHECKING:
    from .base import Operator

ALGORITHMS = Group("cdi_ml_plugin.algorithms", "algorithm", str.upper, AlgorithmError)
find, names, refresh = ALGORITHMS.find, ALGORITHMS.names, ALGORITHMS.refresh


def load(name: str) -> type[Operator]:
    """Import the algorithm of that name (any case).

    Raises
    ------
    AlgorithmError
        The name is not registered, or its module cannot be imported, or it is no `Operator`.
    """
    from .base import Operator

    algorithm = ALGORITHMS.load(name)
    if not (isinstance(algorithm, type) and issubclass(algorithm, Operator)):
        entry = find()[name.upper()]
        raise AlgorithmError(
            f"algorithm {name} of {provider(entry)}: {entry.value} is not a subclass of "
            "cdi_ml_plugin.operators.base.Operator"
        )
    return algorithm


def summary(entry: EntryPoint) -> str:
    """First line of an algorithm's docstring, read from its source without importing it."""
    return plugins.summary(entry.module, entry.attr)
