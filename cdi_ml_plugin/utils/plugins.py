"""What packages register under a group of entry points: found without an import, loaded by name."""

from __future__ import annotations

import ast
import difflib
import importlib.util
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ..errors import CdiMlError


class Group:
    """The entry points of one group, looked up once.

    Parameters
    ----------
    name : str
        Of the group, as ``cdi_ml_plugin.algorithms``.
    kind : str
        What its entries are, in messages: ``"algorithm"``.
    spelling : callable
        What makes one key of the spellings of a name, as ``str.upper``.
    error : type of CdiMlError
        What is raised.
    first_keeps : bool
        Of two packages with one name the first keeps it, this one before any other, and `refused` says
        so; else it is an error.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        spelling: Callable[[str], str],
        error: type[CdiMlError],
        first_keeps: bool = False,
    ) -> None:
        self.name, self.kind, self.spelling, self.error = name, kind, spelling, error
        self.first_keeps, self.refused = first_keeps, list[str]()
        self._found: dict[str, EntryPoint] | None = None
        self._loaded: dict[str, Any] = {}

    def find(self) -> dict[str, EntryPoint]:
        """Every entry by its key; nothing is imported.

        Raises
        ------
        CdiMlError
            Two packages register the same name.
        """
        if self._found is None:
            found: dict[str, EntryPoint] = {}
            self.refused.clear()
            ordered = sorted(
                entry_points(group=self.name),
                key=lambda e: (self.spelling(e.name), not _own(e), e.value),
            )
            for entry in ordered:
                key = self.spelling(entry.name)
                other = found.get(key)
                if other is not None and other.value != entry.value:
                    twice = (
                        f"{self.kind} {key} is registered twice, as {other.value} ({provider(other)}) "
                        f"and {entry.value} ({provider(entry)}): "
                    )
                    if not self.first_keeps:
                        raise self.error(f"{twice}uninstall one of the two packages")
                    self.refused.append(f"{twice}the first is taken")
                    continue
                found[key] = entry
            self._found = found
        return self._found

    def refresh(self) -> None:
        """Forget what was found, so that a package installed since is seen."""
        self._found = None
        self._loaded.clear()

    def names(self) -> list[str]:
        """Every key, sorted."""
        return sorted(self.find())

    def load(self, name: str) -> Any:
        """Import the entry of that name, in any spelling.

        Raises
        ------
        CdiMlError
            The name is not registered, or its module cannot be imported.
        """
        key = self.spelling(str(name))
        if key not in self._loaded:
            entry = self.find().get(key)
            if entry is None:
                raise self.error(self.unknown(name))
            try:
                self._loaded[key] = entry.load()
            except Exception as error:  # whatever the module of another package runs into
                raise self.error(
                    f"{self.kind} {name} of {provider(entry)} cannot be loaded from {entry.value}: "
                    f"{' '.join(str(error).split()) or type(error).__name__}"
                ) from error
        return self._loaded[key]

    def subclass(self, name: str, base: type[Any]) -> Any:
        """Import the entry of that name, which is a class below `base` and has the name of its entry.

        Raises
        ------
        CdiMlError
            As `load`, or it is something else.
        """
        found: Any = self.load(name)
        key = self.spelling(name)
        entry = self.find()[key]
        where = f"{self.kind} {key} of {provider(entry)}: {entry.value}"
        if not (isinstance(found, type) and issubclass(found, base)):
            raise self.error(f"{where} is not a subclass of cdi_ml_plugin.plugin.{base.__name__}")
        if (called := getattr(found, "name", "")) != key:
            raise self.error(f"{where} has the name {called!r}: give it that of its entry point")
        return found

    def unknown(self, name: str) -> str:
        """One line about a name that is not registered."""
        close = difflib.get_close_matches(self.spelling(str(name)), self.names(), n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        return f"unknown {self.kind} {name!r}.{hint} Valid names: {', '.join(self.names())}"


def _own(entry: EntryPoint) -> bool:
    return entry.module.partition(".")[0] == __name__.partition(".")[0]


def provider(entry: EntryPoint) -> str:
    """Name and version of the package that registers an entry."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown package"


def summary(module: str, name: str) -> str:
    """First line of the docstring of a class or function, read from its source without importing it."""
    try:
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            return ""
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    except Exception as error:  # a broken package of somebody else: the others are still listed
        return f"(cannot be read: {' '.join(str(error).split())})"
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""
