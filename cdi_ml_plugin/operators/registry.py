"""The algorithms that can be named in a sequence: entry points of ``cdi_ml_plugin.algorithms``.

Finding is apart from loading: listing the names imports no algorithm, and so no torch.
"""

from __future__ import annotations

import ast
import importlib.util
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import AlgorithmError
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
    try:
        spec = importlib.util.find_spec(entry.module)
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            return ""
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    except Exception as error:  # a broken package of somebody else: the others are still listed
        return f"(cannot be read: {' '.join(str(error).split())})"
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == entry.attr:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""
