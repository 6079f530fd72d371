"""The algorithms that can be named in a sequence: entry points of ``cdi_ml_plugin.algorithms``.

Finding is apart from loading: listing the names imports no algorithm, and so no torch.
"""

from __future__ import annotations

import ast
import difflib
import importlib.util
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import AlgorithmError

if TYPE_CHECKING:
    from .base import Operator

GROUP = "cdi_ml_plugin.algorithms"


@cache
def find() -> dict[str, EntryPoint]:
    """Every registered algorithm, by its upper-case name; nothing is imported.

    Raises
    ------
    AlgorithmError
        Two packages register the same name (names do not differ by case).
    """
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name.upper(), e.value)):
        key = entry.name.upper()
        other = found.get(key)
        if other is not None and other.value != entry.value:
            raise AlgorithmError(
                f"algorithm {key} is registered twice, as {other.value} ({provider(other)}) and "
                f"{entry.value} ({provider(entry)}): uninstall one of the two packages"
            )
        found[key] = entry
    return found


def refresh() -> None:
    """Forget what was found, so that a package installed since is seen."""
    find.cache_clear()
    load.cache_clear()


def names() -> list[str]:
    """Names of all registered algorithms, sorted."""
    return sorted(find())


def provider(entry: EntryPoint) -> str:
    """Name and version of the package that registers an algorithm."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown package"


@cache
def load(name: str) -> type[Operator]:
    """Import the algorithm of that name (any case).

    Raises
    ------
    AlgorithmError
        The name is not registered, or its module cannot be imported, or it is no `Operator`.
    """
    from .base import Operator

    entry = find().get(name.upper())
    if entry is None:
        raise AlgorithmError(unknown(name))
    try:
        algorithm = entry.load()
    except Exception as error:  # whatever the module of another package runs into
        raise AlgorithmError(
            f"algorithm {name} of {provider(entry)} cannot be loaded from {entry.value}: "
            f"{' '.join(str(error).split()) or type(error).__name__}"
        ) from error
    if not (isinstance(algorithm, type) and issubclass(algorithm, Operator)):
        raise AlgorithmError(
            f"algorithm {name} of {provider(entry)}: {entry.value} is not a subclass of "
            "cdi_ml_plugin.operators.base.Operator"
        )
    return algorithm


def unknown(name: str) -> str:
    """One line about a name that is not registered."""
    close = difflib.get_close_matches(name.upper(), names(), n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"unknown algorithm {name!r}.{hint} Valid names: {', '.join(names())}"


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
