"""PyNX's words, and this package's beside them.

One of PyNX's modules is adapted, in memory and by additions alone: a runner whose algorithm names none
of these words runs as without them. Nothing here imports torch.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from ...operators import registry
from ...utils.plugins import provider
from ..release import installed, too_old
from ..say import say

OLDEST = (2025, 1)  # none before it was run
OWN = ("ER", "HIO", "RAAR")  # PyNX has them, and means the same


def is_there() -> bool:
    """Whether the PyNX that phases is installed; the package index has another one of that name."""
    found = importlib.util.find_spec("pynx")
    places = (found and found.submodule_search_locations) or ()
    return any((Path(place) / "cdi").is_dir() for place in places)


def installed_version() -> str | None:
    """Version of PyNX, or None where it is not installed as a package."""
    return installed("pynx")


def unsupported() -> str:
    """One line about a PyNX that was never run with these; nothing where it was."""
    return too_old("PyNX", installed_version(), OLDEST, "install a newer one")


def offered(taken: Iterable[str] = ()) -> dict[str, str]:
    """Word of a runner's ``algorithm`` → name of each algorithm that comes from here.

    A word that is among those `taken` is left to PyNX, and a line says so.
    """
    words, taken = {}, set(taken)
    for name, entry in registry.find().items():
        word = name.lower()
        if name in OWN:
            continue
        if word in taken:
            say(
                f"{name} of {provider(entry)} is not available in PyNX's algorithm strings, where "
                f"{word} means something else; use cdi_ml_plugin.hosts.pynx.{name} in a script"
            )
            continue
        words[word] = name
    return words


def runner(module: ModuleType) -> None:
    """Add the words to the module in which a runner evaluates its ``algorithm``.

    Raises
    ------
    AlgorithmError
        Two packages register the same algorithm.
    AttributeError
        The module is not what the supported versions of PyNX have there.
    """
    from .operators import Word, word_class

    # it evaluates in a function, whose own variables come before the module's
    local = module.CDIRunnerScan.run_algorithm.__code__.co_varnames
    present = {key for key, value in vars(module).items() if not isinstance(value, Word)}
    for word, name in offered({*present, *local}).items():
        setattr(module, word, word_class(name)())
